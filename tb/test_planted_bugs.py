"""A bench that cannot fail proves nothing: every bug planted in the RTL is caught."""

from __future__ import annotations

from pathlib import Path

import pytest

from tb.cores import core_design, core_plan, save_network
from tb.planted import BUGS, generate, hardware, network, plant
from tb.runner import Outcome, Workspace, missing_tool

CAUGHT = ("MismatchError: ", "ProtocolError: ")
SIM = "icarus"


def _run(folder: Path, workspace: Workspace, bug: str | None) -> Outcome:
    missing = missing_tool(SIM)
    if missing is not None:
        pytest.skip(missing)
    plant(folder / "sources", BUGS[bug] if bug else None)
    artifact = save_network(folder / "artifact", network())
    core = generate(folder / "sources", artifact)
    plan = core_plan(artifact, hardware(), core, seed=1, samples=12)
    return workspace.simulate(core_design(core), SIM, "tb.cocotb_network", plan, "planted")


def test_without_a_bug_the_bench_passes(workspace: Workspace, tmp_path: Path) -> None:
    outcome = _run(tmp_path, workspace, None)
    assert not outcome.failed
    assert outcome.passed == ("traffic", "hostile_input", "resets", "cycles")


@pytest.mark.parametrize("bug", BUGS)
def test_bug_is_caught(bug: str, workspace: Workspace, tmp_path: Path) -> None:
    outcome = _run(tmp_path, workspace, bug)
    for test, message in outcome.failed.items():
        print(f"{bug}: {test}: {message}")
    assert "traffic" in outcome.failed
    assert all(message.startswith(CAUGHT) for message in outcome.failed.values())

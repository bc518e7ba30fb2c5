"""A bench that cannot fail proves nothing: every bug planted in the RTL is caught."""

from __future__ import annotations

from pathlib import Path

import pytest

from tb.cores import core_design, core_plan, save_network
from tb.planted import BUGS, generate, hardware, network, plant
from tb.runner import Outcome, Workspace, missing_tool
from tb.stimulus import retrained

CAUGHT = ("MismatchError: ", "ProtocolError: ")
SIM = "icarus"


def _run(folder: Path, workspace: Workspace, bug: str | None, reload: bool) -> Outcome:
    missing = missing_tool(SIM)
    if missing is not None:
        pytest.skip(missing)
    plant(folder / "sources", BUGS[bug] if bug else None)
    artifact = save_network(folder / "artifact", network())
    other = [retrained(network(), i, delays=True) for i in (1, 2)] if reload else []
    others = [str(save_network(folder / f"other{i}", n)) for i, n in enumerate(other)]
    config = hardware(reload)
    core = generate(folder / "sources", artifact, config)
    plan = core_plan(artifact, config, core, seed=1, samples=12, others=others)
    module = "tb.cocotb_reload" if reload else "tb.cocotb_network"
    return workspace.simulate(core_design(core), SIM, module, plan, "planted")


@pytest.mark.parametrize(
    ("reload", "tests"),
    [
        (False, ("traffic", "hostile_input", "resets", "cycles")),
        (True, ("replaced", "refused", "waiting", "soft_reset")),
    ],
)
def test_without_a_bug_the_bench_passes(
    reload: bool, tests: tuple[str, ...], workspace: Workspace, tmp_path: Path
) -> None:
    outcome = _run(tmp_path, workspace, None, reload)
    assert not outcome.failed
    assert outcome.passed == tests


@pytest.mark.parametrize("bug", BUGS)
def test_bug_is_caught(bug: str, workspace: Workspace, tmp_path: Path) -> None:
    reload = BUGS[bug].reload
    outcome = _run(tmp_path, workspace, bug, reload)
    for test, message in outcome.failed.items():
        print(f"{bug}: {test}: {message}")
    assert reload or "traffic" in outcome.failed
    assert outcome.failed
    assert all(message.startswith(CAUGHT) for message in outcome.failed.values())

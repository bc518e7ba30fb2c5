"""A bench that cannot fail proves nothing: every bug planted in the RTL is caught."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path

import numpy as np
import pytest

from hw.config import HardwareConfig
from tb.benches.ear import step_device
from tb.harness.board_bugs import BOARD_BUGS
from tb.harness.depth import depth
from tb.harness.device_bugs import DEVICE_BUGS, generate_device
from tb.harness.ears import hearing_artifact
from tb.harness.hearing import hear
from tb.harness.planted import (
    ANSWER_BUGS,
    BUGS,
    DELAY_BUGS,
    EAR_BUGS,
    NEURON_BUGS,
    PROJECT,
    Bug,
    generate_block,
    plant,
    run_core_bench,
)
from tb.harness.runner import BenchFailure, Design, Outcome, Workspace, missing_tool

CAUGHT = ("MismatchError: ", "ProtocolError: ")
SIM = "icarus"
BENCHES = {
    "network": ("traffic", "hostile_input", "resets", "cycles"),
    "control": (
        *("identity", "interrupts", "soft_reset", "soft_reset_of_a_result", "full_of_samples"),
        *("strobes", "writes_at_the_end_of_a_sample", "host_after_a_reset"),
    ),
    "answers": ("endless", "cycles", "apart", "held_back", "wraps", "words", "restarted", "ended"),
    "reload": ("replaced", "refused", "waiting", "soft_reset", "beside_a_beat", "beside_a_swap", "strobes"),
    "reloaded": ("counters", "padding"),
}


BLOCK_BUGS = ANSWER_BUGS | DELAY_BUGS | NEURON_BUGS | EAR_BUGS | BOARD_BUGS


def _some(bugs: dict[str, Bug]) -> list[str]:
    return list(bugs)[:: len(bugs) // depth(2, len(bugs))]


def _run(
    folder: Path, workspace: Workspace, bug: str | None, bench: str, design: str | None = None
) -> Outcome:
    missing = missing_tool(SIM)
    if missing is not None:
        pytest.skip(missing)
    plant(folder / "sources", BUGS[bug] if bug else None)
    return run_core_bench(folder, workspace, bench, SIM, design=design)


DESIGNS = {bench: bench for bench in BENCHES} | {"strides": "answers"}
"""Bench of each."""


@pytest.mark.parametrize("design", list(DESIGNS)[: depth(1, len(DESIGNS))])
def test_without_a_bug_the_bench_passes(design: str, workspace: Workspace, tmp_path: Path) -> None:
    outcome = _run(tmp_path, workspace, None, DESIGNS[design], design)
    assert not outcome.failed
    assert outcome.passed == BENCHES[DESIGNS[design]]


@pytest.mark.parametrize("bug", list(BUGS)[:: len(BUGS) // depth(4, len(BUGS))])
def test_bug_is_caught(bug: str, workspace: Workspace, tmp_path: Path) -> None:
    bench = BUGS[bug].bench
    outcome = _run(tmp_path, workspace, bug, bench)
    for test, message in outcome.failed.items():
        print(f"{bug}: {test}: {message}")
    assert bench != "network" or "traffic" in outcome.failed
    assert outcome.failed
    assert all(message.startswith(CAUGHT) for message in outcome.failed.values())


@pytest.mark.parametrize(
    "name",
    [*_some(ANSWER_BUGS), *_some(DELAY_BUGS), *_some(NEURON_BUGS), *_some(EAR_BUGS), *_some(BOARD_BUGS)],
)
def test_bug_in_a_block_is_caught(name: str, workspace: Workspace, tmp_path: Path) -> None:
    missing = missing_tool(SIM)
    if missing is not None:
        pytest.skip(missing)
    bug = BLOCK_BUGS[name]
    plant(tmp_path / "sources", bug)
    bench = import_module(bug.module)
    verilog = generate_block(tmp_path / "sources", bug.module, bug.case)
    design = Design("block", verilog, getattr(bench, "VISIBLE", ()))
    plan = {"case": bench.CASES[bug.case], "seed": 1}
    outcome = workspace.simulate(design, SIM, bench.__name__, plan, "planted")
    for test, message in outcome.failed.items():
        print(f"{name}: {test}: {message}")
    assert outcome.failed
    assert all(message.startswith((*CAUGHT, "AssertionError: ")) for message in outcome.failed.values())


def _change_over(folder: Path, workspace: Workspace, bug: Bug | None) -> None:
    """Ear and host take turns with a device that answers per step; under Verilator, as in `test_ear`."""
    missing = missing_tool("verilator")
    if missing is not None:
        pytest.skip(missing)
    plant(folder / "sources", bug)
    artifact = hearing_artifact(folder / "heard", 89, stride=1)
    config = HardwareConfig.uniform(artifact.network.spec)
    hear(
        folder / "heard",
        np.zeros(0, np.int16),
        "pcm",
        "verilator",
        workspace,
        trigger=None,
        module=step_device.__name__,
        config=config,
        tests=("changes_over",),
        verilog=generate_device(folder / "sources", folder / "heard", config),
    )


def test_ear_and_host_take_turns_without_a_bug(workspace: Workspace, tmp_path: Path) -> None:
    _change_over(tmp_path, workspace, None)


@pytest.mark.parametrize("name", list(DEVICE_BUGS)[: depth(1, len(DEVICE_BUGS))])
def test_bug_in_a_device_that_answers_per_step_is_caught(
    name: str, workspace: Workspace, tmp_path: Path
) -> None:
    with pytest.raises(BenchFailure, match=r"changes_over: (MismatchError|AssertionError)"):
        _change_over(tmp_path, workspace, DEVICE_BUGS[name])


@pytest.mark.parametrize("name", BUGS | BLOCK_BUGS | DEVICE_BUGS)
def test_the_text_of_a_bug_is_in_the_rtl_once(name: str) -> None:
    bug = (BUGS | BLOCK_BUGS | DEVICE_BUGS)[name]
    assert (PROJECT / "hw" / "rtl" / bug.file).read_text(encoding="utf-8").count(bug.right) == 1

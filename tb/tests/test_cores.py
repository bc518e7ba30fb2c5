"""Whole cores of random networks at random widths, under both simulators."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from fxp_model.artifact import load_artifact
from fxp_model.network import Network
from hw.config import EVENTS_PER_CYCLE, HardwareConfig
from hw.verilog import emit
from tb.harness import planted
from tb.harness.cores import core_design, core_plan, save_network
from tb.harness.depth import depth
from tb.harness.forward_delays import redrawn, with_forward_delays
from tb.harness.runner import Workspace
from tb.harness.stimulus import answering, random_hardware, random_network, retrained


def _check(
    network: Network,
    config: HardwareConfig,
    sim: str,
    workspace: Workspace,
    module: str,
    seed: int,
    tests: Sequence[str] | None = None,
    **more: Any,
) -> dict[str, Any]:
    artifact = save_network(workspace.runs / "artifact", network)
    sha256 = load_artifact(artifact).sha256
    core = emit(network, config, "core", sha256)
    plan = core_plan(artifact, config, core, seed, sha256=sha256, **more)
    return workspace.check(core_design(core), sim, module, plan, module.rpartition(".")[2], tests)


def test_core_equals_golden_model(network_seed: int, sim: str, workspace: Workspace) -> None:
    network = random_network(network_seed)
    config = random_hardware(network, network_seed)
    figures = _check(network, config, sim, workspace, "tb.benches.cores.network", network_seed, samples=9)
    assert figures.keys() == {"traffic", "hostile_input", "resets", "cycles"}
    print(figures)


@pytest.mark.parametrize("seed", range(depth(4, 24)))
def test_core_with_forward_delays(seed: int, sim: str, workspace: Workspace) -> None:
    network = with_forward_delays(random_network(seed + 100), seed)
    config = random_hardware(network, seed)
    _check(network, config, sim, workspace, "tb.benches.cores.network", seed, samples=9)


ANSWERS = [
    *((5, 1), (0, 3), (3, 1), (4, 2), (12, 1), (9, 1)),
    *((2, 1), (7, 5), (13, 1), (14, 2), (15, 1), (1, 4), (8, 1), (11, 2)),
]
"""Networks of every readout, and their strides; words in one and in two slots, one class and many."""


@pytest.mark.parametrize(("bench", "samples"), [("network", 9), ("answers", depth(5, 9))])
@pytest.mark.parametrize(("seed", "stride"), ANSWERS[: depth(2, 14)])
def test_core_with_answers_per_step(
    seed: int, stride: int, bench: str, samples: int, sim: str, workspace: Workspace
) -> None:
    """Including forward delays, in some."""
    network = answering(random_network(seed), stride)
    if seed in (0, 9, 12):
        network = with_forward_delays(network, seed)
    config = random_hardware(network, seed)
    _check(network, config, sim, workspace, f"tb.benches.cores.{bench}", seed, samples=samples)


@pytest.mark.parametrize("seed", [None, 9, 21][: depth(2, 3)])
def test_registers_of_a_core(seed: int | None, sim: str, workspace: Workspace) -> None:
    network = planted.network() if seed is None else random_network(seed)
    config = planted.hardware() if seed is None else random_hardware(network, seed)
    _check(network, config, sim, workspace, "tb.benches.cores.control", seed or 1)


RELOADED = [
    *((None, True), (21, False), (12, True), (None, False)),
    *((4, True), (24, False), (11, True), (15, True)),
]


@pytest.mark.parametrize(("seed", "delays"), RELOADED[: depth(2, 8)])
def test_reload_amid_traffic(seed: int | None, delays: bool, sim: str, workspace: Workspace) -> None:
    """Including `delays`, short and long, of one neuron and many, conv and dense; and codes of neurons."""
    network = planted.network() if seed is None else random_network(seed)
    config = planted.hardware() if seed is None else random_hardware(network, seed)
    config = replace(config, reload=True, programmable_delays=delays)
    others = [save_network(workspace.runs / f"other{i}", retrained(network, i, delays)) for i in (1, 2)]
    figures = _check(
        network, config, sim, workspace, "tb.benches.cores.reload", seed or 1, others=[str(o) for o in others]
    )
    print(figures)


def test_reload_with_answers_per_step(sim: str, workspace: Workspace) -> None:
    """Between sequences only, and not before steps have passed that are not answered."""
    network = answering(planted.network(), 3)
    others = [save_network(workspace.runs / f"other{i}", retrained(network, i, delays=True)) for i in (1, 2)]
    more = {"others": [str(other) for other in others], "tests": ["replaced", "refused"]}
    _check(network, planted.hardware(reload=True), sim, workspace, "tb.benches.cores.reload", 1, **more)


def test_reload_of_forward_delays(sim: str, workspace: Workspace) -> None:
    """Of the layers; those of the input channels stay as they are."""
    network = with_forward_delays(planted.network(), 4)
    config = planted.hardware(reload=True)
    others = [redrawn(retrained(network, i, delays=True), i) for i in (1, 2)]
    saved = [str(save_network(workspace.runs / f"other{i}", other)) for i, other in enumerate(others)]
    _check(network, config, sim, workspace, "tb.benches.cores.reload", 1, others=saved)


def test_reload_at_the_ports(sim: str, workspace: Workspace) -> None:
    """Counters from network to network; beats without a word, as two events per cycle allow."""
    network, config = planted.network(), planted.with_events(planted.hardware(reload=True), 2)
    other = save_network(workspace.runs / "other", retrained(network, 1, delays=True))
    _check(network, config, sim, workspace, "tb.benches.cores.reloaded", 1, others=[str(other)])


@pytest.mark.parametrize("events_per_cycle", EVENTS_PER_CYCLE)
def test_core_works_with_axi_models_of_others(sim: str, workspace: Workspace, events_per_cycle: int) -> None:
    """Frames are packed into beats regardless of steps, as by a width converter."""
    config = planted.with_events(planted.hardware(), events_per_cycle)
    _check(planted.network(), config, sim, workspace, "tb.benches.cores.axi", seed=1, samples=20)


def test_thousands_of_samples(sim: str, workspace: Workspace) -> None:
    samples = depth(200, 3000)
    hardware = planted.with_events(planted.hardware(), 2)
    module = "tb.benches.cores.back_to_back"
    figures = _check(planted.network(), hardware, sim, workspace, module, seed=1, samples=samples, probes=[])
    assert figures["back_to_back"]["samples"] == samples

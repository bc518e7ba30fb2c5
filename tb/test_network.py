"""Whole cores of random networks at random widths, under both simulators."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from fxp_model.network import Network
from hw.config import EVENTS_PER_CYCLE, HardwareConfig
from hw.emit import emit
from tb import planted
from tb.cores import core_design, core_plan, save_network
from tb.runner import Workspace
from tb.stimulus import random_hardware, random_network

SEEDS = range(24)


def _check(
    network: Network,
    config: HardwareConfig,
    sim: str,
    workspace: Workspace,
    module: str,
    seed: int,
    samples: int,
) -> dict[str, Any]:
    core = emit(network, config, "core")
    artifact = save_network(workspace.runs / "artifact", network)
    plan = core_plan(artifact, config, core, seed, samples=samples)
    return workspace.check(core_design(core), sim, module, plan, "network")


@pytest.mark.parametrize("seed", SEEDS)
def test_core_equals_golden_model(seed: int, sim: str, workspace: Workspace) -> None:
    network = random_network(seed)
    config = random_hardware(network, seed)
    figures = _check(network, config, sim, workspace, "tb.cocotb_network", seed, samples=9)
    assert figures.keys() == {"traffic", "hostile_input", "resets", "cycles"}
    print(figures)


@pytest.mark.parametrize("events_per_cycle", EVENTS_PER_CYCLE)
def test_core_works_with_axi_models_of_others(sim: str, workspace: Workspace, events_per_cycle: int) -> None:
    """Frames are packed into beats without regard to steps, as a width converter does."""
    stages = (replace(stage, events_per_cycle=events_per_cycle) for stage in planted.hardware().stages)
    config = HardwareConfig(tuple(stages))
    _check(planted.network(), config, sim, workspace, "tb.cocotb_axi", seed=1, samples=20)

"""Whole cores of random networks at random widths, under both simulators."""

from __future__ import annotations

from pathlib import Path

import pytest

from hw.emit import emit
from tb.cores import core_design, core_plan, save_network
from tb.runner import Workspace
from tb.stimulus import random_hardware, random_network

SEEDS = range(24)


@pytest.mark.parametrize("seed", SEEDS)
def test_core_equals_golden_model(seed: int, sim: str, workspace: Workspace, tmp_path: Path) -> None:
    network = random_network(seed)
    config = random_hardware(network, seed)
    core = emit(network, config, "core")
    plan = core_plan(save_network(tmp_path / "artifact", network), config, core, seed, samples=9)
    figures = workspace.check(core_design(core), sim, "tb.cocotb_network", plan, "network")
    print(figures)

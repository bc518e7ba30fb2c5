"""Cores of networks made elsewhere: RTL equal to golden model."""

from pathlib import Path

import numpy as np
import pytest

from hw.config import HardwareConfig
from tb.harness.cosim import cosimulate
from tb.harness.depth import FULL, depth
from tb.harness.runner import SIMULATORS, Workspace
from tests.imported_networks import CLIPS, COUNTS, NAMES, STEPS, imported

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]


@pytest.mark.parametrize("sim", SIMULATORS if FULL else ("icarus",))
@pytest.mark.parametrize("name", NAMES[: depth(2, len(NAMES))])
def test_its_core_equals_the_golden_model(name: str, sim: str, tmp_path: Path) -> None:
    spec = imported(name, tmp_path).artifact.network.spec
    with Workspace.of_run(tmp_path / "work") as workspace:
        figures = cosimulate(
            tmp_path / "a",
            HardwareConfig.uniform(spec),
            COUNTS,
            np.full(CLIPS, STEPS),
            CLIPS,
            sim,
            workspace,
        )
    found = figures["all_levels"]
    assert found["samples"] == CLIPS
    assert found["membranes"] > 0
    assert found["spikes_fired"] > 5

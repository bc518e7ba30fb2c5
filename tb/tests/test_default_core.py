"""The default artifact's core at full size, on the artifact's own clips.

More clips, and recordings: ``python scripts/cosim.py --data PATH``.
"""

from __future__ import annotations

import numpy as np

from fxp_model.artifact import load_artifact
from fxp_model.pretrained import DEFAULT
from hw.config import HardwareConfig
from tb.harness.cosim import cosimulate
from tb.harness.depth import depth
from tb.harness.runner import Workspace

EXTENT = {"icarus": (depth(4, 20), 1), "verilator": (None, depth(1, 4))}
"""Steps (all: None) and clips under each simulator."""


def test_default_core_equals_golden_model(sim: str, workspace: Workspace) -> None:
    artifact = load_artifact(DEFAULT)
    steps, clips = EXTENT[sim]
    counts = artifact.stimulus[:steps, :clips]
    lengths = np.full(counts.shape[1], counts.shape[0])
    config = HardwareConfig.uniform(artifact.network.spec)
    figures = cosimulate(DEFAULT, config, counts, lengths, 2, sim, workspace)
    print(figures)
    for test in ("all_levels", "full_rate", "one_at_a_time"):
        assert figures[test]["samples"] > 0
    assert figures["all_levels"]["spikes_fired"] > 0

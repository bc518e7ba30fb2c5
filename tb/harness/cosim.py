"""Co-simulation of an artifact's core on encoded clips."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fxp_model.artifact import load_artifact
from fxp_model.errors import InputError
from hw.config import HardwareConfig
from hw.verilog import emit
from tb.harness.cores import core_design, core_plan
from tb.harness.runner import Workspace


def cosimulate(
    artifact: Path,
    config: HardwareConfig,
    counts: NDArray[np.integer],
    lengths: NDArray[np.integer],
    level_clips: int,
    sim: str,
    workspace: Workspace,
) -> dict[str, Any]:
    """Run clips through the core generated from `artifact`, and fail unless everything is equal.

    Parameters
    ----------
    artifact : Path
        Folder.
    config : HardwareConfig
    counts : (T, B, n_in)
        Encoded clips, padded at the end.
    lengths : (B,)
        Steps of each clip.
    level_clips : int
        Number of clips that are compared membrane by membrane, with random stalls; all clips are compared
        in scores, classes and cycles, at full rate.
    sim : str
        ``icarus`` or ``verilator``.
    workspace : Workspace

    Returns
    -------
    dict
        Figures of each test of `tb.benches.cores.clips`, and ``seconds`` of generation, build and simulation.

    Raises
    ------
    InputError
        If there are no clips.
    BenchFailure
        Naming the first difference.
    """
    if len(lengths) == 0:
        raise InputError("clips to simulate must be at least 1, not 0")
    started = time.perf_counter()
    core = emit(load_artifact(artifact).network, config, "core")
    emitted = time.perf_counter()
    design = core_design(core)
    workspace.build(design, sim)
    built = time.perf_counter()
    clips = workspace.runs / f"clips-{sim}.npz"
    np.savez_compressed(clips, counts=counts, lengths=lengths)
    plan = core_plan(artifact, config, core, seed=1, clips=str(clips), level_clips=level_clips)
    figures = workspace.check(design, sim, "tb.benches.cores.clips", plan, "clips")
    done = time.perf_counter()
    seconds = {"generate": emitted - started, "build": built - emitted, "simulate": done - built}
    return {**figures, "seconds": {key: round(value, 1) for key, value in seconds.items()}}

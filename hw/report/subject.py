"""Inputs of a report besides the core: clips, clock, part, and results of other tools."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fxp_model.artifact import Artifact
from fxp_model.network import run
from fxp_model.trace import Trace
from hw.options import CLOCK_MHZ
from hw.parts import PARTS, Part

DEFAULT_PART = "XC7A100T"


@dataclass(frozen=True)
class Recordings:
    """Clips for a core.

    source : where they come from, in words
    counts : (T, B, n_in), the shorter ones padded
    lengths : (B,) steps
    run : runs the network on `counts`, as for `hw.estimates.clips.follow`
    """

    source: str
    counts: NDArray[np.integer]
    lengths: NDArray[np.int64]
    run: Callable[[NDArray[np.integer]], Trace]


def stimulus_of(artifact: Artifact) -> Recordings:
    """The clips of the artifact's stimulus, run by the golden model."""
    steps, samples, _ = artifact.stimulus.shape
    lengths = np.full(samples, steps, np.int64)
    return Recordings("the artifact's stimulus", artifact.stimulus, lengths, partial(run, artifact.network))


@dataclass(frozen=True)
class Subject:
    """Clips, clock and part of a report, and results to compare with.

    recordings : clips for cycles and energy, None for the artifact's stimulus
    clock_mhz : clock that converts cycles to time
    part : device with whose capacity the cells are compared
    hls : result of `hw.hls.report.read_report` for the same network, if any
    exploration : what ``scripts/explore.py --json`` wrote of it, if anything
    """

    recordings: Recordings | None = None
    clock_mhz: float = CLOCK_MHZ
    part: Part = PARTS[DEFAULT_PART]
    hls: dict[str, Any] | None = None
    exploration: dict[str, Any] | None = None

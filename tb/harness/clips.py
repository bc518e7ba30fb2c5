"""Clips on which implementations are compared."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from fxp_model.artifact import Artifact

Clip = NDArray[np.integer]


def chosen_clips(artifact: Artifact, data: str | None, split: str, wanted: int) -> Iterator[Clip]:
    """Clips (T, 1, n_in), each of its own length, spread over a split or the artifact's stimulus."""
    counts, lengths = artifact.stimulus, np.full(artifact.stimulus.shape[1], len(artifact.stimulus))
    if data is not None:
        from fxp_model.data import frames_for

        frames = frames_for(artifact, data, split)
        counts, lengths = frames.counts, frames.lengths
    for index in np.linspace(0, len(lengths) - 1, min(wanted, len(lengths))).astype(int):
        yield counts[: lengths[index], index : index + 1]

"""Accuracy and digests of a network's results on labelled frames, by any engine."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from fxp_model.errors import InputError
from fxp_model.network import Network


class Scored(Protocol):
    """The result of an engine: a full trace, or little more than the scores."""

    @property
    def scores(self) -> NDArray[np.int64]:
        """Class scores (B, classes)."""


Engine = Callable[[Network, NDArray[np.integer]], Scored]
"""`engine(network, counts (T, B, n_in))`: the golden model's `run`, or an equivalent."""


@dataclass(frozen=True)
class Evaluation:
    """Scores (B, classes) and predicted classes (B,) of a split, and the accuracy."""

    scores: NDArray[np.int64]
    predictions: NDArray[np.int64]
    accuracy: float

    @property
    def scores_sha256(self) -> str:
        """Digest of the scores as little-endian int64, sample by sample."""
        return _digest(self.scores)

    @property
    def predictions_sha256(self) -> str:
        """Digest of the predictions as little-endian int64."""
        return _digest(self.predictions)


def evaluate(
    engine: Engine,
    network: Network,
    counts: NDArray[np.integer],
    labels: NDArray[np.int64],
    lengths: NDArray[np.int64],
    batch: int = 64,
    progress: Callable[[int], object] = lambda done: None,
) -> Evaluation:
    """Run every sample over its own length and compare with its label.

    Samples of equal length are batched, so that padding cannot affect a result.

    Parameters
    ----------
    engine : callable
        Golden model or an equivalent.
    counts : (T, B, n_in)
        Frames; samples shorter than T are padded at the end.
    labels, lengths : (B,)
        Class index and number of frames of each sample.
    batch : int
        Samples per batch; bounds the memory of their trace.
    progress : callable
        Called with the number of samples done since its last call.

    Raises
    ------
    InputError
        If there is no sample.
    """
    samples = counts.shape[1]
    if samples == 0:
        raise InputError("accuracy needs at least 1 sample, not 0")
    for name, array in (("labels", labels), ("lengths", lengths)):
        if np.shape(array) != (samples,):
            raise InputError(f"{name} must have shape ({samples},), not {np.shape(array)}")
    scores = np.zeros((samples, network.spec.n_out), dtype=np.int64)
    for length in np.unique(lengths):
        group = np.flatnonzero(lengths == length)
        for part in np.split(group, range(batch, len(group), batch)):
            scores[part] = engine(network, counts[:length, part]).scores
            progress(len(part))
    predictions = np.argmax(scores, axis=1)
    return Evaluation(scores, predictions, float(np.mean(predictions == labels)))


def _digest(array: NDArray[np.int64]) -> str:
    return hashlib.sha256(np.ascontiguousarray(array, dtype="<i8").tobytes()).hexdigest()

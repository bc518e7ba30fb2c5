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
from fxp_model.spec import Answer, ReadoutSpec

NOT_COUNTED = -1
"""Label of a step that is not counted."""


class Scored(Protocol):
    """The result of an engine: a full trace, or little more than the scores."""

    @property
    def scores(self) -> NDArray[np.int64]:
        """Class scores (B, classes)."""

    @property
    def answered(self) -> NDArray[np.int64] | None:
        """Scores at the steps that are answered, (A, B, classes); None if there is one answer per sample."""


Engine = Callable[[Network, NDArray[np.integer]], Scored]
"""`engine(network, counts (T, B, n_in))`: the golden model's `run`, or an equivalent."""


@dataclass(frozen=True)
class Evaluation:
    """What a network says of a split.

    scores : (B, classes), or (B, A, classes) with answers per step, 0 beyond the end of a sample
    predictions : (B,) or (B, A), class of the highest score; -1 beyond the end of a sample
    counted : number of answers that have a label
    accuracy : share of them that are right
    """

    scores: NDArray[np.int64]
    predictions: NDArray[np.int64]
    counted: int
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
    labels : (B,), or (B, T) with answers per step
        Class index of each sample or step; of a step -1 if it is not counted.
    lengths : (B,)
        Number of frames of each sample.
    batch : int
        Samples per batch; bounds the memory of their trace.
    progress : callable
        Called with the number of samples done since its last call.

    Raises
    ------
    InputError
        If there is no sample, no label counts, or labels are not of what is answered.
    """
    samples = counts.shape[1]
    if samples == 0:
        raise InputError("accuracy needs at least 1 sample, not 0")
    if np.shape(lengths) != (samples,):
        raise InputError(f"lengths must have shape ({samples},), not {np.shape(lengths)}")
    readout = network.spec.readout
    expected = answered_labels(readout, labels, counts.shape[:2])
    scores = np.zeros((*expected.shape, network.spec.n_out), dtype=np.int64)
    predictions = np.full(expected.shape, -1)
    for length in np.unique(lengths):
        group = np.flatnonzero(lengths == length)
        for part in np.split(group, range(batch, len(group), batch)):
            result = engine(network, counts[:length, part])
            found = result.scores if result.answered is None else result.answered.swapaxes(0, 1)
            own = (part, slice(0, length // readout.stride))[: found.ndim - 1]
            scores[own], predictions[own] = found, np.argmax(found, axis=-1)
            progress(len(part))
    counted = int(np.count_nonzero(expected >= 0))
    right = int(np.count_nonzero((predictions == expected) & (expected >= 0)))
    return Evaluation(scores, predictions, counted, right / counted)


def answered_labels(
    readout: ReadoutSpec, labels: NDArray[np.int64], shape: tuple[int, ...]
) -> NDArray[np.int64]:
    """Labels of the answers to counts of `shape` (T, B): (B,), or (B, A) with answers per step.

    Raises
    ------
    InputError
        If `labels` are not (B,), or (B, T) with answers per step, or none of an answer is counted.
    """
    steps, samples = shape
    per_step = readout.answer is Answer.STEP
    wanted = (samples, steps) if per_step else (samples,)
    if np.shape(labels) != wanted:
        raise InputError(
            f"labels must have shape {wanted}, as the network answers each {readout.answer}, "
            f"not {np.shape(labels)}"
        )
    found = at_answers(readout, labels)
    if (found < 0).all():
        raise InputError(f"labels must have a class at 1 of the answers at least, not at 0 of {found.size}")
    return found


def at_answers(readout: ReadoutSpec, labels: NDArray[np.int64]) -> NDArray[np.int64]:
    """Of `labels` (B,), or (B, T) with answers per step, those of the answers."""
    per_step = readout.answer is Answer.STEP
    return labels[:, readout.stride - 1 :: readout.stride] if per_step else labels


def _digest(array: NDArray[np.int64]) -> str:
    return hashlib.sha256(np.ascontiguousarray(array, dtype="<i8").tobytes()).hexdigest()

"""Everything a run computed, and the first difference between two runs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from fxp_model.checks import check_type
from fxp_model.errors import InputError


@dataclass(frozen=True)
class LayerTrace:
    """One hidden layer; arrays (T, B, N).

    i_syn, i_rec : exact currents, codes of fraction `LayerSpec.input_frac_bits`
    v_mem : membrane potential that is compared with the threshold: after Q, before the reset
    spikes : 0 or 1
    current : synaptic current after Q, or None in a layer without `SynapseSpec`
    """

    i_syn: NDArray[np.int64]
    i_rec: NDArray[np.int64]
    v_mem: NDArray[np.int64]
    spikes: NDArray[np.uint8]
    current: NDArray[np.int64] | None = None


@dataclass(frozen=True)
class ReadoutTrace:
    """The readout; `scores` (B, classes) after the last step, the others (T, B, classes) as in `LayerTrace`.

    answered : (A, B, classes) scores at the steps that are answered, or None if the answer is per sample
    stride : every how many steps are answered
    """

    i_syn: NDArray[np.int64]
    v_mem: NDArray[np.int64]
    scores: NDArray[np.int64]
    current: NDArray[np.int64] | None = None
    answered: NDArray[np.int64] | None = None
    stride: int = 1


class Answers(NamedTuple):
    """Answers of a run, (A, B): `classes`, their `scores`, and the `margins` by which they lead."""

    classes: NDArray[np.int64]
    scores: NDArray[np.int64]
    margins: NDArray[np.int64]

    @classmethod
    def of(cls, scores: NDArray[np.int64]) -> Answers:
        """The answers to `scores` (..., classes); a margin is to the second best, 0 if there is no other."""
        classes = np.argmax(scores, axis=-1)
        best = np.sort(scores, axis=-1)[..., -2:]
        return cls(classes, best[..., -1], best[..., -1] - best[..., 0])


_FLOW = ("i_syn", "i_rec", "current", "v_mem", "spikes", "answered", "scores")
"""Arrays of a stage, in the order of the data flow."""


def _arrays(stage: LayerTrace | ReadoutTrace) -> dict[str, Any]:
    """The arrays that a stage has, by name, in the order of the data flow."""
    return {name: array for name in _FLOW if (array := getattr(stage, name, None)) is not None}


@dataclass(frozen=True)
class Mismatch:
    """The first integer that differs; `step` is None for a score."""

    stage: str
    field: str
    step: int | None
    sample: int
    neuron: int
    expected: int
    actual: int

    def __str__(self) -> str:
        step = "" if self.step is None else f" step {self.step}"
        return (
            f"{self.stage}.{self.field}: sample {self.sample}{step} neuron {self.neuron}: "
            f"expected {self.expected}, got {self.actual}"
        )


@dataclass(frozen=True)
class Trace:
    """A complete run, stage by stage."""

    layers: tuple[LayerTrace, ...]
    readout: ReadoutTrace

    @property
    def scores(self) -> NDArray[np.int64]:
        """Class scores (B, classes)."""
        return self.readout.scores

    @property
    def answers(self) -> Answers | None:
        """Class, score and margin of each answer; None if there is one per sample."""
        return None if self.answered is None else Answers.of(self.answered)

    @property
    def answered(self) -> NDArray[np.int64] | None:
        """Scores at the steps that are answered, (A, B, classes); None if there is one answer per sample."""
        return self.readout.answered

    @property
    def classes(self) -> NDArray[np.int64]:
        """Winning class (B,): the highest score, the lowest index when several tie."""
        return np.argmax(self.scores, axis=1)

    def sample(self, index: int) -> Trace:
        """The trace of one sample, B = 1; `InputError` if there is no such sample."""
        if not 0 <= index < len(self.scores):
            raise InputError(f"index must be 0..{len(self.scores) - 1}, not {index}")
        own = slice(index, index + 1)
        layers = tuple(
            LayerTrace(**{name: array[:, own] for name, array in _arrays(layer).items()})
            for layer in self.layers
        )
        readout = {name: array[..., own, :] for name, array in _arrays(self.readout).items()}
        return Trace(layers, ReadoutTrace(**readout, stride=self.readout.stride))

    def arrays(self) -> Iterator[tuple[str, str, NDArray[np.integer]]]:
        """(stage, field, array) in the order of the data flow."""
        names = (*(f"layer{index}" for index in range(len(self.layers))), "readout")
        stages: list[LayerTrace | ReadoutTrace] = [*self.layers, self.readout]
        for stage, own in zip(names, stages, strict=True):
            for name, array in _arrays(own).items():
                yield stage, name, array

    def first_mismatch(self, actual: Trace) -> Mismatch | None:
        """The earliest integer of `actual` that differs from this trace, or None when all are equal.

        Earliest in time, then in the order of the data flow, so that it names a cause
        and not a consequence. Shapes must agree, and there must be something to compare.

        Raises
        ------
        InputError
            If the traces are of different networks or inputs, or hold no step or sample.
        """
        check_type("actual", actual, Trace)
        if len(self.layers) != len(actual.layers):
            raise InputError(f"traces must be of {len(self.layers)} hidden layers, not {len(actual.layers)}")
        names = [(stage, field) for stage, field, _ in self.arrays()]
        if different := set(names) ^ {(stage, field) for stage, field, _ in actual.arrays()}:
            raise InputError(f"traces must both have {'.'.join(min(different))}, or neither")
        found: list[tuple[float, int, Mismatch]] = []
        pairs = zip(self.arrays(), actual.arrays(), strict=True)
        for order, ((stage, field, mine), (_, _, other)) in enumerate(pairs):
            if mine.shape != other.shape:
                raise InputError(f"{stage}.{field} must have shape {mine.shape}, not {other.shape}")
            if mine.size == 0 and field != "answered":  # a run shorter than its stride has no answer
                raise InputError(f"{stage}.{field}: shape {mine.shape} holds nothing to compare")
            where = np.argwhere(mine != other)
            if len(where):
                index = tuple(int(i) for i in where[0])
                step = index[0] if len(index) == 3 else None
                if step is not None and field == "answered":
                    step = (step + 1) * self.readout.stride - 1
                mismatch = Mismatch(
                    stage, field, step, index[-2], index[-1], int(mine[index]), int(other[index])
                )
                found.append((np.inf if step is None else step, order, mismatch))
        return min(found, key=lambda item: item[:2])[2] if found else None

"""A network in real numbers, as another framework means it, and its literal evaluation.

With all states zero before step 0, for every stage, t = 0, 1, ... and every neuron n, in float64:

    x'[j](t) = x[j](t - input_delay_steps[j])
    i[n]     = bias[n] + sum_j W[n, j] x'[j](t) + i_rec[n]        i_rec as in NUMERICS.md section 5
    c[n]     = alpha[n] c[n] + i[n]                               without a synapse c = i
    v[n]     = beta[n] v[n] + c[n]
    y[n](t)  = v[n] > v_th[n] where `strict`, else v[n] >= v_th[n]
    reset as `ResetMode`; a stage without `v_th` does not fire
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from fxp_model.errors import InputError
from fxp_model.spec import (
    MAX_DELAY_STEPS,
    MAX_NEURONS,
    MAX_PARAMETERS,
    ReadoutMode,
    ResetMode,
)

Reals = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True, kw_only=True)
class FloatStage:
    """A hidden layer or the readout, in real numbers.

    Parameters
    ----------
    name : str
        What its file calls it, for messages and reports.
    weight, bias : (N, n_in), (N,)
    beta, alpha : (N,)
        Shares of membrane and synaptic current that are kept per step, 0..1; `alpha` None: no synapse.
    v_th : (N,) or None
        Thresholds, positive; None: the neurons do not fire.
    strict : bool
        Fires above the threshold, not at it.
    reset : ResetMode
    recurrent, delay_steps : (K,) or (N, N), and (N,); or None
        Kernel of a ``conv`` or weights of a ``dense`` recurrence, and its delays.
    input_delay_steps : (n_in,) or None

    Raises
    ------
    InputError
        Naming stage and array, for another shape, a number that is not finite, or one outside its range.
    """

    name: str
    weight: Reals
    bias: Reals
    beta: Reals
    alpha: Reals | None = None
    v_th: Reals | None = None
    strict: bool = False
    reset: ResetMode = ResetMode.ZERO
    recurrent: Reals | None = None
    delay_steps: Ints | None = None
    input_delay_steps: Ints | None = None

    def __post_init__(self) -> None:
        if self.weight.ndim != 2 or 0 in self.weight.shape or max(self.weight.shape) > MAX_NEURONS:
            raise InputError(
                f"{self.name}: weight must be (neurons, inputs), each 1..{MAX_NEURONS}, "
                f"not {self.weight.shape}"
            )
        n = self.n_out
        shapes = {"bias": (n,), "beta": (n,), "alpha": (n,), "v_th": (n,), "delay_steps": (n,)}
        shapes |= {"input_delay_steps": (self.n_in,)}
        for key, array in self.arrays():
            if array.shape != shapes.get(key, array.shape):
                raise InputError(f"{self.name}: {key} must have shape {shapes[key]}, not {array.shape}")
            if not np.isfinite(array).all():
                raise InputError(f"{self.name}: {key} must be finite, not {array[~np.isfinite(array)][0]}")
        for key, array in self.arrays():
            low, high = _RANGES.get(key, (-np.inf, np.inf))
            outside = array[(array < low) | (array > high)]
            if outside.size:
                raise InputError(f"{self.name}: {key} must be {low:g}..{high:g}, not {outside[0]:g}")
        if self.v_th is not None and (self.v_th <= 0).any():
            raise InputError(f"{self.name}: v_th must be positive, not {self.v_th.min():g}")
        if (self.recurrent is None) != (self.delay_steps is None):
            raise InputError(f"{self.name}: a recurrence must have weights and delays, not one of them")
        if self.recurrent is not None and self.recurrent.ndim != 1 and self.recurrent.shape != (n, n):
            raise InputError(f"{self.name}: recurrent must be (K,) or ({n}, {n}), not {self.recurrent.shape}")

    @property
    def n_in(self) -> int:
        """Inputs."""
        return self.weight.shape[1]

    @property
    def n_out(self) -> int:
        """Neurons."""
        return self.weight.shape[0]

    def arrays(self) -> Iterator[tuple[str, NDArray[np.float64 | np.int64]]]:
        """The arrays that are not None, by name."""
        for field in fields(self):
            value = getattr(self, field.name)
            if isinstance(value, np.ndarray):
                yield field.name, value


_RANGES = {
    "beta": (0.0, 1.0),
    "alpha": (0.0, 1.0),
    "delay_steps": (0, MAX_DELAY_STEPS),
    "input_delay_steps": (0, MAX_DELAY_STEPS),
}


@dataclass(frozen=True)
class FloatNetwork:
    """Hidden layers in order, then the readout.

    A last stage that fires and cannot be a readout, as it has a recurrence or is the only one, gets a
    counter behind it (`with_readout`), whose scores are its numbers of spikes.

    stages : two or more, all but the last firing
    mode : how the readout's membrane becomes a score
    """

    stages: tuple[FloatStage, ...]
    mode: ReadoutMode

    def __post_init__(self) -> None:
        if len(self.stages) < 2:
            raise InputError(
                f"a network must have a hidden layer and a readout, not {len(self.stages)} stage"
            )
        for before, after in zip(self.stages, self.stages[1:], strict=False):
            if before.v_th is None:
                raise InputError(f"{before.name}: must fire, as {after.name} comes behind it")
            if after.n_in != before.n_out:
                raise InputError(
                    f"{after.name}: inputs must be the {before.n_out} neurons of {before.name}, not "
                    f"{after.n_in}"
                )
        size = sum(array.size for stage in self.stages for _, array in stage.arrays())
        if size > MAX_PARAMETERS:
            raise InputError(f"a network must have at most {MAX_PARAMETERS} parameters, not {size}")
        last = self.stages[-1]
        if (last.v_th is not None) != (self.mode is ReadoutMode.SPIKE_COUNT):
            what = "fires" if last.v_th is not None else "does not fire"
            raise InputError(f"{last.name}: {what}, so its readout cannot be {self.mode}")
        if last.recurrent is not None:
            raise InputError(f"{last.name}: a readout must have no recurrence")

    @property
    def n_in(self) -> int:
        """Input channels."""
        return self.stages[0].n_in


def with_readout(stages: list[FloatStage], mode: ReadoutMode | None) -> FloatNetwork:
    """The network of `stages`, of which all fire, or all but the last.

    Where the last one fires, its spikes are counted: it is a ``spike_count`` readout, or, where it has a
    recurrence or is the only stage, a hidden layer with a counter behind it (identity weights, beta 0,
    threshold 1), exactly.

    Raises
    ------
    InputError
        Where a last stage that does not fire has no `mode`, or one that fires has another than
        ``spike_count``.
    """
    if not stages:
        raise InputError("a network must have at least 1 layer of neurons, not 0")
    last = stages[-1]
    if last.v_th is None:
        if mode is None or mode is ReadoutMode.SPIKE_COUNT:
            raise InputError(
                f"{last.name}: does not fire, and no file says how it is read: name it with --readout sum, "
                "last or max"
            )
        return FloatNetwork(tuple(stages), mode)
    if mode not in (None, ReadoutMode.SPIKE_COUNT):
        raise InputError(f"{last.name}: fires, so --readout must be spike_count, not {mode}")
    if len(stages) == 1 or last.recurrent is not None:
        n = last.n_out
        stages = [
            *stages,
            FloatStage(
                name="counter",
                weight=diagonal(last.name, np.ones(n)),
                bias=np.zeros(n),
                beta=np.zeros(n),
                v_th=np.ones(n),
            ),
        ]
    return FloatNetwork(tuple(stages), ReadoutMode.SPIKE_COUNT)


def diagonal(name: str, values: Reals) -> Reals:
    """The matrix with `values` (N,) on its diagonal; `InputError`, naming `name`, where that is too large."""
    check_size(name, len(values), len(values))
    return np.diag(values)


def check_size(name: str, rows: int, columns: int) -> None:
    """`InputError`, naming `name`, for a matrix of more than `MAX_PARAMETERS` weights."""
    if rows * columns > MAX_PARAMETERS:
        raise InputError(f"{name}: weights must be at most {MAX_PARAMETERS}, not {rows} x {columns}")


@dataclass(frozen=True)
class FloatCourse:
    """One stage; arrays (T, B, N).

    current : c, or None without a synapse
    v_mem : membrane that is compared with the threshold
    spikes : 0 or 1; zeros where the stage does not fire
    """

    current: Reals | None
    v_mem: Reals
    spikes: NDArray[np.uint8]


@dataclass(frozen=True)
class FloatTrace:
    """All stages, and the scores (B, classes)."""

    stages: tuple[FloatCourse, ...]
    scores: Reals


def run_float(network: FloatNetwork, counts: NDArray[np.integer]) -> FloatTrace:
    """Run whole sequences `counts` (T, B, n_in) from the zero state, in float64."""
    if counts.ndim != 3 or counts.shape[2] != network.n_in:
        raise InputError(f"input must have shape (T, B, {network.n_in}), not {counts.shape}")
    x: NDArray[np.generic] = counts
    courses = []
    for stage in network.stages:
        courses.append(run_stage(stage, x))
        x = courses[-1].spikes
    return FloatTrace(tuple(courses), _scores(network.mode, courses[-1]))


def run_stage(stage: FloatStage, x: NDArray[np.generic]) -> FloatCourse:
    """One stage over inputs `x` (T, B, n_in)."""
    steps, samples, _ = x.shape
    i_ff = delayed(x, stage.input_delay_steps).astype(np.float64) @ stage.weight.T + stage.bias
    v_mem, current = np.zeros_like(i_ff), np.zeros_like(i_ff)
    spikes = np.zeros(i_ff.shape, dtype=np.uint8)
    c, v = np.zeros((2, samples, stage.n_out))
    for t in range(steps):
        i = i_ff[t] + _recurrent(stage, spikes, t)
        c = i if stage.alpha is None else stage.alpha * c + i
        v = stage.beta * v + c
        current[t] = c
        if stage.v_th is not None and stage.reset is ResetMode.DELAYED and t > 0:
            v = v - stage.v_th * spikes[t - 1]
        v_mem[t] = v
        if stage.v_th is not None:
            spikes[t] = v > stage.v_th if stage.strict else v >= stage.v_th
            if stage.reset is ResetMode.ZERO:
                v = v * (1 - spikes[t])
            elif stage.reset is ResetMode.SUBTRACT:
                v = v - stage.v_th * spikes[t]
    return FloatCourse(None if stage.alpha is None else current, v_mem, spikes)


def delayed(x: NDArray[np.generic], delay_steps: Ints | None) -> NDArray[np.generic]:
    """x'[j](t) = x[j](t - delay_steps[j]), zero before step 0; `x` (T, B, n)."""
    if delay_steps is None:
        return x
    source = np.arange(len(x))[:, None] - delay_steps
    moved = np.take_along_axis(x, np.maximum(source, 0)[:, None, :], axis=0)
    return np.where(source[:, None, :] >= 0, moved, 0)


def _recurrent(stage: FloatStage, spikes: NDArray[np.uint8], t: int) -> Reals | float:
    """i_rec of step `t` (B, N)."""
    if stage.recurrent is None:
        return 0.0
    assert stage.delay_steps is not None
    source = t - 1 - stage.delay_steps
    sent = spikes[np.maximum(source, 0), :, np.arange(stage.n_out)].T
    s = np.where(source >= 0, sent, 0).astype(np.float64)
    if stage.recurrent.ndim == 2:
        return s @ stage.recurrent.T
    reach = (len(stage.recurrent) - 1) // 2
    padded = np.pad(s, ((0, 0), (reach, reach)))
    windows = np.lib.stride_tricks.sliding_window_view(padded, len(stage.recurrent), axis=1)
    current: Reals = windows @ stage.recurrent
    return current


def _scores(mode: ReadoutMode, readout: FloatCourse) -> Reals:
    match mode:
        case ReadoutMode.SUM:
            return readout.v_mem.sum(0)
        case ReadoutMode.LAST:
            return readout.v_mem[-1]
        case ReadoutMode.MAX:
            return readout.v_mem.max(0)
        case ReadoutMode.SPIKE_COUNT:
            return readout.spikes.sum(0).astype(np.float64)

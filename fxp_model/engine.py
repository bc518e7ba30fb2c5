"""The engine: the golden model's integers by compiled code, in batches, multi-threaded, or frame by frame.

Equal to `fxp_model.network.run` bit for bit, for every spec. Sums are held in the narrowest type that
their widths (NUMERICS.md section 6) prove wide enough. The loops are in `engine_kernels`.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from fxp_model import engine_kernels as kernels
from fxp_model.checks import check_type, count_of, integers
from fxp_model.errors import InputError
from fxp_model.fixed import Overflow, Rounding
from fxp_model.network import Network, StageParams, check_counts, threshold
from fxp_model.spec import (
    SCORE,
    Answer,
    ExactSum,
    IntegratorSpec,
    LayerSpec,
    Leak,
    NetworkSpec,
    ReadoutMode,
    ReadoutSpec,
    RecurrenceKind,
    ResetMode,
    fires,
)
from fxp_model.trace import Answers, LayerTrace, ReadoutTrace, Trace

BLOCK = 8
"""Most samples per block through a stage: their spikes stay in the CPU cache until the next stage."""

Ints = NDArray[np.int64]
State = tuple[NDArray[Any], NDArray[Any], NDArray[Any], NDArray[np.uint8]]
"""Of a stage: membranes (B, N); synaptic currents (B, N), or (B, 0) without; the ring buffer of future i_rec
(B, rows * width), or the scores (B, classes); that of delayed inputs (B, rows * n_in), or (B, 0) without."""

Part = TypeVar("Part")

_MODES = {
    ReadoutMode.SUM: kernels.SUM,
    ReadoutMode.LAST: kernels.LAST,
    ReadoutMode.MAX: kernels.MAX,
    ReadoutMode.SPIKE_COUNT: kernels.SPIKE_COUNT,
}


@dataclass(frozen=True)
class Result:
    """The result of a run.

    scores : (B, classes) int64
    events : per stage (T, B) int64, events into it: nonzero inputs, or spikes of the layer before, where they
        are delayed in the step in which they arrive; 0 after the end of a sample.
    answered : (A, B, classes) int64, scores at the steps that are answered, 0 after the end of a sample; None
        if the answer is per sample.
    answer_counts : (B,) int64, how many answers each sample has; None if the answer is per sample.
    """

    scores: Ints
    events: tuple[Ints, ...]
    answered: Ints | None = None
    answer_counts: Ints | None = None

    @property
    def classes(self) -> Ints:
        """Winning class (B,): the highest score, the lowest index when several tie."""
        return np.argmax(self.scores, axis=1)

    @property
    def answers(self) -> Answers | None:
        """Class, score and margin of each answer, (A, B); None if there is one per sample.

        After the end of a sample its class is -1, its score and margin are 0.
        """
        if self.answered is None or self.answer_counts is None:
            return None
        classes, scores, margins = Answers.of(self.answered)
        there = np.arange(len(classes))[:, np.newaxis] < self.answer_counts
        return Answers(np.where(there, classes, -1), scores, margins)

    @property
    def event_totals(self) -> Ints:
        """Events into each stage over all steps, (B, stages)."""
        return np.stack([events.sum(axis=0) for events in self.events], axis=1)


@dataclass(frozen=True)
class Step:
    """One step of a stream.

    scores : (B, classes) int64, so far
    spikes : (B, N) uint8 of each layer, 0 or 1
    answer : class, score and margin, (B,) each, or None after a step without an answer
    """

    scores: Ints
    spikes: tuple[NDArray[np.uint8], ...]
    answer: Answers | None = None


class _Events(NamedTuple):
    """Inputs of a stage: x (T, B, N), which are `nonzero` (B, T, N), and their `number` (T, B)."""

    x: NDArray[np.uint8]
    nonzero: NDArray[np.uint16]
    number: Ints

    @classmethod
    def empty(cls, steps: int, samples: int, n: int) -> _Events:
        """Room for the inputs of a stage, of which there are none yet."""
        x, nonzero = np.empty((steps, samples, n), np.uint8), np.empty((samples, steps, n), np.uint16)
        return cls(x, nonzero, np.zeros((steps, samples), np.int64))


class _Traced(NamedTuple):
    """Arrays (T, B, N) of a trace, as in `LayerTrace`; `current` is of length 0 if the stage has none."""

    i_syn: Ints
    i_rec: Ints
    current: Ints
    v_mem: Ints

    @classmethod
    def empty(cls, spec: IntegratorSpec, steps: int, samples: int) -> _Traced:
        """Room for the trace of a stage."""
        i_syn, i_rec, v_mem = (np.empty((steps, samples, spec.n_out), np.int64) for _ in range(3))
        return cls(i_syn, i_rec, _ABSENT if spec.synapse is None else np.empty_like(v_mem), v_mem)

    def current_or_none(self) -> Ints | None:
        """As in `LayerTrace`."""
        return self.current if self.current is not _ABSENT else None


_ABSENT = np.zeros((0, 0, 0), np.int64)
_UNTRACED = _Traced(_ABSENT, _ABSENT, _ABSENT, _ABSENT)


class _Threads:
    """Threads over blocks of samples, started on first use."""

    def __init__(self, number: int | None) -> None:
        self.number = (os.cpu_count() or 1) if number is None else count_of("threads", number)
        self._pool = ThreadPoolExecutor(self.number)

    def map(self, part: Callable[[int, int], Part], samples: int) -> list[Part]:
        """``part(first, end)`` of every block, in order; of one empty block if there are no samples."""
        size = max(1, min(BLOCK, -(-samples // self.number)))
        first = range(0, max(samples, 1), size)
        end = [min(start + size, samples) for start in first]
        several = self.number > 1 and len(first) > 1
        return list((self._pool.map if several else map)(part, first, end))


class Stage:
    """One stage, packed for the kernels.

    Parameters
    ----------
    spec : LayerSpec or ReadoutSpec
    params : StageParams
        As checked by `fxp_model.network.Network`.
    threads : int, optional
        Threads over the samples of `fire`, as in `Engine`.

    Raises
    ------
    InputError
        If `threads` is below 1.
    """

    def __init__(self, spec: IntegratorSpec, params: StageParams, threads: int | None = None) -> None:
        self.spec = spec
        self.packed = _pack(spec, params)
        self._threads = _Threads(threads)
        rows = 1 if params.delay_steps is None else int(params.delay_steps.max()) + 1
        self._ring_size = rows * self.packed.width
        self.input_delays = None if params.input_delay_steps is None else params.input_delay_steps.copy()
        early = 0 if self.input_delays is None else int(self.input_delays.max()) + 1
        self._inputs_size = early * spec.n_in
        self.period = math.lcm(rows, max(early, 1), self.packed.stride)
        """Steps after which the same rows of its rings, and an answer, are due again."""

    def zeros(self, samples: int) -> State:
        """The state before step 0."""
        v = np.zeros((samples, self.spec.n_out), self.packed.bias.dtype)
        c = np.zeros((samples, self.spec.n_out * self.packed.synaptic), v.dtype)
        if isinstance(self.spec, ReadoutSpec):
            lowest = SCORE.min_raw if self.spec.mode is ReadoutMode.MAX else 0
            own: NDArray[Any] = np.full(v.shape, lowest, np.int64)
        else:
            own = np.zeros((samples, self._ring_size), v.dtype)
        return v, c, own, np.zeros((samples, self._inputs_size), np.uint8)

    def fire(self, i_syn: NDArray[np.integer]) -> NDArray[np.uint8]:
        """Spikes (T, B, N) of a single hidden layer, from the zero state, for given currents.

        `i_syn` (T, B, N) is as `fxp_model.network.synaptic_current` gives it; it is not copied if it has the
        type of ``packed.bias``.

        Raises
        ------
        InputError
            If the shape does not fit, or no input can cause such a current.
        """
        spec, packed = self.spec, self.packed
        if i_syn.dtype.kind not in "iu" or i_syn.ndim != 3 or i_syn.shape[2] != spec.n_out:
            raise InputError(
                f"currents must be integers of shape (T, B, {spec.n_out}), not {i_syn.dtype} of {i_syn.shape}"
            )
        reach, bias_shift = spec.n_in * spec.max_input, spec.input_frac_bits - spec.bias.frac_bits
        low = (reach * spec.weight.min_raw << packed.weight_shift) + (spec.bias.min_raw << bias_shift)
        high = (reach * spec.weight.max_raw << packed.weight_shift) + (spec.bias.max_raw << bias_shift)
        if i_syn.size and (i_syn.min() < low or i_syn.max() > high):
            worst = i_syn.max() if i_syn.max() > high else i_syn.min()
            raise InputError(f"current must be {low}..{high}, not {worst}")
        spikes = np.empty(i_syn.shape, np.uint8)
        currents = np.require(i_syn, packed.bias.dtype, ("C", "W"))

        def part(first: int, end: int) -> None:
            v, c, ring, _ = self.zeros(1)
            kernels.layer_of_currents(packed, currents, first, end, v[0], c[0], ring[0], spikes)

        self._threads.map(part, i_syn.shape[1])
        return spikes


class Engine:
    """A network packed for speed; equal to the golden model.

    Parameters
    ----------
    network : Network
    threads : int, optional
        Threads over samples; all cores by default. They are the engine's own; those of torch,
        numba and BLAS are not affected.

    Raises
    ------
    InputError
        If `threads` is below 1.
    """

    def __init__(self, network: Network, threads: int | None = None) -> None:
        check_type("network", network, Network)
        self.network = network
        self._threads = _Threads(threads)
        self._stages = [Stage(*pair) for pair in zip(network.spec.stages, network.params, strict=True)]
        self._period = math.lcm(*(stage.period for stage in self._stages))

    def run(self, counts: NDArray[np.integer], lengths: NDArray[np.integer] | None = None) -> Result:
        """Run whole sequences from the zero state.

        Parameters
        ----------
        counts : (T, B, n_in) integers
            Input counts, 0 .. 2**input_bits - 1; uint8 is fastest.
        lengths : (B,) integers, optional
            Steps of each sample, 1 .. T; later ones have no effect. Default: T.

        Raises
        ------
        InputError
            If the counts or lengths do not fit.
        """
        x = _check_counts(self.network.spec, counts)
        steps, samples, _ = x.shape
        ends = np.full(samples, steps) if lengths is None else _check_lengths(lengths, steps, samples)

        def part(first: int, end: int) -> Result:
            own = ends[first:end]
            block = np.ascontiguousarray(x[:, first:end])
            return self._forward(block, own, self._zeros(len(own)))[0]

        return _joined(self._threads.map(part, samples))

    def trace(self, counts: NDArray[np.integer]) -> Trace:
        """Every current, membrane, spike and score: arguments and result of `fxp_model.network.run`."""
        x = _check_counts(self.network.spec, counts)
        steps, samples, _ = x.shape
        traced = [_Traced.empty(spec, steps, samples) for spec in self.network.spec.stages]
        result, spikes = self._forward(x, np.full(samples, steps), self._zeros(samples), traced=traced)
        layers = (
            LayerTrace(own.i_syn, own.i_rec, own.v_mem, y, own.current_or_none())
            for own, y in zip(traced[:-1], spikes, strict=True)
        )
        last = traced[-1]
        current, stride = last.current_or_none(), self.network.spec.readout.stride
        readout = ReadoutTrace(last.i_syn, last.v_mem, result.scores, current, result.answered, stride)
        return Trace(tuple(layers), readout)

    def stream(self, batch: int = 1) -> Stream:
        """A stream of `batch` samples side by side, at the zero state."""
        return Stream(self, batch)

    def _zeros(self, samples: int) -> list[State]:
        return [stage.zeros(samples) for stage in self._stages]

    def _forward(
        self,
        x: NDArray[np.uint8],
        lengths: Ints,
        state: list[State],
        start: int = 0,
        traced: Sequence[_Traced] = (),
    ) -> tuple[Result, list[NDArray[np.uint8]]]:
        """Result and spikes of the steps from `start` on.

        Advances `state`; fills `traced`, of each stage, unless it is empty.
        """
        steps, samples, n_in = x.shape
        into = _Events.empty(steps, samples, n_in)._replace(x=x)
        kernels.encode(x, lengths, into.nonzero, into.number)
        readout = self.network.spec.readout
        answers = (start % readout.stride + steps) // readout.stride if readout.answer is Answer.STEP else 0
        answered = np.zeros((answers, samples, readout.n_out), np.int64)
        events, spikes = [], []
        for i, (stage, (v, c, own, ahead)) in enumerate(zip(self._stages, state, strict=True)):
            now = start % stage.period
            if stage.input_delays is not None:
                early, into = into, _Events.empty(steps, samples, stage.spec.n_in)
                kernels.delayed(stage.input_delays, *early, lengths, now, ahead, *into)
            events.append(into.number)
            arrays = traced[i] if traced else _UNTRACED
            if isinstance(stage.spec, ReadoutSpec):
                kernels.readout(stage.packed, *into, lengths, now, v, c, own, answered, *arrays)
            else:
                out = _Events.empty(steps, samples, stage.spec.n_out)
                kernels.layer(stage.packed, *into, lengths, now, v, c, own, *out, *arrays)
                into = out
                spikes.append(out.x)
        result = Result(state[-1][2], tuple(events))
        if readout.answer is Answer.STEP:
            counts = (start % readout.stride + lengths) // readout.stride
            result = replace(result, answered=answered, answer_counts=counts)
        return result, spikes


class Stream:
    """A sequence of any length, frame by frame; after each step equal to a run over all steps so far.

    Memory is constant, that of the state; steps are counted modulo a period of the network, so that a stream
    may go on for ever. Created by `Engine.stream`.
    """

    def __init__(self, engine: Engine, batch: int) -> None:
        self._engine = engine
        self._batch = count_of("batch", batch)
        self.reset()

    def reset(self) -> None:
        """Back to the zero state, before step 0."""
        self._state = self._engine._zeros(self._batch)
        self._steps = 0

    def step(self, counts: NDArray[np.integer]) -> Step:
        """Advance all samples by one step of input `counts` (B, n_in).

        Raises
        ------
        InputError
            If the counts do not fit; the state is then unchanged.
        """
        spec, counts = self._engine.network.spec, np.asarray(counts)
        if counts.shape != (self._batch, spec.n_in):
            raise InputError(
                f"input of a step must have shape ({self._batch}, {spec.n_in}), samples x channels, "
                f"not {counts.shape}"
            )
        result, spikes = self._forward(_check_counts(spec, counts[np.newaxis]))
        answer = None
        if result.answered is not None and len(result.answered) > 0:
            answer = Answers.of(result.answered[0])
        return Step(result.scores.copy(), tuple(y[0] for y in spikes), answer)

    def run(self, counts: NDArray[np.integer]) -> Result:
        """Advance all samples by the steps of `counts` (T, B, n_in), at once; answers and events are theirs.

        Raises
        ------
        InputError
            If the counts do not fit; the state is then unchanged.
        """
        x = _check_counts(self._engine.network.spec, counts)
        if x.shape[1] != self._batch:
            raise InputError(f"samples of a stream must be {self._batch}, not {x.shape[1]}")
        result, _ = self._forward(x)
        return replace(result, scores=result.scores.copy())

    def _forward(self, x: NDArray[np.uint8]) -> tuple[Result, list[NDArray[np.uint8]]]:
        lengths = np.full(self._batch, len(x))
        done = self._engine._forward(x, lengths, self._state, self._steps)
        self._steps = (self._steps + len(x)) % self._engine._period
        return done


def run(network: Network, counts: NDArray[np.integer]) -> Trace:
    """`fxp_model.network.run`, by the engine: the same arguments, errors and integers."""
    return Engine(network).trace(counts)


def score(network: Network, counts: NDArray[np.integer]) -> Result:
    """Scores and events of `counts` (T, B, n_in) on all cores, without a trace."""
    return Engine(network).run(counts)


def _joined(parts: list[Result]) -> Result:
    """The result of all samples, from those of some."""
    events = zip(*(result.events for result in parts), strict=True)
    answered = [result.answered for result in parts if result.answered is not None]
    counts = [result.answer_counts for result in parts if result.answer_counts is not None]
    return Result(
        np.concatenate([result.scores for result in parts]),
        tuple(np.concatenate(stage, axis=1) for stage in events),
        np.concatenate(answered, axis=1) if answered else None,
        np.concatenate(counts) if counts else None,
    )


def _check_counts(spec: NetworkSpec, counts: NDArray[np.integer]) -> NDArray[np.uint8]:
    """`fxp_model.network.check_counts`, with a fast path for bytes that fit."""
    counts = np.asarray(counts)
    fits = counts.dtype == np.uint8 and counts.ndim == 3 and counts.shape[2] == spec.n_in and counts.size > 0
    if not fits or counts.max() > spec.layers[0].max_input:
        counts = check_counts(spec, counts)
    return np.require(counts, np.uint8, ("C", "W"))  # to numba a read-only array is another type


def _check_lengths(lengths: NDArray[np.integer], steps: int, samples: int) -> Ints:
    lengths = integers("lengths", lengths)
    if lengths.shape != (samples,):
        raise InputError(f"lengths must have shape ({samples},), not {lengths.shape}")
    if samples and (lengths.min() < 1 or lengths.max() > steps):
        worst = lengths.max() if lengths.max() > steps else lengths.min()
        raise InputError(f"length of a sample must be 1..{steps}, not {worst}")
    return lengths.astype(np.int64)


def _types(spec: IntegratorSpec) -> tuple[type, type, type]:
    """Types of the weights, of their sum and of the exact sums: few combinations, to compile little."""
    if any(not _fits_int32(leak, total) for leak, total in spec.sums):
        return np.int32, np.int64, np.int64
    if spec.weight.width > 8:
        return np.int32, np.int32, np.int32
    return np.int8, np.int16 if spec.accumulator_bits <= 16 else np.int32, np.int32


def _fits_int32(leak: Leak, total: ExactSum) -> bool:
    """Whether int32 holds the sum, the leak's product before its own rounding, and both roundings."""
    return max(total.bits, leak.product_bits) <= 32 and max(total.rounded_bits, leak.shift) <= 30


def _pack(spec: IntegratorSpec, params: StageParams) -> kernels.Packed:
    """The integers of a stage in the layout of the kernels."""
    narrow, middle, wide = _types(spec)
    lanes = 64 // np.dtype(middle).itemsize
    weight: NDArray[Any] = np.zeros((spec.n_in, -(-spec.n_out // lanes) * lanes), narrow)
    weight[:, : spec.n_out] = params.weight.T

    rows: NDArray[Any] = np.zeros((1, 0), np.int64)
    place, edge = np.zeros(spec.n_out, np.int64), 0
    if isinstance(spec, LayerSpec) and spec.recurrence is not None:
        assert params.recurrent is not None
        assert params.delay_steps is not None
        rows = params.recurrent.T
        if spec.recurrence.kind is RecurrenceKind.CONV:
            rows, edge = params.recurrent[np.newaxis, ::-1], len(params.recurrent) // 2
            place = np.arange(spec.n_out)  # the last tap of a neuron meets the neuron `edge` below
        rows = rows << (spec.input_frac_bits - spec.recurrence.weight.frac_bits)
    recurrent = np.zeros((len(rows), -(-rows.shape[1] // kernels.LANES) * kernels.LANES), wide)
    recurrent[:, : rows.shape[1]] = rows
    width = max(int(place[-1]) + recurrent.shape[1], spec.n_out)
    if params.delay_steps is not None:
        place = place + params.delay_steps * width

    assert isinstance(spec, LayerSpec | ReadoutSpec)
    mode = _MODES[spec.mode] if isinstance(spec, ReadoutSpec) else kernels.SUM
    delayed = fires(spec) and spec.reset_mode is ResetMode.DELAYED

    codes: NDArray[Any] = np.zeros((kernels.ROWS, spec.n_out), wide)
    sums: NDArray[Any] = np.zeros((2, kernels.COLUMNS), wide)
    own = (params.beta, params.alpha)
    for row, ((leak, total), shares) in enumerate(zip(spec.sums, own, strict=False)):
        sums[row] = _constants(leak, total, 8 * sums.itemsize)
        shift = 0 if leak.shift else total.frac_bits - leak.frac_bits
        codes[row] = np.asarray(leak.share if shares is None else shares) << shift
    codes[kernels.V_TH] = threshold(spec, params)
    if delayed:
        codes[kernels.SPENT] = threshold(spec, params) << (spec.sum_frac_bits - spec.membrane.frac_bits)
    shift = 0 if spec.synapse is None else spec.sum_frac_bits - spec.synapse.current.frac_bits
    return kernels.Packed(
        weight=weight,
        no_sum=np.zeros(weight.shape[1], middle),
        bias=(params.bias << (spec.input_frac_bits - spec.bias.frac_bits)).astype(wide),
        recurrent=recurrent,
        place=place,
        width=width,
        edge=edge,
        mode=mode,
        stride=spec.stride if isinstance(spec, ReadoutSpec) else 1,
        counts=int(spec.input_bits > 1),
        weight_shift=spec.input_frac_bits - spec.weight.frac_bits,
        codes=codes,
        sums=sums,
        synaptic=int(spec.synapse is not None),
        current_shift=shift,
        delayed=int(delayed),
        keep=-int(spec.reset_mode is ResetMode.SUBTRACT),
    )


def _constants(leak: Leak, total: ExactSum, bits: int) -> tuple[int, ...]:
    """A row of `kernels.Packed.sums`, of integers of `bits` bits."""
    low, high = total.target.lowest(total.overflow), total.target.max_raw
    zero, wraps = total.overflow is Overflow.SAT_ZERO, total.overflow is Overflow.WRAP
    return (
        min(total.frac_bits - leak.frac_bits, bits - 1),  # what would be shifted further is zero
        *_rounding(leak.shift, leak.rounding or Rounding.TRN),
        *_rounding(total.rounded_bits, total.rounding),
        bits - total.target.width if wraps else 0,
        *(low, high),
        *((0, 0) if zero else (low, high)),
    )


def _rounding(drop: int, mode: Rounding) -> tuple[int, int, int, int, int]:
    """Constants with which floor + ((rest + add + ...) >> drop) is x * 2**-drop rounded by `mode`.

    There x = floor * 2**drop + rest, and the result is `drop`; the mask of the rest; `add`; what is added
    besides where x is negative; and 1 if one more is added where floor is odd.
    """
    if drop == 0:
        return 0, 0, 0, 0, 0
    half, rest = 1 << drop - 1, (1 << drop) - 1
    add, below = {
        Rounding.TRN: (0, 0),
        Rounding.TRN_ZERO: (0, rest),
        Rounding.RND: (half, 0),
        Rounding.RND_ZERO: (half - 1, 1),
        Rounding.RND_INF: (half, -1),
        Rounding.RND_MIN_INF: (half - 1, 0),
        Rounding.RND_CONV: (half - 1, 0),
    }[mode]
    return drop, rest, add, below, int(mode is Rounding.RND_CONV)

"""The golden model: integers only, in numpy, the reference that every other implementation must equal.

Written to be read beside NUMERICS.md sections 4 to 8, not to be fast.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from fxp_model.checks import check_type, integers
from fxp_model.errors import InputError
from fxp_model.fixed import requantize, round_shifted
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
)
from fxp_model.trace import LayerTrace, ReadoutTrace, Trace

Ints = NDArray[np.int64]


@dataclass(frozen=True)
class StageParams:
    """Integer codes of one stage; every array is read-only int64.

    weight : (N_out, N_in)
    bias : (N_out,)
    recurrent : (K,) for ``conv``, (N, N) for ``dense``, else None
    delay_steps : (N,) recurrent delay of each source neuron, None without recurrence
    beta, alpha, v_th : (N_out,) where the spec has None for one code per neuron, else None
    input_delay_steps : (N_in,) forward delay of each input, None without
    """

    weight: Ints
    bias: Ints
    recurrent: Ints | None = None
    delay_steps: Ints | None = None
    beta: Ints | None = None
    alpha: Ints | None = None
    v_th: Ints | None = None
    input_delay_steps: Ints | None = None

    def __post_init__(self) -> None:
        for name, array in self.arrays():
            fixed = np.array(integers(name, array), dtype=np.int64, order="C")
            fixed.flags.writeable = False
            object.__setattr__(self, name, fixed)

    def arrays(self) -> Iterator[tuple[str, Ints]]:
        """The arrays that are not None, by name."""
        for own in fields(self):
            array = getattr(self, own.name)
            if array is not None:
                yield own.name, array


@dataclass(frozen=True)
class Network:
    """A spec with its integers, checked against each other.

    Parameters
    ----------
    spec : NetworkSpec
    params : tuple of StageParams
        One per stage of `spec.stages`.

    Raises
    ------
    InputError
        Naming the array, the limit and the value, when a shape or a code does not fit.
    """

    spec: NetworkSpec
    params: tuple[StageParams, ...]

    def __post_init__(self) -> None:
        check_type("spec", self.spec, NetworkSpec)
        object.__setattr__(self, "params", tuple(self.params))
        for index, own in enumerate(self.params):
            check_type(f"params[{index}]", own, StageParams)
        if len(self.params) != len(self.spec.stages):
            raise InputError(f"parameters must be of {len(self.spec.stages)} stages, not {len(self.params)}")
        for name, spec, params in zip(self.spec.stage_names, self.spec.stages, self.params, strict=True):
            _check_stage(name, spec, params)


def check_shapes(name: str, spec: IntegratorSpec, found: Mapping[str, tuple[int, ...]]) -> None:
    """`InputError` unless `found` has the arrays of the stage `name`, each of its shape."""
    shapes = spec.shapes
    for key in sorted(found.keys() - shapes.keys()):
        raise InputError(f"{name}.{key} must be absent: the spec has none")
    for key, shape in shapes.items():
        if key not in found:
            raise InputError(f"{name}.{key} is missing")
        if found[key] != shape:
            raise InputError(f"{name}.{key} must have shape {shape}, not {found[key]}")


def _check_stage(name: str, spec: IntegratorSpec, params: StageParams) -> None:
    present = dict(params.arrays())
    check_shapes(name, spec, {key: array.shape for key, array in present.items()})
    spec.weight.check(f"{name}.weight", params.weight)
    spec.bias.check(f"{name}.bias", params.bias)
    recurrence = spec.recurrence if isinstance(spec, LayerSpec) else None
    if recurrence is not None:
        recurrence.weight.check(f"{name}.recurrent", present["recurrent"])
        _within(f"{name}.delay_steps", present["delay_steps"], 0, recurrence.max_delay)
    if spec.max_input_delay is not None:
        _within(f"{name}.input_delay_steps", present["input_delay_steps"], 0, spec.max_input_delay)
    if "beta" in present:
        spec.beta_format.check(f"{name}.beta", present["beta"])
    if spec.synapse is not None and "alpha" in present:
        spec.synapse.alpha_format.check(f"{name}.alpha", present["alpha"])
    if "v_th" in present:
        _within(f"{name}.v_th", present["v_th"], 1, spec.membrane.max_raw)


def _within(name: str, array: Ints, low: int, high: int) -> None:
    """`InputError`, naming `name`, unless every item of `array` is one of low..high."""
    if array.min() < low or array.max() > high:
        worst = array.max() if array.max() > high else array.min()
        raise InputError(f"{name} must be {low}..{high}, not {worst}")


def check_counts(spec: NetworkSpec, counts: NDArray[np.integer]) -> Ints:
    """`counts` as int64 (T, B, n_in), or `InputError` naming what does not fit `spec`."""
    counts = integers("input", counts)
    if counts.ndim != 3 or counts.shape[2] != spec.n_in or counts.shape[0] < 1:
        raise InputError(
            f"input must have shape (T >= 1, B, {spec.n_in}), steps x samples x channels, not {counts.shape}"
        )
    limit = spec.layers[0].max_input
    if counts.size and (counts.min() < 0 or counts.max() > limit):
        worst = counts.max() if counts.max() > limit else counts.min()
        raise InputError(f"input count must be 0..{limit}, not {worst}")
    return counts.astype(np.int64)


def run(network: Network, counts: NDArray[np.integer]) -> Trace:
    """Run whole sequences from the zero state.

    Parameters
    ----------
    network : Network
    counts : (T, B, n_in) integers
        Input counts, 0 .. 2**input_bits - 1.

    Returns
    -------
    Trace
        Every current, membrane, spike and score.
    """
    check_type("network", network, Network)
    x = check_counts(network.spec, counts)
    layers = []
    for spec, params in zip(network.spec.layers, network.params[:-1], strict=True):
        layers.append(run_layer(spec, params, x))
        x = layers[-1].spikes.astype(np.int64)
    return Trace(tuple(layers), run_readout(network.spec.readout, network.params[-1], x))


def run_layer(spec: LayerSpec, params: StageParams, x: Ints) -> LayerTrace:
    """One hidden layer over inputs `x` (T, B, n_in): NUMERICS.md section 4."""
    i_syn = synaptic_current(spec, params, delayed_inputs(params, x))
    i_rec, current, v_mem = np.zeros_like(i_syn), np.zeros_like(i_syn), np.zeros_like(i_syn)
    spikes = np.zeros(i_syn.shape, dtype=np.uint8)
    v, c, v_th = np.zeros_like(i_syn[0]), np.zeros_like(i_syn[0]), threshold(spec, params)
    y = spikes[0]
    for t in range(len(x)):
        i_rec[t] = recurrent_current(spec, params, spikes, t)
        current[t] = c = synapse(spec, params, c, i_syn[t] + i_rec[t])
        v_mem[t] = leak(spec, params, v, c, v_th * y)
        spikes[t], v = fire(v_mem[t], v_th, spec.reset_mode)
        y = spikes[t]
    return LayerTrace(i_syn, i_rec, v_mem, spikes, None if spec.synapse is None else current)


def run_readout(spec: ReadoutSpec, params: StageParams, x: Ints) -> ReadoutTrace:
    """The readout over spikes `x` (T, B, n_in): NUMERICS.md section 7."""
    i_syn = synaptic_current(spec, params, delayed_inputs(params, x))
    current, v_mem = np.zeros_like(i_syn), np.zeros_like(i_syn)
    v, c, v_th = np.zeros_like(i_syn[0]), np.zeros_like(i_syn[0]), threshold(spec, params)
    score = np.full_like(v, SCORE.min_raw if spec.mode is ReadoutMode.MAX else 0)
    y, answered = np.zeros(v.shape, dtype=np.uint8), []
    for t in range(len(x)):
        current[t] = c = synapse(spec, params, c, i_syn[t])
        v_mem[t] = v = leak(spec, params, v, c, v_th * y)
        match spec.mode:
            case ReadoutMode.SUM:
                score = np.clip(score + v, SCORE.min_raw, SCORE.max_raw)
            case ReadoutMode.LAST:
                score = v
            case ReadoutMode.MAX:
                score = np.maximum(score, v)
            case ReadoutMode.SPIKE_COUNT:
                y, v = fire(v, v_th, spec.reset_mode)
                score = np.minimum(score + y, SCORE.max_raw)
        if (t + 1) % spec.stride == 0:
            answered.append(score)
    shape = len(answered), *v.shape
    return ReadoutTrace(
        i_syn,
        v_mem,
        score,
        current=None if spec.synapse is None else current,
        answered=np.array(answered, np.int64).reshape(shape) if spec.answer is Answer.STEP else None,
        stride=spec.stride,
    )


def delayed_inputs(params: StageParams, x: Ints) -> Ints:
    """x'[j](t) = x[j](t - d[j]), 0 before step 0, (T, B, n_in): NUMERICS.md section 5."""
    if params.input_delay_steps is None:
        return x
    delayed = np.zeros_like(x)
    for j, delay in enumerate(params.input_delay_steps):
        delayed[delay:, :, j] = x[: len(x) - delay, :, j] if delay < len(x) else 0
    return delayed


def synaptic_current(spec: IntegratorSpec, params: StageParams, x: Ints) -> Ints:
    """i_syn = bias + W x, exact, codes of fraction `spec.input_frac_bits`; (T, B, n_out)."""
    feed_forward = x @ params.weight.T << (spec.input_frac_bits - spec.weight.frac_bits)
    return feed_forward + (params.bias << (spec.input_frac_bits - spec.bias.frac_bits))


def recurrent_current(spec: LayerSpec, params: StageParams, spikes: NDArray[np.uint8], t: int) -> Ints:
    """i_rec of step `t`, exact, codes of fraction `spec.input_frac_bits`; (B, n_out).

    `spikes` (T, B, N) holds the layer's own spikes of the steps before `t`.
    """
    _, samples, n = spikes.shape
    if spec.recurrence is None:
        return np.zeros((samples, n), dtype=np.int64)
    assert params.delay_steps is not None
    assert params.recurrent is not None
    source_step = t - 1 - params.delay_steps
    sent = spikes[np.maximum(source_step, 0), :, np.arange(n)].T
    delayed = np.where(source_step >= 0, sent, 0).astype(np.int64)
    if spec.recurrence.kind is RecurrenceKind.DENSE:
        current = delayed @ params.recurrent.T
    else:
        p = (spec.recurrence.kernel_size - 1) // 2
        padded = np.pad(delayed, ((0, 0), (p, p)))
        current = np.zeros_like(delayed)
        for k, weight in enumerate(params.recurrent):
            current += weight * padded[:, k : k + n]
    return current << (spec.input_frac_bits - spec.recurrence.weight.frac_bits)


def synapse(spec: IntegratorSpec, params: StageParams, c: Ints, current: Ints) -> Ints:
    """The synaptic current c = Q(alpha * c + i), (B, n_out); without synapses of this kind, i itself."""
    if spec.synapse is None:
        return current
    return _integrate(spec.synapse.leak, params.alpha, spec.input_sum, c, current)


def leak(spec: LayerSpec | ReadoutSpec, params: StageParams, v: Ints, current: Ints, spent: Ints) -> Ints:
    """v = Q(beta * v + i), (B, n_out), minus what a delayed reset has `spent`, codes of the membrane.

    `current` is what `synapse` returns.
    """
    frac_bits = spec.sum_frac_bits
    if spec.synapse is not None:
        current = current << (frac_bits - spec.synapse.current.frac_bits)
    if spec.reset_mode is ResetMode.DELAYED:
        current = current - (spent << (frac_bits - spec.membrane.frac_bits))
    return _integrate(spec.leak, params.beta, spec.membrane_sum, v, current)


def _integrate(own: Leak, shares: Ints | None, total: ExactSum, state: Ints, current: Ints) -> Ints:
    """Q(share * state + i): one exact sum, one requantisation; i is of the fraction of the sum."""
    kept = np.asarray(own.share if shares is None else shares, dtype=np.int64) * state
    if own.rounding is not None:
        kept = round_shifted(kept, own.shift, own.rounding)
    exact = (kept << total.frac_bits - own.frac_bits) + current
    return requantize(exact, total.frac_bits, total.target, total.rounding, total.overflow)


def threshold(spec: LayerSpec | ReadoutSpec, params: StageParams) -> Ints:
    """Thresholds of the neurons, one for all or (N,)."""
    return np.asarray(spec.v_th if params.v_th is None else params.v_th, dtype=np.int64)


def fire(v: Ints, v_th: Ints, reset_mode: ResetMode) -> tuple[NDArray[np.uint8], Ints]:
    """Spikes y = (v >= v_th) and the membrane after the reset."""
    y = v >= v_th
    match reset_mode:
        case ResetMode.ZERO:
            after = np.where(y, 0, v)
        case ResetMode.SUBTRACT:
            after = np.where(y, v - v_th, v)
        case ResetMode.DELAYED:
            after = v
    return y.astype(np.uint8), after

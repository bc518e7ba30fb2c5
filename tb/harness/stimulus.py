"""Random networks over the whole legal spec, hardware configurations, samples and beats; all seeded."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from fxp_model.errors import InputError
from fxp_model.fixed import Overflow, QFormat, Rounding
from fxp_model.network import Network, StageParams, run, run_layer, run_readout
from fxp_model.spec import (
    Answer,
    IntegratorSpec,
    LayerSpec,
    NetworkSpec,
    ReadoutMode,
    ReadoutSpec,
    RecurrenceKind,
    RecurrenceSpec,
    ResetMode,
    SynapseSpec,
)
from hw.config import HardwareConfig, StageConfig
from hw.protocol import END_OF_STEP, WORD_BITS, Beat, event, pair

Counts = NDArray[np.int64]
Rng = np.random.Generator
Stage = TypeVar("Stage", LayerSpec, ReadoutSpec)

NETWORKS = 24
"""Default number of random networks that the benches run as whole cores."""

MIN_RATE, MAX_RATE = 0.02, 0.8
"""Least and greatest share of neurons that fire in a step, for a network to be a useful test."""


def random_network(seed: int, max_neurons: int = 40) -> Network:
    """A network drawn from the whole legal spec whose layers all spike on `random_samples`.

    Depth 1 to 3; formats from 2 bits and with fractions on either side of the point; every
    rounding, overflow, reset and readout; leaks that are rounded, synaptic currents, shares and thresholds of
    each neuron; kernels wider than the layer; delays from 0 to beyond the end of a sample. Networks that the
    spec refuses, or that stay silent, are drawn again.
    """
    for attempt in range(100):
        with suppress(InputError):
            return _draw_network(np.random.default_rng([seed, attempt]), max_neurons)
    raise RuntimeError(f"no active network of seed {seed}")


def spike_rates(network: Network) -> list[float]:
    """Share of neurons that fire per step, layer by layer, on trial samples."""
    layer = network.spec.layers[0]
    trace = run(network, trial_counts(layer.n_in, layer.max_input))
    return [float(layer.spikes.mean()) for layer in trace.layers]


def answering(network: Network, stride: int | None) -> Network:
    """`network` with answers per step; None: per sample."""
    answer = Answer.SAMPLE if stride is None else Answer.STEP
    readout = replace(network.spec.readout, answer=answer, stride=stride or 1)
    return Network(NetworkSpec(network.spec.layers, readout), network.params)


def random_hardware(network: Network, seed: int) -> HardwareConfig:
    """Lanes of every stage from 1 to all, including non-divisors of the neurons; 1 or 2 events per cycle.

    One core in three can be reloaded, including its delays.
    """
    rng = np.random.default_rng([seed, 1])
    stages = []
    for stage in network.spec.stages:
        lanes = int(rng.integers(1, stage.n_out + 1))
        widths = [w for w in range(1, lanes + 1) if lanes == stage.n_out or lanes % w == 0]
        events = int(rng.integers(1, 1 + min(2, stage.n_in)))
        stages.append(StageConfig(lanes, int(rng.choice(widths)), events, bool(rng.integers(2))))
    programmable = not rng.integers(3)
    return HardwareConfig(tuple(stages), reload=programmable, programmable_delays=programmable)


def retrained(network: Network, seed: int, delays: bool = False) -> Network:
    """Another network for the same core: everything that can be reloaded is new, with similar activity.

    With `delays`, these are new as well, for a core where they are programmable.
    """
    rng = np.random.default_rng([seed, 2])
    layers: list[LayerSpec] = []
    params = []
    for layer, own in zip(network.spec.layers, network.params, strict=False):
        layers.append(_other_threshold(rng, layer))
        params.append(_other_params(rng, layer, own))
        if delays and layer.recurrence is not None:
            steps = _draw_recurrence(rng, layer.recurrence, layer.n_out)["delay_steps"]
            params[-1] = replace(params[-1], delay_steps=steps)
    readout = network.spec.readout
    params.append(_other_params(rng, readout, network.params[-1]))
    return Network(NetworkSpec(tuple(layers), _other_threshold(rng, readout)), tuple(params))


def _other_threshold(rng: Rng, spec: Stage) -> Stage:
    """`spec` with another threshold, if it has one of all neurons."""
    return replace(spec, v_th=max(1, spec.v_th - int(rng.integers(1, 3)))) if spec.v_th else spec


def _other_params(rng: Rng, spec: IntegratorSpec, own: StageParams) -> StageParams:
    new = replace(own, weight=rng.permuted(own.weight), bias=_codes(rng, spec.bias, own.bias.shape) // 4)
    each = {name: rng.permuted(x) for name, x in own.arrays() if name in ("beta", "alpha", "v_th")}
    new = replace(new, **each)
    if own.recurrent is None:
        return new
    recurrent = rng.permuted(own.recurrent)
    return replace(new, recurrent=recurrent - (recurrent > 0))


def random_samples(rng: Rng, spec: NetworkSpec, count: int, max_steps: int = 24) -> list[Counts]:
    """Samples (T, n_in) of different lengths and kinds.

    The first are a single step, silence, full rate, and a burst before a long silence; the others
    have random densities with silent steps between.
    """
    layer = spec.layers[0]
    limit, n_in = layer.max_input, layer.n_in
    burst = np.zeros((max_steps * 2, n_in), dtype=np.int64)
    burst[:2] = rng.integers(0, limit + 1, (2, n_in))
    samples = [
        rng.integers(0, limit + 1, (1, n_in)),
        np.zeros((int(rng.integers(1, 5)), n_in), dtype=np.int64),
        np.full((4, n_in), limit, dtype=np.int64),
        burst,
    ]
    while len(samples) < count:
        samples.append(_sample(rng, int(rng.integers(2, max_steps + 1)), n_in, limit))
    return samples[:count]


def encode(rng: Rng, sample: Counts) -> list[Beat]:
    """Beats of `sample` in random address order, with some counts split over several beats.

    The ignored bits [30:24] are random, markers carry a random address, and the end of the
    sample comes with or without bit 31.
    """
    beats = []
    for step in sample:
        parts: list[tuple[int, int]] = []
        for address in np.flatnonzero(step):
            left = int(step[address])
            while left:
                part = left if rng.random() < 0.7 else int(rng.integers(1, left + 1))
                parts.append((int(address), part))
                left -= part
        rng.shuffle(parts)
        beats += [Beat(event(a, c).tdata | _ignored(rng)) for a, c in parts]
        beats.append(Beat(END_OF_STEP | _ignored(rng) | int(rng.integers(1 << 16))))
    last = beats[-1].tdata & ~(END_OF_STEP if rng.random() < 0.5 else 0)
    beats[-1] = Beat(last, tlast=True)
    return beats


def corrupt(rng: Rng, beats: Sequence[Beat], n_in: int, max_input: int, rate: float = 0.4) -> list[Beat]:
    """`beats` with malformed ones inserted, which the core drops and counts.

    Addresses out of range, counts of 0, counts beyond the input's width, several of these in
    one beat, and counts in markers.
    """
    wrong_counts = [0, *range(max_input + 1, 256)]
    result = []
    for beat in beats:
        while rng.random() < rate:
            kind = rng.integers(3)
            address = int(rng.integers(n_in, 1 << 16) if kind != 1 else rng.integers(n_in))
            count = int(rng.integers(1, max_input + 1) if kind == 0 else rng.choice(wrong_counts))
            result.append(Beat(event(address, count).tdata | _ignored(rng)))
        marker = beat.tlast or beat.tdata & END_OF_STEP
        if marker and rng.random() < rate:
            beat = Beat(beat.tdata | int(rng.integers(1, 256)) << 16, beat.tlast)
        result.append(beat)
    return result


def scattered(rng: Rng, words: Sequence[Beat], slots: int) -> list[Beat]:
    """Beats of `words`, with a random number of words in each; words that TKEEP masks are garbage.

    A step may end anywhere in a beat, and a sample with a beat without a word.
    """
    if slots == 1:
        return list(words)
    beats, left = [], list(words)
    while left:
        kind, word = rng.integers(8), left.pop(0)
        if kind < 4 and left and not word.tlast:
            beat = pair(word, left.pop(0))
        elif kind < 6:
            beat = pair(word._replace(tlast=False), _garbage(rng))._replace(tlast=word.tlast, tkeep=0x0F)
        else:
            beat = pair(_garbage(rng), word)._replace(tkeep=0xF0)
        if kind >= 4 and word.tlast and not word.tdata >> 16 & 0xFF and rng.random() < 0.5:
            beat = beat._replace(tkeep=0)
        if rng.random() < 0.1:
            beats.append(pair(_garbage(rng), _garbage(rng))._replace(tkeep=0))
        # only the lowest of a word's four TKEEP bits tells whether it is present
        beats.append(beat._replace(tkeep=beat.tkeep & 0x11 | int(rng.integers(256)) & 0xEE))
    return beats


def overfill(rng: Rng, spec: NetworkSpec, steps: int) -> list[Beat]:
    """A sample whose counts add up beyond the input's width: its result is unspecified."""
    layer = spec.layers[0]
    beats = []
    for _ in range(steps):
        for _ in range(4 * layer.n_in):
            beats.append(event(int(rng.integers(layer.n_in)), layer.max_input))
        beats.append(Beat(END_OF_STEP))
    beats[-1] = Beat(END_OF_STEP, tlast=True)
    return beats


def _garbage(rng: Rng) -> Beat:
    return Beat(int(rng.integers(1 << WORD_BITS)))


def _ignored(rng: Rng) -> int:
    return int(rng.integers(128)) << 24


def _sample(rng: Rng, steps: int, n_in: int, limit: int) -> Counts:
    density = rng.choice([0.1, 0.3, 0.7])
    counts = rng.integers(1, limit + 1, (steps, n_in)) * (rng.random((steps, n_in)) < density)
    counts[rng.random(steps) < 0.2] = 0
    return counts


def trial_counts(n_in: int, limit: int) -> Counts:
    """A batch of samples (T, B, n_in) to see how active a network is."""
    rng = np.random.default_rng(0)
    return np.stack([_sample(rng, 20, n_in, limit) for _ in range(6)], axis=1)


def _draw_network(rng: Rng, max_neurons: int) -> Network:
    n_in = int(40 ** rng.random())
    layers: list[LayerSpec] = []
    params: list[StageParams] = []
    x: Counts | None = None
    for index in range(int(rng.integers(1, 4))):
        input_bits = int(rng.choice([1, 1, 2, 3, 4, 8])) if index == 0 else 1
        x = trial_counts(n_in, (1 << input_bits) - 1) if x is None else x
        # small layers are as useful as large ones, as they test the edges
        n_out = int(max_neurons ** rng.random())
        layer, own, x = _draw_active_layer(rng, n_in, n_out, input_bits, x)
        layers.append(layer)
        params.append(own)
        n_in = n_out
    assert x is not None
    readout, own = _draw_active_readout(rng, n_in, x)
    return Network(NetworkSpec(tuple(layers), readout), (*params, own))


def _draw_active_layer(
    rng: Rng, n_in: int, n_out: int, input_bits: int, x: Counts
) -> tuple[LayerSpec, StageParams, Counts]:
    """A layer that fires on `x`, and its spikes."""
    for _ in range(20):
        with suppress(InputError):
            spec, params = _draw_params(rng, _draw_layer(rng, n_in, n_out, input_bits), x)
            spikes = run_layer(spec, params, x).spikes.astype(np.int64)
            if MIN_RATE <= spikes.mean() <= MAX_RATE:
                return spec, params, spikes
    raise InputError("no layer fires on these inputs")


def _draw_active_readout(rng: Rng, n_in: int, x: Counts) -> tuple[ReadoutSpec, StageParams]:
    """A readout whose scores differ from sample to sample."""
    for _ in range(20):
        with suppress(InputError):
            spec, params = _draw_params(rng, _draw_readout(rng, n_in), x)
            if len(np.unique(run_readout(spec, params, x).scores, axis=0)) > 1:
                return spec, params
    raise InputError("no readout tells these inputs apart")


def _draw_layer(rng: Rng, n_in: int, n_out: int, input_bits: int) -> LayerSpec:
    common = _draw_integrator(rng, n_in, n_out, input_bits)
    recurrence = None
    if rng.random() < 0.85:
        weight = common["weight"]
        conv = rng.random() < 0.7
        recurrence = RecurrenceSpec(
            RecurrenceKind.CONV if conv else RecurrenceKind.DENSE,
            weight=_signed(int(rng.integers(2, 11)), weight.frac_bits + int(rng.integers(-3, 3))),
            max_delay=int(rng.choice([0, 1, 2, 5, 15, 31, 63, 90])),
            kernel_size=int(rng.choice([1, 3, 5, 7])) if conv else 0,
        )
    if rng.random() < 0.15:
        # no rounding: the membrane is as fine as every term, and beta is 0 or 1
        finest = max(
            f.frac_bits for f in (common["weight"], common["bias"], recurrence and recurrence.weight) if f
        )
        common |= {
            "membrane": _signed(common["membrane"].width, finest),
            "beta": int(rng.integers(2)),
            "beta_format": QFormat(signed=False, int_bits=1, frac_bits=0),
        }
    return LayerSpec(
        **common,
        v_th=common["membrane"].max_raw,
        reset_mode=ResetMode(rng.choice(list(ResetMode))),
        recurrence=recurrence,
    )


def _draw_readout(rng: Rng, n_in: int) -> ReadoutSpec:
    mode = ReadoutMode(rng.choice(list(ReadoutMode)))
    common = _draw_integrator(rng, n_in, int(24 ** rng.random()), 1)
    fires = mode is ReadoutMode.SPIKE_COUNT
    return ReadoutSpec(
        **common,
        mode=mode,
        v_th=common["membrane"].max_raw if fires else 0,
        reset_mode=ResetMode(rng.choice(list(ResetMode))),
    )


def _draw_integrator(rng: Rng, n_in: int, n_out: int, input_bits: int) -> dict[str, Any]:
    weight = _signed(int(rng.choice([2, 3, 4, 6, 8, 12])), int(rng.integers(-3, 12)))
    # a membrane near the size of the currents, so that it is neither silent nor always saturated
    swing = weight.max_raw * np.sqrt(n_in * 0.2) * (1 << input_bits) * weight.lsb
    int_bits = int(np.ceil(np.log2(swing))) + int(rng.integers(0, 4))
    width = int(rng.integers(4, 21) if rng.random() < 0.8 else rng.integers(21, 33))
    membrane = _signed(width, width - int_bits)
    beta_width, beta_int_bits = int(rng.integers(1, 13)), int(rng.choice([-1, 0, 1], p=[0.1, 0.75, 0.15]))
    return {
        "n_in": n_in,
        "n_out": n_out,
        "input_bits": input_bits,
        "weight": weight,
        "bias": _signed(int(rng.integers(2, 13)), weight.frac_bits + int(rng.integers(-4, 5))),
        "membrane": membrane,
        "beta": int(rng.integers(0, 1 << beta_width)) if rng.random() < 0.75 else None,
        "beta_format": QFormat(signed=False, int_bits=beta_int_bits, frac_bits=beta_width - beta_int_bits),
        "rounding": Rounding(rng.choice(list(Rounding))),
        "overflow": Overflow(rng.choice(list(Overflow), p=[0.2, 0.5, 0.15, 0.15])),
        "leak_rounding": _draw_mode(rng),
        "synapse": _draw_synapse(rng, membrane) if rng.random() < 0.3 else None,
    }


def _draw_mode(rng: Rng) -> Rounding | None:
    """How a leak is rounded, in one case of four."""
    return Rounding(rng.choice(list(Rounding))) if rng.random() < 0.25 else None


def _draw_synapse(rng: Rng, membrane: QFormat) -> SynapseSpec:
    """A current of about the range of the membrane, finer or coarser, that is kept for some steps."""
    frac_bits = membrane.frac_bits + int(rng.integers(-3, 3))
    width = int(np.clip(membrane.int_bits + int(rng.integers(-1, 2)) + frac_bits, 2, 32))
    return SynapseSpec(
        current=_signed(width, frac_bits),
        alpha=int(rng.integers(8, 16)) if rng.random() < 0.6 else None,
        alpha_format=QFormat(signed=False, int_bits=0, frac_bits=4),
        rounding=Rounding(rng.choice(list(Rounding))),
        overflow=Overflow(rng.choice(list(Overflow))),
        leak_rounding=_draw_mode(rng),
    )


def _draw_params(rng: Rng, spec: Stage, x: Counts) -> tuple[Stage, StageParams]:
    """Integers for `spec`, and `spec` with a threshold that the membranes of inputs `x` reach."""
    weight = _codes(rng, spec.weight, (spec.n_out, spec.n_in))
    # a bias of the size of some weights
    limit = max(1, int(np.abs(weight).max() * 2.0 ** (spec.bias.frac_bits - spec.weight.frac_bits)))
    bias = np.clip(_codes(rng, spec.bias, (spec.n_out,)), -limit, limit)
    params = StageParams(weight, bias)
    if spec.beta is None:
        params = replace(params, beta=rng.integers(0, spec.beta_format.max_raw + 1, spec.n_out))
    if spec.synapse is not None and spec.synapse.alpha is None:
        params = replace(params, alpha=rng.integers(4, spec.synapse.alpha_format.max_raw + 1, spec.n_out))
    if isinstance(spec, LayerSpec):
        if spec.recurrence is not None:
            params = replace(params, **_draw_recurrence(rng, spec.recurrence, spec.n_out))
        v_mem = run_layer(spec, params, x).v_mem
    else:
        v_mem = run_readout(spec, params, x).v_mem
    if spec.v_th:
        # reached in 5 to 30 % of the steps
        share = rng.uniform(0.7, 0.95)
        if rng.random() < 0.75:
            v_th = np.clip(np.quantile(v_mem, share), 1, spec.membrane.max_raw)
            return replace(spec, v_th=int(v_th)), params
        each = np.clip(np.quantile(v_mem, share, axis=(0, 1)), 1, spec.membrane.max_raw)
        return replace(spec, v_th=None), replace(params, v_th=each.astype(np.int64))
    return spec, params


def _draw_recurrence(rng: Rng, spec: RecurrenceSpec, n_out: int) -> dict[str, Counts]:
    delays = rng.integers(0, spec.max_delay + 1, n_out)
    # some short enough to matter in a short sample, and both ends of the range
    delays = np.where(rng.random(n_out) < 0.6, np.minimum(delays, rng.integers(0, 6)), delays)
    delays[rng.integers(n_out)] = spec.max_delay
    shape = (spec.kernel_size,) if spec.kind is RecurrenceKind.CONV else (n_out, n_out)
    return {"recurrent": _codes(rng, spec.weight, shape), "delay_steps": delays}


def _codes(rng: Rng, fmt: QFormat, shape: tuple[int, ...]) -> Counts:
    return rng.integers(fmt.min_raw, fmt.max_raw + 1, shape)


def _signed(width: int, frac_bits: int) -> QFormat:
    return QFormat(signed=True, int_bits=width - frac_bits, frac_bits=frac_bits)

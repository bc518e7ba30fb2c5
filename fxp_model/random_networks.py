"""Small random networks of every legal kind, with inputs that cause many spikes."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from fxp_model.errors import InputError
from fxp_model.fixed import Overflow, QFormat, Rounding
from fxp_model.network import Network, StageParams
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

Item = TypeVar("Item")
Stage = TypeVar("Stage", bound=IntegratorSpec)


def random_network(
    rng: np.random.Generator,
    max_width: int = 6,
    max_depth: int = 3,
    weight_widths: tuple[int, ...] = (2, 3, 5, 8),
) -> Network:
    """A network of 1..`max_depth` hidden layers with up to `max_width` neurons each."""
    widths = rng.integers(1, max_width + 1, size=rng.integers(2, max_depth + 2)).tolist()
    layers = []
    n_in, input_bits = int(rng.integers(1, max_width + 1)), int(rng.integers(1, 9))
    for n_out in widths[:-1]:
        layers.append(_legal(partial(_layer, rng, n_in, n_out, input_bits, weight_widths)))
        n_in, input_bits = n_out, 1
    spec = NetworkSpec(tuple(layers), _legal(partial(_readout, rng, n_in, widths[-1], weight_widths)))
    return Network(spec, tuple(random_params(rng, stage) for stage in spec.stages))


def conv_network(seed: int) -> Network:
    """A random network with at least one recurrent layer, all of them with kernels."""
    rng = np.random.default_rng(seed)
    while True:
        network = random_network(rng, max_width=8)
        kinds = {layer.recurrence.kind for layer in network.spec.layers if layer.recurrence is not None}
        if kinds == {RecurrenceKind.CONV}:
            return network


def random_params(rng: np.random.Generator, spec: IntegratorSpec) -> StageParams:
    """Codes over the full range of each format, its ends included."""
    limits = {
        name: (fmt.min_raw, fmt.max_raw) for name, fmt in (("weight", spec.weight), ("bias", spec.bias))
    }
    limits["beta"] = (0, spec.beta_format.max_raw)
    limits["v_th"] = (1, spec.membrane.max_raw)
    if spec.synapse is not None:
        limits["alpha"] = (0, spec.synapse.alpha_format.max_raw)
    if spec.max_input_delay is not None:
        limits["input_delay_steps"] = (0, spec.max_input_delay)
    recurrence = spec.recurrence if isinstance(spec, LayerSpec) else None
    if recurrence is not None:
        limits["recurrent"] = (recurrence.weight.min_raw, recurrence.weight.max_raw)
        limits["delay_steps"] = (0, recurrence.max_delay)
    return StageParams(**{name: _codes(rng, *limits[name], shape) for name, shape in spec.shapes.items()})


def random_pair(rng: np.random.Generator) -> tuple[Network, NDArray[np.int64]]:
    """A network and its input, with widths and word lengths that cover every type an engine may choose."""
    network = random_network(rng, _pick(rng, (6, 40, 150)), weight_widths=(2, 8, 8, 8, 9, 16, 24))
    steps, samples = int(rng.integers(1, 41)), int(rng.integers(1, 5))
    return network, random_counts(rng, network.spec, steps, samples)


def random_counts(rng: np.random.Generator, spec: NetworkSpec, steps: int, samples: int) -> NDArray[np.int64]:
    """Counts (T, B, n_in), about half of them zero."""
    counts = rng.integers(0, spec.layers[0].max_input + 1, size=(steps, samples, spec.n_in))
    return counts * rng.integers(0, 2, size=counts.shape)


def _codes(rng: np.random.Generator, low: int, high: int, shape: tuple[int, ...]) -> NDArray[np.int64]:
    codes = rng.integers(low, high + 1, size=shape)
    ends = rng.choice([low, high], size=shape)
    return np.where(rng.random(shape) < 0.2, ends, codes)


def _pick(rng: np.random.Generator, items: Iterable[Item]) -> Item:
    choices = list(items)
    return choices[rng.integers(len(choices))]


def _format(width: int, frac_bits: int) -> QFormat:
    return QFormat(True, width - frac_bits, frac_bits)


def _common(
    rng: np.random.Generator, n_in: int, n_out: int, input_bits: int, weight_widths: tuple[int, ...]
) -> dict[str, Any]:
    """Fields that layers and readout share: terms of about the membrane's range, so that it overflows."""
    v_width, v_frac = _pick(rng, (2, 5, 8, 12, 16, 20, 32)), int(rng.integers(-6, 13))
    membrane = _format(v_width, v_frac)
    w_width, b_width = _pick(rng, weight_widths), _pick(rng, (1, 4, 9))
    beta, beta_format = _share(rng)
    return {
        "n_in": n_in,
        "n_out": n_out,
        "input_bits": input_bits,
        "weight": _format(w_width, v_frac + w_width - v_width + int(rng.integers(0, 5))),
        "bias": _format(b_width, v_frac + b_width - v_width + int(rng.integers(0, 5))),
        "membrane": membrane,
        "beta_format": beta_format,
        "beta": beta,
        "rounding": _pick(rng, Rounding),
        "overflow": _pick(rng, Overflow),
        "leak_rounding": _sometimes(rng, lambda: _pick(rng, Rounding)),
        "max_input_delay": _sometimes(rng, lambda: _pick(rng, (0, 1, 3, 20))),
        "synapse": _sometimes(rng, lambda: _synapse(rng, membrane)),
    }


def _sometimes(rng: np.random.Generator, draw: Callable[[], Item]) -> Item | None:
    """What `draw` gives, in a quarter of the cases."""
    return draw() if rng.random() < 0.25 else None


def _share(rng: np.random.Generator) -> tuple[int | None, QFormat]:
    """What is kept of a state per step, mostly below 1, or None for one share per neuron; and its format."""
    width, frac_bits = int(rng.integers(1, 10)), _pick(rng, (-1, 0, 2, 5, 8))
    fmt = QFormat(False, width - frac_bits, frac_bits)
    below_one = min(fmt.max_raw, (1 << max(frac_bits, 0)) - 1)
    share = int(rng.integers(0, (below_one if rng.random() < 0.8 else fmt.max_raw) + 1))
    return (None if rng.random() < 0.25 else share), fmt


def _synapse(rng: np.random.Generator, membrane: QFormat) -> SynapseSpec:
    """Its current is about as wide as the membrane."""
    width = max(2, min(32, membrane.width + int(rng.integers(-4, 5))))
    alpha, alpha_format = _share(rng)
    return SynapseSpec(
        current=_format(width, membrane.frac_bits + int(rng.integers(-2, 5))),
        alpha=alpha,
        alpha_format=alpha_format,
        rounding=_pick(rng, Rounding),
        overflow=_pick(rng, Overflow),
        leak_rounding=_sometimes(rng, lambda: _pick(rng, Rounding)),
    )


def _threshold(rng: np.random.Generator, membrane: QFormat) -> int | None:
    """Any code, small ones as likely as large ones; None for one threshold per neuron."""
    v_th = int(rng.integers(1, 2 ** int(rng.integers(1, membrane.width))))
    return None if rng.random() < 0.25 else v_th


def _recurrence(rng: np.random.Generator, feed_forward: QFormat) -> RecurrenceSpec | None:
    kind = _pick(rng, (RecurrenceKind.CONV, RecurrenceKind.CONV, RecurrenceKind.DENSE, None))
    if kind is None:
        return None
    width = _pick(rng, (2, 4, 8))
    weight = _format(width, feed_forward.frac_bits + width - feed_forward.width + int(rng.integers(-2, 2)))
    kernel_size = _pick(rng, (1, 3, 5, 7, 11)) if kind is RecurrenceKind.CONV else 0
    return RecurrenceSpec(kind, weight, max_delay=_pick(rng, (0, 1, 3, 20)), kernel_size=kernel_size)


def _layer(
    rng: np.random.Generator, n_in: int, n_out: int, input_bits: int, weight_widths: tuple[int, ...]
) -> LayerSpec:
    common = _common(rng, n_in, n_out, input_bits, weight_widths)
    return LayerSpec(
        **common,
        v_th=_threshold(rng, common["membrane"]),
        reset_mode=_pick(rng, ResetMode),
        recurrence=_recurrence(rng, common["weight"]),
    )


def _readout(rng: np.random.Generator, n_in: int, n_out: int, weight_widths: tuple[int, ...]) -> ReadoutSpec:
    common = _common(rng, n_in, n_out, 1, weight_widths)
    mode = _pick(rng, ReadoutMode)
    v_th = _threshold(rng, common["membrane"]) if mode is ReadoutMode.SPIKE_COUNT else 0
    answer = _pick(rng, Answer)
    return ReadoutSpec(
        **common,
        mode=mode,
        v_th=v_th,
        reset_mode=_pick(rng, ResetMode),
        answer=answer,
        stride=1 if answer is Answer.SAMPLE else _pick(rng, (1, 2, 5)),
    )


def _legal(make: Callable[[], Stage]) -> Stage:
    """The first draw that is a valid spec; in some, fractions are too far apart."""
    while True:
        try:
            return make()
        except InputError:
            continue

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
    IntegratorSpec,
    LayerSpec,
    NetworkSpec,
    ReadoutMode,
    ReadoutSpec,
    RecurrenceKind,
    RecurrenceSpec,
    ResetMode,
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
    recurrence = spec.recurrence if isinstance(spec, LayerSpec) else None
    weight = _codes(rng, spec.weight, (spec.n_out, spec.n_in))
    bias = _codes(rng, spec.bias, (spec.n_out,))
    if recurrence is None:
        return StageParams(weight, bias)
    conv = recurrence.kind is RecurrenceKind.CONV
    shape = (recurrence.kernel_size,) if conv else (spec.n_out, spec.n_out)
    delays = rng.integers(0, recurrence.max_delay + 1, size=spec.n_out)
    return StageParams(weight, bias, _codes(rng, recurrence.weight, shape), delays)


def random_pair(rng: np.random.Generator) -> tuple[Network, NDArray[np.int64]]:
    """A network and its input, with widths and word lengths that cover every type an engine may choose."""
    network = random_network(rng, _pick(rng, (6, 40, 150)), weight_widths=(2, 8, 8, 8, 9, 16, 24))
    steps, samples = int(rng.integers(1, 41)), int(rng.integers(1, 5))
    return network, random_counts(rng, network.spec, steps, samples)


def random_counts(rng: np.random.Generator, spec: NetworkSpec, steps: int, samples: int) -> NDArray[np.int64]:
    """Counts (T, B, n_in), about half of them zero."""
    counts = rng.integers(0, spec.layers[0].max_input + 1, size=(steps, samples, spec.n_in))
    return counts * rng.integers(0, 2, size=counts.shape)


def _codes(rng: np.random.Generator, fmt: QFormat, shape: tuple[int, ...]) -> NDArray[np.int64]:
    codes = rng.integers(fmt.min_raw, fmt.max_raw + 1, size=shape)
    ends = rng.choice([fmt.min_raw, fmt.max_raw], size=shape)
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
    w_width, b_width = _pick(rng, weight_widths), _pick(rng, (1, 4, 9))
    beta_width, beta_frac = int(rng.integers(1, 10)), _pick(rng, (-1, 0, 2, 5, 8))
    beta_format = QFormat(False, beta_width - beta_frac, beta_frac)
    below_one = min(beta_format.max_raw, (1 << max(beta_frac, 0)) - 1)
    return {
        "n_in": n_in,
        "n_out": n_out,
        "input_bits": input_bits,
        "weight": _format(w_width, v_frac + w_width - v_width + int(rng.integers(0, 5))),
        "bias": _format(b_width, v_frac + b_width - v_width + int(rng.integers(0, 5))),
        "membrane": _format(v_width, v_frac),
        "beta_format": beta_format,
        "beta": int(rng.integers(0, (below_one if rng.random() < 0.8 else beta_format.max_raw) + 1)),
        "rounding": _pick(rng, Rounding),
        "overflow": _pick(rng, Overflow),
    }


def _threshold(rng: np.random.Generator, membrane: QFormat) -> int:
    """Any code, small ones as likely as large ones."""
    return int(rng.integers(1, 2 ** int(rng.integers(1, membrane.width))))


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
    return ReadoutSpec(**common, mode=mode, v_th=v_th, reset_mode=_pick(rng, ResetMode))


def _legal(make: Callable[[], Stage]) -> Stage:
    """The first draw that is a valid spec; in some, fractions are too far apart."""
    while True:
        try:
            return make()
        except InputError:
            continue

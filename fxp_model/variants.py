"""Networks that differ from a given one in recurrence or weights, for comparing their cost."""

from __future__ import annotations

from dataclasses import replace
from typing import TypeVar

import numpy as np

from fxp_model.errors import InputError
from fxp_model.fixed import QFormat
from fxp_model.network import Network, StageParams
from fxp_model.spec import IntegratorSpec, NetworkSpec, RecurrenceKind

Stage = TypeVar("Stage", bound=IntegratorSpec)

SEED = 0


def with_recurrence(network: Network, kind: RecurrenceKind | None) -> Network:
    """`network` with recurrence of `kind`, or none, in place of every recurrence.

    A layer that already has that kind is unchanged. Dense weights are random codes, always the same, over the
    full range of the layer's recurrent weight format; the delays are kept. The
    result is for area and clock only: it classifies nothing.

    Raises
    ------
    InputError
        If a dense layer would need a kernel, or the sums of a dense layer become too wide.
    """
    rng = np.random.default_rng(SEED)
    layers, params = list(network.spec.layers), list(network.params)
    for index, layer in enumerate(layers):
        old = layer.recurrence
        if old is None or old.kind is kind:
            continue
        if kind is RecurrenceKind.CONV:
            raise InputError(f"layer{index} has no kernel: its recurrence is {old.kind}")
        if kind is None:
            layers[index] = replace(layer, recurrence=None)
            params[index] = replace(params[index], recurrent=None, delay_steps=None)
        else:
            layers[index] = replace(layer, recurrence=replace(old, kind=kind, kernel_size=0))
            codes = rng.integers(
                old.weight.min_raw, old.weight.max_raw, (layer.n_out, layer.n_out), endpoint=True
            )
            params[index] = replace(params[index], recurrent=codes)
    return Network(replace(network.spec, layers=tuple(layers)), tuple(params))


def with_weights(network: Network, weight_bits: int, kernel_size: int) -> Network:
    """`network` with weights and kernels of `weight_bits` bits or fewer, and kernels of `kernel_size` taps.

    Codes keep their highest bits; a kernel is cut at both ends, or extended with its outermost taps. The
    result is for area and cycles only: it classifies nothing.

    Raises
    ------
    InputError
        If there is no such format or kernel.
    """
    layers, params = [], []
    for own, codes in zip(network.spec.layers, network.params, strict=False):
        layer, values = _with_narrow_weights(own, codes, weight_bits)
        recurrence = own.recurrence
        if recurrence is not None and recurrence.kind is RecurrenceKind.CONV:
            assert codes.recurrent is not None
            fmt = _narrowed(recurrence.weight, weight_bits)
            more = (kernel_size - recurrence.kernel_size) // 2
            taps = np.pad(codes.recurrent, max(0, more), mode="edge")[max(0, -more) :][:kernel_size]
            values = replace(values, recurrent=taps >> recurrence.weight.width - fmt.width)
            layer = replace(layer, recurrence=replace(recurrence, weight=fmt, kernel_size=kernel_size))
        layers.append(layer)
        params.append(values)
    readout, values = _with_narrow_weights(network.spec.readout, network.params[-1], weight_bits)
    return Network(NetworkSpec(tuple(layers), readout), (*params, values))


def _with_narrow_weights(spec: Stage, params: StageParams, bits: int) -> tuple[Stage, StageParams]:
    """A stage with weights of at most `bits` bits, without their lowest bits."""
    fmt = _narrowed(spec.weight, bits)
    weight = params.weight >> spec.weight.width - fmt.width
    return replace(spec, weight=fmt), replace(params, weight=weight)


def _narrowed(fmt: QFormat, bits: int) -> QFormat:
    """`fmt` without its lowest bits if it has more than `bits`."""
    return replace(fmt, frac_bits=fmt.frac_bits - max(0, fmt.width - bits))

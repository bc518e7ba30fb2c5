"""Networks that differ from a given one in their recurrence, to compare what each kind costs."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from fxp_model.errors import InputError
from fxp_model.network import Network
from fxp_model.spec import RecurrenceKind

SEED = 0


def with_recurrence(network: Network, kind: RecurrenceKind | None) -> Network:
    """`network` with recurrence of `kind`, or with none, in every layer that has one.

    A layer that has that kind is left as it is. Dense weights are random codes, always the same, over the
    whole of the format that the layer has for its recurrent weights; the delays stay. The
    result is for area and clock: it recognises nothing.

    Raises
    ------
    InputError
        If a layer without a kernel is to get one, or the sums of a dense layer grow too wide.
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

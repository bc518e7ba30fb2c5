"""Specs of given widths, equal in all else."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

from fxp_model.fixed import QFormat
from fxp_model.spec import LayerSpec, NetworkSpec, ReadoutSpec, RecurrenceSpec

BYTE = QFormat(True, 2, 6)
COMMON: dict[str, Any] = {"weight": BYTE, "bias": BYTE, "membrane": BYTE, "beta": 200}


def network_spec(*widths: int, recurrence: RecurrenceSpec | None = None) -> NetworkSpec:
    """Inputs, neurons of each hidden layer, classes."""
    layers = tuple(
        LayerSpec(n_in=n_in, n_out=n_out, v_th=64, recurrence=recurrence, **COMMON)
        for n_in, n_out in pairwise(widths[:-1])
    )
    return NetworkSpec(layers, ReadoutSpec(n_in=widths[-2], n_out=widths[-1], **COMMON))


SHD = network_spec(140, 256, 256, 20)

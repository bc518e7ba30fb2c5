"""Registers Spikeline's layers with hls4ml, once, however often it is called."""

from __future__ import annotations

from pathlib import Path

from hls4ml.backends import get_backend
from hls4ml.model.layers import layer_map, register_layer
from hls4ml.model.optimizer.optimizer import optimizer_map

from fxp_model.errors import InputError
from hw.hls.layers import SpikelineCell, SpikelineReadout
from hw.hls.templates import CellCall, CellConfig, ReadoutCall, ReadoutConfig

BACKENDS = ("Vitis", "Vivado")
"""Backends whose tools accept the headers: C++ with ``ap_int`` and ``hls::stream``."""
HEADERS = tuple(sorted((Path(__file__).resolve().parent / "nnet_utils").glob("*.h")))


def register(backend: str) -> None:
    """Register layers, templates and headers for `backend`; a second call changes nothing.

    Raises
    ------
    InputError
        If `backend` is not one of `BACKENDS`, or another package has registered one of the names.
    """
    if backend not in BACKENDS:
        raise InputError(f"backend must be one of {', '.join(BACKENDS)}, not {backend!r}")
    for layer in (SpikelineCell, SpikelineReadout):
        if layer_map.get(layer.__name__, layer) is not layer:
            raise InputError(f"another package has registered a layer {layer.__name__} with hls4ml")
        register_layer(layer.__name__, layer)
    known = get_backend(backend)
    for template in (CellConfig, CellCall, ReadoutConfig, ReadoutCall):
        if f"{backend.lower()}:{template().get_name()}" not in optimizer_map:
            known.register_template(template)
    for header in HEADERS:
        known.register_source(header)

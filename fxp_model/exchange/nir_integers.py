"""Graphs of NIR that Spikeline wrote: read back as the same integers, by the spec in their metadata."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fxp_model.errors import InputError
from fxp_model.exchange import nir_read
from fxp_model.exchange.asked import Asked
from fxp_model.exchange.description import FloatStage, Reals
from fxp_model.exchange.nir_file import Graph
from fxp_model.files import parse_json
from fxp_model.fixed import QFormat
from fxp_model.network import Network, StageParams
from fxp_model.spec import IntegratorSpec, LayerSpec, NetworkSpec, ReadoutMode, ReadoutSpec, ResetMode
from fxp_model.tables import OBJECT, check_fields, number

MARK = "spikeline"
"""Key of the metadata of the graph."""
TOLERANCE = 1e-3
"""How far a real number may be from its code, in lsb: that of float64 and, for weights, float32."""


def description(network: Network, dt: float) -> dict[str, Any]:
    """What the metadata hold."""
    return {"dt": dt, "network": network.spec.to_dict()}


def network_of(graph: Graph, asked: Asked, input_bits: int | None = None) -> Network:
    """The integers of a graph with metadata.

    Raises
    ------
    InputError
        Where the graph is not the network of its metadata, or another dt or `input_bits` are asked for.
    """
    said = parse_json(graph.metadata[MARK], "metadata", dict)
    check_fields("metadata", said, {"dt": number(1e-30, 1e6), "network": OBJECT})
    dt = float(said["dt"])
    if asked.dt not in (None, dt):
        raise InputError(f"dt must be {dt:g}, as the metadata say, not {asked.dt:g}")
    try:
        spec = NetworkSpec.from_dict(said["network"])
    except InputError as error:
        raise InputError(f"metadata: {error}") from None
    if input_bits not in (None, spec.layers[0].input_bits):
        own = spec.layers[0].input_bits
        raise InputError(f"--input-bits must be {own}, as the metadata say, not {input_bits}")
    mode = spec.readout.mode
    readout = None if mode is ReadoutMode.SPIKE_COUNT else mode
    network = nir_read.network_of(graph, replace(asked, dt=dt, readout=readout, reset=None))
    if len(network.stages) != len(spec.stages):
        raise InputError(
            f"must have the {len(spec.stages)} stages of its metadata, not {len(network.stages)}"
        )
    params = [_params(own, stage) for own, stage in zip(spec.stages, network.stages, strict=True)]
    return Network(spec, tuple(params))


def _params(spec: IntegratorSpec, stage: FloatStage) -> StageParams:
    assert isinstance(spec, LayerSpec | ReadoutSpec)
    shapes = spec.shapes
    arrays: dict[str, NDArray[np.int64] | None] = {
        "weight": _codes(stage, "weight", spec.weight, stage.weight),
        "bias": _codes(stage, "bias", spec.bias, stage.bias),
        "beta": _shared(stage, "beta", spec.beta, _codes(stage, "beta", spec.beta_format, stage.beta)),
    }
    if spec.synapse is not None:
        alpha = stage.beta * 0 if stage.alpha is None else stage.alpha
        codes = _codes(stage, "alpha", spec.synapse.alpha_format, alpha)
        arrays["alpha"] = _shared(stage, "alpha", spec.synapse.alpha, codes)
    if stage.v_th is not None:
        arrays["v_th"] = _shared(stage, "v_th", spec.v_th, _thresholds(stage, spec))
    if isinstance(spec, LayerSpec) and spec.recurrence is not None:
        if stage.recurrent is None:
            raise InputError(f"{stage.name}: its recurrence, which the metadata say, is missing")
        arrays["recurrent"] = _codes(stage, "recurrent", spec.recurrence.weight, stage.recurrent)
        arrays["delay_steps"] = stage.delay_steps
    elif stage.recurrent is not None:
        raise InputError(f"{stage.name}: has a recurrence, of which the metadata say nothing")
    if spec.max_input_delay is not None:
        none = np.zeros(stage.n_in, np.int64)
        arrays["input_delay_steps"] = none if stage.input_delay_steps is None else stage.input_delay_steps
    elif stage.input_delay_steps is not None:
        raise InputError(f"{stage.name}: has input delays, of which the metadata say nothing")
    for key, array in arrays.items():
        if array is not None and key in shapes and array.shape != shapes[key]:
            raise InputError(
                f"{stage.name}: {key} must be {shapes[key]}, as the metadata say, not {array.shape}"
            )
    return StageParams(**arrays)  # type: ignore[arg-type]


def _thresholds(stage: FloatStage, spec: LayerSpec | ReadoutSpec) -> NDArray[np.int64]:
    assert stage.v_th is not None
    above = 0.5 if spec.reset_mode is ResetMode.ZERO else 0.0
    return _codes(stage, "v_th", spec.membrane, stage.v_th + above * spec.membrane.lsb)


def _codes(stage: FloatStage, key: str, fmt: QFormat, real: Reals) -> NDArray[np.int64]:
    """Codes of `real`, which must be multiples of the lsb but for float rounding."""
    low, high = (fmt.min_raw - 1) * fmt.lsb, (fmt.max_raw + 1) * fmt.lsb
    beyond = (real <= low) | (real >= high)
    if beyond.any():
        raise InputError(
            f"{stage.name}: {key} must be between {low:g} and {high:g}, as the metadata say, "
            f"not {real[beyond][0]:g}"
        )
    scaled = np.ldexp(real, fmt.frac_bits)
    codes = np.rint(scaled)
    off = np.abs(scaled - codes) > TOLERANCE
    if off.any():
        raise InputError(
            f"{stage.name}: {key} must be multiples of {fmt.lsb:g}, as the metadata say, not {real[off][0]:g}"
        )
    return codes.astype(np.int64)


def _shared(
    stage: FloatStage, key: str, code: int | None, codes: NDArray[np.int64]
) -> NDArray[np.int64] | None:
    """`codes` where there is one per neuron; None where all are the `code` of the spec."""
    if code is None:
        return codes
    if (codes != code).any():
        raise InputError(
            f"{stage.name}: {key} must be the code {code}, as the metadata say, not {codes[codes != code][0]}"
        )
    return None

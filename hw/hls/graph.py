"""A network as an hls4ml model: the description of its layers, and the resulting graph. Needs no torch."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from hls4ml.model import ModelGraph
from hls4ml.utils.config import create_config

from fxp_model.errors import InputError
from fxp_model.fixed import signed_width
from fxp_model.network import Network, StageParams
from fxp_model.spec import IntegratorSpec, LayerSpec, ReadoutSpec, RecurrenceKind
from hw.hls.limits import check_clock_period, check_part, check_steps
from hw.hls.optional import optional, sum_bits
from hw.hls.register import register

IO_TYPES = ("io_stream", "io_parallel")
INPUT = "counts"
"""Name of the input (T, n_in)."""


def model_graph(
    network: Network,
    steps: int,
    folder: Path,
    name: str = "network",
    backend: str = "Vitis",
    io_type: str = "io_stream",
    lanes: int | None = None,
    **options: Any,
) -> ModelGraph:
    """The hls4ml model of `network` over sequences of `steps` steps.

    Parameters
    ----------
    folder : Path
        Output folder of its ``write`` and ``compile``.
    name : str
        Of the project and of its top function.
    backend, io_type : str
        One of `hw.hls.register.BACKENDS` and of `IO_TYPES`; io_parallel is for simulation only.
    lanes : int, optional
        Neurons per cycle of every stage, clipped to its size; by default all of them. They set
        hls4ml's ReuseFactor, ceil(n_out / lanes).
    options
        Options of hls4ml's backend: ``part``, ``clock_period``, ``namespace``, ..

    Raises
    ------
    InputError
        If there is no such backend or interface, `lanes` or `steps` is not positive, there are fewer `steps`
        than the stride, `part` or `clock_period` is not legal, or a value does not fit its format.
    """
    register(backend)
    if io_type not in IO_TYPES:
        raise InputError(f"io_type must be one of {', '.join(IO_TYPES)}, not {io_type!r}")
    if lanes is not None and lanes < 1:
        raise InputError(f"lanes must be a positive integer, not {lanes}")
    for option, check in (("part", check_part), ("clock_period", check_clock_period)):
        if option in options:
            check(options[option])
    config = create_config(
        output_dir=str(folder), project_name=name, backend=backend, io_type=io_type, **options
    )
    layers = layer_list(network, steps)
    config["HLSConfig"] = hls_config(network, lanes)
    return ModelGraph.from_layer_list(config, layers, [INPUT], [layers[-1]["name"]])


def hls_config(network: Network, lanes: int | None = None) -> dict[str, Any]:
    """hls4ml's configuration of `network`: the input's precision, and the lanes as ReuseFactor."""
    spec = network.spec
    names: dict[str, Any] = {
        INPUT: {"Precision": {"result": f"ap_uint<{spec.layers[0].input_bits}>"}},
    }
    for name, stage in zip(spec.stage_names, spec.stages, strict=True):
        names[name] = {"ReuseFactor": -(-stage.n_out // min(lanes or stage.n_out, stage.n_out))}
    # the layers give every type; none has the default
    model = {"Precision": "ap_fixed<32,32>", "ReuseFactor": 1, "Strategy": "Latency"}
    return {"Model": model, "LayerName": names}


def layer_list(network: Network, steps: int) -> list[dict[str, Any]]:
    """Descriptions of the input and of every stage, in data-flow order."""
    spec = network.spec
    check_steps(steps, spec.readout)
    layers: list[dict[str, Any]] = [
        {"class_name": "InputLayer", "name": INPUT, "input_shape": [steps, spec.n_in]}
    ]
    for index, (name, stage, params) in enumerate(
        zip(spec.stage_names, spec.stages, network.params, strict=True)
    ):
        inputs = [layers[-1]["name"]]
        layers.append({"name": name, "inputs": inputs, **describe(index, steps, stage, params)})
    return layers


def describe(index: int, steps: int, spec: IntegratorSpec, params: StageParams) -> dict[str, Any]:
    """Attributes of the hls4ml layer of one stage: plain integers, strings and arrays of codes."""
    attributes = {
        "stage": index,
        "n_steps": steps,
        "n_in": spec.n_in,
        "n_out": spec.n_out,
        "input_bits": spec.input_bits,
        "membrane": spec.membrane.to_hls4ml(spec.rounding, spec.overflow),
        "membrane_bits": spec.membrane.width,
        "beta_bits": spec.beta_format.width,
        "beta": spec.beta,
        "accumulator_bits": spec.accumulator_bits,
        "sum_bits": sum_bits(spec.membrane_sum),
        "sum_int_bits": sum_bits(spec.membrane_sum) - spec.sum_frac_bits,
        "leak_shift": spec.sum_frac_bits - spec.leak.frac_bits,
        "weight_shift": spec.input_frac_bits - spec.weight.frac_bits,
        "bias_shift": spec.input_frac_bits - spec.bias.frac_bits,
        "weight_data": params.weight,
        "weight_bits": spec.weight.width,
        "bias_data": params.bias,
        "bias_bits": spec.bias.width,
    }
    assert isinstance(spec, LayerSpec | ReadoutSpec)
    attributes |= {"v_th": spec.v_th, "reset": str(spec.reset_mode), **optional(spec, params)}
    if isinstance(spec, LayerSpec):
        return {"class_name": "SpikelineCell", **attributes, **_recurrence(spec, params)}
    return {"class_name": "SpikelineReadout", **attributes, "score": str(spec.mode)}


def _recurrence(spec: LayerSpec, params: StageParams) -> dict[str, Any]:
    rec = spec.recurrence
    if rec is None:
        nothing = np.zeros(1, dtype=np.int64)
        return {
            "recurrence": "none",
            "kernel_size": 1,
            "max_delay": 0,
            "recurrent_bits": 1,
            "recurrent_shift": 0,
            "recurrent_width": 1,
            "recurrent_data": nothing,
            "delay_data": nothing,
        }
    reach = rec.fan_in(spec.n_out)
    return {
        "recurrence": str(rec.kind),
        "kernel_size": rec.kernel_size if rec.kind is RecurrenceKind.CONV else 1,
        "max_delay": rec.max_delay,
        "recurrent_bits": signed_width(reach * rec.weight.min_raw, reach * rec.weight.max_raw),
        "recurrent_shift": spec.input_frac_bits - rec.weight.frac_bits,
        "recurrent_width": rec.weight.width,
        "recurrent_data": params.recurrent,
        "delay_data": params.delay_steps,
    }

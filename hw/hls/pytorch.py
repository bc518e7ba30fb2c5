"""Conversion by hls4ml's own PyTorch front end: a module that it can read, and the handler that reads it.

``convert_from_pytorch_model(converter(trained.export()), ...)`` gives the graph of `hw.hls.graph`. That
module needs no torch; this one is for flows that start from a torch module.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from hls4ml.converters import get_supported_pytorch_layers, register_pytorch_layer_handler
from hls4ml.utils.torch import HLS4MLModule

from fxp_model.errors import InputError
from fxp_model.network import Network, StageParams, run_layer, run_readout
from fxp_model.spec import Answer, IntegratorSpec, LayerSpec, ReadoutSpec
from hw.hls.graph import describe
from hw.hls.limits import answers_of, check_steps


class SpikelineStage(HLS4MLModule):
    """One stage with its integers; (B, T, n_in) to spikes (B, T, N_out) or scores (B, [A,] N_out)."""

    def __init__(self, index: int, spec: IntegratorSpec, params: StageParams) -> None:
        super().__init__()
        self.index, self.spec, self.params = index, spec, params

    def forward(self, x: Any) -> Any:
        """The golden model's answer, as a tensor like `x`."""
        counts = x.detach().cpu().numpy().astype(np.int64).swapaxes(0, 1)
        if isinstance(self.spec, LayerSpec):
            return x.new_tensor(run_layer(self.spec, self.params, counts).spikes.swapaxes(0, 1))
        assert isinstance(self.spec, ReadoutSpec)
        trace = run_readout(self.spec, self.params, counts)
        return x.new_tensor(trace.scores if trace.answered is None else trace.answered.swapaxes(0, 1))


class SpikelineModule(HLS4MLModule):
    """`network` as a module of a `SpikelineStage` per stage, under the names of its spec."""

    def __init__(self, network: Network) -> None:
        super().__init__()
        self.names = network.spec.stage_names
        stages = zip(self.names, network.spec.stages, network.params, strict=True)
        for index, (name, spec, params) in enumerate(stages):
            self.add_module(name, SpikelineStage(index, spec, params))

    def forward(self, counts: Any) -> Any:
        """Scores (B, classes) of `counts` (B, T, n_in); (B, A, classes) with answers per step."""
        for name in self.names:
            counts = self.get_submodule(name)(counts)
        return counts


def converter(network: Network) -> SpikelineModule:
    """A module of `network` for ``convert_from_pytorch_model``; registers the handler.

    hls4ml's configuration is ``{**config_from_pytorch_model(.., channels_last_conversion="off"),
    **hw.hls.graph.hls_config(network)}``; `hw.hls.register.register` the backend first.
    """
    if SpikelineStage.__name__ not in get_supported_pytorch_layers():
        register_pytorch_layer_handler(SpikelineStage.__name__, _read)
    return SpikelineModule(network)


def _read(
    operation: str,
    layer_name: str,
    input_names: list[str],
    input_shapes: list[list[Any]],
    node: Any,
    class_object: SpikelineStage,
    data_reader: Any,
    config: Any,
) -> tuple[dict[str, Any], list[Any]]:
    """Description and output shape of a stage, with hls4ml's arguments of a handler."""
    spec, shape = class_object.spec, input_shapes[0]
    if len(shape) != 3 or shape[2] != spec.n_in:
        raise InputError(f"{layer_name}: input must have shape (T, {spec.n_in}), not {tuple(shape[1:])}")
    steps = shape[1]
    layer = describe(class_object.index, steps, spec, class_object.params)
    if isinstance(spec, LayerSpec):
        rows = [steps]
    else:
        assert isinstance(spec, ReadoutSpec)
        check_steps(steps, spec)
        rows = [] if spec.answer is Answer.SAMPLE else [answers_of(spec, steps)]
    return {"name": layer_name, "inputs": input_names, **layer}, [None, *rows, spec.n_out]

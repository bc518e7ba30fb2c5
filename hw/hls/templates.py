"""C++ templates for Spikeline's layers in hls4ml: a configuration and a call for each."""

from __future__ import annotations

from typing import Any

from hls4ml.backends.template import FunctionCallTemplate, LayerConfigTemplate

from hw.hls.layers import SpikelineCell, SpikelineReadout

_TYPES = {
    "nnet::spikeline_recurrence": ("recurrence",),
    "nnet::spikeline_reset": ("reset",),
    "nnet::spikeline_score": ("score",),
    "int": ("sum_int_bits", "current_sum_int_bits"),
    "bool": ("synapse",),
}
"""C++ types of the constants that are not ``unsigned``."""


def _type(name: str) -> str:
    return next((kind for kind, names in _TYPES.items() if name in names), "unsigned")


def _item(name: str, array: str, partition: str) -> list[str]:
    """The function `name` of a configuration, which gives the item n of `array`."""
    return [
        f"    static unsigned {name}(unsigned n, unsigned) {{",
        "        #pragma HLS INLINE",
        f"        #pragma HLS ARRAY_PARTITION variable={array} {partition}",
        f"        return {array}[n];",
        "    }",
    ]


class _Config(LayerConfigTemplate):
    base = ""
    weights: tuple[str, ...] = ()

    def format(self, node: Any) -> str:
        """The struct of constants and types, the CONFIG_T of the C++."""
        lines = [f"struct config{node.index} : nnet::{self.base} {{"]
        lines += [
            f"    static const {_type(key)} {key} = {value};" for key, value in node.constants().items()
        ]
        types = {name: node.get_weights(name).type.name for name in self.weights}
        for name in ("membrane", *node.get_attr("more_types")):
            types[name] = node.get_attr(f"{name}_t").name
        lines += [f"    typedef {name} {key}_t;" for key, name in types.items()]
        for name in node.get_attr("arrays"):
            whole = name == "input_delay"
            partition = "complete" if whole else f"cyclic factor={node.get_attr('lanes')}"
            lines += _item(name, node.get_weights(name).name, partition)
        return "\n".join([*lines, "};", ""])


class _Call(FunctionCallTemplate):
    function = ""
    weights: tuple[str, ...] = ()

    def format(self, node: Any) -> str:
        """The call, with streams or arrays, depending on the types of its variables."""
        given, made = node.get_input_variable(), node.get_output_variable()
        types = f"{given.type.name}, {made.type.name}, config{node.index}"
        names = [given.name, made.name, *(node.get_weights(name).name for name in self.weights)]
        return f"nnet::{self.function}<{types}>({', '.join(names)});"


class CellConfig(_Config):
    """Configuration of a spiking cell."""

    base = "spikeline_cell_config"
    weights = ("weight", "bias", "recurrent", "delay")

    def __init__(self) -> None:
        super().__init__(SpikelineCell)


class ReadoutConfig(_Config):
    """Configuration of a readout."""

    base = "spikeline_readout_config"
    weights = ("weight", "bias")

    def __init__(self) -> None:
        super().__init__(SpikelineReadout)


class CellCall(_Call):
    """Call of a spiking cell."""

    function = "spikeline_cell"
    weights = CellConfig.weights

    def __init__(self) -> None:
        super().__init__(SpikelineCell, include_header=["nnet_utils/nnet_spikeline_cell.h"])


class ReadoutCall(_Call):
    """Call of a readout."""

    function = "spikeline_readout"
    weights = ReadoutConfig.weights

    def __init__(self) -> None:
        super().__init__(SpikelineReadout, include_header=["nnet_utils/nnet_spikeline_readout.h"])

"""The two layers that Spikeline adds to hls4ml: a spiking cell and a readout.

They hold plain integers, codes and widths, so no conversion can round. `hw.hls.graph` makes their
descriptions; the C++ is in ``nnet_utils/nnet_spikeline_*.h``.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from hls4ml.model.attributes import Attribute, ConfigurableAttribute, TypeAttribute, WeightAttribute
from hls4ml.model.layers import Layer
from hls4ml.model.types import IntegerPrecisionType, NamedType
from numpy.typing import NDArray

from fxp_model.errors import InputError
from fxp_model.spec import SCORE

CONSTANTS = (
    "stage",
    "n_steps",
    "n_in",
    "n_out",
    "input_bits",
    "membrane_bits",
    "beta_bits",
    "beta",
    "v_th",
    "accumulator_bits",
    "sum_bits",
    "sum_int_bits",
    "leak_shift",
    "weight_shift",
    "bias_shift",
)
"""Integers of a stage that its C++ configuration repeats (``spikeline_config``)."""
OWN = ("beta", "v_th")
"""Those of `CONSTANTS` that are None where each neuron has its own."""
CELL_CONSTANTS = ("kernel_size", "max_delay", "recurrent_bits", "recurrent_shift")


class _Stage(Layer):
    """Base of cell and readout.

    weight_data : (N_out, n_in) codes; bias_data : (N_out,) codes
    weight_bits, bias_bits : widths of the codes
    membrane : precision with modes, as ``ap_fixed<16,6,AP_RND,AP_SAT>``
    reset : ``zero``, ``subtract`` or ``delayed``
    more_constants, more_types, arrays : what only some stages have (`hw.hls.optional`)
    """

    _expected_attributes = (
        *(Attribute(name) for name in CONSTANTS if name not in OWN),
        *(Attribute(name, value_type=dict) for name in ("more_constants", "more_types", "arrays")),
        Attribute("reset", value_type=str),
        ConfigurableAttribute("reuse_factor", default=1),
        TypeAttribute("membrane"),
        WeightAttribute("weight"),
        WeightAttribute("bias"),
    )

    def initialize(self) -> None:
        """Check the input, lay out the weights, declare the output."""
        self._check_input()
        n_out, n_in = self.get_attr("n_out"), self.get_attr("n_in")
        reuse = self.model.config.get_reuse_factor(self)
        if not 1 <= reuse <= n_out:
            raise InputError(f"{self.name}: ReuseFactor must be 1..{n_out} (its neurons), not {reuse}")
        lanes = -(-n_out // reuse)
        self.set_attr("lanes", lanes)
        self.set_attr("words", -(-n_out // lanes))
        for name, text in ({"membrane": self.get_attr("membrane")} | self.get_attr("more_types")).items():
            precision = self.model.config.backend.convert_precision_string(text)
            self.set_attr(f"{name}_t", NamedType(f"{self.name}_{name}_t", precision))
        self._codes(
            "weight", "w", self._words(self.get_attr("weight_data"), n_in), self.get_attr("weight_bits")
        )
        self._codes("bias", "b", self.get_attr("bias_data"), self.get_attr("bias_bits"))
        for name, (codes, bits) in self.get_attr("arrays").items():
            self._codes(name, name, codes, bits, signed=False)

    def _check_input(self) -> None:
        given = self.get_input_variable()
        shape = [self.get_attr("n_steps"), self.get_attr("n_in")]
        if given.shape != shape:
            raise InputError(f"{self.name}: input must have shape {shape}, steps x inputs, not {given.shape}")
        precision, bits = given.type.precision, self.get_attr("input_bits")
        unsigned = isinstance(precision, IntegerPrecisionType) and not precision.signed
        if not unsigned or precision.width != bits:
            raise InputError(f"{self.name}: input must be ap_uint<{bits}>, not {precision}")

    def _words(self, codes: NDArray[np.int64], n_in: int) -> NDArray[np.int64]:
        """Weights (N_out, n_in) in memory order: input by input, in words of `lanes`, padded with zeros."""
        n_out, width = self.get_attr("n_out"), self.get_attr("words") * self.get_attr("lanes")
        laid = np.zeros((n_in, width), dtype=np.int64)
        laid[:, :n_out] = codes.T
        return laid

    def _codes(
        self, name: str, var_name: str, codes: NDArray[np.int64], bits: int, signed: bool = True
    ) -> None:
        precision = IntegerPrecisionType(width=bits, signed=signed)
        low, high = (-(1 << bits - 1), (1 << bits - 1) - 1) if signed else (0, (1 << bits) - 1)
        if codes.min() < low or codes.max() > high:
            raise InputError(
                f"{self.name}.{name} must hold codes of {low}..{high}, not {codes.min()}..{codes.max()}"
            )
        self.add_weights_variable(
            name, f"{var_name}{{index}}", f"{name}{{index}}_t", precision, data=codes.reshape(-1)
        )

    def constants(self) -> dict[str, Any]:
        """Constants of this stage in its C++ configuration."""
        values = {name: self.get_attr(name) for name in (*CONSTANTS, "words", "lanes")}
        values = {name: value for name, value in values.items() if value is not None}
        reset = {"reset": f"nnet::spikeline_{self.get_attr('reset')}"}
        return values | reset | self.get_attr("more_constants")


class SpikelineCell(_Stage):
    """A hidden layer over sequences (T, n_in): leaky integrate-and-fire, `recurrence` none, conv or dense.

    recurrent_data : (K,), (N, N) or, without recurrence, (1,) codes of `recurrent_width` bits
    delay_data : (N,), or (1,), steps

    Gives spikes (T, N_out) of one bit.
    """

    _expected_attributes = (
        *(Attribute(name) for name in CELL_CONSTANTS),
        Attribute("recurrence", value_type=str),
        WeightAttribute("recurrent"),
        WeightAttribute("delay"),
    )

    def initialize(self) -> None:
        """Lay out the recurrence as well."""
        super().initialize()
        recurrent = self.get_attr("recurrent_data")
        if self.get_attr("recurrence") == "dense":
            recurrent = self._words(recurrent, self.get_attr("n_out"))
        self._codes("recurrent", "r", recurrent, self.get_attr("recurrent_width"))
        delay_bits = max(1, int(self.get_attr("max_delay")).bit_length())
        self._codes("delay", "d", self.get_attr("delay_data"), delay_bits, signed=False)
        shape = [self.get_attr("n_steps"), self.get_attr("n_out")]
        self.add_output_variable(shape, precision=IntegerPrecisionType(width=1, signed=False))

    def constants(self) -> dict[str, Any]:
        """Constants of a stage and of the recurrence."""
        values = super().constants() | {name: self.get_attr(name) for name in CELL_CONSTANTS}
        return values | {
            "recurrence": f"nnet::spikeline_{self.get_attr('recurrence')}",
            "n_recurrent": self.get_weights("recurrent").data_length,
            "n_delays": self.get_weights("delay").data_length,
        }


class SpikelineReadout(_Stage):
    """The readout over spikes (T, n_in): scores of 32 bits by mode `score`.

    (N_out,), or (A, N_out) where `more_constants` has a ``stride``, A = floor(T / stride).
    """

    _expected_attributes = (Attribute("score", value_type=str),)

    def initialize(self) -> None:
        """Declare the scores as well."""
        super().initialize()
        scores = IntegerPrecisionType(width=SCORE.width, signed=True)
        stride = self.get_attr("more_constants").get("stride")
        answers = [] if stride is None else [self.get_attr("n_steps") // stride]
        self.add_output_variable([*answers, self.get_attr("n_out")], precision=scores)

    def constants(self) -> dict[str, Any]:
        """Constants of a stage, and the mode."""
        return super().constants() | {"score": f"nnet::spikeline_{self.get_attr('score')}"}

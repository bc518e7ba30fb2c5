"""Networks of random codes, whose cores are synthesised to fit and check the model."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fxp_model.errors import InputError, shown
from fxp_model.fixed import Overflow, QFormat, Rounding
from fxp_model.network import Network, StageParams
from fxp_model.spec import (
    MAX_DELAY_STEPS,
    MAX_KERNEL_SIZE,
    MAX_NEURONS,
    LayerSpec,
    NetworkSpec,
    ReadoutMode,
    ReadoutSpec,
    RecurrenceKind,
    RecurrenceSpec,
    ResetMode,
)
from fxp_model.tables import COUNT, array_of, check_fields, one_of, whole

Rng = np.random.Generator


@dataclass(frozen=True)
class Shape:
    """A network of random codes, used only for its area: it recognises nothing.

    Parameters
    ----------
    widths : tuple of int
        Inputs, neurons of each hidden layer, classes.
    kernel : int
        Taps of the recurrence of every hidden layer; 0 for none, -1 for a dense one.
    max_delay, input_bits, weight_bits, membrane_bits, membrane_int_bits, beta : int
        `beta` in 1/256.
    reset, mode, rounding, overflow : str
        Values of `ResetMode`, `ReadoutMode`, `Rounding`, `Overflow`.
    seed : int
    """

    widths: tuple[int, ...]
    kernel: int = 5
    max_delay: int = 31
    input_bits: int = 4
    weight_bits: int = 8
    membrane_bits: int = 16
    membrane_int_bits: int = 6
    beta: int = 192
    reset: str = "subtract"
    mode: str = "sum"
    rounding: str = "RND"
    overflow: str = "SAT"
    seed: int = 0

    @classmethod
    def from_dict(cls, table: dict[str, Any]) -> Shape:
        """The shape with the fields of a table; `InputError` if there is no such network."""
        check_fields("shape", table, _FIELDS)
        for key in sorted(table.keys() - _FIELDS.keys()):
            raise InputError(f"shape: {shown(key)[1:-1]} is unknown")
        shape = cls(**table | {"widths": tuple(table["widths"])})
        try:
            _ = shape.spec
        except InputError as error:
            raise InputError(f"shape: {error}") from None
        return shape

    @property
    def spec(self) -> NetworkSpec:
        """The network without its codes."""
        weight, membrane = self._formats()
        common: dict[str, Any] = {
            "weight": weight,
            "bias": membrane,
            "membrane": membrane,
            "beta": self.beta,
            "rounding": Rounding(self.rounding),
            "overflow": Overflow(self.overflow),
            "reset_mode": ResetMode(self.reset),
        }
        v_th = min(1 << max(0, membrane.frac_bits), membrane.max_raw)
        kind = RecurrenceKind.DENSE if self.kernel < 0 else RecurrenceKind.CONV
        recurrence = (
            RecurrenceSpec(kind, weight, self.max_delay, max(0, self.kernel)) if self.kernel else None
        )
        layers = [
            LayerSpec(
                n_in=n_in,
                n_out=n_out,
                input_bits=1 if index else self.input_bits,
                v_th=v_th,
                recurrence=recurrence,
                **common,
            )
            for index, (n_in, n_out) in enumerate(zip(self.widths, self.widths[1:-1], strict=False))
        ]
        mode = ReadoutMode(self.mode)
        fires = mode is ReadoutMode.SPIKE_COUNT
        n_in, n_out = self.widths[-2:]
        readout = ReadoutSpec(n_in=n_in, n_out=n_out, mode=mode, v_th=v_th if fires else 0, **common)
        return NetworkSpec(tuple(layers), readout)

    def network(self) -> Network:
        """Codes are normally distributed; their format spans three standard deviations either side."""
        spec, rng = self.spec, np.random.default_rng(self.seed)
        weight, membrane = self._formats()
        params = []
        for layer in spec.layers:
            own = StageParams(
                _codes(rng, weight, layer.n_out, layer.n_in), _codes(rng, membrane, layer.n_out) // 8
            )
            if layer.recurrence is not None:
                delays = rng.integers(0, self.max_delay, layer.n_out, endpoint=True)
                taps = _codes(rng, weight, *layer.shapes["recurrent"])
                if self.kernel > 0:
                    taps[taps == 0] = 1  # yosys would remove logic that drives a zero tap
                own = StageParams(own.weight, own.bias, taps, delays)
            params.append(own)
        n_out, n_in = spec.readout.shapes["weight"]
        params.append(StageParams(_codes(rng, weight, n_out, n_in), _codes(rng, membrane, n_out) // 8))
        return Network(spec, tuple(params))

    def _formats(self) -> tuple[QFormat, QFormat]:
        """Formats of the weights, and of bias and membrane."""
        membrane = QFormat(True, self.membrane_int_bits, self.membrane_bits - self.membrane_int_bits)
        return QFormat(True, 0, self.weight_bits), membrane


_BITS = whole(-64, 64)
_FIELDS = {
    "widths": array_of(whole(1, MAX_NEURONS), 3),
    "kernel": whole(-1, MAX_KERNEL_SIZE),
    "max_delay": whole(0, MAX_DELAY_STEPS),
    "input_bits": _BITS,
    "weight_bits": _BITS,
    "membrane_bits": _BITS,
    "membrane_int_bits": _BITS,
    "beta": COUNT,
    "reset": one_of(ResetMode),
    "mode": one_of(ReadoutMode),
    "rounding": one_of(Rounding),
    "overflow": one_of(Overflow),
    "seed": COUNT,
}
"""Fields that a table of a `Shape` must hold."""


def _codes(rng: Rng, fmt: QFormat, *shape: int) -> NDArray[np.int64]:
    drawn = np.rint(rng.normal(0, fmt.max_raw / 3, shape))
    return np.clip(drawn, fmt.min_raw, fmt.max_raw).astype(np.int64)

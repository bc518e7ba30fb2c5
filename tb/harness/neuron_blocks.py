"""`NeuronUpdate` with one feature more than the plain one: what each costs, and how well it is estimated."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from fxp_model.fixed import Overflow, QFormat, Rounding
from fxp_model.network import StageParams
from fxp_model.spec import LayerSpec, RecurrenceKind, RecurrenceSpec, ResetMode, SynapseSpec
from hw.config import StageConfig
from hw.estimates.resources.neurons import update
from hw.estimates.resources.parts import Fabric, Parts
from hw.estimates.resources.recurrence import current_bits
from hw.rtl.neuron_update import NeuronUpdate
from hw.rtl.synapse_array import SynapseArray
from hw.verilog import EmittedCore
from tb.harness.ear_blocks import as_core

PLAIN = "plain"
CURRENT = "synaptic current"
FEATURES: dict[str, Mapping[str, Any]] = {
    PLAIN: {},
    "rounding TRN_ZERO": {"rounding": Rounding.TRN_ZERO},
    "rounding RND_ZERO": {"rounding": Rounding.RND_ZERO},
    "rounding RND_INF": {"rounding": Rounding.RND_INF},
    "rounding RND_MIN_INF": {"rounding": Rounding.RND_MIN_INF},
    "rounding RND_CONV": {"rounding": Rounding.RND_CONV},
    "overflow SAT_ZERO": {"overflow": Overflow.SAT_ZERO},
    "overflow SAT_SYM": {"overflow": Overflow.SAT_SYM},
    "reset delayed": {"reset_mode": ResetMode.DELAYED},
    "leak TRN": {"leak_rounding": Rounding.TRN},
    "leak TRN_ZERO": {"leak_rounding": Rounding.TRN_ZERO},
    "leak RND": {"leak_rounding": Rounding.RND},
    "own beta": {"beta": None},
    "own beta, adders": {"beta": None, "use_dsp": False},
    "own threshold": {"v_th": None},
    "own threshold, reset delayed": {"v_th": None, "reset_mode": ResetMode.DELAYED},
    CURRENT: {"alpha": 200},
    "synaptic current, own alpha": {"alpha": None},
}
"""Fields of the layer, ``use_dsp`` of its hardware, and ``alpha`` of a synaptic current, if there is one."""


@dataclass(frozen=True)
class Size:
    """A layer: neurons, lanes of update, inputs, taps, formats of membrane and weights, beta in 1/256."""

    n: int
    lanes: int
    n_in: int
    taps: int
    membrane: QFormat
    weight_bits: int
    beta: int


SIZES = {
    "32 neurons": Size(32, 2, 32, 5, QFormat(True, 6, 10), 8, 230),
    "24 neurons": Size(24, 3, 20, 3, QFormat(True, 5, 7), 6, 200),
    "40 neurons": Size(40, 4, 24, 7, QFormat(True, 6, 12), 7, 217),
}
SHOWN = "32 neurons"
"""The size that the table has."""


@dataclass(frozen=True)
class Block:
    """A size with a feature."""

    size: str
    feature: str

    @property
    def stage(self) -> tuple[LayerSpec, StageParams, StageConfig]:
        """Layer, its random codes, and its hardware."""
        own, fields = SIZES[self.size], dict(FEATURES[self.feature])
        rng = np.random.default_rng(0)
        alpha, use_dsp = fields.pop("alpha", 0), fields.pop("use_dsp", True)
        weight = QFormat(True, 0, own.weight_bits)
        synapse = None
        if "alpha" in FEATURES[self.feature]:
            synapse = SynapseSpec(current=own.membrane, alpha=alpha)
        recurrence = RecurrenceSpec(RecurrenceKind.CONV, weight, 0, own.taps)
        common: dict[str, Any] = {
            "beta": own.beta,
            "v_th": 1 << own.membrane.frac_bits,
            "reset_mode": ResetMode.SUBTRACT,
        }
        spec = LayerSpec(
            n_in=own.n_in,
            n_out=own.n,
            weight=weight,
            bias=own.membrane,
            membrane=own.membrane,
            synapse=synapse,
            recurrence=recurrence,
            **common | fields,
        )

        def codes(fmt: QFormat, *shape: int) -> np.ndarray[Any, np.dtype[np.int64]]:
            drawn = np.rint(rng.normal(0, fmt.max_raw / 3, shape))
            return np.clip(drawn, fmt.min_raw, fmt.max_raw).astype(np.int64)

        params = StageParams(
            codes(weight, own.n, own.n_in),
            codes(own.membrane, own.n) // 8,
            codes(weight, own.taps) | 1,
            np.zeros(own.n, dtype=np.int64),
            beta=rng.integers(128, 256, own.n) if spec.beta is None else None,
            alpha=rng.integers(128, 256, own.n) if synapse is not None and alpha is None else None,
            v_th=rng.integers(1, own.membrane.max_raw + 1, own.n) if spec.v_th is None else None,
        )
        return spec, params, StageConfig(own.n, own.lanes, use_dsp=use_dsp)

    def core(self) -> EmittedCore:
        """For the flows."""
        return as_core(NeuronUpdate(*self.stage))

    def parts(self, fabric: Fabric) -> Parts:
        """What the model says that it consists of."""
        spec, params, config = self.stage
        sums = SynapseArray.accumulator_bits(spec, params, False)
        return update(fabric, spec, params, config, sums, current_bits(spec, params, False), False)


BLOCKS = {f"{size}, {feature}": Block(size, feature) for size in SIZES for feature in FEATURES}

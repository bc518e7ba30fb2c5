"""What only some stages have: own codes, rounded leaks, delayed resets, synaptic currents, delays, a stride.

Names are those of the C++, ``spikeline_config`` and ``spikeline_readout_config``; its defaults hold where a
stage does not mention one.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from fxp_model.fixed import signed_width
from fxp_model.network import StageParams
from fxp_model.spec import Answer, ExactSum, LayerSpec, Leak, ReadoutSpec, ResetMode, fires


def optional(spec: LayerSpec | ReadoutSpec, params: StageParams) -> dict[str, Any]:
    """Attributes of an hls4ml layer.

    more_constants : integers by name
    more_types : precisions by name
    arrays : (codes, width) of unsigned codes by name, one code per neuron or per input
    """
    constants: dict[str, Any] = {}
    types: dict[str, str] = {}
    arrays: dict[str, tuple[NDArray[np.int64], int]] = {}
    if params.beta is not None:
        arrays["own_beta"] = params.beta, spec.beta_format.width
    _leak("leak", spec.leak, constants, types)
    if params.v_th is not None:
        arrays["own_v_th"] = params.v_th, spec.membrane.width
    if fires(spec) and spec.reset_mode is ResetMode.DELAYED:
        constants["reset_shift"] = spec.sum_frac_bits - spec.membrane.frac_bits
    if spec.max_input_delay:
        assert params.input_delay_steps is not None
        constants["max_input_delay"] = spec.max_input_delay
        arrays["input_delay"] = params.input_delay_steps, spec.max_input_delay.bit_length()
    if spec.synapse is not None:
        synapse, total = spec.synapse, spec.input_sum
        constants |= {
            "synapse": "true",
            "current_bits": synapse.current.width,
            "alpha_bits": synapse.alpha_format.width,
            "current_sum_bits": sum_bits(total),
            "current_sum_int_bits": sum_bits(total) - total.frac_bits,
            "current_leak_shift": total.frac_bits - synapse.leak.frac_bits,
            "current_shift": spec.sum_frac_bits - synapse.current.frac_bits,
        }
        types["current"] = synapse.current.to_hls4ml(synapse.rounding, synapse.overflow)
        if params.alpha is None:
            constants["alpha"] = synapse.alpha
        else:
            arrays["own_alpha"] = params.alpha, synapse.alpha_format.width
        _leak("current_leak", synapse.leak, constants, types)
    if isinstance(spec, ReadoutSpec) and spec.answer is Answer.STEP:
        constants["stride"] = spec.stride
    return {"more_constants": constants, "more_types": types, "arrays": arrays}


def sum_bits(total: ExactSum) -> int:
    """Width of a sum as an ap_fixed, which must be wider than what is rounded off it."""
    return max(total.bits, total.rounded_bits + 1)


def _leak(name: str, leak: Leak, constants: dict[str, Any], types: dict[str, str]) -> None:
    """Adds what a leak is that is rounded: how many bits, and the integers that remain."""
    if leak.rounding is None or leak.shift == 0:
        return
    low, high, _ = leak.term
    width = signed_width(low, high)
    constants[f"{name}_rounded"] = leak.shift
    types[name] = f"ap_fixed<{width},{width},AP_{leak.rounding},AP_WRAP>"

"""Exact sums of the RTL: their rounding terms and widths."""

from dataclasses import replace

import numpy as np
import pytest

from fxp_model.fixed import QFormat, Rounding, requantize, signed_width
from fxp_model.spec import ExactSum, ResetMode
from hw.rtl.leaky_sum import rounding_term
from hw.rtl.neuron_update import NeuronUpdate
from tb.harness.planted import network


@pytest.mark.parametrize("rounded_bits", [0, 1, 2, 4])
@pytest.mark.parametrize("rounding", [Rounding.RND, Rounding.RND_MIN_INF])
def test_a_sum_with_its_rounding_term_is_rounded_by_truncation(rounding: Rounding, rounded_bits: int) -> None:
    codes, target = np.arange(-40, 40), QFormat(True, 12, 0)
    total = ExactSum(((-40, 40, rounded_bits),), target, rounding, network().spec.readout.overflow)
    truncated = codes + rounding_term(total) >> rounded_bits
    np.testing.assert_array_equal(
        truncated, requantize(codes, rounded_bits, target, rounding, total.overflow)
    )


def test_a_sum_has_room_for_every_threshold_that_can_be_loaded() -> None:
    layer = replace(network().spec.layers[0], reset_mode=ResetMode.DELAYED)
    fixed, loaded = (NeuronUpdate.leaky_sums(layer, True, reload)[-1].total for reload in (False, True))
    assert layer.v_th is not None
    places = layer.sum_frac_bits - layer.membrane.frac_bits
    more = layer.membrane.max_raw - layer.v_th << places
    assert loaded.range == (fixed.range[0] - more, fixed.range[1])
    assert loaded.bits >= signed_width(*fixed.range)

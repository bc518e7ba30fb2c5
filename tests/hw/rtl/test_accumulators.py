"""Accumulators are exactly as wide as the weights need."""

from dataclasses import replace

import numpy as np
import pytest

from fxp_model.network import StageParams
from hw.rtl.synapse_array import SynapseArray
from tests.oracles.plain_networks import SHD


@pytest.mark.parametrize("scale", [1, 5, 40, 127])
@pytest.mark.parametrize("input_bits", [1, 4])
def test_the_widest_sum_fits_and_fills_an_accumulator(scale: int, input_bits: int) -> None:
    rng = np.random.default_rng(scale)
    spec = replace(SHD.layers[0], input_bits=input_bits)
    weight = rng.integers(-scale, scale + 1, (spec.n_out, spec.n_in))
    params = StageParams(weight, np.zeros(spec.n_out, dtype=np.int64))
    bits = SynapseArray.accumulator_bits(spec, params, reload=False)
    worst = [
        weight[n] @ (np.where(weight[n] * sign > 0, spec.max_input, 0))
        for n in range(256)
        for sign in (-1, 1)
    ]
    assert -(1 << bits - 1) <= min(worst)
    assert max(worst) < 1 << bits - 1
    assert min(worst) < -(1 << bits - 2) or max(worst) >= 1 << bits - 2
    assert bits <= spec.accumulator_bits
    assert SynapseArray.accumulator_bits(spec, params, reload=True) == spec.accumulator_bits

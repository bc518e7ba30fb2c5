"""Fake quantisation is the requantisation of NUMERICS.md, with a straight-through gradient."""

import numpy as np
import pytest
import torch

from fxp_model.errors import InputError
from fxp_model.fixed import Overflow, QFormat, Rounding, round_shifted
from fxp_model.fixed import requantize as integer_requantize
from fxp_model.qat.quantize import codes, exact_dtype, fitted_format, requantize, rounded


@pytest.mark.parametrize("rounding", Rounding)
@pytest.mark.parametrize("overflow", Overflow)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_values_are_those_of_the_integers(rounding, overflow, dtype):
    for target in (QFormat(True, 3, 2), QFormat(True, 1, 0), QFormat(False, 4, -1), QFormat(True, -1, 6)):
        raw = np.arange(-(1 << 11), 1 << 11)
        real = torch.tensor(np.ldexp(raw.astype(float), -7), dtype=dtype)
        expected = integer_requantize(raw, 7, target, rounding, overflow)
        actual = codes(requantize(real, target, rounding, overflow), target.frac_bits)
        assert actual.tolist() == expected.tolist()


@pytest.mark.parametrize("rounding", Rounding)
def test_a_value_rounded_without_a_format_is_that_of_the_integers(rounding):
    raw = np.arange(-(1 << 9), 1 << 9)
    real = torch.tensor(np.ldexp(raw.astype(float), -5), requires_grad=True)
    found = rounded(real, 2, rounding)
    assert codes(found, 2).tolist() == round_shifted(raw, 3, rounding).tolist()
    found.sum().backward()
    assert real.grad.tolist() == [1.0] * len(raw)


def test_a_value_just_below_a_half_is_not_rounded_up():
    just_below = torch.tensor(0.5, dtype=torch.float64).nextafter(torch.tensor(0.0).double())
    assert requantize(just_below, QFormat(True, 8, 0)) == 0.0


def test_the_gradient_passes_inside_the_range_only():
    real = torch.tensor([-9.0, -8.0, -7.9, 0.3, 6.9, 7.0, 7.4], requires_grad=True)
    requantize(real, QFormat(True, 4, 0)).sum().backward()
    assert real.grad.tolist() == [0, 0, 0, 1, 0, 0, 0]
    zeroed = torch.tensor([-9.0, -7.9, 8.0], requires_grad=True)
    requantize(zeroed, QFormat(True, 4, 0), overflow=Overflow.SAT_ZERO).sum().backward()
    assert zeroed.grad.tolist() == [0, 0, 0]
    wrapped = torch.tensor([9.0], requires_grad=True)
    requantize(wrapped, QFormat(True, 4, 0), overflow=Overflow.WRAP).sum().backward()
    assert wrapped.grad.tolist() == [1]


@pytest.mark.parametrize("width", [2, 3, 4, 6, 8])
def test_the_fitted_scale_is_the_best_power_of_two(width):
    real = torch.tensor(np.random.default_rng(width).normal(0, 0.07, 4000))

    def error(frac_bits):
        fmt = QFormat(True, width - frac_bits, frac_bits)
        return float((requantize(real, fmt) - real).square().sum())

    best = min(range(-4, 17), key=error)
    assert fitted_format(real, width).frac_bits == best
    assert fitted_format(real, width).width == width


def test_the_fitted_scale_of_zeros_is_the_finest():
    assert fitted_format(torch.zeros(3), 8) == QFormat(True, -8, 16)


def test_exact_dtypes():
    assert exact_dtype(3, 24) is torch.float32
    assert exact_dtype(25, 3) is torch.float64
    assert exact_dtype(53) is torch.float64
    with pytest.raises(InputError, match=r"^torch evaluation is exact up to sums of 53 bits, not 54$"):
        exact_dtype(10, 54)

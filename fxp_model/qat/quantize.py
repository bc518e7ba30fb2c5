"""Fixed-point rounding of real tensors, with a straight-through gradient.

A tensor holds real values that are multiples of an lsb; since every scale is a
power of two, that is exact in floating point as long as the codes fit the
significand (`exact_dtype`).
"""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor

from fxp_model.errors import InputError
from fxp_model.fixed import Overflow, QFormat, Rounding

FINEST_FRAC_BITS = 16
"""Finest scale that `fitted_format` returns: smaller weights are negligible against the membrane's lsb."""


class _Requantize(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, real: Tensor, fmt: QFormat, rounding: Rounding, overflow: Overflow) -> Tensor:
        codes = _rounded(real * 2.0**fmt.frac_bits, rounding)
        if overflow is Overflow.WRAP:
            codes = codes - torch.floor((codes - fmt.min_raw) * 2.0**-fmt.width) * 2.0**fmt.width
            ctx.save_for_backward(torch.ones_like(codes, dtype=torch.bool))
        else:
            low, high = fmt.lowest(overflow), fmt.max_raw
            ctx.save_for_backward((codes > low) & (codes < high))
            outside = (codes < low) | (codes > high)
            codes = codes.masked_fill(outside, 0) if overflow is Overflow.SAT_ZERO else codes.clamp(low, high)
        return codes * fmt.lsb

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None, None, None]:
        (inside,) = ctx.saved_tensors
        return grad * inside, None, None, None


def _rounded(codes: Tensor, rounding: Rounding) -> Tensor:
    """`codes`, real numbers, rounded to integers."""
    if rounding is Rounding.TRN:
        return torch.floor(codes)
    if rounding is Rounding.TRN_ZERO:
        return torch.trunc(codes)
    even = torch.round(codes)
    rest = codes - even  # exact, as codes + 0.5 is not
    match rounding:
        case Rounding.RND:
            return even + (rest == 0.5)
        case Rounding.RND_MIN_INF:
            return even - (rest == -0.5).to(even.dtype)
        case Rounding.RND_ZERO:
            return torch.where(rest.abs() == 0.5, torch.trunc(codes), even)
        case Rounding.RND_INF:
            return torch.where(rest.abs() == 0.5, codes + rest.abs() * torch.sign(codes), even)
    return even


def rounded(real: Tensor, frac_bits: int, rounding: Rounding) -> Tensor:
    """`real` rounded to multiples of 2**-frac_bits; gradient straight through. Exact as in `requantize`."""
    multiple = _rounded(real.detach() * 2.0**frac_bits, rounding) * 2.0**-frac_bits
    return real + (multiple - real.detach())


def requantize(
    real: Tensor, fmt: QFormat, rounding: Rounding = Rounding.RND, overflow: Overflow = Overflow.SAT
) -> Tensor:
    """Real values of `real` after rounding and fitting to `fmt` (NUMERICS.md section 3).

    Exact when the dtype holds the codes exactly; see `exact_dtype`.

    Gradient: straight through, and zero where a value lies at or beyond an end of
    a saturating format.
    """
    rounded: Tensor = _Requantize.apply(real, fmt, rounding, overflow)
    return rounded


def fitted_format(real: Tensor, width: int) -> QFormat:
    """Signed format of `width` bits whose power-of-two scale has the least squared error on `real`.

    Looks at the finest scale that holds the largest magnitude and at the three finer
    ones, which clip the tail to gain resolution: worth it at 4 bits and below.
    """
    with torch.no_grad():
        largest = float(real.abs().max())
        limit = (1 << (width - 1)) - 1
        frac_bits = math.frexp(max(limit, 0.5) / largest)[1] - 1 if largest > 0 else FINEST_FRAC_BITS
        formats = [
            QFormat(signed=True, int_bits=width - f, frac_bits=f)
            for f in sorted({max(-FINEST_FRAC_BITS, min(frac_bits + i, FINEST_FRAC_BITS)) for i in range(4)})
        ]
        errors = [float((requantize(real, fmt) - real).square().sum()) for fmt in formats]
    return formats[errors.index(min(errors))]


def codes(real: Tensor, frac_bits: int) -> Tensor:
    """Integer codes (int64) of `real`, which must hold multiples of 2**-frac_bits."""
    return torch.round(real.double() * 2.0**frac_bits).to(torch.int64)


def exact_dtype(*bits: int) -> torch.dtype:
    """Narrowest dtype in which sums of two's complement integers of `bits` bits are exact in any order.

    Raises
    ------
    InputError
        If the widest needs more than the 53 bits of a float64 significand.
    """
    widest = max(bits)
    if widest <= 24:
        return torch.float32
    if widest <= 53:
        return torch.float64
    raise InputError(f"torch evaluation is exact up to sums of 53 bits, not {widest}")

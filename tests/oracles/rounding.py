"""Rounding and overflow of NUMERICS.md section 2, by their definition, on exact fractions."""

import math
from fractions import Fraction

from fxp_model.fixed import Overflow, Rounding

HALF = Fraction(1, 2)


def rounded(value: Fraction, mode: Rounding) -> int:
    """The integer that `mode` takes `value` to."""
    towards_zero = math.floor if value >= 0 else math.ceil
    away = math.ceil if value >= 0 else math.floor
    definition = {
        Rounding.TRN: lambda: math.floor(value),
        Rounding.TRN_ZERO: lambda: towards_zero(value),
        Rounding.RND: lambda: math.floor(value + HALF),
        Rounding.RND_MIN_INF: lambda: math.ceil(value - HALF),
        Rounding.RND_ZERO: lambda: away(value - HALF if value >= 0 else value + HALF),
        Rounding.RND_INF: lambda: towards_zero(value + HALF if value >= 0 else value - HALF),
        Rounding.RND_CONV: lambda: round(value),  # Fraction.__round__ takes halves to even
    }
    return definition[mode]()


def fitted(code: int, width: int, signed: bool, mode: Overflow) -> int:
    """The code of a format that `mode` takes the integer `code` to."""
    low, high = (-(2 ** (width - 1)), 2 ** (width - 1) - 1) if signed else (0, 2**width - 1)
    if low <= code <= high and not (mode is Overflow.SAT_SYM and signed and width > 1 and code == low):
        return code
    if mode is Overflow.WRAP:
        return (code - low) % 2**width + low
    if mode is Overflow.SAT_ZERO:
        return 0
    if mode is Overflow.SAT_SYM and signed and width > 1:
        low = -high
    return high if code > high else low

"""Logarithms and powers of two in integers (NUMERICS.md section 12)."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray


@lru_cache(maxsize=8)
def log_table(frac_bits: int) -> tuple[int, ...]:
    """round(2**f * log2(1 + m / 2**f)) for m = 0 .. 2**f - 1, by integers alone."""
    size = 1 << frac_bits
    table, code = [], 0
    for m in range(size):
        power = (size + m) ** (2 * size) >> 2 * size * frac_bits
        while power >> (2 * code + 1):
            code += 1
        table.append(code)
    return tuple(table)


@lru_cache(maxsize=8)
def power_table(frac_bits: int, drive_frac_bits: int) -> tuple[int, ...]:
    """round(2**(d + m / 2**f)) for m = 0 .. 2**f - 1, by integers alone."""
    size = 1 << frac_bits
    table = []
    code = 1 << drive_frac_bits
    for m in range(size):
        power = 1 << (size * (drive_frac_bits + 1) + m)  # (2 * 2**(d + m / size))**size
        while (2 * code + 1) ** size <= power:
            code += 1
        table.append(code)
    return tuple(table)


def log2_code(values: NDArray[np.int64], frac_bits: int) -> NDArray[np.int64]:
    """Logarithms of `values`, at least 1: place of the leading one, then a table of the next bits."""
    _, exponent = np.frexp(values.astype(np.float64))  # values below 2**53
    place = exponent.astype(np.int64) - 1
    mantissa = (values << frac_bits >> place) & ((1 << frac_bits) - 1)
    return (place << frac_bits) + np.array(log_table(frac_bits))[mantissa]

"""How large the states of a filter can become: exact worst cases, from which widths follow."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

MAX_RADIUS = 1 - 2.0**-12
"""Largest radius of a pole that the law takes."""
_REST = 2.0**-30
"""Of a sum, what is bounded instead of added; and what is added for the rounding of its terms."""


def pole_radius(a1: NDArray[np.float64], a2: NDArray[np.float64]) -> NDArray[np.float64]:
    """Largest magnitude of a root of z**2 + a1 z + a2, of the shape of `a1`."""
    root = np.sqrt((a1 * a1 / 4 - a2).astype(np.complex128))
    return np.maximum(np.abs(-a1 / 2 + root), np.abs(-a1 / 2 - root))


def absolute_sums(
    a1: NDArray[np.float64], a2: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    r"""Upper bounds of the sums of \|r(n)\| and of \|r(n) - r(n-2)\| over all n, each (channels,).

    r is the impulse response of 1 / (1 + a1 z**-1 + a2 z**-2). Terms are added until the rest is small.
    With p the largest pole radius, r(n + k) = r(n) s(k) - a2 r(n - 1) s(k - 1), where
    \|s(k)\| <= (k + 1) p**k, so that the rest after r(n) is at most
    (\|r(n)\| + \|r(n-1)\|) / (1 - p)**2, and twice that of differences.

    Parameters
    ----------
    a1, a2 : (channels,)
        Poles within `MAX_RADIUS`.
    """
    factor = (1 - pole_radius(a1, a2)) ** -2.0
    before, last, now = (np.zeros_like(a1), np.zeros_like(a1), np.ones_like(a1))
    responses, differences = np.zeros_like(a1), np.zeros_like(a1)
    while True:
        responses += np.abs(now)
        differences += np.abs(now - before)
        rest = 2 * (np.abs(now) + np.abs(last)) * factor
        if np.all(rest <= _REST * responses):
            return responses * (1 + 2 * _REST) + rest, differences * (1 + 2 * _REST) + 2 * rest
        before, last, now = last, now, -a1 * now - a2 * last

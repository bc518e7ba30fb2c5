"""From frequencies to the integers of a filter bank (NUMERICS.md section 11)."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

BANDWIDTH = {
    n: 4 ** (n - 1) * math.factorial(n - 1) ** 2 / (math.pi * math.factorial(2 * n - 2)) for n in range(1, 5)
}
"""Exponential decay rate over rectangular bandwidth of a gammatone filter of order n."""


@dataclass(frozen=True)
class Resonators:
    r"""One second-order section per channel, of which a filter has several equal ones in a row.

    ``H(z) = 2**-shift (1 - z**-2) / (1 + a1 z**-1 + a2 z**-2)``, whose gain is largest, and real, at the
    centre frequency.

    a1, a2 : (channels,) coefficients
    shift : (channels,) int, the power of two nearest to a largest gain of 1
    gain : (channels,) what the largest gain is
    """

    a1: NDArray[np.float64]
    a2: NDArray[np.float64]
    shift: NDArray[np.int64]
    gain: NDArray[np.float64]


def erb_hz(hz: NDArray[np.float64]) -> NDArray[np.float64]:
    """Equivalent rectangular bandwidth in Hz (Glasberg and Moore, Hearing Research 47, 1990)."""
    return 24.7 * (4.37e-3 * hz + 1)


def centre_hz(channels: int, low_hz: float, high_hz: float) -> NDArray[np.float64]:
    """Centre frequencies (channels,), even on the ERB-rate scale, `low_hz` and `high_hz` included."""
    low, high = (21.4 * math.log10(1 + 4.37e-3 * hz) for hz in (low_hz, high_hz))
    return (10 ** (np.linspace(low, high, channels) / 21.4) - 1) / 4.37e-3


def resonators(centre: NDArray[np.float64], sections: int, width: float, rate_hz: int) -> Resonators:
    """Sections of filters at `centre` Hz that are as wide as gammatone filters of order `sections`.

    width : rectangular bandwidth over that of human hearing
    """
    decay = BANDWIDTH[sections] * width * erb_hz(centre)
    a2 = np.exp(-4 * math.pi * decay / rate_hz)
    a1 = -(1 + a2) * np.cos(2 * math.pi * centre / rate_hz)
    shift = np.rint(-np.log2((1 - a2) / 2)).astype(np.int64)
    return Resonators(a1, a2, shift, np.ldexp(2 / (1 - a2), -shift))

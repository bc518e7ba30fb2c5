"""An ideal delta-sigma modulator of order 4: from sound to the bits of a PDM microphone."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fxp_model.errors import InputError

_ZEROS = (-4.0, 6.0, -4.0, 1.0)
_POLES = (-3.19436432, 3.89202139, -2.13583637, 0.4444446)
"""Of a Butterworth high-pass of order 4 whose gain at half the rate is 1.5 (Lee's rule for a stable loop)."""
MOST = 0.6
"""Largest magnitude of a signal; beyond it the loop is overloaded."""


def delta_sigma(signal: ArrayLike) -> NDArray[np.int64]:
    """Bits of `signal`, both (n,) and at the rate of the bits; 1 is full scale.

    v = u + (1 - z^-1)^4 / A(z) e, bits = (v + 1) / 2, where e = v - y is the error of v = sign(y)
    (Norsworthy, Schreier and Temes, Delta-Sigma Data Converters, 1997, chapter 4).

    Raises
    ------
    InputError
        If the signal exceeds `MOST`.
    """
    values = np.asarray(signal, dtype=np.float64)
    peak = np.abs(values).max(initial=0)
    if not peak <= MOST:
        raise InputError(f"signal must be at most {MOST} in magnitude, not {peak:g}")
    (b1, b2, b3, b4), (a1, a2, a3, a4) = _ZEROS, _POLES
    e1 = e2 = e3 = e4 = g1 = g2 = g3 = g4 = 0.0
    bits = []
    for value in values.tolist():
        shaped = (b1 - a1) * e1 + (b2 - a2) * e2 + (b3 - a3) * e3 + (b4 - a4) * e4
        shaped -= a1 * g1 + a2 * g2 + a3 * g3 + a4 * g4
        y = value + shaped
        bit = y >= 0
        bits.append(bit)
        e1, e2, e3, e4 = (1.0 if bit else -1.0) - y, e1, e2, e3
        g1, g2, g3, g4 = shaped, g1, g2, g3
    return np.array(bits, dtype=np.int64)


def recorded(samples: ArrayLike, sample_hz: int, pdm_hz: int) -> NDArray[np.int64]:
    """Bits of a microphone that hears `samples`, (n,), -1..1 at `sample_hz`, at `MOST` of full scale.

    Straight lines join the samples; `pdm_hz` is a multiple of `sample_hz`.
    """
    values = np.asarray(samples, dtype=np.float64)
    ratio = pdm_hz // sample_hz
    times = np.arange(len(values) * ratio) / ratio
    return delta_sigma(MOST * np.interp(times, np.arange(len(values)), values))

"""Taps of the FIR behind the CIC of a PDM microphone."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

PASS_HZ = 7_000
"""End of the pass band."""
STOP_HZ = 9_000
"""Where the stop band begins: 16 kHz less the pass band folds onto its end."""
_PASS_TOLERANCE = 0.008
_STOP_TOLERANCE = 1e-5
_ROUNDS = 30
_GAINS_DB = np.linspace(-0.05, 0.05, 21)


def cic_response(hz: NDArray[np.float64], pdm_hz: int, ratio: int, order: int) -> NDArray[np.float64]:
    """Magnitude of a CIC at `hz`, 1 at 0 Hz: |sin(pi f R / p) / (R sin(pi f / p))|^order (Hogenauer 1981)."""
    turns = hz / pdm_hz
    response: NDArray[np.float64] = np.abs(np.sinc(turns * ratio) / np.sinc(turns)) ** order
    return response


def fir_taps(pdm_hz: int, cic_ratio: int, order: int, taps: int, gain: float) -> tuple[int, ...]:
    """Symmetric integer taps that make of the CIC a flat `gain` up to `PASS_HZ`, and 0 from `STOP_HZ` on.

    Chebyshev's solution by Lawson's iteration: least squares on a grid of frequencies, whose weights are
    multiplied by the errors that remain (Lawson 1961; Rice and Usow 1968). Rounding it adds errors that are
    as good as random; of `gain` and its neighbours within 0.05 dB, that is taken whose rounded taps have the
    lowest stop band.

    Parameters
    ----------
    pdm_hz, cic_ratio, order : int
        Of the CIC, whose own gain counts as 1; the FIR runs at `pdm_hz` / `cic_ratio`.
    taps : int
        An even number.
    gain : float
        Sum of the taps.
    """
    rate = pdm_hz / cic_ratio
    passing = np.linspace(0, PASS_HZ, 140)
    stop = np.linspace(STOP_HZ, rate / 2, 460)
    hz = np.concatenate((passing, stop))
    tolerance = np.where(hz <= PASS_HZ, _PASS_TOLERANCE, _STOP_TOLERANCE)
    wanted = (hz <= PASS_HZ) / tolerance
    # h[k] and its mirror are 2 h[k] cos(2 pi f (k + 1/2) / rate), from the middle outwards
    pairs = 2 * np.cos(2 * np.pi * np.outer(hz / rate, np.arange(taps // 2) + 0.5))
    basis = pairs * (cic_response(hz, pdm_hz, cic_ratio, order) / tolerance)[:, None]
    weight = np.ones(len(hz))
    for _ in range(_ROUNDS):
        half = np.linalg.solve(basis.T @ (basis * weight[:, None]), basis.T @ (weight * wanted))
        error = np.abs(basis @ half - wanted)
        weight = weight * (error / error.max() + 1e-6)
        weight /= weight.mean()
    rounded = [np.rint(half * gain * 10 ** (decibel / 20)) for decibel in _GAINS_DB]
    best = min(rounded, key=lambda own: float(np.abs(basis[hz > PASS_HZ] @ own).max() / own.sum()))
    return tuple(int(tap) for tap in (*best[::-1], *best))

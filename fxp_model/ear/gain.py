"""From a microphone's 24 bits to 16-bit PCM, with gain (NUMERICS.md section 15)."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fxp_model.checks import integers
from fxp_model.errors import InputError, shown
from fxp_model.fixed import Overflow, QFormat, Rounding, requantize

SAMPLE = QFormat(signed=True, int_bits=16, frac_bits=8)
"""A sample of a microphone: 24 bits, in lsb of PCM / 256."""
PCM = QFormat(signed=True, int_bits=16, frac_bits=0)
"""A sample that the ear hears."""
MAX_GAIN = 15
"""Largest gain in bits, which are 6.02 dB each."""

_ROUNDED = QFormat(signed=True, int_bits=32, frac_bits=0)
"""Holds every rounded sample before it is brought into `PCM`."""


def amplify(samples: ArrayLike, gain: int) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """``sat16(round(s * 2**gain / 256))``, halves towards plus infinity.

    Parameters
    ----------
    samples : array_like of integers
        Codes of `SAMPLE`; PCM of 16 bits enters as ``pcm << 8`` (`widened`).
    gain : int
        0..15.

    Returns
    -------
    pcm : ndarray of int64
        Codes of `PCM`, of the shape of `samples`.
    clipped : ndarray of bool
        Samples that had no code.

    Raises
    ------
    InputError
        If the gain or a sample is out of range.
    """
    if not isinstance(gain, int | np.integer) or isinstance(gain, bool) or not 0 <= gain <= MAX_GAIN:
        raise InputError(f"gain must be 0..{MAX_GAIN}, not {shown(gain)}")
    codes = integers("samples", samples).astype(np.int64)
    SAMPLE.check("samples", codes)
    rounded = requantize(codes << gain, SAMPLE.frac_bits, _ROUNDED, Rounding.RND, Overflow.SAT)
    pcm = requantize(rounded, 0, PCM, Rounding.RND, Overflow.SAT)
    return pcm, pcm != rounded


def widened(pcm: ArrayLike) -> NDArray[np.int64]:
    """Codes of `PCM` as codes of `SAMPLE`: ``pcm << 8``, which `amplify` with gain 0 undoes.

    Raises
    ------
    InputError
        If a code is out of range.
    """
    codes = integers("pcm", pcm).astype(np.int64)
    PCM.check("pcm", codes)
    return codes << SAMPLE.frac_bits

"""Where in a recording its word is."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from fxp_model.errors import InputError

FRAME_MS = 10
SMOOTHED = 5
"""Frames of the moving average."""
RANGE_DB = 30.0
"""How far below the loudest frame a word is still heard."""


def word_span(sound: NDArray[np.float64], rate_hz: int) -> tuple[int, int]:
    r"""First sample of the word in a recording, and the end behind its last one.

    With the mean power p[f] of the samples of frame f of 10 ms, 0 outside of the recording,

        q[f]  = (p[f-2] + p[f-1] + p[f] + p[f+1] + p[f+2]) / 5
        word  = all from the first to the last f with q[f] >= 10^(-30/10) max(q)

    so that a pause within the word, as before a burst, belongs to it. A sudden edge is found
    up to two frames outside of its own.

    Parameters
    ----------
    sound : (samples,) float
    rate_hz : int

    Raises
    ------
    InputError
        The recording is silent.
    """
    frame = rate_hz * FRAME_MS // 1000
    loud = within_range(smooth_power(sound, rate_hz))
    return int(loud[0]) * frame, min((int(loud[-1]) + 1) * frame, len(sound))


def smooth_power(sound: NDArray[np.float64], rate_hz: int) -> NDArray[np.float64]:
    """q (frames,) of `word_span`."""
    frame = rate_hz * FRAME_MS // 1000
    power = np.square(np.pad(sound, (0, -len(sound) % frame))).reshape(-1, frame).mean(axis=1)
    smooth: NDArray[np.float64] = ndimage.uniform_filter1d(power, SMOOTHED, mode="constant")
    return smooth


def within_range(smooth: NDArray[np.float64]) -> NDArray[np.intp]:
    """Frames within `RANGE_DB` of the loudest one, in order; `InputError` if all are silent."""
    if not smooth.max() > 0:
        raise InputError("silent, must hold a word")
    return np.flatnonzero(smooth >= smooth.max() * 10 ** (-RANGE_DB / 10))

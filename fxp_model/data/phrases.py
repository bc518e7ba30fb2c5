"""Words and phrases in recordings of speech, cut at its pauses."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from fxp_model.data.word_span import FRAME_MS, smooth_power, within_range

PAUSE_MS = 120
"""Shortest pause that ends a phrase."""
LEAST_MS = 180
"""Of a phrase; what is shorter is a click or a breath."""
CUT_MS = (500, 1500)
"""Where a longer phrase is cut, from its start."""


def phrase_spans(sound: NDArray[np.float64], rate_hz: int) -> list[tuple[int, int]]:
    r"""First sample of each phrase of a recording, and the end behind its last one, in order.

    A frame is loud as in `word_span`: within 30 dB of the loudest one, as a moving average over 50 ms. Loud
    frames with less than 120 ms between them are of one phrase. As long as it is longer than 1.5 s, it is cut
    at the quietest frame that is 0.5 to 1.5 s from its start. Phrases below 180 ms are left out.

    Parameters
    ----------
    sound : (samples,) float
    rate_hz : int

    Raises
    ------
    InputError
        The recording is silent.
    """
    power = smooth_power(sound, rate_hz)
    loud = within_range(power)
    frame = rate_hz * FRAME_MS // 1000
    breaks = np.flatnonzero(np.diff(loud) > PAUSE_MS // FRAME_MS)
    starts, ends = loud[np.r_[0, breaks + 1]], loud[np.r_[breaks, len(loud) - 1]] + 1
    early, late = (milliseconds // FRAME_MS for milliseconds in CUT_MS)
    spans = []
    for start, end in zip(starts.tolist(), ends.tolist(), strict=True):
        while end - start > late:
            cut = start + early + int(np.argmin(power[start + early : start + late]))
            spans.append((start, cut))
            start = cut
        spans.append((start, end))
    return [
        (start * frame, min(end * frame, len(sound)))
        for start, end in spans
        if (end - start) * FRAME_MS >= LEAST_MS
    ]

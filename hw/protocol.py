"""What travels on the core's AXI4-Streams (ARCHITECTURE.md, "Interfaces").

Input beat: TDATA[15:0] address, [23:16] count, [31] end of step; TLAST ends the sample
and implies the end of its last step. Output: one beat per class score, then the class
index with TLAST.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

END_OF_STEP = 1 << 31


class Beat(NamedTuple):
    """One AXI4-Stream transfer: 32 bits of TDATA, and TLAST."""

    tdata: int
    tlast: bool = False


def event(address: int, count: int = 1) -> Beat:
    """The beat of `count` spikes of input `address`."""
    return Beat(count << 16 | address)


def encode_sample(counts: NDArray[np.integer]) -> list[Beat]:
    """Beats of one sample, `counts` (T, n_in): events by rising address, a marker after each step."""
    beats: list[Beat] = []
    for step in counts:
        beats += [event(int(j), int(step[j])) for j in np.flatnonzero(step)]
        beats.append(Beat(END_OF_STEP))
    beats[-1] = Beat(END_OF_STEP, tlast=True)
    return beats


def encode_result(scores: NDArray[np.integer]) -> list[Beat]:
    """Beats that answer one sample with `scores` (classes,), two's complement, then the class."""
    return [Beat(int(score) & 0xFFFFFFFF) for score in scores] + [Beat(int(np.argmax(scores)), tlast=True)]

"""The beats of the core's AXI4-Streams (ARCHITECTURE.md, "Interfaces").

Input word: TDATA[15:0] address, [23:16] count, [31] end of step; TLAST ends the sample
and implies the end of its last step. A beat is one such word, or up to two of them, selected by TKEEP.
Output: one beat per class score, then the class index with TLAST. With answers per step, for each of them:
class, score, margin with TLAST.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from fxp_model.checks import integers
from fxp_model.errors import InputError
from fxp_model.spec import SCORE
from fxp_model.trace import Answers, Trace

END_OF_STEP = 1 << 31
MAX_ADDRESS, MAX_COUNT = 0xFFFF, 0xFF

WORD_BITS, WORD_KEEP = 32, 0xF


class Beat(NamedTuple):
    """One AXI4-Stream transfer: words of 32 bits in TDATA, TLAST, and TKEEP, a bit per byte."""

    tdata: int
    tlast: bool = False
    tkeep: int = WORD_KEEP


def event(address: int, count: int = 1) -> Beat:
    """The beat of `count` spikes, 1 .. 255, of input `address`, 0 .. 65535."""
    return Beat(count << 16 | address)


def encode_sample(counts: NDArray[np.integer]) -> list[Beat]:
    """Beats of one sample, `counts` (T, n_in): events by ascending address, a marker after each step."""
    counts = integers("counts", counts)
    if counts.ndim != 2 or len(counts) < 1 or counts.shape[1] > MAX_ADDRESS + 1:
        raise InputError(f"counts must have shape (T >= 1, n_in <= {MAX_ADDRESS + 1}), not {counts.shape}")
    if counts.size and not 0 <= counts.min() <= counts.max() <= MAX_COUNT:
        worst = counts.max() if counts.max() > MAX_COUNT else counts.min()
        raise InputError(f"counts must be 0..{MAX_COUNT}, not {worst}")
    beats: list[Beat] = []
    for step in counts:
        beats += [event(int(j), int(step[j])) for j in np.flatnonzero(step)]
        beats.append(Beat(END_OF_STEP))
    beats[-1] = Beat(END_OF_STEP, tlast=True)
    return beats


def packed(words: Sequence[Beat], slots: int) -> list[Beat]:
    """Pack `words` into the fewest beats of up to `slots` words, with every step in its own beats."""
    if slots == 1:
        return list(words)
    beats: list[Beat] = []
    first: Beat | None = None
    for word in words:
        marker = word.tlast or word.tdata & END_OF_STEP
        if first is not None:
            beats.append(pair(first, word))
            first = None
        elif marker:
            beats.append(word)
        else:
            first = word
    return beats if first is None else [*beats, first]


def pair(first: Beat, second: Beat) -> Beat:
    """The beat of two words, of which only the second may end a sample."""
    return Beat(second.tdata << WORD_BITS | first.tdata, second.tlast, WORD_KEEP << 4 | WORD_KEEP)


def unpacked(beat: Beat) -> list[Beat]:
    """The words of a beat, in order; the last one has its TLAST. A TLAST without a word is a marker."""
    slots = (slot for slot in range(2) if beat.tkeep >> 4 * slot & 1)
    words = [Beat(beat.tdata >> WORD_BITS * slot & (1 << WORD_BITS) - 1) for slot in slots]
    if beat.tlast:
        words[-1:] = [(words or [Beat(END_OF_STEP)])[-1]._replace(tlast=True)]
    return words


def encode_result(scores: NDArray[np.integer]) -> list[Beat]:
    """Beats of the answer to one sample: `scores` (classes,) in two's complement, then the class."""
    scores = integers("scores", scores)
    if scores.ndim != 1 or len(scores) < 1:
        raise InputError(f"scores must have shape (classes >= 1,), not {scores.shape}")
    SCORE.check("scores", scores.astype(np.int64))
    return [Beat(int(score) & 0xFFFFFFFF) for score in scores] + [Beat(int(np.argmax(scores)), tlast=True)]


ANSWER_BEATS = 3
"""Beats of an answer per step."""


def encode_answer(label: int, score: int, margin: int) -> list[Beat]:
    """Beats of an answer per step."""
    return [Beat(label), Beat(score & 0xFFFFFFFF), Beat(margin, tlast=True)]


def encode_answers(answers: Answers, sample: int = 0) -> list[Beat]:
    """Beats of the answers per step to one sample of a run."""
    columns = (x[:, sample].tolist() for x in answers)
    return [beat for answer in zip(*columns, strict=True) for beat in encode_answer(*answer)]


def encode_trace(trace: Trace) -> list[Beat]:
    """Beats of all answers of a run, sample by sample."""
    answers = trace.answers
    if answers is None:
        return [beat for scores in trace.scores for beat in encode_result(scores)]
    return [beat for sample in range(len(trace.scores)) for beat in encode_answers(answers, sample)]

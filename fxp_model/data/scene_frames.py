"""Scenes as counts of an ear with a label per step, to train on."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from fxp_model.data.scenes import PIECE, RATE_HZ, Scenes, Word
from fxp_model.ear.spec import EarSpec
from fxp_model.encoding import check_limit

NONE = "none"
"""Name of the class that means no word, behind those of the words."""
STREAM_LEVEL = {"level_shift": 5, "level_range": 48, "level_fall": 12}
"""Of an ear for streams. In a stream there are ten times as many frames of noise as of words: loud frames are
those within 4.5 dB of the level only, which falls by 0.45 dB/s between words and is back within one."""
ANSWERED_S, FALLING_S = 0.3, 0.4
"""Seconds from the end of a word on with its class, and after these without a label."""


def step_labels(
    words: Sequence[Word], first: int, steps: int, none: int, frame: int, cut: int
) -> NDArray[np.int64]:
    r"""Labels (steps,) of the steps of a stretch of the stream.

    With s and e, a word's first step and the one behind its last, and d(x) the steps in x seconds,

        label[e .. e + d(0.3) - 1]                       the class of the word
        label[s .. e - 1]                                -1: it may be known before its end
        label[e + d(0.3) .. e + d(0.7) - 1]              -1, while the answer falls
        label elsewhere                                  `none`

    and where the stretch is cut, every `cut` steps, into clips that begin from rest, -1 takes the place of
    the class of a word that did not begin in the same clip.

    Parameters
    ----------
    words : sequence of Word
    first : int
        Sample of the stream with which the stretch begins.
    steps, none, frame, cut : int
        Steps of the stretch, class of no word, samples of a step, steps of a clip.
    """
    answered, falling = (round(own * RATE_HZ / frame) for own in (ANSWERED_S, FALLING_S))
    labels = np.full(steps, none)
    for word in words:
        start, end = (word.start - first) // frame, -(-(word.end - first) // frame)
        labels[start : end + answered + falling] = -1
        labels[end : min(end + answered, start + cut - start % cut)] = word.label
    return labels


def scene_frames(
    scenes: Scenes,
    ear: EarSpec,
    none: int,
    clips: int,
    cut: int,
    progress: Callable[[int], object] = lambda done: None,
) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Counts (clips, cut, channels) and labels (clips, cut) of the first clips of a stream.

    The ear hears the stream without a break, so that its level is carried on.

    Parameters
    ----------
    scenes : Scenes
    ear : EarSpec
        Of 16,000 samples per second.
    none : int
        Class of no word.
    clips, cut : int
        Number of clips, and steps of each.
    progress : callable
        Called with the seconds that were made since its last call.

    Raises
    ------
    InputError
        The ear has another rate, or a recording cannot be used.
    """
    # only here: numba takes seconds, and the data sets know this module
    from fxp_model.ear.engine import EarEngine

    check_rate(ear)
    frame = ear.samples_per_frame
    steps = PIECE // frame
    hearing = EarEngine(ear)
    total = clips * cut
    pieces = -(-total // steps)
    counts = np.empty((pieces * steps, ear.channels), np.uint8)
    labels = np.empty(pieces * steps, np.int64)
    for index, piece in zip(range(pieces), scenes, strict=False):
        own = slice(index * steps, (index + 1) * steps)
        counts[own] = hearing.step(piece.samples)
        # clips may begin in the middle of a piece
        skipped = index * steps % cut
        first = index * PIECE - skipped * frame
        labels[own] = step_labels(piece.words, first, skipped + steps, none, frame, cut)[skipped:]
        progress(PIECE // RATE_HZ)
    return counts[:total].reshape(clips, cut, -1), labels[:total].reshape(clips, cut)


def check_rate(ear: EarSpec) -> None:
    """`InputError` unless `ear` hears at the rate of scenes."""
    check_limit("rate_hz of the ear of scenes", ear.rate_hz, ear.rate_hz == RATE_HZ, f"{RATE_HZ}")

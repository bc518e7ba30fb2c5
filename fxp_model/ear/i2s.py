"""Samples of an I2S microphone from the bits on its data line (NUMERICS.md section 15)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fxp_model.checks import integers
from fxp_model.ear.gain import SAMPLE
from fxp_model.errors import InputError, shown

SLOTS = 32
"""Periods of SCK per half of a frame; the left half, with WS low, is the first."""
FRAME = 2 * SLOTS
"""Periods of SCK per frame."""
MAX_FRAMES = 1 << 16
"""Most frames that a receiver counts."""


@dataclass(frozen=True)
class I2sSpec:
    """What a receiver makes of the words of a microphone.

    Parameters
    ----------
    settle_frames : int
        Frames after the start that are dropped, 0..65,536. A microphone gives zeros, or a ramp, after
        power-up: an INMP441 for 2**18 periods of SCK, which is 4,096 frames, an ICS-43432 for 326.
    absent_frames : int
        Frames at one level after which the microphone counts as absent, 1..65,536.

    Raises
    ------
    InputError
        If a value is out of range.
    """

    settle_frames: int = 4096
    absent_frames: int = 1024

    def __post_init__(self) -> None:
        for name, low in (("settle_frames", 0), ("absent_frames", 1)):
            value = getattr(self, name)
            if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= MAX_FRAMES:
                raise InputError(f"{name} must be {low}..{MAX_FRAMES}, not {shown(value)}")


@dataclass(frozen=True)
class Received:
    """What a receiver heard, after the frames that are dropped.

    samples : (frames,) int64
        Codes of `fxp_model.ear.gain.SAMPLE`.
    absent : (frames,) bool
        Whether the microphone counts as absent, sample by sample.
    """

    samples: NDArray[np.int64]
    absent: NDArray[np.bool_]


def receive(spec: I2sSpec, line: ArrayLike, right: bool = False) -> Received:
    """What a receiver makes of the levels of the data line.

    Parameters
    ----------
    spec : I2sSpec
    line : (frames, 64) array_like of 0 and 1
        The level at each rising edge of SCK, frame by frame; WS is low in the first 32.
    right : bool
        Which half is heard.

    Raises
    ------
    InputError
        If `line` has another shape or other values.
    """
    levels = integers("line", line).astype(np.int64)
    if levels.ndim != 2 or levels.shape[1] != FRAME:
        raise InputError(f"line must have shape (frames, {FRAME}), not {levels.shape}")
    if np.any(levels & 1 != levels):
        raise InputError(f"line must be 0 or 1, not {levels[levels & 1 != levels][0]}")
    first = 1 + SLOTS * int(right)  # the most significant bit, one period after WS changes
    bits = levels[spec.settle_frames :, first : first + SAMPLE.width]
    weights = 1 << np.arange(SAMPLE.width)[::-1]
    weights[0] = SAMPLE.min_raw
    words = bits @ weights
    at_one_level = np.maximum(_run(words == 0), _run(words == -1))
    return Received(words, at_one_level >= spec.absent_frames)


def line_of(words: ArrayLike) -> NDArray[np.int64]:
    """Levels of the data line, (frames, 64), on which a microphone on the left gives `words` (frames,).

    Where nothing is said, the line is the opposite of the last bit that was.

    Raises
    ------
    InputError
        If `words` are not (frames,) codes of `fxp_model.ear.gain.SAMPLE`.
    """
    codes = integers("words", words).astype(np.int64)
    if codes.ndim != 1:
        raise InputError(f"words must have shape (frames,), not {codes.shape}")
    SAMPLE.check("words", codes)
    bits = codes[:, None] >> np.arange(SAMPLE.width)[::-1] & 1
    nothing = np.repeat(1 - bits[:, -1:], FRAME - 1 - SAMPLE.width, axis=1)
    return np.concatenate([1 - bits[:, :1], bits, nothing], axis=1)


def _run(flags: NDArray[np.bool_]) -> NDArray[np.int64]:
    """For each flag, how many in a row are set up to it."""
    index = np.arange(1, len(flags) + 1)
    return index - np.maximum.accumulate(np.where(flags, 0, index))

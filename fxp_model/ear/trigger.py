"""The golden trigger: which frames of the ear are sent, and where a sample ends (NUMERICS.md section 17)."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, fields
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fxp_model.checks import check_type, integers
from fxp_model.ear.spec import MAX_LOG
from fxp_model.encoding import check_limit
from fxp_model.errors import InputError, shown

MAX_STREAK = 15
"""Loud frames in a row are counted so far."""

_LIMITS = {
    "log_frac_bits": (3, 8),
    "rise": (0, 4095),
    "fall": (0, 4095),
    "onset": (1, MAX_STREAK),
    "preroll": (0, 32),
    "duration": (1, 4095),
    "hold": (0, 4095),
    "floor_least": (0, 63),
    "floor_fall": (0, 12),
    "floor_shift": (1, 12),
    "floor_rise": (0, 4095),
    "preroll_limit": (0, 32),
}


@dataclass(frozen=True, kw_only=True)
class TriggerSpec:
    """Integers of a trigger.

    Parameters
    ----------
    free : bool
        Every frame is sent, in samples of `duration` frames.
    rise : int
        How far above the floor a loud frame is, in 2**-log_frac_bits octaves; 0..4095.
    fall : int
        A frame less far above the floor is quiet, which must be between two samples; 0..`rise`.
    onset : int
        Loud frames in a row that begin a sample, 1..15.
    preroll : int
        Frames before the last of these that are sent first, 0..`preroll_limit`.
    duration : int
        Frames of a sample, 1..4095.
    hold : int
        Frames behind a sample with which none begins, 0..4095.
    log_frac_bits : int
        Of the ear's logarithms, 3..8.
    floor_least : int
        Octaves of the sum of all channels over a frame, 0..63.
    floor_fall : int
        A frame below the floor takes 2**-floor_fall of the distance away, 0..12.
    floor_shift, floor_rise : int
        Another one adds `floor_rise` to it, in 2**-(log_frac_bits + floor_shift) octaves, less than
        2**floor_shift; `floor_shift` in 1..12.
    preroll_limit : int
        Frames that hardware has room for, 0..32.

    Raises
    ------
    InputError
        A parameter is outside its limits.
    """

    free: bool = False
    rise: int = 96
    fall: int = 48
    onset: int = 3
    preroll: int = 20
    duration: int = 100
    hold: int = 20
    log_frac_bits: int = 6
    floor_least: int = 20
    floor_fall: int = 3
    floor_shift: int = 8
    floor_rise: int = 82
    preroll_limit: int = 32

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if type(value).__name__ != field.type:
                kind = "True or False" if field.type == "bool" else "an integer"
                raise InputError(f"{field.name} must be {kind}, not {shown(value)}")
        for name, (low, high) in _LIMITS.items():
            value = getattr(self, name)
            check_limit(name, value, low <= value <= high, f"in {low}..{high}")
        check_limit("fall", self.fall, self.fall <= self.rise, f"at most rise = {self.rise}")
        most = self.preroll_limit
        check_limit("preroll", self.preroll, self.preroll <= most, f"at most preroll_limit = {most}")
        rise, shift = self.floor_rise, self.floor_shift
        check_limit("floor_rise", rise, rise < 1 << shift, f"less than 2**floor_shift = {1 << shift}")


class SentFrame(NamedTuple):
    """A frame that is sent: counts (channels,), and whether it ends its sample."""

    counts: NDArray[np.uint8]
    last: bool


class Trigger:
    """A trigger that is told of frames as they come.

    Parameters
    ----------
    spec : TriggerSpec

    Attributes
    ----------
    spec : TriggerSpec
        May be replaced between frames, as far as a host can change it: `free`, `rise`, `fall`, `onset`,
        `preroll`, `duration` and `hold`.
    floor : int
        Of fraction log_frac_bits + floor_shift.
    """

    def __init__(self, spec: TriggerSpec) -> None:
        check_type("spec", spec, TriggerSpec)
        self.spec = spec
        self.floor = (MAX_LOG << spec.log_frac_bits + spec.floor_shift) - 1
        self._passed: deque[NDArray[np.uint8]] = deque(maxlen=max(1, spec.preroll_limit))
        self._sampling, self._armed = False, True
        self._sent = self._streak = self._left = 0

    def step(self, loudness: int, counts: ArrayLike, waits: bool = False) -> list[SentFrame]:
        """Frames that are sent because of a frame of `counts` (channels,), in their order.

        Parameters
        ----------
        loudness : int
            Of the frame, in 2**-log_frac_bits octaves; 0 .. 64 * 2**log_frac_bits - 1.
        waits : bool
            A frame that is to be sent still waits.

        Raises
        ------
        InputError
            `loudness` is outside its range, or `counts` are not (channels,) integers of 8 bits.
        """
        spec = self.spec
        most = (MAX_LOG << spec.log_frac_bits) - 1
        check_limit("loudness", loudness, 0 <= loudness <= most, f"in 0..{most}")
        frame = _checked(counts)
        floor = self.floor >> spec.floor_shift
        loud, quiet = loudness >= floor + spec.rise, loudness < floor + spec.fall
        self._follow(loudness)
        before = 0 if spec.free else min(spec.preroll, len(self._passed))
        rising = loud and self._armed and self._left == 0
        if self._sampling:
            frames = [frame]
        elif (spec.free or (rising and self._streak + 1 >= spec.onset)) and not (waits and self._passed):
            frames = [*list(self._passed)[len(self._passed) - before :], frame]
            self._sent = 0
        else:
            self._passed.append(frame)
            self._streak = min(self._streak + 1, MAX_STREAK) if rising else 0
            self._armed |= quiet
            self._left = max(self._left - 1, 0)
            return []
        self._passed.clear()
        self._sent += len(frames)
        last = self._sent >= spec.duration
        self._sampling, self._armed, self._streak = not last, False, 0
        if last:
            self._left = spec.hold
        return [SentFrame(own, last and own is frame) for own in frames]

    def _follow(self, loudness: int) -> None:
        """The floor after a frame."""
        spec = self.spec
        distance = (loudness << spec.floor_shift) - self.floor
        if distance < 0:
            least = spec.floor_least << spec.log_frac_bits + spec.floor_shift
            self.floor = max(self.floor + (distance >> spec.floor_fall), least)
        else:
            self.floor += spec.floor_rise


def _checked(counts: ArrayLike) -> NDArray[np.uint8]:
    """A copy of `counts`; `InputError` unless they are (channels,) integers of 8 bits."""
    array = integers("counts", counts)
    if array.ndim != 1:
        raise InputError(f"counts must have shape (channels,), not {array.shape}")
    if array.size and not 0 <= array.min() <= array.max() <= 255:
        raise InputError(f"counts must be 0..255, not {array.max() if array.max() > 255 else array.min()}")
    return array.astype(np.uint8)

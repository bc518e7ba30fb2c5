"""How clips are heard: when, in what noise, and how loud, at random within limits."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fxp_model.data.audio import checked_clip, pcm
from fxp_model.data.dataset import seeded
from fxp_model.data.noise import Noise
from fxp_model.errors import InputError

GAIN_DB = (-120.0, 60.0)
SNR_DB = (-60.0, 120.0)
SHARE = (0.0, 1.0)
SHIFT_MS = (0.0, 10_000.0)
"""Least and largest value of each condition."""

Range = tuple[float, float]


@dataclass(frozen=True, kw_only=True)
class Conditions:
    r"""What a clip goes through between the mouth and the encoder.

    With the samples x of a clip, in full scales, a stretch v of noise as long, and d, snr and gain drawn
    uniformly for each clip,

        s[n] = x[n - d]                                           silence comes in, what moves out is lost
        c    = sqrt(sum(s^2) / (sum(v^2) * 10^(snr / 10)))        0 for a clip without noise
        y[n] = 10^(gain / 20) * (s[n] + c * v[n])
        z[n] = pcm(y[n]) / 2^15

    so z is what a microphone of 16 bits gives (`fxp_model.data.audio.pcm`). Powers are of the whole clip,
    its pauses included. A silent clip stays silent.

    Every draw is of `seed`, the index of the clip in its split and `copy`, and of nothing else: whatever the
    limits, a clip is mixed with the same stretch of noise. Clips that follow each other (`carried`) have the
    gain of the first of them in the split: microphones stay where they are.

    Parameters
    ----------
    gain_db : (low, high)
        -120..60.
    snr_db : (low, high)
        -60..120; of clips that have noise.
    noise : Noise, optional
    noise_share : float
        Of the clips that have noise, 0..1.
    shift_ms : float
        Largest d, either way; 0..10000.
    seed, copy : int
        At least 0.
    carried : bool
        An ear hears each clip with the level that its speaker's other clips
        left, in an order that `seed` and `copy` draw; False, and where the speaker is not known: from rest.

    Raises
    ------
    InputError
        A value is outside its limits.
    """

    gain_db: Range = (0.0, 0.0)
    snr_db: Range = (0.0, 30.0)
    noise: Noise | None = None
    noise_share: float = 1.0
    shift_ms: float = 0.0
    seed: int = 0
    copy: int = 0
    carried: bool = True

    def __post_init__(self) -> None:
        for name, limits in (("gain_db", GAIN_DB), ("snr_db", SNR_DB)):
            low, high = getattr(self, name)
            _check(name, low, limits)
            _check(name, high, limits)
            if low > high:
                raise InputError(f"{name} must be a low and a high value, not {low:g} and {high:g}")
        _check("noise_share", self.noise_share, SHARE)
        _check("shift_ms", self.shift_ms, SHIFT_MS)
        for name in ("seed", "copy"):
            if getattr(self, name) < 0:
                raise InputError(f"{name} must be at least 0, not {getattr(self, name)}")

    def order(self, indices: Sequence[int]) -> list[int]:
        """Clips of a speaker, `indices` in the split, as they follow each other."""
        rng = seeded(self.seed, indices[0], self.copy, 1)
        return [indices[place] for place in rng.permutation(len(indices))]

    def heard(
        self, audio: NDArray[np.floating], rate_hz: int, index: int, first: int | None = None
    ) -> NDArray[np.float64]:
        """What the encoder gets of a clip.

        Parameters
        ----------
        audio, rate_hz
            As an encoder takes them.
        index : int
            Of the clip in its split.
        first : int, optional
            Least index of the clips that follow each other; default: `index`.

        Returns
        -------
        (samples,) float64
            Multiples of 2**-15, at least -1 and below 1.

        Raises
        ------
        InputError
            `audio` or `rate_hz` is not as an encoder takes them, or the noise cannot be used.
        """
        clip = checked_clip(audio, rate_hz)
        when, noisy, file, place, snr, gain = self._draw(index)
        if first is not None:
            *_, gain = self._draw(first)
        clip = _shifted(clip, round((2 * when - 1) * self.shift_ms * rate_hz / 1000))
        if self.noise is not None and noisy < self.noise_share:
            noise = self.noise.stretch(file, place, len(clip), rate_hz)
            ratio = np.sum(clip**2) / np.sum(noise**2)
            clip = clip + noise * math.sqrt(ratio / 10 ** (_between(self.snr_db, snr) / 10))
        return pcm(clip * 10 ** (_between(self.gain_db, gain) / 20)) / 2.0**15

    def _draw(self, index: int) -> NDArray[np.float64]:
        """A number in 0..1 for each thing that is drawn, used or not."""
        return seeded(self.seed, index, self.copy).random(6)

    def to_dict(self) -> dict[str, Any]:
        """All that decides what is heard; JSON keeps it exactly."""
        noise = None if self.noise is None else self.noise.sha256
        return asdict(self) | {"noise": noise}


def _check(name: str, value: float, limits: Range) -> None:
    low, high = limits
    if not low <= value <= high:
        raise InputError(f"{name} must be {low:g}..{high:g}, not {value:g}")


def _between(limits: Range, share: float) -> float:
    low, high = limits
    return low + (high - low) * share


def _shifted(clip: NDArray[np.float64], by: int) -> NDArray[np.float64]:
    """Sample n of it is sample n - `by` of `clip`."""
    moved = np.zeros_like(clip)
    by = max(-len(clip), min(by, len(clip)))
    moved[max(by, 0) : len(clip) + min(by, 0)] = clip[max(-by, 0) : len(clip) - max(by, 0)]
    return moved

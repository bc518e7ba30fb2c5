"""Audio to spike counts, modelled on the ear: filter bank, half-wave rectifier, adaptive neurons."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray
from scipy import signal

from fxp_model.data.audio import checked_clip, resampled
from fxp_model.encoding import Encoder, check_limit

RATE_HZ = 16_000
"""Sample rate of the filter bank; audio at any other rate is resampled to it."""
FRAME_MS = 10
"""Duration of a frame, which is a time step of the network."""

_ENVELOPE = RATE_HZ // 1000
"""Samples per value of the 1 ms envelope."""
_FRAME = RATE_HZ * FRAME_MS // 1000
_TINY = 1e-60
"""Far below any audible signal; keeps filters decaying into digital silence off slow denormals."""
_LOUD = 0.1
"""Frames within 20 dB of the loudest determine the level of a clip."""


@dataclass(frozen=True, kw_only=True)
class CochlearEncoder(Encoder):
    r"""A cochlea of gammatone filters, each with one adaptive leaky integrate-and-fire neuron.

    At 1 ms steps k, with the mean e of a channel's half-wave rectified band over the step and the
    level L of the clip,

        v <- leak * v + (e / L) ** compression
        n  = floor(v / (threshold + a))            spikes of this step
        v <- v - n * (threshold + a)
        a <- recovery * a + adaptation * n

    The count of a frame is the sum of n over its 10 steps. Leak and threshold keep the noise
    floor silent, adaptation emphasises onsets.

    Parameters
    ----------
    channels : int
        Filters, 1..1024, evenly spaced on the ERB-rate scale between the centre frequencies
        `low_hz` and `high_hz`, both included.
    low_hz, high_hz : float
        20 <= low_hz < high_hz <= 7800.
    compression : float
        Exponent, 0.1..1.
    leak : float
        Share of the potential kept per ms, 0 <= leak < 1.
    threshold : float
        Above 0, in units of the clip's level after compression.
    adaptation : float
        Increment of the threshold per spike, at least 0.
    recovery : float
        Share of the adaptation kept per ms, 0 <= recovery < 1.
    level_floor : float
        Lowest L, above 0, relative to full scale: a quieter clip is not amplified.
    count_bits : int
        Counts saturate at 2**count_bits - 1; 1..8.

    Notes
    -----
    ERB-rate scale: Glasberg and Moore, Hearing Research 47 (1990), 103-138. Filters: fourth-order
    gammatone, Slaney's all-pole form as `scipy.signal.gammatone` designs it.

    Raises
    ------
    InputError
        A parameter is outside its limits.
    """

    name: ClassVar[str] = "cochlear"
    version: ClassVar[int] = 1
    takes: ClassVar[str] = "sound"

    channels: int = 140
    low_hz: float = 80.0
    high_hz: float = 7000.0
    compression: float = 0.5
    leak: float = 0.8
    threshold: float = 0.3
    adaptation: float = 0.02
    recovery: float = 0.97
    level_floor: float = 1e-3
    count_bits: int = 4

    def __post_init__(self) -> None:
        super().__post_init__()
        check_limit("channels", self.channels, 1 <= self.channels <= 1024, "in 1..1024")
        check_limit("low_hz", self.low_hz, 20 <= self.low_hz < math.inf, "at least 20")
        inside = self.low_hz < self.high_hz <= 7800
        check_limit("high_hz", self.high_hz, inside, f"above low_hz = {self.low_hz} and at most 7800")
        check_limit("compression", self.compression, 0.1 <= self.compression <= 1, "in 0.1..1")
        check_limit("leak", self.leak, 0 <= self.leak < 1, "at least 0 and below 1")
        check_limit("threshold", self.threshold, 0 < self.threshold < math.inf, "above 0 and finite")
        check_limit("adaptation", self.adaptation, 0 <= self.adaptation < math.inf, "at least 0 and finite")
        check_limit("recovery", self.recovery, 0 <= self.recovery < 1, "at least 0 and below 1")
        check_limit("level_floor", self.level_floor, 0 < self.level_floor < math.inf, "above 0 and finite")
        check_limit("count_bits", self.count_bits, 1 <= self.count_bits <= 8, "in 1..8")

    @property
    def centre_hz(self) -> NDArray[np.float64]:
        """Centre frequency of each channel, (channels,)."""
        low, high = _erb_rate(self.low_hz), _erb_rate(self.high_hz)
        return _erb_rate_to_hz(np.linspace(low, high, self.channels))

    def encode(self, audio: NDArray[np.floating], rate_hz: int) -> NDArray[np.uint8]:
        """Counts of a clip.

        Parameters
        ----------
        audio : (samples,) float
            Mono, finite, at least one sample, at most ten minutes, any level.
        rate_hz : int
            Sample rate, 1000..1000000 Hz.

        Returns
        -------
        counts : (T, channels) uint8
            T = ceil(samples / (rate_hz / 100)): one row per 10 ms, the last padded with silence.

        Raises
        ------
        InputError
            `audio` or `rate_hz` is not as described.
        """
        clip = resampled(checked_clip(audio, rate_hz), rate_hz, RATE_HZ)
        clip = np.pad(clip, (0, -len(clip) % _FRAME))
        clip /= max(_level(clip), self.level_floor)
        spikes = self._fire(self._drive(clip))
        counts = spikes.reshape(-1, FRAME_MS, self.channels).sum(axis=1)
        return np.minimum(counts, 2**self.count_bits - 1).astype(np.uint8)

    def _drive(self, audio: NDArray[np.float64]) -> NDArray[np.float64]:
        """Compressed 1 ms envelopes (ms, channels)."""
        audio = audio + _TINY
        drive = np.empty((len(audio) // _ENVELOPE, self.channels))
        for channel, (b, a) in enumerate(_filters(self)):
            band = np.maximum(signal.lfilter(b, a, audio), 0.0)
            drive[:, channel] = band.reshape(-1, _ENVELOPE).mean(axis=1)
        return np.power(drive, self.compression, out=drive)

    def _fire(self, drive: NDArray[np.float64]) -> NDArray[np.float64]:
        """Spike counts (ms, channels) of the neurons, integers; they overwrite `drive`."""
        potential = np.zeros(self.channels)
        raised = np.zeros(self.channels)
        limit = np.empty(self.channels)
        for fired in drive:
            potential *= self.leak
            potential += fired  # the row holds the current until here
            np.add(raised, self.threshold, out=limit)
            np.floor_divide(potential, limit, out=fired)
            np.multiply(fired, limit, out=limit)
            potential -= limit
            raised *= self.recovery
            np.multiply(fired, self.adaptation, out=limit)
            raised += limit
        return drive


def _erb_rate(hz: float) -> float:
    return 21.4 * math.log10(1 + 4.37e-3 * hz)


def _erb_rate_to_hz(rate: NDArray[np.float64]) -> NDArray[np.float64]:
    return (10 ** (rate / 21.4) - 1) / 4.37e-3


@lru_cache(maxsize=4)
def _filters(encoder: CochlearEncoder) -> tuple[tuple[NDArray[np.float64], NDArray[np.float64]], ...]:
    return tuple(signal.gammatone(hz, "iir", fs=RATE_HZ) for hz in encoder.centre_hz)


def _level(audio: NDArray[np.float64]) -> float:
    """Root mean square over the loud frames of whole-frame `audio`: pauses are left out."""
    power = np.mean(audio.reshape(-1, _FRAME) ** 2, axis=1)
    loud = power >= _LOUD**2 * power.max()
    return math.sqrt(power[loud].mean())

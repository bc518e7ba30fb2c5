"""Synthetic words: a source-filter synthesiser with any number of voices.

A word is a sequence of two or three phones, and for each word there is another of the same phones in
reverse order, so that only timing distinguishes them. Glottal pulses, with breath noise,
pass through a cascade of formant resonators; frication noise has a resonator of its own.
Resonator of frequency F and bandwidth B: H(z) = (1 - a1 - a2) / (1 - a1 z^-1 - a2 z^-2) with
a1 = 2 r cos(2 pi F / rate), a2 = -r^2, r = exp(-pi B / rate); Klatt, J. Acoust. Soc. Am. 67
(1980), 971-995.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import signal

from fxp_model.data.dataset import Clip, SpeechDataset, seeded
from fxp_model.errors import InputError

RATE_HZ = 16_000
SAMPLES = RATE_HZ
"""A clip lasts one second."""

Audio = NDArray[np.float64]

_VERSION = 1
"""Part of a clip's content: a cache never returns the audio of another version."""
_BLOCK = 80
"""Samples between changes of the formants: 5 ms."""
_BANDWIDTHS_HZ = np.array([80.0, 110.0, 160.0, 250.0])
_NOISE_BANDWIDTH_HZ = 1000.0
_GLIDE_MS = 60
_RAMP_MS = 15
"""Transition time of formants, and of amplitudes, from one target to the next."""


@dataclass(frozen=True)
class _Segment:
    """A segment of sound with constant targets.

    ms : duration at normal tempo
    formants_hz : resonances of an average vocal tract
    voice, noise : amplitude of the glottis, of frication
    noise_hz : centre of the frication
    """

    ms: float
    formants_hz: tuple[float, float, float, float]
    voice: float = 0.0
    noise: float = 0.0
    noise_hz: float = 0.0


_PHONES = {
    "a": (_Segment(170, (750, 1250, 2550, 3500), voice=1.0),),
    "e": (_Segment(170, (480, 1950, 2600, 3500), voice=1.0),),
    "i": (_Segment(170, (290, 2300, 3000, 3600), voice=1.0),),
    "o": (_Segment(170, (480, 850, 2500, 3400), voice=1.0),),
    "u": (_Segment(170, (310, 750, 2300, 3400), voice=1.0),),
    "m": (_Segment(110, (250, 1050, 2200, 3300), voice=0.4),),
    "n": (_Segment(110, (270, 1550, 2500, 3400), voice=0.4),),
    "s": (_Segment(140, (350, 1600, 2600, 3500), noise=0.5, noise_hz=5600),),
    "x": (_Segment(140, (350, 1800, 2600, 3500), noise=0.6, noise_hz=2900),),
    "t": (
        _Segment(60, (350, 1800, 2600, 3500)),
        _Segment(25, (350, 1800, 2600, 3500), noise=0.8, noise_hz=4300),
    ),
    "k": (
        _Segment(60, (350, 1600, 2400, 3400)),
        _Segment(25, (350, 1600, 2400, 3400), noise=0.8, noise_hz=1800),
    ),
}

WORDS = (
    *("ai", "ia", "au", "ua", "eo", "oe", "as", "sa", "ix", "xi"),
    *("sux", "xus", "mai", "iam", "nes", "sen", "tau", "uat", "koi", "iok"),
)
"""The classes, a letter per phone; neighbours differ in order only (x is the sh in she)."""


@dataclass(frozen=True)
class SyntheticSource:
    """A word spoken by a voice.

    seed, speaker : choose the voice; speakers of one seed are independent of each other
    word : one of `WORDS`
    """

    seed: int
    speaker: int
    word: str

    def content(self) -> bytes:
        """The fields and the version of the synthesiser."""
        return json.dumps({"synthetic": _VERSION, **asdict(self)}).encode()

    def audio(self, content: bytes) -> tuple[Audio, int]:
        """The sound, (16000,) within +-1, and its rate."""
        return synthesise(self.word, self.seed, self.speaker), RATE_HZ


def synthetic_dataset(seed: int = 0, train_speakers: int = 100, held_out_speakers: int = 20) -> SpeechDataset:
    """Each of 20 words spoken once by each speaker; val and test have their own `held_out_speakers`.

    Raises
    ------
    InputError
        `seed` is below 0 or a number of speakers below 1.
    """
    seeded(seed)
    splits = {}
    first = 0
    classes = tuple(sorted(WORDS))
    for split, speakers in (
        ("train", train_speakers),
        ("val", held_out_speakers),
        ("test", held_out_speakers),
    ):
        if speakers < 1:
            raise InputError(f"speakers of {split} must be at least 1, not {speakers}")
        splits[split] = tuple(
            Clip(f"{word}/{speaker}", label, str(speaker), SyntheticSource(seed, speaker, word))
            for speaker in range(first, first + speakers)
            for label, word in enumerate(classes)
        )
        first += speakers
    return SpeechDataset("synthetic", classes, splits)


def synthesise(word: str, seed: int, speaker: int) -> Audio:
    """A second of sound, (16000,), with `word` somewhere in it; the same for the same arguments."""
    voice = _Voice.draw(seeded(seed, speaker, 0))
    rng = seeded(seed, speaker, 1 + WORDS.index(word))
    segments = [segment for phone in word for segment in _PHONES[phone]]
    spans = _spans(segments, voice, rng)

    formants = voice.formant_scale * _formants(segments, spans) * rng.normal(1, 0.02, 4)
    voiced = _amplitude([segment.voice for segment in segments], spans)
    sound = _resonate(voiced * _glottis(voice, rng), formants)
    sound /= np.abs(sound).max()
    for index, segment in enumerate(segments):
        if segment.noise > 0:
            envelope = _amplitude([segment.noise], spans[index : index + 1])
            centre_hz = min(segment.noise_hz * voice.formant_scale.mean(), 7000.0)
            sound += envelope * _frication(centre_hz, rng)
    sound *= 10 ** rng.uniform(-1.3, -0.2) / np.abs(sound).max()
    hum = np.sqrt(np.mean(sound**2)) * 10 ** rng.uniform(-2.0, -1.2)
    return np.clip(sound + rng.normal(0, hum, SAMPLES), -1, 1)


@dataclass(frozen=True)
class _Voice:
    """The properties of a speaker's voice, constant over its words.

    pitch_hz : mean rate of the glottis
    formant_scale : factor of each formant, (4,); above 1 for a short vocal tract
    tempo : factor of durations
    breath : glottal noise beside the pulses
    """

    pitch_hz: float
    formant_scale: NDArray[np.float64]
    tempo: float
    breath: float

    @classmethod
    def draw(cls, rng: np.random.Generator) -> _Voice:
        height = rng.uniform(-1, 1)
        return cls(
            pitch_hz=155 * 1.7 ** (height + rng.normal(0, 0.2)),
            formant_scale=1.13 ** (height + rng.normal(0, 0.2)) * rng.normal(1, 0.02, 4),
            tempo=1.25 ** rng.uniform(-1, 1),
            breath=rng.uniform(0.02, 0.3),
        )


def _spans(segments: list[_Segment], voice: _Voice, rng: np.random.Generator) -> list[tuple[int, int]]:
    """First sample and end of each segment; the word is placed at random in the middle of the free time."""
    ms = np.array([segment.ms for segment in segments])
    lengths = (ms * voice.tempo * rng.uniform(0.85, 1.15, len(ms)) * RATE_HZ / 1000).astype(int)
    free = SAMPLES - int(lengths.sum())
    ends = int(free * rng.uniform(0.2, 0.8)) + np.cumsum(lengths)
    return [(int(end - length), int(end)) for end, length in zip(ends, lengths, strict=True)]


def _formants(segments: list[_Segment], spans: list[tuple[int, int]]) -> NDArray[np.float64]:
    """Gliding formants of each block in Hz, (blocks, 4)."""
    middle = np.arange(_BLOCK // 2, SAMPLES, _BLOCK)
    segment_at = np.searchsorted([end for _, end in spans[:-1]], middle, side="right")
    targets = np.array([segment.formants_hz for segment in segments])[segment_at]
    window = _window(_GLIDE_MS * RATE_HZ // 1000 // _BLOCK)
    padded = np.pad(targets, ((len(window) // 2,) * 2, (0, 0)), mode="edge")
    return np.stack([np.convolve(track, window, mode="valid") for track in padded.T], axis=1)


def _amplitude(values: list[float], spans: list[tuple[int, int]]) -> Audio:
    """Amplitude of each sample: `values` over `spans`, zero elsewhere, with ramps."""
    steps = np.zeros(SAMPLES)
    for value, (start, end) in zip(values, spans, strict=True):
        steps[start:end] = value
    return signal.fftconvolve(steps, _window(_RAMP_MS * RATE_HZ // 1000), mode="same").clip(0)


def _window(points: int) -> NDArray[np.float64]:
    """A smoothing window of odd length, at least `points`, and area 1."""
    hump = signal.windows.hann(points // 2 * 2 + 3)[1:-1]
    return hump / hump.sum()


def _glottis(voice: _Voice, rng: np.random.Generator) -> Audio:
    """Derivative of the glottal flow with breath noise: it opens over 40 % of a period and closes in 16 %."""
    seconds = np.arange(SAMPLES) / RATE_HZ
    fall = rng.uniform(-0.1, 0.3)
    wobble = 0.02 * np.sin(2 * np.pi * (5 * seconds + rng.uniform()))
    phase = np.cumsum(voice.pitch_hz * (1 + fall * (0.5 - seconds) + wobble) / RATE_HZ) % 1
    opening = 0.5 - 0.5 * np.cos(np.pi * phase / 0.4)
    shutting = np.cos(np.pi / 2 * (phase - 0.4) / 0.16)
    flow = np.where(phase < 0.4, opening, np.where(phase < 0.56, shutting, 0.0))
    hiss = rng.normal(0, voice.breath, SAMPLES) * (0.3 + flow)
    return np.diff(flow, prepend=0.0) + 0.2 * hiss


def _resonate(source: Audio, formants_hz: NDArray[np.float64]) -> Audio:
    """The source filtered by the cascade of resonators, which change from block to block."""
    radius = np.exp(-np.pi * _BANDWIDTHS_HZ / RATE_HZ)
    a1 = 2 * radius * np.cos(2 * np.pi * formants_hz / RATE_HZ)
    a2 = np.broadcast_to(-(radius**2), a1.shape)
    zero, one = np.zeros_like(a1), np.ones_like(a1)
    sections = np.stack([1 - a1 - a2, zero, zero, one, -a1, -a2], axis=2)
    state = np.zeros((sections.shape[1], 2))
    out = np.empty_like(source)
    for block, section in enumerate(sections):
        part = slice(block * _BLOCK, (block + 1) * _BLOCK)
        out[part], state = signal.sosfilt(section, source[part], zi=state)
    return out


def _frication(centre_hz: float, rng: np.random.Generator) -> Audio:
    """Noise around a frequency, peak 1."""
    radius = np.exp(-np.pi * _NOISE_BANDWIDTH_HZ / RATE_HZ)
    poles = [1, -2 * radius * np.cos(2 * np.pi * centre_hz / RATE_HZ), radius**2]
    noise = signal.lfilter([1, 0, -1], poles, rng.normal(0, 1, SAMPLES))
    return noise / np.abs(noise).max()

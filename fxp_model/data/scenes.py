"""Scenes: an endless stream of sound, in which words are said at random times in real noise."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields, replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import signal

from fxp_model.data.audio import checked_clip, pcm, read_audio, resampled
from fxp_model.data.conditions import SNR_DB, Range
from fxp_model.data.dataset import Clip, seeded
from fxp_model.data.noise import Noise
from fxp_model.data.word_span import word_span
from fxp_model.encoding import check_limit
from fxp_model.errors import InputError

RATE_HZ = 16_000
PIECE_S, SLOT_S, FADE_S = 60, 4, 1
"""Seconds of a piece, from one recording of the background to the next, of the fade between them."""
PIECE, SLOT, FADE = PIECE_S * RATE_HZ, SLOT_S * RATE_HZ, FADE_S * RATE_HZ
LEAST_GAP_S = 1.0
"""Between the end of a word and the start of the next."""
MAX_WORD_S = 5.0
OTHER = "other-words"
"""Recordings in a folder of this name are other speech; all others are background."""

LEVEL_DB = (-90.0, 0.0)
GAP_S = (LEAST_GAP_S, 600.0)
OTHER_SHARE = (0.0, 0.9)
DISTANCE_M = (0.1, 10.0)
SPLICED = (0.0, 1.0)
SPEED = (0.5, 2.0)
COLOUR_DB = (0.0, 24.0)
"""Least and largest values; those of the SNR are of `fxp_model.data.conditions`."""

_EDGE = RATE_HZ // 20
"""Samples of a recording that are kept, and faded, on both sides of its word."""
_ECHO_S = (0.2, 0.5)
"""In which echoes fall by 60 dB."""

_OCTAVES_HZ = 125 * 2.0 ** np.arange(7)
"""At which the gains of a recording's colour are drawn."""

_OTHER_PARTS = 0.5
"""Of the parts of spliced words, how many are of other speech."""
_JOINT, _JOINT_AT = RATE_HZ // 100, (0.35, 0.65)
"""Samples in which one recording fades into the next, and where in each word that is."""

Sound = NDArray[np.float64]


class _Said(NamedTuple):
    """A recording, of power 1 over its word, which starts and ends as said; its class, or -1."""

    label: int
    sound: Sound
    start: int
    end: int


@dataclass(frozen=True, kw_only=True)
class SceneSpec:
    r"""Numbers of scenes.

    The stream is of pieces of 60 s, with a level and an SNR each, both drawn uniformly. Within a piece

        start of a word = end of the one before (or start of the piece) + 1 s + Exp(gap_s - 1 s)

    and a word that would not end 1 s before the end of the piece is left out, so words never overlap. Each
    is, with the probability `other_share`, of other speech, and else a keyword; which one is drawn uniformly
    among the recordings. A recording is cut to its word (`word_span`) with 50 ms on each side, which fade.

    With the recording x, of power 1 over its word, and the background v, of power 1 over each of its
    recordings, both in full scales,

        y[n] = pcm(10^(L / 20) / r * (x[n] + r * (h * x)[n]) + 10^((L - snr) / 20) * v[n])

    where L is the level and h * x are the echoes of a room, noise of energy 1 that falls by 60 dB within 0.2
    to 0.5 s, drawn for each word. At a distance r = 1 m echoes are as strong as what comes directly, and a
    word at r m has an SNR of snr - 20 log10 r. Without a distance r = 1 and there are no echoes.

    The background is of recordings of 4 s, each of which fades into the next within 1 s, at equal power.

    Every draw is of `seed` and the number of the piece, or of the recording, and of nothing else: piece i is
    the same whichever others are made.

    Parameters
    ----------
    snr_db : (low, high)
        -60..120.
    level_db : (low, high)
        RMS of words over their span in dB of full scale, -90..0.
    gap_s : float
        Mean silence between words, 1..600.
    other_share : float
        0..0.9; without other speech it has no effect.
    distance_m : (low, high), optional
        0.1..10; drawn uniformly for each word. None: as recorded.
    spliced : float
        Of the other speech, how much begins as one recording and ends as another, keywords among them;
        0..1. What is nearly a word and none teaches a network to hear words out.
    speed : (low, high), optional
        0.5..2, in hundredths; drawn uniformly for each word, whose pitch changes with it, as that of a tape
        does (Ko et al., "Audio augmentation for speech recognition", Interspeech 2015). None: as recorded.
    colour_db : float
        0..24; each word has gains drawn uniformly from -colour_db..colour_db dB at the octaves from 125 Hz
        to 8 kHz, linear between them in dB over the logarithm of frequency, of zero phase. Else a network
        may know words by the microphone with which their data set was recorded. 0: as recorded.
    seed : int
        At least 0.

    Raises
    ------
    InputError
        A value is outside its limits.
    """

    snr_db: Range = (5.0, 30.0)
    level_db: Range = (-45.0, -15.0)
    gap_s: float = 5.0
    other_share: float = 0.5
    distance_m: Range | None = None
    spliced: float = 0.0
    speed: Range | None = None
    colour_db: float = 0.0
    seed: int = 0

    def __post_init__(self) -> None:
        limits = {"snr_db": SNR_DB, "level_db": LEVEL_DB, "distance_m": DISTANCE_M}
        limits |= {"gap_s": GAP_S, "other_share": OTHER_SHARE, "spliced": SPLICED, "speed": SPEED}
        limits |= {"colour_db": COLOUR_DB}
        for field in fields(self):
            value = getattr(self, field.name)
            if field.name not in limits or value is None:
                continue
            least, most = limits[field.name]
            given = value if isinstance(value, tuple) else (value,)
            for own in given:
                check_limit(field.name, own, least <= own <= most, f"{least:g}..{most:g}")
            if given[0] > given[-1]:
                raise InputError(
                    f"{field.name} must be a low and a high value, not {given[0]:g} and {given[1]:g}"
                )
        seeded(self.seed)


class Word(NamedTuple):
    """A keyword of a scene.

    start, end : in samples of the stream
    label : class index
    level_db, snr_db : of what comes directly
    """

    start: int
    end: int
    label: int
    level_db: float
    snr_db: float


@dataclass(frozen=True, eq=False)
class Piece:
    """A minute of a scene.

    samples : (960000,) int16, at 16 kHz
    words : what is said in it, in order
    others : (start, end) of other speech, in samples of the stream
    """

    samples: NDArray[np.int16]
    words: tuple[Word, ...]
    others: tuple[tuple[int, int], ...]


class Scenes:
    """A stream of scenes; of constant memory, as recordings are read when they are heard.

    Parameters
    ----------
    spec : SceneSpec
    clips : sequence of Clip
        Of the keywords.
    noise : Noise
        Background and other speech: the recordings in a folder called ``other-words``.
    speech : sequence of Noise
        More other speech. It is drawn equally often from each of these and such a folder.

    Raises
    ------
    InputError
        `noise` has no background.
    """

    def __init__(
        self, spec: SceneSpec, clips: Sequence[Clip], noise: Noise, speech: Sequence[Noise] = ()
    ) -> None:
        self.spec, self._clips = spec, clips
        among = tuple(path for path in noise.files if path.parent.name == OTHER)
        self._others = tuple(files for files in (among, *(own.files for own in speech)) if files)
        background = tuple(path for path in noise.files if path.parent.name != OTHER)
        if not background:
            raise InputError(f"{noise.name}: must hold noise beside {OTHER}")
        self._noise = replace(noise, files=background)

    def __iter__(self) -> Iterator[Piece]:
        """All pieces, without an end."""
        return map(self.piece, itertools.count())

    def piece(self, index: int) -> Piece:
        """Piece `index`, from 0.

        Raises
        ------
        InputError
            A recording cannot be read, is silent, or has a word that is too long; names it.
        """
        level, snr, rng = self._drawn(index)
        sound = self._background(index)
        words, others = [], []
        place = self._gap(rng)
        while True:
            other = rng.random() < self.spec.other_share and len(self._others) > 0
            spliced = other and self.spec.spliced > 0 and rng.random() < self.spec.spliced
            label, said, start, end = self._spliced(rng) if spliced else self._word(rng, other)
            distance = 1.0
            if self.spec.distance_m is not None:
                distance = _between(self.spec.distance_m, rng.random())
                said = _echoed(said, distance, rng)
            if place + end - start > PIECE - LEAST_GAP_S * RATE_HZ:
                break
            own_db = level - 20 * math.log10(distance)
            sound[place - start : place - start + len(said)] += 10 ** (own_db / 20) * said
            span = index * PIECE + place, index * PIECE + place + end - start
            if other:
                others.append(span)
            else:
                words.append(Word(*span, label, own_db, own_db - level + snr))
            place += end - start + self._gap(rng)
        return Piece(pcm(sound), tuple(words), tuple(others))

    def _drawn(self, index: int) -> tuple[float, float, np.random.Generator]:
        """Level and SNR of a piece, and what draws the rest of it."""
        rng = seeded(self.spec.seed, index, 0)
        level, snr = rng.random(2).tolist()
        return _between(self.spec.level_db, level), _between(self.spec.snr_db, snr), rng

    def _gap(self, rng: np.random.Generator) -> int:
        return int(RATE_HZ * (LEAST_GAP_S + rng.exponential(1.0) * (self.spec.gap_s - LEAST_GAP_S)))

    def _background(self, index: int) -> Sound:
        first = index * (PIECE // SLOT)
        sound = np.zeros(PIECE)
        for slot in range(max(first - 1, 0), first + PIECE // SLOT):
            own, place = self._slot(slot), (slot - first) * SLOT
            low, high = max(place, 0), min(place + len(own), PIECE)
            sound[low:high] += own[low - place : high - place]
        return sound

    def _slot(self, slot: int) -> Sound:
        """A recording of the background, (SLOT + FADE,), at the level of the piece in which it begins."""
        level, snr, _ = self._drawn(slot * SLOT // PIECE)
        file, place = seeded(self.spec.seed, slot, 1).random(2)
        own = self._noise.stretch(file, place, SLOT + FADE, RATE_HZ)
        own = own * (10 ** ((level - snr) / 20) / np.sqrt(np.mean(own**2)))
        rise = np.sin(np.pi / 2 * (np.arange(FADE) + 0.5) / FADE)
        own[:FADE] *= rise
        own[-FADE:] *= rise[::-1]
        return own

    def _spliced(self, rng: np.random.Generator) -> _Said:
        """The first part of one recording and the last of another, reversed if it is of the same word."""
        one, two = (self._word(rng, rng.random() < _OTHER_PARTS and len(self._others) > 0) for _ in range(2))
        if one.label == two.label >= 0:
            length = len(two.sound)
            two = _Said(-1, two.sound[::-1], length - two.end, length - two.start)
        leaves, joins = (
            own.start + int((own.end - own.start) * _between(_JOINT_AT, rng.random())) for own in (one, two)
        )
        first, last = one.sound[: leaves + _JOINT].copy(), two.sound[joins:].copy()
        fade = (np.arange(len(first) - leaves) + 0.5) / _JOINT
        first[leaves:] *= 1 - fade
        last[: len(fade)] *= fade
        sound = np.zeros(leaves + len(last))
        sound[: len(first)] = first
        sound[leaves:] += last
        return _Said(-1, sound, one.start, leaves + two.end - joins)

    def _word(self, rng: np.random.Generator, other: bool) -> _Said:
        """A keyword, or other speech."""
        place = rng.random()
        label, name = -1, ""
        try:
            if other:
                part, place = divmod(place * len(self._others), 1)
                files = self._others[int(part)]
                path = files[int(place * len(files))]
                name = str(path)
                audio, rate_hz = read_audio(path)
            else:
                clip = self._clips[int(place * len(self._clips))]
                label, name = clip.label, clip.name
                audio, rate_hz = clip.source.audio(clip.source.content())
            sound = resampled(checked_clip(audio, rate_hz), rate_hz, RATE_HZ)
            if self.spec.speed is not None:
                percent = round(100 * _between(self.spec.speed, rng.random()))
                sound = np.asarray(signal.resample_poly(sound, 100, percent))
            start, end = word_span(sound, RATE_HZ)
            check_limit(
                "seconds of a word", (end - start) / RATE_HZ, end - start <= MAX_WORD_S * RATE_HZ, "at most 5"
            )
        except InputError as error:
            raise InputError(str(error) if name in str(error) else f"{name}: {error}") from None
        if self.spec.colour_db > 0:
            sound = coloured(sound, rng.uniform(-self.spec.colour_db, self.spec.colour_db, len(_OCTAVES_HZ)))
        low, high = max(start - _EDGE, 0), min(end + _EDGE, len(sound))
        cut = sound[low:high] / np.sqrt(np.mean(sound[start:end] ** 2))
        before, after = start - low, high - end
        cut[:before] *= (np.arange(before) + 0.5) / max(before, 1)
        cut[len(cut) - after :] *= (np.arange(after)[::-1] + 0.5) / max(after, 1)
        return _Said(label, cut, start - low, end - low)


def coloured(sound: Sound, gains_db: NDArray[np.float64]) -> Sound:
    """`sound` (samples,) with `gains_db` (7,) at the octaves from 125 Hz to 8 kHz, as `SceneSpec` says."""
    heard_hz = np.fft.rfftfreq(len(sound), 1 / RATE_HZ)
    octaves = np.log2(np.maximum(heard_hz, _OCTAVES_HZ[0]))
    gains = 10 ** (np.interp(octaves, np.log2(_OCTAVES_HZ), gains_db) / 20)
    return np.fft.irfft(np.fft.rfft(sound) * gains, len(sound))


def _between(limits: Range, share: float) -> float:
    low, high = limits
    return low + (high - low) * share


def _echoed(sound: Sound, distance: float, rng: np.random.Generator) -> Sound:
    """`sound` with the echoes of a room behind it."""
    fall = _between(_ECHO_S, rng.random()) * RATE_HZ
    echo = rng.normal(size=int(fall / 2)) * 10 ** (-3 * np.arange(int(fall / 2)) / fall)
    echo *= distance / np.sqrt(np.sum(echo**2))
    echo[0] += 1.0
    return np.asarray(signal.fftconvolve(sound, echo))

"""What scenes are made of, for tests: bursts of tones as words, hiss as noise, chirps as other speech."""

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile
from numpy.typing import NDArray

from fxp_model.data import Noise, Part, open_noise
from fxp_model.data.dataset import Clip

RATE_HZ = 16000
HZ = (500, 1300)
"""The tone of each class."""
OTHER_HZ = 3000


def burst(hz: float, start: int, end: int, samples: int = RATE_HZ) -> NDArray[np.float64]:
    """A tone from `start` to `end`, silence around it."""
    sound = np.zeros(samples)
    sound[start:end] = 0.2 * np.sin(2 * np.pi * hz * np.arange(end - start) / RATE_HZ)
    return sound


@dataclass(frozen=True)
class Burst:
    """A source of a clip; its word is from `start` to `end`."""

    hz: int
    start: int
    end: int

    def content(self) -> bytes:
        return json.dumps([self.hz, self.start, self.end]).encode()

    def audio(self, content: bytes) -> tuple[NDArray[np.float64], int]:
        return burst(*json.loads(content)), RATE_HZ


def clips(start: int = 4800, end: int = 11200) -> tuple[Clip, ...]:
    """A word of each class."""
    return tuple(Clip(f"{hz}", label, None, Burst(hz, start, end)) for label, hz in enumerate(HZ))


def noise_folder(folder: Path) -> Path:
    """Five recordings of hiss, and five of other speech; the fifth of each measures."""
    (folder / "other-words").mkdir(parents=True)
    for number in range(5):
        hiss = np.random.default_rng(number).normal(0, 0.1, 3 * RATE_HZ)
        soundfile.write(folder / f"{number}.wav", hiss, RATE_HZ)
        sound = burst(OTHER_HZ + 100 * number, 4000, 12000)
        soundfile.write(folder / "other-words" / f"{number}.wav", sound, RATE_HZ)
    return folder


def noise(folder: Path, part: Part = Part.TRAIN) -> Noise:
    """Of that folder, which is made if there is none."""
    return open_noise(folder if folder.exists() else noise_folder(folder), part)


def word_folder(folder: Path) -> Path:
    """A data set of the two words, four clips of each for training and two for validation."""
    folder.mkdir()
    for split, numbers in {"train": range(4), "val": range(4, 6)}.items():
        lines = ["file,class"]
        for number in numbers:
            for label, hz in zip(("high", "low"), HZ[::-1], strict=True):
                name = f"{label}-{number}.wav"
                sound = burst(hz * (1 + number / 100), 4000 + 100 * number, 11000)
                soundfile.write(folder / name, sound, RATE_HZ)
                lines.append(f"{name},{label}")
        (folder / f"{split}.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return folder

"""Folders of sound for tests of what trains: tones in two classes, and noise."""

import csv
from pathlib import Path

import numpy as np
import soundfile

RATE_HZ = 16000


def tones(folder: Path, name: str = "{label}_{index}.wav") -> Path:
    """Two classes, each with four training and two validation clips."""
    seconds = np.arange(RATE_HZ) / RATE_HZ
    rows: dict[str, list[tuple[str, str]]] = {"train": [], "val": []}
    for place, (label, hz) in enumerate((("high", 2000), ("low", 300))):
        for index in range(6):
            file = name.format(label=label, index=index, number=6 * place + index)
            tone = 0.3 * np.sin(2 * np.pi * hz * (1 + index / 50) * seconds)
            soundfile.write(folder / file, tone, RATE_HZ)
            rows["train" if index < 4 else "val"].append((file, label))
    for split, lines in rows.items():
        with (folder / f"{split}.csv").open("w", newline="", encoding="utf-8") as table:
            csv.writer(table).writerows([("file", "class"), *lines])
    return folder


def spoken(folder: Path) -> Path:
    """The same of one speaker, so that the level of an ear goes on from clip to clip."""
    return tones(folder, "anna_nohash_{number}.wav")


def noise(folder: Path) -> Path:
    """Six recordings, of which the fifth measures."""
    for index in range(6):
        sound = np.random.default_rng(index).uniform(-0.5, 0.5, 20000)
        soundfile.write(folder / f"{index}.wav", sound, RATE_HZ)
    return folder

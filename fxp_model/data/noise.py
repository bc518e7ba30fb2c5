"""Recordings of noise: a folder of them, in one part to train with and one to measure with."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fxp_model.data.audio import MAX_BYTES, SUFFIXES, check_rate, read_audio, resampled
from fxp_model.errors import InputError
from fxp_model.files import is_file, read_bytes

EVERY = 5
"""Of each folder, in order of the names, the last of every five recordings measures."""


class Part(StrEnum):
    """What recordings are for."""

    TRAIN = "train"
    MEASURE = "measure"


@dataclass(frozen=True)
class Noise:
    """Recordings to mix into clips.

    name : of their folder
    files : at least one
    sha256 : of their contents, in order
    """

    name: str
    files: tuple[Path, ...]
    sha256: str

    def stretch(self, file: float, place: float, samples: int, rate_hz: int) -> NDArray[np.float64]:
        """Sound (samples,) of a recording, at `rate_hz`; never silent.

        A recording that is long enough gives a stretch of it, a shorter one is repeated. Where that is silent
        throughout, it is taken so that the loudest sample of the recording is in its middle.

        Parameters
        ----------
        file, place : float
            0 <= value < 1: which recording, and where in it.

        Raises
        ------
        InputError
            The recording cannot be read or resampled, or is silent throughout; names it.
        """
        path = self.files[int(file * len(self.files))]
        sound, own_hz = read_audio(path)
        try:
            check_rate(own_hz)
        except InputError as error:
            raise InputError(f"{path}: {error}") from None
        length = -(-samples * own_hz // rate_hz)
        places = len(sound) - length + 1 if len(sound) >= length else len(sound)
        found = _cut(sound, int(place * places), length)
        if not found.any():
            found = _cut(sound, int(np.abs(sound).argmax()) - length // 2, length)
        if not found.any():
            raise InputError(f"{path}: silent, must hold noise to mix in")
        return resampled(found, own_hz, rate_hz)[:samples]


def open_noise(folder: Path | str, part: Part) -> Noise:
    """One part of the wav and flac files in a folder and the folders below it, in order of their paths.

    Raises
    ------
    InputError
        `folder` is none, a recording cannot be read, or the part has none.
    """
    root = Path(folder)
    if not root.is_dir():
        raise InputError(f"{root}: noise must be a folder")
    members = defaultdict(list)
    for path in sorted(root.rglob("*")):
        if path.suffix.lower() in SUFFIXES and path.name[0] != "." and is_file(path):
            members[path.parent].append(path)
    measuring = {path for paths in members.values() for path in paths[EVERY - 1 :: EVERY]}
    files = tuple(
        path for paths in members.values() for path in paths if (path in measuring) == (part is Part.MEASURE)
    )
    if not files:
        least = EVERY if part is Part.MEASURE else 1
        held = max(map(len, members.values()), default=0)
        raise InputError(
            f"{root}: must hold at least {least} wav or flac {'files' if least > 1 else 'file'} "
            f"in a folder to {part} with, not {held}"
        )
    digest = hashlib.sha256()
    for path in files:
        digest.update(hashlib.sha256(read_bytes(path, MAX_BYTES)).digest())
    return Noise(root.resolve().name, files, digest.hexdigest())


def _cut(sound: NDArray[np.float64], start: int, samples: int) -> NDArray[np.float64]:
    """`samples` from `start` on, of the sound repeated for ever."""
    return np.take(sound, np.arange(start, start + samples), mode="wrap")

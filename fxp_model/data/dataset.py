"""What a data set is: named splits of clips with a class each."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Protocol

import numpy as np
from numpy.typing import NDArray

from fxp_model.data.audio import MAX_BYTES, decode_audio
from fxp_model.errors import InputError
from fxp_model.files import read_bytes


class Source(Protocol):
    """The source of a clip."""

    def content(self) -> bytes:
        """Everything that determines the audio; equal bytes mean equal audio."""

    def audio(self, content: bytes) -> tuple[NDArray[np.float64], int]:
        """Samples and sample rate, from `content`."""


@dataclass(frozen=True)
class FileSource:
    """An audio file."""

    path: Path

    def content(self) -> bytes:
        """Bytes of the file; `InputError` if it cannot be read or is too large for a clip."""
        return read_bytes(self.path, MAX_BYTES)

    def audio(self, content: bytes) -> tuple[NDArray[np.float64], int]:
        """See `decode_audio`."""
        return decode_audio(content, str(self.path))


@dataclass(frozen=True)
class Clip:
    """One sample of a data set.

    name : path within the data set, with ``/``
    label : class index
    speaker : the speaker, None if unknown
    source : its audio
    """

    name: str
    label: int
    speaker: str | None
    source: Source


@dataclass(frozen=True)
class SpeechDataset:
    """Audio clips, by split.

    name : for messages
    classes : class names, the index of a name is its label
    splits : clips of each split, under its name
    """

    holds: ClassVar[str] = "sound"

    name: str
    classes: tuple[str, ...]
    splits: dict[str, tuple[Clip, ...]]

    def split(self, name: str) -> tuple[Clip, ...]:
        """Clips of a split; `InputError` if there is no such split, or no clip in it."""
        if name not in self.splits:
            raise InputError(f"{self.name}: split must be one of {', '.join(self.splits)}, not {name!r}")
        if not self.splits[name]:
            raise InputError(f"{self.name}: split {name} must have at least 1 clip, not 0")
        return self.splits[name]


def seeded(seed: int, *more: int) -> np.random.Generator:
    """A random generator seeded by `seed`, at least 0, and `more`."""
    if seed < 0:
        raise InputError(f"seed must be at least 0, not {seed}")
    return np.random.default_rng([seed, *more])

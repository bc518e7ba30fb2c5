"""Sound files as arrays: mono wav and flac."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import soundfile
from numpy.typing import NDArray

from fxp_model.errors import InputError

SUFFIXES = (".wav", ".flac")
"""Names of sound files end so, in either case."""

BLOCK = 1 << 20
"""Samples that are decoded at a time."""


def read_audio(path: Path | str) -> tuple[NDArray[np.float64], int]:
    """Samples and sample rate of a mono wav or flac file.

    Parameters
    ----------
    path : path
        The file.

    Returns
    -------
    audio : (samples,) float64
        Full scale is 1.0; a file of floats may exceed it.
    rate_hz : int

    Raises
    ------
    InputError
        The file is not sound, is cut short, has more than one channel, no
        samples, or a sample that is not finite.
    OSError
        The file cannot be read.
    """
    return decode_audio(Path(path).read_bytes(), str(path))


def decode_audio(content: bytes, name: str) -> tuple[NDArray[np.float64], int]:
    """Like `read_audio`, of the bytes of a file; errors call it `name`."""
    try:
        with soundfile.SoundFile(io.BytesIO(content)) as file:
            rate_hz = file.samplerate
            if file.channels != 1:
                raise InputError(f"{name}: must have 1 channel, not {file.channels}; mix it down first")
            if file.frames < 1:
                raise InputError(f"{name}: must hold at least 1 sample, not {file.frames}")
            # in blocks: a damaged header may announce more samples than memory holds
            blocks = [file.read(BLOCK)]
            while len(blocks[-1]) == BLOCK:
                blocks.append(file.read(BLOCK))
    except soundfile.SoundFileError as error:
        raise InputError(f"{name}: not a readable wav or flac file ({_reason(error)})") from None
    audio = np.concatenate(blocks)
    if content[:4] == b"RIFF" and len(content) < (size := _riff_size(content)):
        raise InputError(f"{name}: cut short, must hold {size} bytes, not {len(content)}")
    if not np.all(np.isfinite(audio)):
        first = int(np.argmin(np.isfinite(audio)))
        raise InputError(f"{name}: every sample must be finite, sample {first} is {audio[first]}")
    return audio, rate_hz


def _riff_size(content: bytes) -> int:
    """Bytes that a wav file says it has; 0 where its writer, a pipe, could not know."""
    size = int.from_bytes(content[4:8], "little")
    return size + 8 if size < 0x7FFFF000 else 0


def _reason(error: Exception) -> str:
    text = getattr(error, "error_string", str(error))
    return " ".join(text.split()).rstrip(".")

"""Sound files as arrays: mono wav and flac."""

from __future__ import annotations

import io
import math
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import numpy as np
import soundfile
from numpy.typing import NDArray
from scipy import signal

from fxp_model.errors import InputError
from fxp_model.files import read_bytes

SUFFIXES = (".wav", ".flac")
"""Extensions of audio files, in upper or lower case."""
FORMATS = ("WAV", "WAVEX", "RF64", "FLAC")
"""Accepted formats, by libsndfile's names: RIFF, RIFX and RF64 WAVE files, and flac."""
MAX_SAMPLES = 1 << 25
"""Most samples of a file: over ten minutes at 48 kHz. The header is checked before memory is allocated."""
MAX_BYTES = 1 << 28
"""Longest sound file."""
MIN_RATE_HZ, MAX_RATE_HZ = 1_000, 1_000_000
"""Sample rates that sound may be resampled from, and to."""
MAX_FACTOR = 1 << 16
"""Largest factor of the ratio of two rates; the filter of resampling is twenty times as long."""
MAX_SECONDS = 600
"""Longest clip; bounds the memory that encoding it takes."""
_MAX_PEAK = float(1 << 15)
"""Full scale of sound that is held as 16-bit integers, in floats."""

_PIPE = 0x7FFFF000
"""Data size that a writer into a pipe, which cannot know it, states at least."""
_TAGS = (b"ID3", b"TAG", b"APETAGEX")
"""Tags that other programs append to audio data."""
_CHUNK_NAME = re.compile(rb"[ -~]{4}")
_SECOND_FLAC = b"fLaC\0\0\0\x22"
"""Start of a flac file: its magic number, and the header of STREAMINFO."""


def read_audio(path: Path | str) -> tuple[NDArray[np.float64], int]:
    """Samples and sample rate of a mono wav or flac file.

    Parameters
    ----------
    path : path
        The file.

    Returns
    -------
    audio : (samples,) float64
        Full scale is 1.0; a float file may exceed it.
    rate_hz : int

    Raises
    ------
    InputError
        The file cannot be read, is not audio in one of `FORMATS`, is truncated or holds more than its
        header states, has more than one channel, no samples or more than `MAX_SAMPLES`, or a sample that is
        not finite.
    """
    return decode_audio(read_bytes(path, MAX_BYTES), str(path))


def decode_audio(content: bytes, name: str) -> tuple[NDArray[np.float64], int]:
    """Like `read_audio`, for the bytes of a file; errors call it `name`."""
    try:
        with soundfile.SoundFile(io.BytesIO(content)) as file:
            _check_header(file, name)
            _check_whole(content, name)
            rate_hz, samples, audio = file.samplerate, file.frames, file.read()
    except soundfile.SoundFileError as error:
        raise InputError(f"{name}: not a valid wav or flac file ({_reason(error)})") from None
    if len(audio) != samples:
        raise InputError(f"{name}: truncated, must hold {samples} samples, not {len(audio)}")
    if not np.all(np.isfinite(audio)):
        first = int(np.argmin(np.isfinite(audio)))
        raise InputError(f"{name}: every sample must be finite, sample {first} is {audio[first]}")
    return audio, rate_hz


def pcm(audio: NDArray[np.floating]) -> NDArray[np.int16]:
    """Samples of 16 bits, min(max(rint(2**15 * audio), -2**15), 2**15 - 1), as a microphone gives them."""
    return np.clip(np.rint(audio * 2.0**15), -(2**15), 2**15 - 1).astype(np.int16)


def check_rate(rate_hz: int) -> None:
    """`InputError` unless sound of this sample rate can be resampled."""
    if not MIN_RATE_HZ <= rate_hz <= MAX_RATE_HZ or rate_hz != int(rate_hz):
        raise InputError(f"rate_hz must be an integer in {MIN_RATE_HZ}..{MAX_RATE_HZ}, not {rate_hz}")


def resampled(audio: NDArray[np.float64], from_hz: int, to_hz: int) -> NDArray[np.float64]:
    """Sound (ceil(samples * to_hz / from_hz),) at another rate, through `scipy.signal.resample_poly`.

    Raises
    ------
    InputError
        A factor of the ratio of the rates is beyond `MAX_FACTOR`.
    """
    if from_hz == to_hz:
        return audio
    divisor = math.gcd(to_hz, from_hz)
    up, down = to_hz // divisor, from_hz // divisor
    if max(up, down) > MAX_FACTOR:
        raise InputError(
            f"rate_hz must be {to_hz} times a ratio of factors up to {MAX_FACTOR}, not {down} / {up}"
        )
    sound: NDArray[np.float64] = signal.resample_poly(audio, up, down)
    return sound


def checked_clip(audio: NDArray[np.floating], rate_hz: int) -> NDArray[np.float64]:
    """A clip as an encoder of sound takes it: (samples,) finite floats; `InputError` if it is none."""
    check_rate(rate_hz)
    audio = np.asarray(audio)
    if audio.ndim != 1 or audio.size == 0:
        raise InputError(f"audio must have shape (samples,), at least one sample, not {audio.shape}")
    if not np.issubdtype(audio.dtype, np.floating):
        raise InputError(f"audio must hold floats, not {audio.dtype}")
    if audio.size > MAX_SECONDS * rate_hz:
        raise InputError(
            f"audio must last at most {MAX_SECONDS} s, not {audio.size / rate_hz:.1f}; cut it first"
        )
    peak = float(np.max(np.abs(audio)))
    if not peak <= _MAX_PEAK:
        raise InputError(f"audio must be finite and at most {_MAX_PEAK:g} in magnitude, not {peak:g}")
    return audio.astype(np.float64)


def _check_header(file: soundfile.SoundFile, name: str) -> None:
    if file.format not in FORMATS:
        raise InputError(f"{name}: must be wav or flac, not {file.format}; convert it first")
    if file.channels != 1:
        raise InputError(f"{name}: must have 1 channel, not {file.channels}; mix it down first")
    if file.frames < 1:
        raise InputError(f"{name}: must hold at least 1 sample, not {file.frames}")
    if file.frames > MAX_SAMPLES:
        raise InputError(f"{name}: must hold at most {MAX_SAMPLES} samples, not {file.frames}; cut it first")


def _check_whole(content: bytes, name: str) -> None:
    """`InputError` unless the file holds exactly the audio data that its header states."""
    if content[:4] not in (b"RIFF", b"RIFX", b"RF64"):
        if _SECOND_FLAC in content[4:]:
            raise InputError(f"{name}: must hold one flac stream, not more")
        return
    start, size = _data(content, name)
    if size is None:
        return
    end = start + size
    if end > len(content):
        raise InputError(f"{name}: truncated, must hold {end} bytes, not {len(content)}")
    for place, kind, _ in _chunks(content, end + _pad(content, end, size)):
        if not _CHUNK_NAME.fullmatch(kind):
            rest = content[place:]
            if not rest.strip(b"\0") or rest.startswith(_TAGS):
                return
            raise InputError(
                f"{name}: the header ends the audio data at byte {end}, "
                f"but {len(rest)} bytes follow that are not a chunk"
            )


def _data(content: bytes, name: str) -> tuple[int, int | None]:
    """Start and length in bytes of a wav file's audio data; None for a length that a pipe could not know."""
    long_size = None
    for place, kind, size in _chunks(content, 12):
        if kind == b"ds64":  # of RF64: sizes beyond 32 bits
            long_size = int.from_bytes(content[place + 16 : place + 24], "little")
        if kind == b"data" and size == 0xFFFFFFFF and long_size is not None:
            return place + 8, long_size
        if kind == b"data":
            return place + 8, size if size < _PIPE else None
    raise InputError(f"{name}: not a valid wav or flac file (no data chunk)")


def _chunks(content: bytes, place: int) -> Iterator[tuple[int, bytes, int]]:
    """Position, name and size of each chunk of a wav file from `place` on."""
    order: Literal["big", "little"] = "big" if content[:4] == b"RIFX" else "little"
    while place < len(content):
        size = int.from_bytes(content[place + 4 : place + 8], order)
        yield place, content[place : place + 4], size
        end = place + 8 + size
        place = end + _pad(content, end, size)


def _pad(content: bytes, end: int, size: int) -> int:
    """1 if a chunk of odd size is padded, as required but not done by every writer, else 0."""
    return int(size % 2 == 1 and content[end : end + 1] == b"\0")


def _reason(error: Exception) -> str:
    text = getattr(error, "error_string", str(error))
    return " ".join(text.split()).rstrip(".")

"""Data sets as arrays of counts: encoded in parallel, kept on disk."""

from __future__ import annotations

import hashlib
import io
import json
import os
import signal
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from fxp_model.data.audio import read_audio
from fxp_model.data.cache import Cache, default_cache_dir
from fxp_model.data.dataset import Clip, SpeechDataset
from fxp_model.data.encoder import CochlearEncoder
from fxp_model.errors import InputError

CHUNK = 64
"""Clips of one cache entry, which one worker encodes at a time."""

_CACHE_FORMAT = "spikeline-frames-1"

Counts = NDArray[np.uint8]


@dataclass(frozen=True, eq=False)
class EncodedSplit:
    """Clips of a split as counts.

    counts : (T, B, channels) uint8; T is the longest clip's, shorter ones end in zeros
    labels : (B,) int64, class index
    lengths : (B,) int64, frames of each clip
    files : B names of clips
    """

    counts: Counts
    labels: NDArray[np.int64]
    lengths: NDArray[np.int64]
    files: tuple[str, ...]


def load_frames(
    dataset: SpeechDataset,
    split: str,
    encoder: CochlearEncoder,
    cache_dir: Path | str | None = None,
    workers: int | None = None,
    progress: bool = True,
) -> EncodedSplit:
    """Counts of a split, from the cache where it has them.

    Chunks of clips are cached as they are done, under a hash of their content and of the encoder;
    what was encoded before an interruption is not lost, and a damaged entry is made again.

    Parameters
    ----------
    dataset : SpeechDataset
    split : str
        Name of the split.
    encoder : CochlearEncoder
    cache_dir : path, optional
        Default: ``$SPIKELINE_CACHE``, or ``~/.cache/spikeline``.
    workers : int, optional
        Processes, at least 1; default: one per core. The result does not depend on it.
    progress : bool
        Show a bar on stderr.

    Raises
    ------
    InputError
        There is no such split, or a clip cannot be used; names the clip.
    """
    clips = dataset.split(split)
    chunks = [clips[start : start + CHUNK] for start in range(0, len(clips), CHUNK)]
    cache = Cache(Path(cache_dir) if cache_dir is not None else default_cache_dir())
    if workers is None:
        workers = os.cpu_count() or 1
    if workers < 1:
        raise InputError(f"workers must be at least 1, not {workers}")
    encoded: list[Counts] = []
    with tqdm(total=len(clips), desc=split, unit="clip", disable=not progress) as bar:
        for part in _encode_chunks(chunks, encoder, cache, min(workers, len(chunks))):
            encoded += part
            bar.update(len(part))
    lengths = np.array([len(counts) for counts in encoded], dtype=np.int64)
    padded = np.zeros((lengths.max(), len(clips), encoder.channels), dtype=np.uint8)
    for index, counts in enumerate(encoded):
        padded[: len(counts), index] = counts
    labels = np.array([clip.label for clip in clips], dtype=np.int64)
    return EncodedSplit(padded, labels, lengths, tuple(clip.name for clip in clips))


def encode_file(path: Path | str, encoder: CochlearEncoder) -> Counts:
    """Counts (T, channels) of a wav or flac file; errors name the file."""
    return _encode(*read_audio(path), encoder, str(path))


def _encode_chunks(
    chunks: Sequence[Sequence[Clip]], encoder: CochlearEncoder, cache: Cache, workers: int
) -> Iterator[list[Counts]]:
    """Counts of each chunk, in order."""
    work = partial(_encode_chunk, encoder, cache)
    if workers == 1:
        yield from map(work, chunks)
        return
    # workers leave an interrupt to the parent, and so finish and keep the chunk they are at
    pool = ProcessPoolExecutor(workers, initializer=signal.signal, initargs=(signal.SIGINT, signal.SIG_IGN))
    try:
        yield from pool.map(work, chunks)
    finally:
        pool.shutdown(cancel_futures=True)


def _encode_chunk(encoder: CochlearEncoder, cache: Cache, clips: Sequence[Clip]) -> list[Counts]:
    contents = [clip.source.content() for clip in clips]
    key = _key(encoder, contents)
    payload = cache.get(key)
    if payload is None:
        encoded = [
            _encode(*clip.source.audio(content), encoder, clip.name)
            for clip, content in zip(clips, contents, strict=True)
        ]
        cache.put(key, _pack(encoded))
        return encoded
    return _unpack(payload)


def _encode(audio: NDArray[np.float64], rate_hz: int, encoder: CochlearEncoder, name: str) -> Counts:
    try:
        return encoder.encode(audio, rate_hz)
    except InputError as error:
        raise InputError(f"{name}: {error}") from None


def _key(encoder: CochlearEncoder, contents: Sequence[bytes]) -> str:
    digest = hashlib.sha256(_CACHE_FORMAT.encode())
    digest.update(hashlib.sha256(json.dumps(encoder.to_dict(), sort_keys=True).encode()).digest())
    for content in contents:
        digest.update(hashlib.sha256(content).digest())
    return digest.hexdigest()


def _pack(encoded: Sequence[Counts]) -> bytes:
    buffer = io.BytesIO()
    lengths = [len(counts) for counts in encoded]
    np.savez_compressed(buffer, counts=np.concatenate(encoded), lengths=lengths)
    return buffer.getvalue()


def _unpack(payload: bytes) -> list[Counts]:
    with np.load(io.BytesIO(payload), allow_pickle=False) as arrays:
        return np.split(arrays["counts"], np.cumsum(arrays["lengths"])[:-1])

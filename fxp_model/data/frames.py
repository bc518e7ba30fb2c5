"""Data sets as arrays of counts: encoded in parallel, cached on disk."""

from __future__ import annotations

import hashlib
import io
import json
import multiprocessing
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

from fxp_model.archives import Archive
from fxp_model.data.audio import read_audio
from fxp_model.data.binner import EventBinner
from fxp_model.data.cache import Cache, default_cache_dir
from fxp_model.data.catalog import Dataset
from fxp_model.data.dataset import Clip
from fxp_model.data.encoder import CochlearEncoder
from fxp_model.data.encoding import Encoder
from fxp_model.data.notice import notice
from fxp_model.data.spikes import SpikeDataset
from fxp_model.errors import InputError

CHUNK = 64
"""Clips per cache entry, encoded by one worker."""

MAX_PADDING = 1 << 32
"""Most bytes of zero padding of a split's clips to the longest."""

_CACHE_FORMAT = "spikeline-frames-1"

Counts = NDArray[np.uint8]


@dataclass(frozen=True, eq=False)
class EncodedSplit:
    """Clips of a split as counts.

    counts : (T, B, channels) uint8; T is that of the longest clip, shorter ones are padded with zeros
    labels : (B,) int64, class index
    lengths : (B,) int64, frames of each clip
    files : B names of clips
    """

    counts: Counts
    labels: NDArray[np.int64]
    lengths: NDArray[np.int64]
    files: tuple[str, ...]


def encoder_for(dataset: Dataset, count_bits: int) -> CochlearEncoder | EventBinner:
    """The encoder for `dataset`, with counts of `count_bits`."""
    return dataset.encoder_type(count_bits=count_bits)


def check_encoder(dataset: Dataset, encoder: Encoder) -> None:
    """`InputError` if `encoder` takes spikes and `dataset` holds sound, or vice versa."""
    if not isinstance(encoder, dataset.encoder_type):
        raise InputError(
            f"{dataset.name} holds {dataset.encoder_type.takes}, "
            f"but encoder {encoder.name!r} takes {encoder.takes}"
        )


def load_frames(
    dataset: Dataset,
    split: str,
    encoder: CochlearEncoder | EventBinner,
    cache_dir: Path | str | None = None,
    workers: int | None = None,
    progress: bool = True,
) -> EncodedSplit:
    """Counts of a split; audio is encoded only if the cache does not have it.

    Chunks of clips are cached as they are done, under a hash of their content and of the encoder;
    what was encoded before an interruption is not lost, and a damaged entry is made again. Where
    nothing can be kept, a `notice` says so and all is encoded. Spikes are binned in less time than
    a cache would take, so they have none.

    Parameters
    ----------
    dataset : SpeechDataset or SpikeDataset
    split : str
        Name of the split.
    encoder : CochlearEncoder or EventBinner
        As `encoder_for` gives it.
    cache_dir : path, optional
        Default: ``$SPIKELINE_CACHE``, or ``~/.cache/spikeline``.
    workers : int, optional
        Processes that encode sound, at least 1; default: one per core. The result does not depend
        on it. More than one are spawned, so a script guards its calls by
        ``if __name__ == "__main__"``.
    progress : bool
        Show a bar on stderr.

    Raises
    ------
    InputError
        The encoder does not take what the data set holds, there is no such split, a clip cannot be
        used, or is so long that filling the others up to it takes more than `MAX_PADDING`; names
        the clip.
    """
    check_encoder(dataset, encoder)
    if isinstance(dataset, SpikeDataset):
        assert isinstance(encoder, EventBinner)
        spikes = dataset.split(split)
        bar = tqdm(spikes.encode(encoder), split, len(spikes), unit="clip", disable=not progress)
        names = tuple(f"{spikes.file.name}/{row}" for row in spikes.rows)
        return _padded(list(bar), spikes.labels, names)
    assert isinstance(encoder, CochlearEncoder)
    clips = dataset.split(split)
    chunks = [clips[start : start + CHUNK] for start in range(0, len(clips), CHUNK)]
    cache = Cache(Path(cache_dir) if cache_dir is not None else default_cache_dir())
    if workers is None:
        workers = os.cpu_count() or 1
    if workers < 1:
        raise InputError(f"workers must be at least 1, not {workers}")
    encoded: list[Counts] = []
    lost = None
    with tqdm(total=len(clips), desc=split, unit="clip", disable=not progress) as bar:
        for part, reason in _encode_chunks(chunks, encoder, cache, min(workers, len(chunks))):
            encoded += part
            lost = lost or reason
            bar.update(len(part))
    if lost is not None:
        notice(f"counts are not cached for the next run: {lost}")
    labels = np.array([clip.label for clip in clips], dtype=np.int64)
    return _padded(encoded, labels, tuple(clip.name for clip in clips))


def _padded(encoded: Sequence[Counts], labels: NDArray[np.int64], names: tuple[str, ...]) -> EncodedSplit:
    lengths = np.array([len(counts) for counts in encoded], dtype=np.int64)
    longest = int(lengths.argmax())
    padding = int(np.sum(lengths[longest] - lengths)) * encoded[0].shape[1]
    if padding > MAX_PADDING:
        raise InputError(
            f"{names[longest]}: too long, {lengths[longest]} frames where the mean is "
            f"{lengths.mean():.0f}: padding {len(lengths)} clips to it takes {padding / 2**30:.1f} GiB, "
            f"more than {MAX_PADDING / 2**30:g}; cut it, or leave it out"
        )
    padded = np.zeros((lengths.max(), len(encoded), encoded[0].shape[1]), dtype=np.uint8)
    for index, counts in enumerate(encoded):
        padded[: len(counts), index] = counts
    return EncodedSplit(padded, labels, lengths, names)


def encode_file(path: Path | str, encoder: CochlearEncoder) -> Counts:
    """Counts (T, channels) of a wav or flac file; errors name the file."""
    return _encode(*read_audio(path), encoder, str(path))


def _encode_chunks(
    chunks: Sequence[Sequence[Clip]], encoder: CochlearEncoder, cache: Cache, workers: int
) -> Iterator[tuple[list[Counts], str | None]]:
    """Counts of each chunk, in order, and why they could not be kept."""
    work = partial(_encode_chunk, encoder, cache)
    if workers == 1:
        yield from map(work, chunks)
        return
    # workers leave an interrupt to the parent, so they finish and cache their current chunk
    pool = ProcessPoolExecutor(
        workers,
        # not forked: this process may hold threads of numba or torch
        multiprocessing.get_context("spawn"),
        initializer=signal.signal,
        initargs=(signal.SIGINT, signal.SIG_IGN),
    )
    try:
        yield from pool.map(work, chunks)
    finally:
        pool.shutdown(cancel_futures=True)


def _encode_chunk(
    encoder: CochlearEncoder, cache: Cache, clips: Sequence[Clip]
) -> tuple[list[Counts], str | None]:
    contents = [clip.source.content() for clip in clips]
    key = _key(encoder, contents)
    payload = cache.get(key)
    if payload is not None:
        return _unpack(payload), None
    encoded = [
        _encode(*clip.source.audio(content), encoder, clip.name)
        for clip, content in zip(clips, contents, strict=True)
    ]
    return encoded, cache.put(key, _pack(encoded))


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
    arrays = Archive(payload, "entry of the cache")
    return np.split(arrays.read("counts"), np.cumsum(arrays.read("lengths"))[:-1])

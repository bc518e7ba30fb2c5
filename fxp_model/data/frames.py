"""Data sets as arrays of counts: encoded in parallel, cached on disk."""

from __future__ import annotations

import hashlib
import io
import json
import multiprocessing
import os
import signal
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from fxp_model.archives import Archive
from fxp_model.data.arrays import ArrayDataset, CountArrays
from fxp_model.data.audio import read_audio
from fxp_model.data.binner import EventBinner
from fxp_model.data.cache import Cache, default_cache_dir
from fxp_model.data.catalog import Dataset
from fxp_model.data.conditions import Conditions
from fxp_model.data.dataset import Clip
from fxp_model.data.notice import notice
from fxp_model.data.spikes import SpikeDataset
from fxp_model.ear.spec import EarSpec
from fxp_model.encoding import Encoder
from fxp_model.errors import InputError

CHUNK = 64
"""Clips per cache entry, encoded by one worker."""

MAX_PADDING = 1 << 32
"""Most bytes of zero padding of a split's clips to the longest."""

_CACHE_FORMAT = "spikeline-frames-1"
_HEARD_FORMAT = "spikeline-heard-1"

Counts = NDArray[np.uint8]
FrameEncoder = EarSpec | EventBinner | CountArrays
Chunk = Sequence[tuple[int, Clip]]
"""Clips with their indices in the split."""
Encoded = tuple[list[Counts], str | None]
"""Counts of the clips of a chunk, and why they could not be kept."""


@dataclass(frozen=True, eq=False)
class EncodedSplit:
    """Clips of a split as counts.

    counts : (T, B, channels) uint8; T is that of the longest clip, shorter ones are padded with zeros
    labels : (B,) int64, class index; or (B, T) of each step, -1 where none is counted
    lengths : (B,) int64, frames of each clip
    files : B names of clips
    """

    counts: Counts
    labels: NDArray[np.int64]
    lengths: NDArray[np.int64]
    files: tuple[str, ...]


def encoder_for(dataset: Dataset, count_bits: int, ear: Mapping[str, int] | None = None) -> FrameEncoder:
    """The encoder that makes frames of `dataset`, with counts of `count_bits`, or of as many as arrays need.

    ear : what `EarSpec.design` takes beside, for sound

    Raises
    ------
    InputError
        An ear for spikes, or one that is outside its limits.
    """
    if isinstance(dataset, ArrayDataset) and not ear:
        return dataset.encoder()
    if isinstance(dataset, SpikeDataset) and not ear:
        return EventBinner(count_bits=count_bits)
    encoder = EarSpec.design(**{**(ear or {}), "count_bits": count_bits})
    check_encoder(dataset, encoder)
    return encoder


def check_encoder(dataset: Dataset, encoder: Encoder) -> None:
    """`InputError` if `encoder` takes spikes and `dataset` holds sound, or vice versa.

    An ear takes counts, too: those that it made itself.
    """
    if isinstance(dataset, ArrayDataset) and dataset.ear is not None and isinstance(encoder, EarSpec):
        if encoder != dataset.ear:
            raise InputError(f"{dataset.name} holds counts of another ear")
        return
    if encoder.takes != dataset.holds:
        raise InputError(
            f"{dataset.name} holds {dataset.holds}, but encoder {encoder.name!r} takes {encoder.takes}"
        )


def load_frames(
    dataset: Dataset,
    split: str,
    encoder: FrameEncoder,
    cache_dir: Path | str | None = None,
    workers: int | None = None,
    progress: bool = True,
    conditions: Conditions | None = None,
) -> EncodedSplit:
    """Counts of a split; audio is encoded only if the cache does not have it.

    Chunks of clips are cached as they are done, under a hash of their content, of the encoder and of
    the conditions; what was encoded before an interruption is not lost, and a damaged entry is made
    again. Where nothing can be kept, a `notice` says so and all is encoded. Spikes are binned in less
    time than a cache would take, so they have none.

    Parameters
    ----------
    dataset : SpeechDataset, SpikeDataset or ArrayDataset
    split : str
        Name of the split.
    encoder : EarSpec, EventBinner or CountArrays
        As `encoder_for` gives it.
    cache_dir : path, optional
        Default: ``$SPIKELINE_CACHE``, or ``~/.cache/spikeline``.
    workers : int, optional
        Processes that encode sound, at least 1; default: one per core. The result does not depend
        on it. More than one are spawned, so a script guards its calls by
        ``if __name__ == "__main__"``.
    progress : bool
        Show a bar on stderr.
    conditions : Conditions, optional
        Under which sound is heard; default: as it was recorded, with the level carried.

    Raises
    ------
    InputError
        The encoder does not take what the data set holds, or there are conditions for spikes; there is
        no such split, a clip cannot be used, or is so long that filling the others up to it takes more
        than `MAX_PADDING`; names the clip.
    """
    check_encoder(dataset, encoder)
    if isinstance(dataset, ArrayDataset):
        assert isinstance(encoder, CountArrays | EarSpec)
        if conditions is not None:
            raise InputError(f"{dataset.name} holds counts; gain and noise are for sound")
        array = dataset.split(split)
        taken = CountArrays(channels=encoder.channels, count_bits=encoder.count_bits)
        taken.check(array.counts, array.file)
        names = tuple(f"{array.file.name}/{row}" for row in range(len(array)))
        return EncodedSplit(array.counts, array.labels, array.lengths, names)
    if isinstance(dataset, SpikeDataset):
        assert isinstance(encoder, EventBinner)
        if conditions is not None:
            raise InputError(f"{dataset.name} holds spikes; gain and noise are for sound")
        spikes = dataset.split(split)
        bar = tqdm(spikes.encode(encoder), split, len(spikes), unit="clip", disable=not progress)
        names = tuple(f"{spikes.file.name}/{row}" for row in spikes.rows)
        return _padded(list(bar), spikes.labels, names)
    assert isinstance(encoder, EarSpec)
    clips = dataset.split(split)
    conditions = conditions or Conditions()
    chunks = _chunks(clips, conditions)
    cache = Cache(Path(cache_dir) if cache_dir is not None else default_cache_dir())
    if workers is None:
        workers = os.cpu_count() or 1
    if workers < 1:
        raise InputError(f"workers must be at least 1, not {workers}")
    work = partial(_encode_chunk, encoder, conditions, cache)
    encoded: dict[int, Counts] = {}
    lost = None
    with tqdm(total=len(clips), desc=split, unit="clip", disable=not progress) as bar:
        done = _encode_chunks(chunks, work, min(workers, len(chunks)))
        for chunk, (part, reason) in zip(chunks, done, strict=True):
            encoded |= {index: counts for (index, _), counts in zip(chunk, part, strict=True)}
            lost = lost or reason
            bar.update(len(part))
    if lost is not None:
        notice(f"counts are not cached for the next run: {lost}")
    labels = np.array([clip.label for clip in clips], dtype=np.int64)
    ordered = [encoded[index] for index in range(len(clips))]
    return _padded(ordered, labels, tuple(clip.name for clip in clips))


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


def encode_file(path: Path | str, encoder: EarSpec) -> Counts:
    """Counts (T, channels) of a wav or flac file; errors name the file."""
    audio, rate_hz = read_audio(path)
    with _naming(str(path)):
        return encoder.encode(audio, rate_hz)


def _chunks(clips: Sequence[Clip], conditions: Conditions) -> list[Chunk]:
    """What a worker encodes and a cache entry keeps: clips that are heard from rest, or all of a speaker."""
    from_rest: list[int] = []
    spoken: dict[str, list[int]] = {}
    for index, clip in enumerate(clips):
        follows = conditions.carried and clip.speaker is not None
        (spoken.setdefault(str(clip.speaker), []) if follows else from_rest).append(index)
    rows = [from_rest[start : start + CHUNK] for start in range(0, len(from_rest), CHUNK)]
    rows += [conditions.order(own) for own in spoken.values()]
    return [[(index, clips[index]) for index in row] for row in rows]


def _encode_chunks(
    chunks: Sequence[Chunk], work: Callable[[Chunk], Encoded], workers: int
) -> Iterator[Encoded]:
    """What `work` makes of each chunk, in order."""
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


def _encode_chunk(encoder: EarSpec, conditions: Conditions, cache: Cache, chunk: Chunk) -> Encoded:
    contents = [clip.source.content() for _, clip in chunk]
    key = _key_heard(_key(encoder, contents), conditions, [index for index, _ in chunk])
    payload = cache.get(key)
    if payload is not None:
        return _unpack(payload), None
    encoded = list(_encoded(encoder, conditions, chunk, contents))
    return encoded, cache.put(key, _pack(encoded))


def _encoded(
    encoder: EarSpec, conditions: Conditions, chunk: Chunk, contents: Sequence[bytes]
) -> Iterator[Counts]:
    level = first = None
    if conditions.carried and chunk[0][1].speaker is not None:
        first = min(index for index, _ in chunk)
    for (index, clip), content in zip(chunk, contents, strict=True):
        audio, rate_hz = clip.source.audio(content)
        with _naming(clip.name):
            heard = conditions.heard(audio, rate_hz, index, first)
            counts, left = encoder.encode_after(heard, rate_hz, level)
        if first is not None:
            level = left
        yield counts


@contextmanager
def _naming(name: str) -> Iterator[None]:
    """Errors begin with the `name` of a clip."""
    try:
        yield
    except InputError as error:
        raise InputError(f"{name}: {error}") from None


def _key(encoder: EarSpec, contents: Sequence[bytes]) -> str:
    digest = hashlib.sha256(_CACHE_FORMAT.encode())
    digest.update(hashlib.sha256(json.dumps(encoder.to_dict(), sort_keys=True).encode()).digest())
    for content in contents:
        digest.update(hashlib.sha256(content).digest())
    return digest.hexdigest()


def _key_heard(key: str, conditions: Conditions, indices: list[int]) -> str:
    """Key of what `key` would be of if it were not heard under `conditions`."""
    heard = json.dumps([_HEARD_FORMAT, key, conditions.to_dict(), indices], sort_keys=True)
    return hashlib.sha256(heard.encode()).hexdigest()


def _pack(encoded: Sequence[Counts]) -> bytes:
    buffer = io.BytesIO()
    lengths = [len(counts) for counts in encoded]
    np.savez_compressed(buffer, counts=np.concatenate(encoded), lengths=lengths)
    return buffer.getvalue()


def _unpack(payload: bytes) -> list[Counts]:
    arrays = Archive(payload, "entry of the cache")
    return np.split(arrays.read("counts"), np.cumsum(arrays.read("lengths"))[:-1])

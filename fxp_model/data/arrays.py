"""Data that is no sound: labelled counts or events in npz files, one file a split.

``train.npz``, ``val.npz`` and ``test.npz`` hold for each clip

    labels : (N,) integers, class of each clip; or (N, T), class of each step, and -1 where none is counted:
        beyond the lengths, at least
    counts : (N, T, C) integers, 0..255
    lengths : (N,) integers, steps of each clip, 1..T; absent: T for all. Beyond them counts are 0

or, in place of counts, an entry per event, in any order,

    times : (events,) integers, step of the event, 0..lengths - 1
    units : (events,) integers, channel of the event, 0..channels - 1
    sample : (events,) integers, clip of the event, 0..N - 1
    lengths : (N,) integers
    channels : () integer

whose counts are how many events a step has in a channel. Input with a sign is two channels, one for each.
``classes.txt`` names the classes, one a line, in the order of their labels; without it they are numbers.
``encoder.json`` holds the integers of the ear that made the counts, if one did, as an artifact has them. No
array is read before its shape, its type and the bytes it takes are known to be such.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from fxp_model.archives import Archive, Header
from fxp_model.data.checks import check_classes
from fxp_model.ear.spec import EarSpec
from fxp_model.encoding import Encoder, check_limit
from fxp_model.errors import InputError, shown
from fxp_model.files import is_there, read_bytes, read_json, read_text
from fxp_model.spec import MAX_NEURONS

SPLITS = ("train", "val", "test")
CLASSES = "classes.txt"
ENCODER = "encoder.json"
MAX_FILE_BYTES = 1 << 32
MAX_COUNTS = 1 << 32
"""Most counts of a split: clips * steps * channels, a byte each."""
MAX_CLASSES = 1 << 16
MAX_COUNT = 255
_COUNTS = ("labels", "counts", "lengths")
_EVENTS = ("labels", "times", "units", "sample", "lengths", "channels")


@dataclass(frozen=True, kw_only=True)
class CountArrays(Encoder):
    """Counts that are taken as they are.

    Parameters
    ----------
    channels : int
        1..65536.
    count_bits : int
        1..8; no count is larger than 2**count_bits - 1.

    Raises
    ------
    InputError
        A parameter is outside its limits.
    """

    name: ClassVar[str] = "counts"
    version: ClassVar[int] = 1
    takes: ClassVar[str] = "counts"

    channels: int
    count_bits: int

    def __post_init__(self) -> None:
        super().__post_init__()
        check_limit("channels", self.channels, 1 <= self.channels <= MAX_NEURONS, f"in 1..{MAX_NEURONS}")
        check_limit("count_bits", self.count_bits, 1 <= self.count_bits <= 8, "in 1..8")

    def check(self, counts: NDArray[np.uint8], where: object) -> None:
        """`InputError`, which begins with `where`, unless `counts` (T, N, channels) are such counts."""
        if counts.shape[2] != self.channels:
            raise InputError(f"{where}: counts must have {self.channels} channels, not {counts.shape[2]}")
        largest = int(counts.max())
        if largest >= 1 << self.count_bits:
            raise InputError(f"{where}: counts must be in 0..{2**self.count_bits - 1}, not {largest}")


@dataclass(frozen=True, eq=False)
class ArraySplit:
    """Clips of a split.

    counts : (T, N, C) uint8, zero beyond the lengths
    labels : (N,) int64, or (N, T) of each step
    lengths : (N,) int64
    file : where they are from
    """

    counts: NDArray[np.uint8]
    labels: NDArray[np.int64]
    lengths: NDArray[np.int64]
    file: Path

    def __len__(self) -> int:
        return len(self.labels)


@dataclass(frozen=True)
class ArrayDataset:
    """Counts in a folder.

    name : for messages
    classes : class names, the index of a name is its label
    files : file of each split that there is
    ear : what made the counts, if it is known
    """

    holds: ClassVar[str] = "counts"

    name: str
    classes: tuple[str, ...]
    files: dict[str, Path]
    ear: EarSpec | None = None

    def split(self, name: str) -> ArraySplit:
        """Clips of a split.

        Raises
        ------
        InputError
            There is none of that name, or its file is not as described in the module; names the file, and
            what in it.
        """
        if name not in self.files:
            raise InputError(f"{self.name}: split must be one of {', '.join(self.files)}, not {name!r}")
        split = read_split(self.files[name])
        _check_range(split.file, "labels", split.labels, 1 - split.labels.ndim, len(self.classes) - 1)
        absent = np.setdiff1d(np.arange(len(self.classes)), split.labels)
        if name == "train" and len(absent) > 0:
            raise InputError(
                f"{split.file}: class {self.classes[absent[0]]!r} must have at least 1 training "
                f"{'clip' if split.labels.ndim == 1 else 'step'}, not 0"
            )
        return split

    def encoder(self) -> CountArrays | EarSpec:
        """The ear, or else an encoder of as many channels and bits as the first split, of training, needs."""
        if self.ear is not None:
            return self.ear
        counts = self.split(next(iter(self.files))).counts
        bits = max(int(counts.max()).bit_length(), 1)
        return CountArrays(channels=counts.shape[2], count_bits=bits)


def arrays_in(folder: Path) -> dict[str, Path]:
    """The npz file of each split in `folder`; `InputError` if one is no file."""
    paths = {split: folder / f"{split}.npz" for split in SPLITS}
    return {split: path for split, path in paths.items() if is_there(path)}


def open_arrays(folder: Path, files: dict[str, Path]) -> ArrayDataset:
    """The data set of the `files` in `folder`.

    Raises
    ------
    InputError
        Class names are not visible and distinct, or a file is not as described in the module.
    """
    names = folder / CLASSES
    if is_there(names):
        classes = tuple(read_text(names).splitlines())
        check_classes(names, classes)
    else:
        labels = read_split(next(iter(files.values()))).labels
        classes = tuple(str(label) for label in range(int(labels.max()) + 1))
    if not 1 <= len(classes) <= MAX_CLASSES:
        raise InputError(f"{folder}: classes must be 1..{MAX_CLASSES}, not {len(classes)}")
    return ArrayDataset(folder.resolve().name, classes, files, _ear_in(folder))


def _ear_in(folder: Path) -> EarSpec | None:
    file = folder / ENCODER
    if not is_there(file):
        return None
    try:
        return EarSpec.from_dict(read_json(file, dict))
    except InputError as error:
        raise InputError(str(error) if str(file) in str(error) else f"{file}: {error}") from None


def read_split(path: Path) -> ArraySplit:
    """The split in an npz file; `InputError` if it is not as described in the module."""
    return split_of(read_bytes(path, MAX_FILE_BYTES), path)


def split_of(content: bytes, path: Path) -> ArraySplit:
    """`read_split` of the `content` of `path`."""
    counts, lengths, labels = clips_of(content, path)
    if labels is None:
        raise InputError(f"{path}: labels is missing")
    return ArraySplit(counts, labels, lengths, path)


def clips_of(
    content: bytes, path: Path
) -> tuple[NDArray[np.uint8], NDArray[np.int64], NDArray[np.int64] | None]:
    """`split_of` for clips that may have no labels: counts (T, N, C), lengths (N,), labels or None."""
    archive = Archive(content, str(path))
    known, read = (_COUNTS, _counts) if "counts" in archive.headers else (_EVENTS, _binned)
    for key in archive.headers:
        if key not in known:
            raise InputError(f"{path}: array {shown(key)} is unknown; known are {', '.join(known)}")
    labels = None
    if "labels" in archive.headers:
        per_step = len(archive.headers["labels"].shape) == 2
        labels = _integers(archive, path, "labels", 2 if per_step else 1)
        _check_clips(path, len(labels))
        _check_range(path, "labels", labels, -1 if per_step else 0, MAX_CLASSES - 1)
    counts = read(archive, path, None if labels is None else len(labels))
    lengths = np.full(counts.shape[1], len(counts))
    if "lengths" in archive.headers:
        lengths = _integers(archive, path, "lengths", 1, len(lengths))
        _check_range(path, "lengths", lengths, 1, len(counts))
    for clip in np.flatnonzero(lengths < len(counts)):
        if counts[lengths[clip] :, clip].any():
            raise InputError(f"{path}: counts[{clip}] must be 0 from step {lengths[clip]} on, its length")
    if labels is not None and labels.ndim == 2:
        _check_steps(path, labels, len(counts), lengths)
    return counts, lengths, labels


def _check_steps(path: Path, labels: NDArray[np.int64], steps: int, lengths: NDArray[np.int64]) -> None:
    """`InputError` unless `labels` are of `steps` each, of none beyond the lengths, and one counts."""
    if labels.shape[1] != steps:
        raise InputError(
            f"{path}: labels must have shape ({len(labels)},) or ({len(labels)}, {steps}), not {labels.shape}"
        )
    for clip in np.flatnonzero(lengths < steps):
        if (labels[clip, lengths[clip] :] != -1).any():
            raise InputError(f"{path}: labels[{clip}] must be -1 from step {lengths[clip]} on, its length")
    if (labels == -1).all():
        raise InputError(f"{path}: must have at least 1 step with a class, not 0")


def _counts(archive: Archive, path: Path, clips: int | None) -> NDArray[np.uint8]:
    header = archive.headers["counts"]
    if len(header.shape) != 3 or clips not in (None, header.shape[0]) or 0 in header.shape:
        shape = f"({'N' if clips is None else clips}, T, C)"
        raise InputError(f"{path}: counts must have shape {shape}, not {header.shape}")
    _check_size(path, *header.shape)
    _check_integers(path, "counts", header)
    counts = archive.read("counts")
    for value in (counts.min(), counts.max()):
        if not 0 <= value <= MAX_COUNT:
            raise InputError(f"{path}: counts must be in 0..{MAX_COUNT}, not {value}")
    return np.ascontiguousarray(counts.transpose(1, 0, 2).astype(np.uint8, copy=False))


def _binned(archive: Archive, path: Path, known: int | None) -> NDArray[np.uint8]:
    lengths = _integers(archive, path, "lengths", 1, known)
    clips = len(lengths)
    _check_clips(path, clips)
    channels = int(_integers(archive, path, "channels", 0))
    for name, value in (("lengths", int(lengths.max())), ("channels", channels)):
        if value < 1:
            raise InputError(f"{path}: {name} must be at least 1, not {value}")
    steps = int(lengths.max())
    _check_size(path, clips, steps, channels)
    times = _integers(archive, path, "times", 1)
    units = _integers(archive, path, "units", 1, len(times))
    sample = _integers(archive, path, "sample", 1, len(times))
    _check_range(path, "times", times, 0, steps - 1)
    _check_range(path, "units", units, 0, channels - 1)
    _check_range(path, "sample", sample, 0, clips - 1)
    place = (times * clips + sample) * channels + units
    which, events = np.unique(place, return_counts=True)
    if len(events) > 0 and events.max() > MAX_COUNT:
        raise InputError(
            f"{path}: a step and channel must have at most {MAX_COUNT} events, not {events.max()}"
        )
    counts = np.zeros(steps * clips * channels, np.uint8)
    counts[which] = events
    return counts.reshape(steps, clips, channels)


def _integers(archive: Archive, path: Path, name: str, ndim: int, length: int | None = None) -> NDArray[Any]:
    """The array `name` as int64; of `ndim` dimensions, and of `length` entries where it has one."""
    if name not in archive.headers:
        raise InputError(f"{path}: {name} is missing")
    header = archive.headers[name]
    if len(header.shape) != ndim or length not in (None, *header.shape):
        expected = "()" if ndim == 0 else f"({'N' if length is None else length},)"
        raise InputError(f"{path}: {name} must have shape {expected}, not {header.shape}")
    _check_integers(path, name, header)
    return archive.read(name).astype(np.int64)


def _check_integers(path: Path, name: str, header: Header) -> None:
    if not np.issubdtype(header.dtype, np.integer):
        raise InputError(f"{path}: {name} must be integers, not {header.dtype}")
    if header.bytes > MAX_FILE_BYTES:
        raise InputError(f"{path}: {name} must take at most {MAX_FILE_BYTES} bytes, not {header.bytes}")


def _check_clips(path: Path, clips: int) -> None:
    if clips == 0:
        raise InputError(f"{path}: must have at least 1 clip, not 0")


def _check_size(path: Path, *shape: int) -> None:
    size = prod(shape)
    if size > MAX_COUNTS:
        raise InputError(f"{path}: clips * steps * channels must be at most {MAX_COUNTS}, not {size}")


def _check_range(path: Path, name: str, values: NDArray[np.int64], low: int, high: int) -> None:
    outside = np.argwhere((values < low) | (values > high))
    if len(outside) > 0:
        first = tuple(int(index) for index in outside[0])
        place = ", ".join(map(str, first))
        raise InputError(f"{path}: {name}[{place}] must be in {low}..{high}, not {values[first]}")

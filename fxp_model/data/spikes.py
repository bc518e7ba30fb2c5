"""The spiking data sets SHD and SSC, from their HDF5 files.

Cramer, Stradmann, Schemmel and Zenke, "The Heidelberg Spiking Data Sets for the Systematic
Evaluation of Spiking Neural Networks", IEEE TNNLS 33 (2022), 2744-2757. A file holds, a row per
clip, `spikes/times` (seconds) and `spikes/units` (of 700), `labels`, and in `extra` the names of
the classes (`keys`) and the `speaker` of each clip.
"""

from __future__ import annotations

import filecmp
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import ClassVar

import h5py
import numpy as np
from numpy.typing import NDArray

from fxp_model.data.binner import EventBinner
from fxp_model.data.checks import check_classes
from fxp_model.data.dataset import seeded
from fxp_model.errors import InputError
from fxp_model.folders import shortened

SITES = "https://zenkelab.org/datasets/ and https://compneuro.net/datasets/"
MAX_BYTES = 1 << 26
"""Largest column of labels, speakers or class names; for spikes, of the references to them."""
HELD_OUT_SPEAKERS = 2
"""Speakers of SHD's training file held out for validation; its test file has two unseen ones as well."""

ZIP_MD5 = {
    "shd_train.h5": "f3252aeb598ac776c1b526422d90eecb",
    "shd_test.h5": "1503a5064faa34311c398fb0a1ed0a6f",
    "ssc_train.h5": "d102be95e7144fcc0553d1f45ba94170",
    "ssc_valid.h5": "b4eee3516a4a90dd0c71a6ac23a8ae43",
    "ssc_test.h5": "a35ff1e9cffdd02a20eb850c17c37748",
}
"""Published MD5 of the archive ``<file>.zip`` (not of the file in it), which tonic and SpikingJelly check."""


@dataclass(frozen=True)
class Published:
    """A published data set: its number of classes, and the file of each split."""

    name: str
    classes: int
    files: dict[str, str]


PUBLISHED = (
    Published("SHD", 20, {"train": "shd_train.h5", "val": "shd_train.h5", "test": "shd_test.h5"}),
    Published("SSC", 35, {"train": "ssc_train.h5", "val": "ssc_valid.h5", "test": "ssc_test.h5"}),
)


@dataclass(frozen=True, eq=False)
class SpikeSplit:
    """Clips of a split: rows `rows` of `file`, in that order, and their `labels`."""

    file: Path
    rows: NDArray[np.int64]
    labels: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.rows)

    def encode(self, encoder: EventBinner) -> Iterator[NDArray[np.uint8]]:
        """Counts (T, channels) of each clip.

        Raises
        ------
        InputError
            The file is damaged, or times or units of a clip are not usable; names file and row.
        """
        with _opened(self.file) as file:
            clips = len(_column(file, "labels"))
            times, units = (_column(file, f"spikes/{name}", clips) for name in ("times", "units"))
            for row in self.rows:
                try:
                    yield encoder.encode(np.asarray(times[row]), np.asarray(units[row]))
                except InputError as error:  # it begins with times or units
                    raise InputError(f"{self.file}: sample {row}: spikes/{error}") from None


@dataclass(frozen=True)
class SpikeDataset:
    """SHD or SSC in a folder.

    A split whose own file is another's too is split by speakers: `HELD_OUT_SPEAKERS` of them,
    drawn by `seed`, are for val, and nobody is on both sides.

    name : for messages
    classes : class names, the index of a name is its label
    files : file of each split
    seed : at least 0
    """

    holds: ClassVar[str] = "spikes"

    name: str
    classes: tuple[str, ...]
    files: dict[str, Path]
    seed: int

    def split(self, name: str) -> SpikeSplit:
        """Clips of a split.

        Raises
        ------
        InputError
            There is none of that name, its file is missing or damaged, labels or speakers are not
            usable. A missing file is told with where it is published and its checksum.
        """
        if name not in self.files:
            raise InputError(f"{self.name}: split must be one of {', '.join(self.files)}, not {name!r}")
        path = self.files[name]
        with _opened(path) as file:
            labels = _integers(file, "labels")
            outside = np.flatnonzero((labels < 0) | (labels >= len(self.classes)))
            if len(outside) > 0:
                row, high = outside[0], len(self.classes) - 1
                raise InputError(f"{path}: labels[{row}] must be in 0..{high}, not {labels[row]}")
            chosen = np.ones(len(labels), np.bool_)
            if name != "test" and self.files["train"] == self.files["val"]:
                speakers = _integers(file, "extra/speaker", len(labels))
                chosen = np.isin(speakers, self._held_out(path, speakers), invert=name == "train")
        rows = np.flatnonzero(chosen)
        if len(rows) == 0:
            raise InputError(f"{path}: split {name} must have at least 1 clip, not 0")
        absent = np.setdiff1d(np.arange(len(self.classes)), labels[rows])
        if name == "train" and len(absent) > 0:
            raise InputError(
                f"{path}: class {self.classes[absent[0]]!r} must have at least 1 training clip, not 0"
            )
        return SpikeSplit(path, rows, labels[rows])

    def _held_out(self, path: Path, speakers: NDArray[np.int64]) -> NDArray[np.int64]:
        known = np.unique(speakers)
        if len(known) <= HELD_OUT_SPEAKERS:
            raise InputError(
                f"{path}: extra/speaker must name more than {HELD_OUT_SPEAKERS} speakers, not {len(known)}"
            )
        return seeded(self.seed).permutation(known)[:HELD_OUT_SPEAKERS]


def published_in(folder: Path) -> Published | None:
    """Which of SHD and SSC `folder` holds, packed or not; `InputError` if both."""
    held = [known for known in PUBLISHED if any(folder.glob(f"{known.name.lower()}_*.h5*"))]
    if len(held) > 1:
        raise InputError(f"{folder}: must hold one of SHD and SSC, not both: give each its own folder")
    return held[0] if held else None


def open_published(folder: Path, known: Published, seed: int) -> SpikeDataset:
    """The data set `known` in `folder`; the files of unused splits may be missing."""
    files = {split: folder / file for split, file in known.files.items()}
    _check_apart(sorted({path for path in files.values() if path.is_file()}))
    first = next((path for path in files.values() if path.is_file()), files["train"])
    with _opened(first) as file:
        classes = _class_names(file, known.classes)
    return SpikeDataset(known.name, classes, files, seed)


def _check_apart(files: list[Path]) -> None:
    """`InputError` where a file is another one under a second name, or a copy of it."""
    for one, other in combinations(files, 2):
        if one.stat().st_size == other.stat().st_size and filecmp.cmp(one, other, shallow=False):
            raise InputError(f"{one} and {other} must be different files: they are equal")


@contextmanager
def _opened(path: Path) -> Iterator[h5py.File]:
    """The file, open for the block, which may do no more than read it."""
    if not path.is_file():
        published = f"{path.name}.zip (MD5 {ZIP_MD5[path.name]}) at {SITES}"
        raise InputError(f"{path} is missing: unpack it there from {published}")
    try:
        with h5py.File(path, "r") as file:
            yield file
    except InputError:
        raise
    except (OSError, RuntimeError, KeyError, TypeError, ValueError) as error:  # as h5py tells damage
        reason = " ".join(str(error).split())
        raise InputError(f"{path}: not a valid HDF5 file: {reason}") from None


def _column(file: h5py.File, name: str, rows: int | None = None) -> h5py.Dataset:
    """The data set `name` of one dimension, with as many `rows` as there are labels."""
    if name not in file:
        raise InputError(f"{file.filename}: {name} is missing")
    column = file[name]
    if not isinstance(column, h5py.Dataset) or column.ndim != 1 or len(column) == 0:
        shape = getattr(column, "shape", "a group")
        raise InputError(f"{file.filename}: {name} must have shape (clips,), not {shape}")
    if column.size * column.dtype.itemsize > MAX_BYTES:
        raise InputError(
            f"{file.filename}: {name} must take at most {MAX_BYTES} bytes, not {column.size} x "
            f"{column.dtype.itemsize}"
        )
    if rows is not None and len(column) != rows:
        raise InputError(f"{file.filename}: {name} must have {rows} rows as labels, not {len(column)}")
    return column


def _integers(file: h5py.File, name: str, rows: int | None = None) -> NDArray[np.int64]:
    column = _column(file, name, rows)
    if not np.issubdtype(column.dtype, np.integer):
        raise InputError(f"{file.filename}: {name} must be integers, not {column.dtype}")
    values: NDArray[np.int64] = column[:].astype(np.int64)
    return values


def _class_names(file: h5py.File, classes: int) -> tuple[str, ...]:
    """`extra/keys`, or class00... where the file does not tell."""
    if "extra/keys" not in file:
        return tuple(f"class{label:02}" for label in range(classes))
    keys = _column(file, "extra/keys")
    if h5py.check_string_dtype(keys.dtype) is None:
        raise InputError(f"{file.filename}: extra/keys must be strings, not {keys.dtype}")
    names = tuple(keys.asstr("utf-8", "replace")[:])
    if len(set(names)) != classes or len(names) != classes:
        told = shortened([repr(name) for name in names], 40)
        raise InputError(f"{file.filename}: extra/keys must be {classes} different names, not {told}")
    check_classes(f"{file.filename}: extra/keys", names)
    return names

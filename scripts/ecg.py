"""Write the QT database of electrocardiograms, with a class for every step, as a folder for train.py.

Takes qtdb.npz as Yin, Corradi and Bohte encoded it (2103.12593): crossings of levels by two leads, in four
columns of -1, 0 or 1, which become eight channels of 0 or 1. The first 10 steps of a window are not counted,
as in their figure. Steps to which the cardiologist gave no class are counted as class 0, as there, or with
--labelled not at all. A tenth of the windows for training is for validation; test.npz holds the file's test
set. With --exchange training also has each window as electrodes put elsewhere might have recorded it. OUT is
a new folder, or an earlier one of this script, which is replaced.
"""

from __future__ import annotations

if __name__ == "__main__":  # before the imports, as Ctrl-C may come during them
    from fxp_model.cli import run_script

    run_script(__file__)

import itertools
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fxp_model.archives import Archive, packed
from fxp_model.errors import InputError
from fxp_model.files import json_text, read_bytes, write_text
from fxp_model.folders import FolderKind
from fxp_model.options import Parser, some_path, whole

FOLDER = FolderKind("data set of ecg.py", "dataset.json", "spikeline-ecg")
MAX_BYTES = 1 << 27
WINDOWS = {"train": 618, "test": 141}
STEPS, LEADS = 1301, 4
CLASSES = ("P", "PQ", "QR", "RS", "ST", "TP")
UNCOUNTED = 10
EXCHANGES = tuple(
    np.concatenate(order)
    for one, other in itertools.product(((0, 1), (1, 0)), ((2, 3), (3, 2)))
    for order in ((one, other), (other, one))
)
"""Orders of a window's columns, the recorded one first: each lead has crossings upwards and downwards."""
SHARE = 10
"""Of how many blocks one is for validation."""


def parser() -> Parser:
    """The options."""
    parser = Parser(description=__doc__)
    add = parser.add_argument
    add("--qtdb", type=some_path, required=True, help="qtdb.npz with x, y and labels of train and test")
    add("--out", type=some_path, required=True, help="folder to write")
    add("--labelled", action="store_true", help="count only steps to which the cardiologist gave a class")
    add(
        "--block",
        type=whole(1, 100),
        default=1,
        help="neighbouring windows that validation takes at once; with 1 training knows its patients, "
        "with 20 few (default: %(default)s)",
    )
    exchange = "training has each window eight times: its leads exchanged or not, and each inverted or not"
    add("--exchange", action="store_true", help=exchange)
    return parser


def _values(archive: Archive, file: Path, name: str, low: int, high: int) -> NDArray[np.int8]:
    """An array of the file; `InputError` if a number is outside of low..high."""
    found = archive.read(name)
    if (found < low).any() or (found > high).any():
        worst = found.max() if found.max() > high else found.min()
        raise InputError(f"{file}: {name} must be of {low}..{high}, not {worst}")
    return found.astype(np.int8)


def main() -> int:
    """Write the files, say what they hold."""
    args = parser().options()
    FOLDER.check(args.out)
    archive = Archive(read_bytes(args.qtdb, MAX_BYTES), str(args.qtdb))
    for split, windows in WINDOWS.items():
        for part, more in (("x", (LEADS,)), ("y", ()), ("labels", ())):
            header, shape = archive.headers.get(f"{part}_{split}"), (windows, STEPS, *more)
            if header is None or header.shape != shape or header.dtype.kind not in "iu":
                raise InputError(f"{args.qtdb}: {part}_{split} must be integers of shape {shape}")
    block = np.arange(WINDOWS["train"]) // args.block % SHARE
    parts = {
        "train": ("train", np.flatnonzero(block != SHARE - 1)),
        "val": ("train", np.flatnonzero(block == SHARE - 1)),
        "test": ("test", np.arange(WINDOWS["test"])),
    }
    lines = []
    with FOLDER.writing(args.out) as folder:
        for split, (source, which) in parts.items():
            crossings = _values(archive, args.qtdb, f"x_{source}", -1, 1)[which]
            labels = _values(archive, args.qtdb, f"y_{source}", 0, len(CLASSES) - 1)[which]
            labels[:, :UNCOUNTED] = -1
            if args.labelled:
                labels[archive.read(f"labels_{source}")[which] == 0] = -1
            if args.exchange and split == "train":
                crossings = np.concatenate([crossings[..., order] for order in EXCHANGES])
                labels = np.tile(labels, (len(EXCHANGES), 1))
            counts = np.concatenate([crossings > 0, crossings < 0], axis=2).astype(np.uint8)
            (folder / f"{split}.npz").write_bytes(packed({"counts": counts, "labels": labels}))
            counted = np.count_nonzero(labels >= 0)
            lines.append(f"{args.out / split}.npz: {len(counts)} windows, {counted} steps counted")
        write_text(folder / "classes.txt", "".join(f"{name}\n" for name in CLASSES))
        given = {"labelled": args.labelled, "block": args.block, "exchange": args.exchange}
        write_text(folder / FOLDER.mark, json_text({"format": FOLDER.format} | given))
    print("\n".join(lines))
    return 0

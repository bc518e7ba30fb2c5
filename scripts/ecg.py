"""Write the QT database of electrocardiograms, with a class for every step, as a folder for train.py.

Takes qtdb.npz as Yin, Corradi and Bohte encoded it (2103.12593): crossings of levels by two leads, in four
columns of -1, 0 or 1, which become eight channels of 0 or 1. The first 10 steps of a window are not counted,
as in their figure. Steps to which the cardiologist gave no class are counted as class 0, as there, or with
--labelled not at all. A tenth of the windows for training is for validation; test.npz holds the file's test
set.
"""

from __future__ import annotations

if __name__ == "__main__":  # before the imports, as Ctrl-C may come during them
    from fxp_model.cli import run_script

    run_script(__file__)

from fxp_model.options import Parser, some_path, whole

MAX_BYTES = 1 << 27
WINDOWS = {"train": 618, "test": 141}
STEPS, LEADS = 1301, 4
CLASSES = ("P", "PQ", "QR", "RS", "ST", "TP")
UNCOUNTED = 10
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
    return parser


def main() -> int:
    """Write the files, say what they hold."""
    import numpy as np

    from fxp_model.archives import Archive, packed
    from fxp_model.errors import InputError
    from fxp_model.files import read_bytes, replacing, write_text

    args = parser().options()
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
    for split, (source, which) in parts.items():
        crossings = archive.read(f"x_{source}")[which]
        labels = archive.read(f"y_{source}")[which].astype(np.int8)
        labels[:, :UNCOUNTED] = -1
        if args.labelled:
            labels[archive.read(f"labels_{source}")[which] == 0] = -1
        counts = np.concatenate([crossings > 0, crossings < 0], axis=2).astype(np.uint8)
        with replacing(args.out / f"{split}.npz") as path:
            path.write_bytes(packed({"counts": counts, "labels": labels}))
        print(f"{args.out / split}.npz: {len(which)} windows, {np.count_nonzero(labels >= 0)} steps counted")
    with replacing(args.out / "classes.txt") as path:
        write_text(path, "".join(f"{name}\n" for name in CLASSES))
    return 0

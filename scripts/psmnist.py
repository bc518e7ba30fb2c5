"""Write permuted sequential MNIST as a data set of counts: OUT/train.npz, val.npz and test.npz.

Each digit is 784 steps of one pixel, in one random order for all (Le, Jaitly and Hinton, 1504.00941).
A pixel is a count of --bits bits. Digits for validation are drawn from those for training; test.npz holds
MNIST's own test set. OUT is a new folder, or an earlier one of this script, which is replaced.
"""

from __future__ import annotations

if __name__ == "__main__":  # before the imports, as Ctrl-C may come during them
    from fxp_model.cli import run_script

    run_script(__file__)

from fxp_model.folders import FolderKind
from fxp_model.options import SEED, Parser, some_path, whole

FOLDER = FolderKind("data set of psmnist.py", "dataset.json", "spikeline-psmnist")
MAX_BYTES = 1 << 27
SHAPES = {"x_train": (60000, 28, 28), "y_train": (60000,), "x_test": (10000, 28, 28), "y_test": (10000,)}


def parser() -> Parser:
    """The options."""
    parser = Parser(description=__doc__)
    add = parser.add_argument
    add("--mnist", type=some_path, required=True, help="mnist.npz with x_train, y_train, x_test and y_test")
    add("--out", type=some_path, required=True, help="folder to write")
    add("--bits", type=whole(1, 8), default=1, help="bits of a pixel (default: %(default)s)")
    add("--val", type=whole(1, 50_000), default=2000, help="digits for validation (default: %(default)s)")
    add("--train", type=whole(1, 60_000), help="digits for training (default: all that validation leaves)")
    add("--seed", type=SEED, default=0, help="of the order and the split (default: %(default)s)")
    return parser


def main() -> int:
    """Write the files, say what they hold."""
    import numpy as np

    from fxp_model.archives import Archive, packed
    from fxp_model.errors import InputError
    from fxp_model.files import json_text, read_bytes, write_text

    args = parser().options()
    FOLDER.check(args.out)
    archive = Archive(read_bytes(args.mnist, MAX_BYTES), str(args.mnist))
    for name, shape in SHAPES.items():
        header = archive.headers.get(name)
        if header is None or header.shape != shape or header.dtype != np.uint8:
            raise InputError(f"{args.mnist}: {name} must be uint8 of shape {shape}")
    rng = np.random.default_rng(args.seed)
    order = rng.permutation(784)
    clips = rng.permutation(SHAPES["y_train"][0])
    left = len(clips) - args.val
    count = left if args.train is None else args.train
    if count > left:
        raise InputError(f"--train must be at most {left}, which validation leaves, not {count}")
    parts = {
        "train": ("train", np.sort(clips[args.val :][:count])),
        "val": ("train", np.sort(clips[: args.val])),
        "test": ("test", np.arange(SHAPES["y_test"][0])),
    }
    with FOLDER.writing(args.out) as folder:
        for split, (source, which) in parts.items():
            pixels = archive.read(f"x_{source}")[which].reshape(len(which), 784)[:, order]
            counts = pixels >> (8 - args.bits)
            arrays = {"counts": counts[:, :, None], "labels": archive.read(f"y_{source}")[which]}
            (folder / f"{split}.npz").write_bytes(packed(arrays))
        mark = {"format": FOLDER.format, "bits": args.bits, "val": args.val, "train": count}
        mark["seed"] = args.seed
        write_text(folder / FOLDER.mark, json_text(mark))
    for split, (_, which) in parts.items():
        print(f"{args.out / split}.npz: {len(which)} digits")
    return 0

"""Train a GRU on the frames that the networks learn from, as a baseline."""

from __future__ import annotations

if __name__ == "__main__":  # before the imports, as Ctrl-C may come during them
    from fxp_model.cli import run_script

    run_script(__file__)

import os
import shlex
import sys
from dataclasses import replace
from datetime import UTC, datetime

from fxp_model.options import COUNT, SEED, Parser, add_json_option, nonempty, real, some_path, whole
from fxp_model.qat.limits import LIMITS
from fxp_model.spec import MAX_NEURONS, MAX_STRIDE

LEARNING_RATE = 2e-3
"""Peak, of a float GRU."""


def parser() -> Parser:
    """The options."""
    parser = Parser(description=__doc__)
    add = parser.add_argument
    add("--data", type=nonempty, required=True, help="folder of a data set of sound, or 'synthetic'")
    noise = add("--noise", type=some_path, metavar="FOLDER", help="recordings to train in, at many gains")
    copies = add(
        "--copies",
        type=COUNT,
        default=16,
        help="of each clip: one as it was recorded, the others in noise (default: %(default)s)",
    )
    parser.only_with(noise, copies)
    stride = f"steps from answer to answer, each of which the data must have a class for (1..{MAX_STRIDE})"
    add("--stride", type=whole(1, MAX_STRIDE), help=f"{stride}; default: one answer per clip")
    hidden = "neurons of each layer, one width (default: 256 256)"
    add("--hidden", type=whole(1, MAX_NEURONS), nargs="+", metavar="N", default=[256, 256], help=hidden)
    dropout = real(*LIMITS["dropout"])
    add("--dropout", type=dropout, default=0.0, help="of the outputs of each layer (default: 0)")
    smoothing = "of the targets (default: that of train.py; 0 with --stride, as most labels are of one class)"
    add("--label-smoothing", type=real(*LIMITS["label_smoothing"]), help=smoothing)
    add("--seeds", nargs="+", type=SEED, default=[0], help="default: 0")
    add("--epochs", type=COUNT, default=40, help="default: %(default)s")
    add("--out", type=some_path, help="folder for gru-SEED.npz, with which stream.py --gru listens")
    add_json_option(parser, "a row for each seed")
    return parser


def main() -> int:
    """Train, print a line for each seed."""
    args = parser().options()
    # OpenMP's threads sleep while they wait, so that training keeps its speed on a busy machine.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    from tqdm import tqdm

    from fxp_model.cli import write_json
    from fxp_model.qat.gru import train_gru
    from fxp_model.qat.hearing import in_noise, scaled
    from fxp_model.qat.network import Regularization
    from fxp_model.qat.publish import versions
    from fxp_model.qat.sweep import load, opened
    from fxp_model.qat.template import Shape, network_spec
    from fxp_model.qat.train import Recipe, frames_sha256
    from fxp_model.spec import Answer, ReadoutMode

    dataset, encoder = opened(args.data)
    heard = [] if args.noise is None else in_noise(args.noise, args.copies, range(0, args.copies, 2))
    train, val, classes = load(dataset, encoder, heard)
    shape = Shape(hidden=tuple(args.hidden))
    recipe = replace(
        Recipe(), epochs=args.epochs, learning_rate=LEARNING_RATE, noise=Regularization(args.dropout, 0.0)
    )
    if args.stride is not None:
        shape = replace(shape, readout=ReadoutMode.LAST, answer=Answer.STEP, stride=args.stride)
        # most labels are of one class
        augmentation = scaled(recipe.augmentation, train.counts.shape[2])
        recipe = replace(recipe, augmentation=augmentation, label_smoothing=0)
    if args.label_smoothing is not None:
        recipe = replace(recipe, label_smoothing=args.label_smoothing)
    spec = network_spec(shape, train.counts.shape[2], len(classes))
    rows = []
    for seed in args.seeds:
        kept = None if args.out is None else args.out / f"gru-{seed}.npz"
        with tqdm(total=args.epochs, desc=f"seed {seed}", unit="epoch") as bar:
            own = replace(recipe, seed=seed)
            _, curve = train_gru(spec, own, train, val, lambda accuracy: bar.update(), kept)
        rows.append(
            {
                "system": "gru",
                "seed": seed,
                "widths": [layer.n_out for layer in spec.layers],
                "val": max(curve),
                "selected_epoch": curve.index(max(curve)),
                "epochs": args.epochs,
                "curve": curve,
                "frames_sha256": frames_sha256(train, val),
                "command": shlex.join(["python", *sys.argv]),
                "date": datetime.now(UTC).isoformat(timespec="seconds"),
                "versions": versions(),
            }
        )
        if args.json != "-":
            print(f"GRU seed {seed}: {100 * max(curve):.1f} % of {len(val)} validation clips")
    if args.json:
        write_json(args.json, rows)
    return 0

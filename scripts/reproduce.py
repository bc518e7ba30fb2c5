"""Train all systems of the comparison, with several seeds; print tables and draw figures of the results."""

from __future__ import annotations

if __name__ == "__main__":  # before the imports, as Ctrl-C may come during them
    from fxp_model.cli import run_script

    run_script(__file__)

import argparse
import os
import shlex
import sys
from dataclasses import replace
from pathlib import Path

from fxp_model.artifact import load_artifact
from fxp_model.cli import write_json
from fxp_model.errors import InputError
from fxp_model.options import SEED, WORKERS, Parser, json_output, nonempty, some_path, whole
from fxp_model.pretrained import add_artifact_argument
from fxp_model.qat.limits import LIMITS
from fxp_model.results.rows import read_rows
from fxp_model.results.summary import markdown, summarise

RESULTS = Path(__file__).parent / "results" / "reproduce.jsonl"


def parser() -> Parser:
    """The command-line options."""
    from fxp_model.ear.spec import MAX_CHANNELS, MIN_CHANNELS

    parser = Parser(description=__doc__)
    add = parser.add_argument
    data = add("--data", type=nonempty, help="folder of a data set, or 'synthetic'")
    epochs = whole(*LIMITS["epochs"])
    noise = add("--noise", type=some_path, metavar="FOLDER", help="recordings to train in, at many gains")
    copies = add(
        "--copies",
        type=whole(*LIMITS["copies"]),
        default=16,
        help="of each clip: one as it was recorded, the others in noise (default: %(default)s)",
    )
    parser.only_with(noise, copies)
    parser.only_with(
        data,
        add("--out", type=some_path, help="folder for checkpoints and results.jsonl; run again to continue"),
        add(
            "--seeds", type=SEED, nargs="+", default=[0, 1, 2], metavar="SEED", help="seeds (default: 0 1 2)"
        ),
        add("--systems", nargs="+", metavar="NAME", help="systems to train (default: all)"),
        add("--channels", type=whole(MIN_CHANNELS, MAX_CHANNELS), help="filters of the ear (default: 140)"),
        noise,
        copies,
        add("--workers", type=WORKERS, default=2, help="single-threaded processes (default: 2)"),
        add("--epochs", type=epochs, help="epochs of each training (default: the recipe's)"),
        add(
            "--store",
            type=nonempty,
            help="database with the queue of trainings, for several machines (default: OUT/tasks.db)",
        ),
        add(
            "--known",
            type=some_path,
            metavar="FILE",
            help="earlier results to reuse, such as --results",
        ),
        add(
            "--export", type=some_path, metavar="DIR", help="write the best seed of each system as DIR/SYSTEM"
        ),
    )
    summary = add("--summary", action="store_true", help="print the table of results as Markdown")
    figures = add("--figures", type=some_path, metavar="DIR", help="draw the results as SVG")
    parser.only_with(
        (summary, figures),
        add(
            "--json",
            type=json_output,
            metavar="FILE",
            help="write the table as JSON instead of Markdown; - for standard output",
        ),
        add(
            "--results",
            type=some_path,
            default=RESULTS,
            help=f"results to read (default: {RESULTS.name} of the project)",
        ),
    )
    add_artifact_argument(parser)
    return parser


def main() -> int:
    """Do what the options ask for."""
    args = parser().options()
    if args.summary or args.figures is not None:
        return show(args)
    if args.data is None or args.out is None:
        raise InputError("--data and --out are needed to train, or --summary or --figures")
    return train(args)


def show(args: argparse.Namespace) -> int:
    """Print the table, draw the figures."""
    rows = read_rows(args.results)
    artifact = None if args.figures is None else load_artifact(args.artifact)
    if args.json is not None:
        write_json(args.json, summarise(rows))
    elif args.summary:
        print(markdown(summarise(rows)), end="")
    if artifact is not None:
        from fxp_model.results.figures import draw

        for path in draw(args.figures, rows, artifact):
            print(path, file=sys.stderr)
    return 0


def train(args: argparse.Namespace) -> int:
    """Run the sweep; 1 where a training failed."""
    # one thread per worker, which inherits this
    os.environ["OMP_NUM_THREADS"] = "1"
    from fxp_model.files import made_folder
    from fxp_model.qat.hearing import in_noise, scaled
    from fxp_model.qat.sweep import Sweep, export, exported, load, opened, run_sweep
    from fxp_model.qat.systems import system_of, systems
    from fxp_model.qat.tasks import store_in
    from fxp_model.qat.train import Recipe

    recipe, ear = Recipe(), None
    if args.epochs is not None:
        recipe = replace(recipe, epochs=args.epochs)
    if args.channels is not None:
        ear = {"channels": args.channels}
        recipe = replace(recipe, augmentation=scaled(recipe.augmentation, args.channels))
    table = {name: system_of(name, recipe) for name in args.systems or systems(recipe)}
    if args.export is not None:
        exported(table, args.export)
    known = [] if args.known is None else read_rows(args.known)
    dataset, encoder = opened(args.data, ear)
    # networks for devices, which are switched on at any time: every other copy is heard from rest
    heard = [] if args.noise is None else in_noise(args.noise, args.copies, range(0, args.copies, 2))
    with made_folder(args.out):
        store = args.store or store_in(args.out, "tasks.db")
        sweep = Sweep(store, args.out, table, *load(dataset, encoder, heard))
    failures = run_sweep(sweep, args.seeds, args.workers, known)
    for task, reason in failures.items():
        print(f"reproduce.py: {task}: {reason}", file=sys.stderr)
    if failures:
        return 1
    if args.export is not None:
        for path in export(sweep, args.export, dataset, encoder, shlex.join(["python", *sys.argv])):
            print(path, file=sys.stderr)
    return 0

"""Ears compared on a data set: accuracy in silence, in noise, and at other gains."""

from __future__ import annotations

if __name__ == "__main__":  # before the imports, for Ctrl-C may come in these
    from fxp_model.cli import run_script

    run_script(__file__)

import os
import shlex
import sys

from fxp_model.options import COUNT, SEED, Parser, nonempty, output_file, some_path


def parser() -> Parser:
    """The options."""
    from fxp_model.qat.hearing import LISTENERS

    parser = Parser(description=__doc__)
    add = parser.add_argument
    add("--data", type=nonempty, required=True, help="folder of a data set of sound, or 'synthetic'")
    add("--noise", type=some_path, required=True, metavar="FOLDER", help="recordings to mix in")
    add("--out", type=some_path, required=True, help="folder of the trainings, which it goes on from")
    add("--listeners", nargs="+", choices=tuple(LISTENERS), default=list(LISTENERS), help="default: all")
    add("--seeds", nargs="+", type=SEED, default=[0, 1, 2], help="of the trainings; default: 0 1 2")
    add("--epochs", type=COUNT, default=60, help="of each training; default: %(default)s")
    add("--table", type=output_file, help="file for a line of JSON per training")
    return parser


def main() -> int:
    """Train, measure, print a line for each."""
    # OpenMP's threads sleep while they wait, so that training keeps its speed on a busy machine.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    from fxp_model.files import replacing, write_text
    from fxp_model.qat.hearing import listen, table

    args = parser().options()
    command = shlex.join(["python", *sys.argv])
    rows = []
    for row in listen(args.data, args.noise, args.out, args.listeners, args.seeds, args.epochs, command):
        rows.append(row)
        shares = ", ".join(
            f"{key} {100 * value:.1f}"
            for key, value in row.items()
            if isinstance(value, float) and value <= 1
        )
        print(f"{row['listener']} seed {row['seed']}: {shares} %")
        if args.table:
            with replacing(args.table) as path:
                write_text(path, table(rows))
    return 0

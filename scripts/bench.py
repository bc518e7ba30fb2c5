"""Benchmark inference and training against the published algorithms and a GRU, on this machine."""

from __future__ import annotations

if __name__ == "__main__":  # before the imports, as Ctrl-C may come during them
    from fxp_model.cli import run_script

    run_script(__file__)

import os
import sys

from fxp_model.artifact import load_artifact
from fxp_model.cli import write_json
from fxp_model.options import Parser, add_data_options, add_json_option
from fxp_model.pretrained import add_artifact_argument


def parser() -> Parser:
    """The command-line options."""
    parser = Parser(description=__doc__)
    add_artifact_argument(parser)
    add_data_options(parser, "the artifact's own clips")
    parser.add_argument(
        "--quick", action="store_true", help="one round instead of several: a trial, not a measurement"
    )
    add_json_option(parser, "the result")
    return parser


def main() -> int:
    """Measure, print."""
    # OpenMP's waiting threads sleep, so that no system slows down the next.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    args = parser().options()
    artifact = load_artifact(args.artifact)
    counts = artifact.stimulus
    if args.data is not None:
        from fxp_model.data import frames_for

        counts = frames_for(artifact, args.data, args.split).counts
    from fxp_model.qat import bench

    result = bench.measure(
        artifact, counts, quick=args.quick, progress=lambda part: print(f"{part} ...", file=sys.stderr)
    )
    if args.json != "-":
        print(bench.table(result))
    if args.json:
        write_json(args.json, result)
    return 0

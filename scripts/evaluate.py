"""Accuracy of an artifact on a split of a data set, and digests of its predictions and scores."""

from __future__ import annotations

if __name__ == "__main__":  # before the imports, as Ctrl-C may come during them
    from fxp_model.cli import run_script

    run_script(__file__)

import time
from typing import Any

from tqdm import tqdm

from fxp_model import network as golden
from fxp_model.artifact import load_artifact
from fxp_model.cli import write_json
from fxp_model.data import frames_for
from fxp_model.evaluation import Engine, evaluate
from fxp_model.options import Parser, add_data_options, add_json_option
from fxp_model.pretrained import add_artifact_argument


def engine_of(name: str) -> Engine:
    """The engine called `name`; its package is imported only when asked for."""
    if name == "torch":
        from fxp_model.qat.evaluate import run

        return run
    if name == "engine":
        from fxp_model.engine import score

        return score
    return golden.run


def parser() -> Parser:
    """The command-line options."""
    parser = Parser(description=__doc__)
    add_artifact_argument(parser)
    add_data_options(parser)
    parser.add_argument(
        "--engine",
        choices=("golden", "engine", "torch"),
        default="golden",
        help="implementation to run (default: %(default)s)",
    )
    add_json_option(parser, "the result")
    return parser


def main() -> int:
    """Evaluate, print."""
    args = parser().options()
    artifact = load_artifact(args.artifact)
    frames = frames_for(artifact, args.data, args.split)
    started = time.perf_counter()
    with tqdm(total=len(frames.labels), desc=args.engine, unit="clip") as bar:
        result = evaluate(
            engine_of(args.engine),
            artifact.network,
            frames.counts,
            frames.labels,
            frames.lengths,
            progress=bar.update,
        )
    summary: dict[str, Any] = {
        "artifact": str(args.artifact),
        "data": str(args.data),
        "split": args.split,
        "engine": args.engine,
        "clips": len(frames.labels),
        "accuracy": result.accuracy,
        "seconds": round(time.perf_counter() - started, 3),
        "predictions_sha256": result.predictions_sha256,
        "scores_sha256": result.scores_sha256,
    }
    if args.json:
        write_json(args.json, summary)
    else:
        print("\n".join(f"{key:20}{value}" for key, value in summary.items()))
    return 0

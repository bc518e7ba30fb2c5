"""Accuracy of an artifact on a split of a data set, and digests of its predictions and scores."""

from __future__ import annotations

if __name__ == "__main__":  # before the imports, as Ctrl-C may come during them
    from fxp_model.cli import run_script

    run_script(__file__)

import time
from argparse import Namespace
from dataclasses import replace
from typing import Any

from tqdm import tqdm

from fxp_model import network as golden
from fxp_model.artifact import load_artifact
from fxp_model.cli import write_json
from fxp_model.data import Conditions, Part, frames_for, open_noise
from fxp_model.data.conditions import GAIN_DB, SNR_DB
from fxp_model.evaluation import Engine, evaluate
from fxp_model.options import SEED, Parser, add_data_options, add_json_option, real, some_path
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
    hearing = parser.add_argument_group("hearing, of sound")
    add = hearing.add_argument
    add("--gain-db", type=real(*GAIN_DB), default=0.0, metavar="G", help="of the microphone; %(default)s")
    snr = add("--snr-db", type=real(*SNR_DB), metavar="S", help="whole clip over noise; default: no noise")
    noise = add(
        "--noise", type=some_path, metavar="FOLDER", help="recordings, of which those that train.py left out"
    )
    add("--from-rest", action="store_true", help="each clip, instead of after the speaker's other clips")
    seed = add("--seed", type=SEED, default=0, help="of the draw of noise; %(default)s")
    parser.only_with(snr, noise)
    parser.only_with(noise, snr, seed)
    add_json_option(parser, "the result")
    return parser


def conditions_of(args: Namespace) -> Conditions | None:
    """What the options say; None where clips are heard as they were recorded."""
    if args.noise is None and args.gain_db == 0 and not args.from_rest:
        return None
    gain = Conditions(gain_db=(args.gain_db, args.gain_db), seed=args.seed, carried=not args.from_rest)
    if args.noise is None:
        return gain
    return replace(gain, snr_db=(args.snr_db, args.snr_db), noise=open_noise(args.noise, Part.MEASURE))


def main() -> int:
    """Evaluate, print."""
    args = parser().options()
    artifact = load_artifact(args.artifact)
    frames = frames_for(artifact, args.data, args.split, conditions_of(args))
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
        "gain_db": args.gain_db,
        "snr_db": args.snr_db,
        "noise": None if args.noise is None else str(args.noise),
        "seed": args.seed,
        "from_rest": args.from_rest,
        "engine": args.engine,
        "clips": len(frames.labels),
        "answer": str(artifact.network.spec.readout.answer),
        "stride": artifact.network.spec.readout.stride,
        "counted": result.counted,
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

"""Compare every integer of the engine with the golden model, on random networks and a split of a data set."""

from __future__ import annotations

if __name__ == "__main__":  # before the imports, as Ctrl-C may come during them
    from fxp_model.cli import run_script

    run_script(__file__)

import sys
import time
from typing import Any

import numpy as np
from tqdm import tqdm

from fxp_model import network as golden
from fxp_model.artifact import load_artifact
from fxp_model.cli import write_json
from fxp_model.engine import Engine
from fxp_model.options import COUNT, SEED, Parser, add_data_options, add_json_option
from fxp_model.pretrained import add_artifact_argument
from fxp_model.random_networks import random_pair
from fxp_model.trace import Trace


def difference(engine: Engine, counts: Any) -> tuple[Trace, str | None]:
    """Golden trace of `counts`, and the engine's first difference in traces, scores and events."""
    expected = golden.run(engine.network, counts)
    mismatch = expected.first_mismatch(engine.trace(counts))
    if mismatch is not None:
        return expected, str(mismatch)
    result = engine.run(counts)
    if not np.array_equal(result.scores, expected.scores):
        return expected, "scores of a run without a trace"
    theirs = () if expected.readout.answered is None else expected.readout.answered
    if not np.array_equal(() if result.answered is None else result.answered, theirs):
        return expected, "scores of the answers of a run without a trace"
    inputs = (counts, *(layer.spikes for layer in expected.layers))
    names = engine.network.spec.stage_names
    for name, x, params, events in zip(names, inputs, engine.network.params, result.events, strict=True):
        if not np.array_equal(events, np.count_nonzero(golden.delayed_inputs(params, x), axis=2)):
            return expected, f"events into {name}"
    return expected, None


def parser() -> Parser:
    """The command-line options."""
    parser = Parser(description=__doc__)
    parser.add_argument(
        "--pairs",
        type=COUNT,
        default=1000,
        help="number of random networks, each with an input (default: %(default)s)",
    )
    parser.add_argument(
        "--seed",
        type=SEED,
        default=0,
        help="seed of the first network; the others follow (default: %(default)s)",
    )
    add_artifact_argument(parser)
    add_data_options(parser, "none")
    add_json_option(parser, "the summary")
    return parser


def main() -> int:
    """Compare, print."""
    args = parser().options()

    started = time.perf_counter()
    spikes = 0
    for seed in tqdm(range(args.seed, args.seed + args.pairs), desc="random", unit="pair"):
        network, counts = random_pair(np.random.default_rng(seed))
        trace, where = difference(Engine(network), counts)
        if where is not None:
            print(f"check_engine.py: seed {seed}: {where}", file=sys.stderr)
            return 1
        spikes += sum(int(layer.spikes.sum()) for layer in trace.layers)
    summary: dict[str, Any] = {"pairs": args.pairs, "first_seed": args.seed, "spikes": spikes}

    if args.data is not None:
        from fxp_model.data import frames_for

        artifact = load_artifact(args.artifact)
        frames = frames_for(artifact, args.data, args.split)
        engine = Engine(artifact.network)
        for b in tqdm(range(len(frames.labels)), desc=args.split, unit="clip"):
            _, where = difference(engine, frames.counts[: frames.lengths[b], b : b + 1])
            if where is not None:
                print(f"check_engine.py: {args.split} clip {b}: {where}", file=sys.stderr)
                return 1
        summary |= {"artifact": str(args.artifact), "split": args.split, "clips": len(frames.labels)}
    summary["seconds"] = round(time.perf_counter() - started, 1)
    if args.json:
        write_json(args.json, summary)
    else:
        print("\n".join(f"{key:20}{value}" for key, value in summary.items()))
    return 0

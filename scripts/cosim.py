"""Co-simulate a trained network's core on speech: scores, membranes, spikes and cycles, equal or fail."""

from __future__ import annotations

if __name__ == "__main__":  # before the imports, as Ctrl-C may come during them
    from fxp_model.cli import run_script

    run_script(__file__)

import sys
from pathlib import Path
from typing import Any

import numpy as np

from fxp_model.artifact import Artifact, load_artifact
from fxp_model.cli import write_json
from fxp_model.errors import InputError
from fxp_model.options import COUNT, Parser, add_data_options, add_json_option, some_path, whole
from fxp_model.pretrained import add_artifact_argument
from hw.options import add_width_options, config_of
from tb.harness.cosim import cosimulate
from tb.harness.runner import SIMULATORS, BenchFailure, Workspace, missing_tool


def clips_of(artifact: Artifact, data: str | None, split: str) -> tuple[Any, Any]:
    """Counts (T, B, n_in) and lengths (B,) of a split, or of the artifact's own stimulus."""
    if data is None:
        steps, clips, _ = artifact.stimulus.shape
        return artifact.stimulus, np.full(clips, steps)
    from fxp_model.data import frames_for

    frames = frames_for(artifact, data, split)
    return frames.counts, frames.lengths


CLIPS = whole(0, 10**9)


def parser() -> Parser:
    """The command-line options."""
    parser = Parser(description=__doc__)
    add_artifact_argument(parser)
    add_data_options(parser, "the artifact's stimulus")
    parser.add_argument(
        "--verilator-clips",
        type=CLIPS,
        default=50,
        help="clips under Verilator, 0 for none (default: %(default)s)",
    )
    parser.add_argument(
        "--icarus-clips", type=CLIPS, default=2, help="clips under Icarus, 0 for none (default: %(default)s)"
    )
    parser.add_argument(
        "--level-clips",
        type=COUNT,
        default=3,
        help="clips compared membrane by membrane (default: %(default)s)",
    )
    add_width_options(parser)
    parser.add_argument(
        "--out", type=some_path, default=Path("build/cosim"), help="work folder (default: %(default)s)"
    )
    add_json_option(parser, "the figures")
    return parser


def main() -> int:
    """Simulate, print."""
    args = parser().options()
    if args.verilator_clips + args.icarus_clips == 0:
        raise InputError("--verilator-clips and --icarus-clips must not both be 0: nothing to simulate")
    artifact = load_artifact(args.artifact)
    config = config_of(args, artifact.network.spec)
    counts, lengths = clips_of(artifact, args.data, args.split)
    figures: dict[str, Any] = {}
    for sim in SIMULATORS:
        wanted = min(getattr(args, f"{sim}_clips"), len(lengths))
        if wanted == 0:
            continue
        missing = missing_tool(sim)
        if missing is not None:
            raise InputError(missing)
        # spread over the split, which is sorted by class
        chosen = np.linspace(0, len(lengths) - 1, wanted).astype(int)
        try:
            with Workspace.of_run(args.out.resolve()) as workspace:
                figures[sim] = cosimulate(
                    args.artifact,
                    config,
                    counts[:, chosen],
                    lengths[chosen],
                    min(args.level_clips, wanted),
                    sim,
                    workspace,
                )
        except BenchFailure as failure:
            print(f"cosim.py: {failure}", file=sys.stderr)
            return 1
    if args.json:
        write_json(args.json, figures)
    else:
        for sim, tests in figures.items():
            for test, values in tests.items():
                print(f"{sim:10} {test:14}", ", ".join(f"{key} {value}" for key, value in values.items()))
    return 0

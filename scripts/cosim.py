"""Co-simulate a trained network's core on speech: scores, membranes, spikes and cycles, equal or fail."""

from __future__ import annotations

if __name__ == "__main__":  # before the imports, for Ctrl-C may come in these
    from fxp_model.cli import run_script

    run_script(__file__)

import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from fxp_model.artifact import Artifact, load_artifact
from fxp_model.cli import Parser, write_json
from fxp_model.errors import InputError
from fxp_model.pretrained import add_artifact_argument
from hw.options import add_width_options, config_of

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # the benches belong to the checkout
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


def main() -> int:
    """Parse the arguments, simulate, print."""
    parser = Parser(description=__doc__)
    add_artifact_argument(parser)
    parser.add_argument(
        "--data", help="folder of a data set, or 'synthetic' (default: the artifact's stimulus)"
    )
    parser.add_argument("--split", default="val", help="%(default)s")
    parser.add_argument("--verilator-clips", type=int, default=50, help="0 for none (%(default)s)")
    parser.add_argument("--icarus-clips", type=int, default=2, help="0 for none (%(default)s)")
    parser.add_argument(
        "--level-clips", type=int, default=3, help="clips compared membrane by membrane (%(default)s)"
    )
    add_width_options(parser)
    parser.add_argument("--out", type=Path, default=Path("build/cosim"), help="work folder (%(default)s)")
    parser.add_argument("--json", metavar="FILE", help="write the figures as JSON; - is standard output")
    args = parser.parse_args()

    artifact = load_artifact(args.artifact)
    config = config_of(args, artifact.network.spec)
    for option, least in (("verilator_clips", 0), ("icarus_clips", 0), ("level_clips", 1)):
        if getattr(args, option) < least:
            name = option.replace("_", "-")
            raise InputError(f"--{name} must be at least {least}, not {getattr(args, option)}")
    if args.verilator_clips + args.icarus_clips == 0:
        raise InputError("--verilator-clips and --icarus-clips must not both be 0: nothing to simulate")
    counts, lengths = clips_of(artifact, args.data, args.split)
    out = args.out.resolve()
    out.mkdir(parents=True, exist_ok=True)
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
        runs = Path(tempfile.mkdtemp(prefix="run-", dir=out))
        try:
            figures[sim] = cosimulate(
                args.artifact,
                config,
                counts[:, chosen],
                lengths[chosen],
                min(args.level_clips, wanted),
                sim,
                Workspace(out / "builds", runs),
            )
        except BenchFailure as failure:
            print(f"cosim.py: {failure}", file=sys.stderr)
            return 1
        shutil.rmtree(runs)
    if args.json:
        write_json(args.json, figures)
    else:
        for sim, tests in figures.items():
            for test, values in tests.items():
                print(f"{sim:10} {test:14}", ", ".join(f"{key} {value}" for key, value in values.items()))
    return 0

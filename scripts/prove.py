"""Compare six implementations: PyTorch, golden model, engine, RTL under two simulators, HLS C++.

All run the same clips and are compared with the golden model: every current, membrane, spike and
score; for the RTL every membrane, spike, score and cycle. The golden model itself is compared with a run of
each clip batched with another one.
"""

from __future__ import annotations

if __name__ == "__main__":  # before the imports, as Ctrl-C may come during them
    from fxp_model.cli import run_script

    run_script(__file__)

import argparse
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fxp_model import network as golden
from fxp_model.artifact import Artifact, load_artifact
from fxp_model.cli import write_json
from fxp_model.errors import InputError
from fxp_model.folders import owned
from fxp_model.options import COUNT, Parser, add_data_options, add_json_option, some_path
from fxp_model.pretrained import add_artifact_argument
from fxp_model.trace import Trace
from hw.options import add_width_options, config_of

Clip = NDArray[np.integer]
Form = Callable[[Artifact, list[Clip], argparse.Namespace], str | None]
"""Runs clips (T, 1, n_in); returns None or the first mismatch. ImportError: not installed."""


def differing(clips: list[Clip], artifact: Artifact, run_clip: Callable[[Clip], Trace]) -> str | None:
    """First difference of the traces by `run_clip` from the golden model's; `InputError` without clips."""
    if not clips:
        raise InputError("clips to compare must be at least 1, not 0")
    for index, counts in enumerate(clips):
        mismatch = golden.run(artifact.network, counts).first_mismatch(run_clip(counts))
        if mismatch is not None:
            return f"clip {index}: {mismatch}"
    return None


def by_torch(artifact: Artifact, clips: list[Clip], args: argparse.Namespace) -> str | None:
    """PyTorch in eval mode."""
    from fxp_model.qat.evaluate import run as run_torch

    return differing(clips, artifact, lambda counts: run_torch(artifact.network, counts))


def by_golden(artifact: Artifact, clips: list[Clip], args: argparse.Namespace) -> str | None:
    """The golden model, batched with the same clip reversed in time."""

    def beside(counts: Clip) -> Trace:
        both = golden.run(artifact.network, np.concatenate([counts[::-1], counts], axis=1))
        return both.sample(1)

    return differing(clips, artifact, beside)


def by_engine(artifact: Artifact, clips: list[Clip], args: argparse.Namespace) -> str | None:
    """The compiled engine."""
    from fxp_model.engine import Engine

    return differing(clips, artifact, Engine(artifact.network).trace)


def by_rtl(sim: str) -> Form:
    """The core under the simulator `sim`, with random stalls and at full rate."""

    def form(artifact: Artifact, clips: list[Clip], args: argparse.Namespace) -> str | None:
        from tb.harness.cosim import cosimulate
        from tb.harness.runner import BenchFailure, Workspace, missing_tool

        missing = missing_tool(sim)
        if missing is not None:
            raise ImportError(missing)
        lengths = np.array([len(clip) for clip in clips])
        padded = [np.pad(clip, ((0, lengths.max() - len(clip)), (0, 0), (0, 0))) for clip in clips]
        counts, config = np.concatenate(padded, axis=1), config_of(args, artifact.network.spec)
        try:
            with Workspace.of_run(args.out) as workspace:
                cosimulate(args.artifact, config, counts, lengths, len(clips), sim, workspace)
        except BenchFailure as failure:
            return str(failure)
        return None

    return form


def by_hls(artifact: Artifact, clips: list[Clip], args: argparse.Namespace) -> str | None:
    """The C++ of hls4ml's project, compiled with g++: one project per clip length."""
    from hw.hls.emulation import Emulation, missing_tool
    from hw.hls.project import emulation, generate, project_name

    missing = missing_tool()
    if missing is not None:
        raise ImportError(missing)
    lanes = max(stage.lanes for stage in config_of(args, artifact.network.spec).stages)
    name = project_name(artifact)
    programs: dict[int, Emulation] = {}
    for steps in sorted({len(clip) for clip in clips}):
        project = args.out / f"hls-{steps}"
        generate(artifact, name, project, lanes=lanes, steps=steps)
        programs[steps] = emulation(project, name, artifact, steps, project / "csim" / "trace")
    return differing(clips, artifact, lambda counts: programs[len(counts)].run(counts))


FORMS: dict[str, Form] = {
    "torch": by_torch,
    "golden": by_golden,
    "engine": by_engine,
    "rtl-verilator": by_rtl("verilator"),
    "rtl-icarus": by_rtl("icarus"),
    "hls": by_hls,
}


def chosen_clips(artifact: Artifact, data: str | None, split: str, wanted: int) -> Iterator[Clip]:
    """Clips (T, 1, n_in), each of its own length, spread over a split or the artifact's stimulus."""
    counts, lengths = artifact.stimulus, np.full(artifact.stimulus.shape[1], len(artifact.stimulus))
    if data is not None:
        from fxp_model.data import frames_for

        frames = frames_for(artifact, data, split)
        counts, lengths = frames.counts, frames.lengths
    for index in np.linspace(0, len(lengths) - 1, min(wanted, len(lengths))).astype(int):
        yield counts[: lengths[index], index : index + 1]


def run_forms(artifact: Artifact, clips: list[Clip], args: argparse.Namespace) -> dict[str, Any]:
    """Result and seconds of each requested form; prints a line for it."""
    forms: dict[str, Any] = {}
    for name in args.forms:
        started = time.perf_counter()
        try:
            mismatch = FORMS[name](artifact, clips, args)
            result = "equal" if mismatch is None else mismatch
        except ImportError as error:
            result = f"not run: {error}"
        forms[name] = {"result": result, "seconds": round(time.perf_counter() - started, 1)}
        if args.json != "-":
            print(f"{name:15}{result}", flush=True)
    return forms


def parser() -> Parser:
    """The command-line options."""
    parser = Parser(description=__doc__)
    add_artifact_argument(parser)
    add_data_options(parser, "the artifact's stimulus")
    parser.add_argument("--clips", type=COUNT, default=1, help="number of clips (default: %(default)s)")
    parser.add_argument(
        "--forms",
        nargs="+",
        choices=tuple(FORMS),
        default=list(FORMS),
        help="implementations to run (default: all)",
    )
    add_width_options(parser)
    parser.add_argument(
        "--out", type=some_path, default=Path("build/prove"), help="work folder (default: %(default)s)"
    )
    add_json_option(parser, "the results")
    return parser


def main() -> int:
    """Run every form, print a line for each."""
    args = parser().options()
    artifact = load_artifact(args.artifact)
    config_of(args, artifact.network.spec)
    clips = list(chosen_clips(artifact, args.data, args.split, args.clips))
    args.out = args.out.resolve()
    with owned(args.out):
        forms = run_forms(artifact, clips, args)
    if args.json:
        write_json(args.json, {"artifact": artifact.name, "clips": len(clips), "forms": forms})
    return 0 if all(form["result"] == "equal" for form in forms.values()) else 1

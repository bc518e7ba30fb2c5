"""Generate an HLS project of a trained network by hls4ml, and check its C++ against the golden model."""

from __future__ import annotations

if __name__ == "__main__":  # before the imports, as Ctrl-C may come during them
    from fxp_model.cli import run_script

    run_script(__file__)

import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from fxp_model import network as golden
from fxp_model.artifact import Artifact, load_artifact
from fxp_model.cli import write_json
from fxp_model.errors import InputError
from fxp_model.options import COUNT, Parser, add_json_option, matching, nonempty, real, some_path, whole
from fxp_model.pretrained import add_artifact_argument
from hw.config import DEFAULT_PRESET, PRESETS
from hw.hls.limits import CLOCK_PERIOD_NS, MAX_STEPS, PART, PART_FORM
from hw.hls.report import read_report, render
from hw.options import LANES
from hw.report.builds import read_build
from hw.report.compare import compare_text

if TYPE_CHECKING:
    from fxp_model.data import EncodedSplit

BACKENDS = ("Vitis", "Vivado")
BATCH = 8
LENGTHS = 8
"""Most clip lengths that `check` compiles, one project per length, as the length is fixed in the C++."""


def chosen_clips(lengths: NDArray[np.int64], clips: int) -> NDArray[np.int64]:
    """Indices of up to `clips` clips of up to `LENGTHS` lengths, including the shortest and the longest."""
    by_length = np.argsort(lengths, kind="stable")
    kept = _spread(np.unique(lengths), LENGTHS)
    return _spread(by_length[np.isin(lengths[by_length], kept)], clips)


def check(
    artifact: Artifact,
    name: str,
    project: Path,
    steps: int,
    frames: EncodedSplit,
    clips: int,
    generate: Callable[[Path, int], None],
) -> dict[str, Any]:
    """Run the testbench, then clips of a split through the compiled network; returns figures or the mismatch.

    Parameters
    ----------
    project : Path
        For sequences of `steps` steps. Projects of other lengths are written to its subfolder ``csim``.
    generate : function
        Writes the same project, for another number of steps, to a folder.
    """
    from hw.hls.project import emulation

    bench = subprocess.run(["sh", project / "check.sh"], capture_output=True, text=True, encoding="utf-8")
    figures: dict[str, Any] = {"testbench": bench.stdout.strip().splitlines()[-1] if bench.stdout else ""}
    if bench.returncode != 0:
        return figures | {"mismatch": f"testbench: {bench.stdout}{bench.stderr}".strip()}
    chosen = chosen_clips(frames.lengths, clips)
    lengths = np.unique(frames.lengths[chosen]).tolist()
    compiling = running = 0.0
    with tqdm(total=len(chosen), desc=f"clips of {len(lengths)} lengths", unit="clip") as bar:
        for length in lengths:
            started = time.perf_counter()
            folder = project if length == steps else project / "csim" / f"steps-{length}"
            if length != steps:
                generate(folder, length)
            program = emulation(folder, name, artifact, length, folder / "csim" / "trace")
            compiling += time.perf_counter() - started
            group = chosen[frames.lengths[chosen] == length]
            for part in np.split(group, range(BATCH, len(group), BATCH)):
                counts = frames.counts[:length, part]
                started = time.perf_counter()
                trace = program.run(counts)
                running += time.perf_counter() - started
                mismatch = golden.run(artifact.network, counts).first_mismatch(trace)
                if mismatch is not None:
                    return figures | {"mismatch": f"clips {part.tolist()} of {length} steps: {mismatch}"}
                bar.update(len(part))
    return figures | {
        "clips": len(chosen),
        "lengths": f"{', '.join(map(str, lengths))} steps, of {len(np.unique(frames.lengths))} lengths",
        "equal": "every current, membrane, spike and score",
        "compile_seconds": round(compiling, 1),
        "seconds_per_clip": round(running / len(chosen), 4),
    }


def _spread(values: NDArray[np.int64], number: int) -> NDArray[np.int64]:
    """Up to `number` of `values`, spread from the first to the last."""
    return values[np.linspace(0, len(values) - 1, min(number, len(values))).astype(int)]


def parser() -> Parser:
    """The command-line options."""
    parser = Parser(description=__doc__)
    add_artifact_argument(parser)
    parser.add_argument("--out", type=some_path, help="folder to write (default: build/<name>-hls)")
    parser.add_argument("--name", type=nonempty, help="top function (default: from the artifact's name)")
    parser.add_argument(
        "--backend", choices=BACKENDS, default="Vitis", help="HLS tool (default: %(default)s)"
    )
    parser.add_argument(
        "--lanes",
        type=LANES,
        default=PRESETS[DEFAULT_PRESET].lanes,
        help="neurons per cycle in every stage; determines hls4ml's ReuseFactor (default: %(default)s)",
    )
    parser.add_argument(
        "--steps",
        type=whole(1, MAX_STEPS),
        help="steps of a sequence (default: those of the artifact's stimulus)",
    )
    parser.add_argument(
        "--part",
        type=matching(PART, PART_FORM),
        default="xcvu13p-flga2577-2-e",
        help="device (default: %(default)s)",
    )
    parser.add_argument(
        "--clock-period",
        type=real(*CLOCK_PERIOD_NS),
        default=5,
        metavar="NS",
        help="target clock period in ns (default: %(default)s)",
    )
    check = parser.add_argument(
        "--check",
        type=nonempty,
        metavar="DATA",
        help="compile and compare with the golden model on a data set: a folder, or 'synthetic'",
    )
    parser.only_with(
        check,
        parser.add_argument(
            "--split", type=nonempty, default="val", help="split of --check (default: %(default)s)"
        ),
        parser.add_argument(
            "--clips",
            type=COUNT,
            default=200,
            help=f"clips of --check, of up to {LENGTHS} lengths (default: %(default)s)",
        ),
    )
    report = parser.add_argument(
        "--report",
        type=some_path,
        metavar="PROJECT",
        help="only print the synthesis report of a project",
    )
    figures = parser.add_mutually_exclusive_group()
    rtl = figures.add_argument(
        "--rtl", type=some_path, metavar="BUILD", help="with --report: a build of gen_hw.py to compare with"
    )
    parser.only_with(report, rtl)
    add_json_option(figures, "the figures")
    return parser


def main() -> int:
    """Generate, check."""
    args = parser().options()
    if args.report is not None:
        report = read_report(args.report)
        if args.json:
            write_json(args.json, report)
        elif args.rtl is not None:
            print(compare_text(read_build(args.report), read_build(args.rtl)), end="")
        else:
            print(render(report), end="")
        return 0
    artifact = load_artifact(args.artifact)
    from hw.hls.project import generate, project_name

    name = args.name or project_name(artifact)
    out = args.out or Path("build") / f"{name}-hls"
    options = {"part": args.part, "clock_period": args.clock_period}
    steps = len(artifact.stimulus) if args.steps is None else args.steps

    def write(folder: Path, steps: int) -> None:
        generate(artifact, name, folder, args.backend, args.lanes, steps, **options)

    frames = None
    if args.check:
        from fxp_model.data import frames_for
        from hw.hls.emulation import missing_tool

        if (missing := missing_tool()) is not None:
            raise InputError(missing)
        frames = frames_for(artifact, args.check, args.split)
    write(out, steps)
    figures: dict[str, Any] = {"project": str(out), "backend": args.backend}
    if frames is not None:
        figures |= {"split": args.split} | check(artifact, name, out, steps, frames, args.clips, write)
    mismatch = figures.pop("mismatch", None)
    if mismatch is not None:
        print(f"gen_hls.py: {mismatch}", file=sys.stderr)
        return 1
    if args.json:
        write_json(args.json, figures)
    else:
        print("\n".join(f"{key:20}{value}" for key, value in figures.items()))
    return 0

"""Generate the hardware of a trained network: Verilog, manifest, golden vectors and report."""

from __future__ import annotations

if __name__ == "__main__":  # before the imports, for Ctrl-C may come in these
    from fxp_model.cli import run_script

    run_script(__file__)

import argparse
from pathlib import Path

from fxp_model.artifact import Artifact, load_artifact
from fxp_model.files import read_json, read_text
from fxp_model.folders import shortened
from fxp_model.options import Parser, add_data_options, nonempty, some_path
from fxp_model.pretrained import add_artifact_argument
from fxp_model.printable import printable
from hw.build import FOLDER, build_core, module_name
from hw.hls.report import read_report
from hw.names import check_name
from hw.options import add_clock_option, add_width_options, config_of
from hw.parts import PARTS
from hw.report.subject import DEFAULT_PART, Recordings, Subject


def recordings_of(artifact: Artifact, source: str, split: str) -> Recordings:
    """The clips of a split of a data set, by the compiled engine."""
    from fxp_model.data import frames_for
    from fxp_model.engine import Engine

    frames = frames_for(artifact, source, split)
    engine = Engine(artifact.network)
    return Recordings(
        printable(f"{Path(source).name}, split {split}"), frames.counts, frames.lengths, engine.trace
    )


def subject_of(args: argparse.Namespace, artifact: Artifact) -> Subject:
    """What the options want the report to be about."""
    exploration = None
    if args.exploration is not None:
        exploration = read_json(args.exploration, dict)
    return Subject(
        recordings=None if args.data is None else recordings_of(artifact, args.data, args.split),
        clock_mhz=args.clock_mhz,
        part=PARTS[args.part],
        hls=None if args.hls_report is None else read_report(args.hls_report),
        exploration=exploration,
    )


def parser() -> Parser:
    """The options."""
    parser = Parser(description=__doc__)
    add_artifact_argument(parser)
    parser.add_argument("--out", type=some_path, help="folder to write (default: build/<name>)")
    parser.add_argument("--name", type=nonempty, help="Verilog module (default: from the artifact's name)")
    add_width_options(parser)
    group = parser.add_argument_group("what the report is about")
    add_data_options(parser, "the clips that the artifact brings along", group)
    add = group.add_argument
    add("--part", choices=tuple(PARTS), default=DEFAULT_PART, help="whose capacity is shown; %(default)s")
    add(
        "--hls-report",
        type=some_path,
        metavar="PROJECT",
        help="a synthesised project of gen_hls.py beside it",
    )
    add(
        "--exploration",
        type=some_path,
        metavar="FILE",
        help="what explore.py --json wrote: its front, with this core",
    )
    add_clock_option(parser)
    return parser


def main() -> int:
    """Build, print the report."""
    args = parser().options()
    artifact = load_artifact(args.artifact)
    config = config_of(args, artifact.network.spec)
    name = args.name or module_name(artifact)
    check_name("a core", name)
    out = args.out or Path("build") / name
    FOLDER.check(out)  # before clips of a data set are heard
    build_core(artifact, config, name, out, subject_of(args, artifact))
    print(read_text(out / "report.txt"), end="")
    kept = FOLDER.others(out)
    if kept:
        print(f"kept in {out}/, which the build did not write: {shortened(kept)}")
    print(f"written to {out}/: {name}.v, manifest.json, report.*, figures/, vectors/, vivado/")
    return 0

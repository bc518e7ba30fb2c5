"""Generate the hardware of a trained network: Verilog, manifest, golden vectors and report."""

from __future__ import annotations

if __name__ == "__main__":  # before the imports, as Ctrl-C may come during them
    from fxp_model.cli import run_script

    run_script(__file__)

import argparse
import shlex
from pathlib import Path

from fxp_model.artifact import Artifact, load_artifact
from fxp_model.ear.resampler import MAX_RATE_HZ, MIN_RATE_HZ
from fxp_model.files import read_json, read_text
from fxp_model.folders import shortened
from fxp_model.options import Parser, add_data_options, nonempty, real, some_path, whole
from fxp_model.pretrained import add_artifact_argument
from fxp_model.printable import printable
from hw.boards.boards import BOARDS
from hw.build import FOLDER, build_core, module_name
from hw.ear import MICROPHONES, EarConfig
from hw.hls.report import read_report
from hw.names import check_name
from hw.options import CLOCKS_MHZ, add_clock_option, add_width_options, config_of
from hw.parts import PARTS
from hw.report.subject import DEFAULT_PART, Recordings, Subject
from hw.rtl.ear.schedule import MULTIPLIERS


def recordings_of(artifact: Artifact, source: str, split: str) -> Recordings:
    """The clips of a split of a data set, run by the compiled engine."""
    from fxp_model.data import frames_for
    from fxp_model.engine import Engine

    frames = frames_for(artifact, source, split)
    engine = Engine(artifact.network)
    return Recordings(
        printable(f"{Path(source).name}, split {split}"), frames.counts, frames.lengths, engine.trace
    )


def subject_of(args: argparse.Namespace, artifact: Artifact) -> Subject:
    """The subject of the report, from the options."""
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


def ear_config(args: argparse.Namespace) -> EarConfig:
    """The configuration of the ear, from the options."""
    clock = None if args.ear_clock_mhz is None else round(args.ear_clock_mhz * 1e6)
    return EarConfig(args.microphone, args.multipliers, rate_hz=args.rate_hz, clock_hz=clock)


def parser() -> Parser:
    """The command-line options."""
    parser = Parser(description=__doc__)
    add_artifact_argument(parser)
    parser.add_argument("--out", type=some_path, help="folder to write (default: build/<name>)")
    parser.add_argument("--name", type=nonempty, help="Verilog module (default: from the artifact's name)")
    add_width_options(parser)
    group = parser.add_argument_group("ear")
    ear = group.add_argument(
        "--ear", action="store_true", help="also a top level with microphone, ear and core: <name>_ear.v"
    )
    microphone = group.add_argument(
        "--microphone", choices=MICROPHONES, default="i2s", help="its interface (default: %(default)s)"
    )
    multipliers = group.add_argument(
        "--multipliers",
        type=whole(1, 4),
        choices=MULTIPLIERS,
        default=1,
        help="of the ear (default: %(default)s)",
    )
    rate = group.add_argument(
        "--rate-hz",
        type=whole(MIN_RATE_HZ, MAX_RATE_HZ),
        metavar="HZ",
        help="samples of the microphone per second, resampled (default: as many as the ear hears)",
    )
    clock = group.add_argument(
        "--ear-clock-mhz",
        type=real(*CLOCKS_MHZ),
        metavar="F",
        help="clock from which the microphone's is divided (default: the slowest that is enough)",
    )
    parser.only_with(ear, microphone, multipliers, rate, clock)
    parser.add_argument(
        "--boards",
        nargs="+",
        choices=tuple(BOARDS),
        default=(),
        metavar="BOARD",
        help="also the device on these boards, for their own tools, in boards/<board>/: "
        f"{', '.join(BOARDS)}; build_board.py makes bitstreams (default: none)",
    )
    group = parser.add_argument_group("report")
    add_data_options(parser, "the artifact's stimulus", group)
    add = group.add_argument
    add(
        "--part",
        choices=tuple(PARTS),
        default=DEFAULT_PART,
        help="device to compare resources with (default: %(default)s)",
    )
    add(
        "--hls-report",
        type=some_path,
        metavar="PROJECT",
        help="synthesised project of gen_hls.py to compare with",
    )
    add(
        "--exploration",
        type=some_path,
        metavar="FILE",
        help="output of explore.py --json: show its Pareto front with this core",
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
    FOLDER.check(out)  # before the clips of a data set are run
    ear = ear_config(args) if args.ear else None
    manifest = build_core(artifact, config, name, out, subject_of(args, artifact), ear, args.boards)
    print(read_text(out / "report.txt"), end="")
    if args.ear:
        own = manifest["ear"]
        print(
            f"ear: {own['sample_cycles']} cycles from a sample of the microphone to the next, "
            f"{own['needed_cycles']} needed, at {own['clock_hz'] / 1e6:g} MHz"
        )
    for board, own in manifest.get("boards", {}).items():
        print(f"(cd {shlex.quote(str(out / 'boards' / board))} && {own['build']} && {own['load']})")
    kept = FOLDER.others(out)
    if kept:
        print(f"kept in {out}/, not written by the build: {shortened(kept)}")
    own = f"{name}_ear.v, vectors_ear/, " if args.ear else ""
    own += "boards/, " if args.boards else ""
    parts = "*.core, manifest.json, report.*, driver/, figures/, fusesoc/, litex/, vectors/, vivado/"
    print(f"written to {out}/: {name}.v, {own}{parts}")
    return 0

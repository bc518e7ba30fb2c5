"""From an artifact to a bitstream for a board: microphone, ear, core, UART and LEDs; by open tools."""

from __future__ import annotations

if __name__ == "__main__":  # before the imports, as Ctrl-C may come during them
    from fxp_model.cli import run_script

    run_script(__file__)

import shlex
import sys
from pathlib import Path
from typing import Any

from fxp_model.artifact import load_artifact
from fxp_model.cli import write_json
from fxp_model.errors import CheckFailed
from fxp_model.options import WORKERS, Parser, add_json_option, some_path, whole
from fxp_model.pretrained import add_artifact_argument
from hw.boards.boards import BOARDS, MICROPHONE_PINS, Board
from hw.boards.build import build_board
from hw.boards.ecp5 import Effort
from hw.boards.fit import advice
from hw.ear import EarConfig
from hw.options import add_timeout_option, add_width_options, config_of


def text(result: dict[str, Any], board: Board, ear: EarConfig | None, out: Path) -> str:
    """The result as text, with the command that comes next."""
    lines = [f"{result['artifact']}, {result['preset'] or 'own widths'}, for {board.title}"]
    if result["bitstream"] is None:
        lines.append("a project for Vivado, which was not run: cells and clock are unknown. To run it:")
        lines.append(f"(cd {shlex.quote(str(out))} && sh build_top.sh)")
        file = str(out / "top.bit")
    else:
        rows = result["utilisation"].items()
        lines += [f"{kind:>6}{own['used']:>8,} of {own['available']:,}" for kind, own in rows]
        clocks = ", ".join("not routed" if own is None else f"{own:.1f} MHz" for own in result["fmax_mhz"])
        lines.append(f"clock of {result['clock_mhz']:g} MHz; reached by seed: {clocks}")
        lines.append(f"{result['bytes']:,} bytes in {result['seconds']:g} s")
        file = result["bitstream"]
    if ear is not None:
        lines.append(f"microphone at {board.wiring(ear.microphone)}; 3.3 V; GND")
    lines.append(f"UART at {board.line}")
    if result["met"] is not False:
        lines.append(f"openFPGALoader -b {board.loader} {shlex.quote(file)}")
    return "\n".join(lines)


def parser() -> Parser:
    """The command-line options."""
    parser = Parser(description=__doc__)
    add = parser.add_argument
    add("--board", required=True, choices=tuple(BOARDS), help="board to build for")
    add_artifact_argument(parser)
    add("--out", type=some_path, required=True, help="folder to write")
    add_width_options(parser)
    group = parser.add_argument_group("ear")
    ear = group.add_argument(
        "--ear", action="store_true", help="with a microphone and an ear; without, a host sends events"
    )
    microphone = group.add_argument(
        "--microphone", choices=tuple(MICROPHONE_PINS), default="i2s", help="its kind (default: %(default)s)"
    )
    parser.only_with(ear, microphone)
    add = parser.add_argument_group("place and route").add_argument
    add(
        "--seeds",
        type=whole(1, 10_000),
        default=1,
        help="number of runs, with placement seeds 1, 2, ...; the fastest is kept, and one that is not "
        "routed within --timeout is given up (default: %(default)s)",
    )
    add("--workers", type=WORKERS, default=2, help="parallel runs (default: %(default)s)")
    add_timeout_option(parser)
    add_json_option(parser, "the result")
    return parser


def main() -> int:
    """Build, print."""
    args = parser().options()
    board, artifact = BOARDS[args.board], load_artifact(args.artifact)
    config = config_of(args, artifact.network.spec)
    ear = EarConfig(args.microphone) if args.ear else None

    def progress(line: str) -> None:
        print(line, file=sys.stderr)

    effort = Effort(args.seeds, args.workers, args.timeout, progress)
    result = build_board(artifact, config, ear, board, args.out, effort)
    if args.json != "-":
        print(text(result, board, ear, args.out))
    if args.json:
        write_json(args.json, result)
    if result["met"] is False:
        best = max(clock for clock in result["fmax_mhz"] if clock is not None)
        reached = f"{best:.1f} of {result['clock_mhz']:g} MHz"
        raise CheckFailed(f"{board.name} reaches {reached}; {advice(artifact, config, board, ear)}")
    return 0

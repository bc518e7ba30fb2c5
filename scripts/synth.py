"""Synthesise a core with open tools: area by block; for ECP5 and iCE40 also the routed clock."""

from __future__ import annotations

if __name__ == "__main__":  # before the imports, as Ctrl-C may come during them
    from fxp_model.cli import run_script

    run_script(__file__)

import sys
from typing import Any

from fxp_model.artifact import load_artifact
from fxp_model.cli import write_json
from fxp_model.options import WORKERS, Parser, add_json_option, some_path, whole
from fxp_model.pretrained import add_artifact_argument
from fxp_model.spec import RecurrenceKind
from fxp_model.variants import with_recurrence
from hw.config import preset_of
from hw.flows import nextpnr, yosys
from hw.flows.synth import RouteOptions, through
from hw.options import add_timeout_option, add_width_options, config_of
from hw.verilog import emit


def text(result: dict[str, Any]) -> str:
    """The result as text: a row for each block and the complete core, then clocks and critical paths."""
    blocks = result["blocks"]
    kinds = list(next(iter(blocks.values())))
    rows = {**{block or "(other)": part for block, part in blocks.items()}, "whole core": result}
    width = max(map(len, rows))
    lines = [" " * width + "".join(f"{kind:>10}" for kind in kinds)]
    lines += [
        name.ljust(width) + "".join(f"{part[kind]:>10,g}" for kind in kinds) for name, part in rows.items()
    ]
    if "logic_delay_ns" in result:
        path = result["logic_path"]
        blocks = ", ".join(block or "(other)" for block in path["blocks"])
        delay = f"{result['logic_delay_ns']} ns in {result['logic_levels']} cells"
        lines.append(f"\nslowest logic, without routing and so no clock: {delay}: {blocks}")
        lines.append(f"          {path['from']} -> {path['to']}")
    if "fmax_mhz" in result:
        lines.append(f"\nfmax {result['fmax_mhz_median']} MHz, median of {result['fmax_mhz']}")
        for path in result["critical_paths"]:
            blocks = ", ".join(block or "(other)" for block in path["blocks"])
            lines.append(f"critical: {blocks}: {path['logic_ns']} ns logic, {path['routing_ns']} ns routing")
            lines.append(f"          {path['from']} -> {path['to']}")
    return "\n".join(lines)


def parser() -> Parser:
    """The command-line options."""
    parser = Parser(description=__doc__)
    add = parser.add_argument
    add_artifact_argument(parser)
    add("--target", required=True, choices=tuple(yosys.SYNTHESIS), help="FPGA family")
    add(
        "--recurrence",
        choices=(*RecurrenceKind, "none"),
        help="recurrence of every recurrent layer; dense has random weights (default: the artifact's)",
    )
    routing = parser.add_argument_group("place and route")
    add = routing.add_argument
    pnr = add(
        "--pnr",
        action="store_true",
        help="place and route; not for xilinx7. The other options of this group require it",
    )
    devices = ", ".join(f"{device} for {target}" for target, device in nextpnr.DEFAULT_DEVICES.items())
    parser.only_with(
        pnr,
        add("--device", choices=tuple(nextpnr.DEVICES), help=f"device (default: {devices})"),
        add("--speed", type=whole(1, 100), help="speed grade (default: the slowest)"),
        add(
            "--seeds",
            type=whole(1, 10_000),
            default=3,
            help="number of runs, with placement seeds 1, 2, ... (default: %(default)s)",
        ),
        add("--workers", type=WORKERS, default=2, help="parallel runs (default: %(default)s)"),
    )
    add_timeout_option(parser)
    add_width_options(parser)
    parser.add_argument(
        "--out",
        type=some_path,
        help="folder for the tools' results; an interrupted run continues from them",
    )
    add_json_option(parser, "the result")
    return parser


def main() -> int:
    """Generate, run the tools, print."""
    args = parser().options()
    artifact = load_artifact(args.artifact)
    network = artifact.network
    if args.recurrence is not None:
        network = with_recurrence(
            network, None if args.recurrence == "none" else RecurrenceKind(args.recurrence)
        )
    config = config_of(args, network.spec)
    route = None
    if args.pnr:
        route = RouteOptions.of(args.target, args.device, args.speed, args.seeds, args.workers)
    core = emit(network, config, "core")

    def progress(line: str) -> None:
        print(line, file=sys.stderr)

    result = through(core, args.target, route, args.timeout, progress, args.out)
    if args.json != "-":
        print(text(result))
    if args.json:
        named = {
            "target": args.target,
            "artifact": artifact.name,
            "recurrence": args.recurrence,
            "preset": preset_of(network.spec, config),
            "hardware": config.to_dict(),
        }
        write_json(args.json, {**named, **result})
    return 0

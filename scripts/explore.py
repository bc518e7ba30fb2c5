"""Explore a core's widths: exact cycles and estimated cells of tens of thousands of configurations.

Cycles are those of the artifact's stimulus clips, by the exact formula; cells are those of the resource
model. Besides the artifact's own network, systems of results/reproduce.jsonl with other kernels and weights
are included, with their accuracy and the artifact's spikes. The Pareto front is that of latency, area and
accuracy; a configuration is picked from those of the artifact's own network.
"""

from __future__ import annotations

if __name__ == "__main__":  # before the imports, as Ctrl-C may come during them
    from fxp_model.cli import run_script

    run_script(__file__)

import statistics
import sys
import time
from pathlib import Path
from typing import Any

from fxp_model import network as golden
from fxp_model.artifact import Artifact, load_artifact
from fxp_model.cli import write_json
from fxp_model.options import COUNT, Parser, add_json_option, output_file, real, some_path
from fxp_model.pretrained import add_artifact_argument
from fxp_model.results.rows import Row, read_rows
from fxp_model.variants import with_weights
from hw.config import HardwareConfig
from hw.estimates.front import PICKS, Limits, System, explore
from hw.estimates.latency import event_counts
from hw.options import add_clock_option, add_timeout_option
from hw.parts import PARTS
from hw.verilog import emit

ROWS = Path(__file__).parent / "results" / "reproduce.jsonl"


ALIKE = "learned delays"
"""Value of `about` in the rows of systems that differ in weights and kernel only."""


def systems_of(artifact: Artifact, rows: list[Row]) -> list[System]:
    """The artifact's network; then, in its shape, the systems of `rows` with other weights or kernels."""
    systems = [System(artifact.name, artifact.network, artifact.accuracy)]
    accuracies: dict[tuple[str, int, int], list[float]] = {}
    for row in rows:
        full = row["recurrent_layers"] == len(artifact.network.spec.layers)
        if row["about"] == ALIKE and full and row["weight_bits"] and row["kernel"]:
            accuracies.setdefault((row["system"], row["weight_bits"], row["kernel"]), []).append(row["val"])
    for (name, bits, kernel), reached in accuracies.items():
        network = with_weights(artifact.network, bits, kernel)
        systems.append(System(name, network, statistics.fmean(reached)))
    return systems


def verify(artifact: Artifact, picked: dict[str, dict[str, Any]], target: str, timeout_s: float) -> None:
    """Synthesise each of `picked`, and record the measured beside the predicted figures."""
    from hw.flows.synth import through

    for name, point in picked.items():
        print(f"synthesising {name} ...", file=sys.stderr)
        core = emit(artifact.network, HardwareConfig.from_dict(point["hardware"]), "core")
        result = through(core, target, None, timeout_s, lambda line: None)
        point["measured"] = {kind: result[kind] for kind in point["cells"]}
        point["versions"] = result["versions"]


STEP = 1.25
"""Ratio of latencies between a printed point and the next one of the same system."""


def text(summary: dict[str, Any]) -> str:
    """The front and the picks as text."""
    lines = [
        f"{summary['points']:,} points in {summary['seconds']} s, {summary['feasible']:,} within the limits, "
        f"{len(summary['front'])} on the front, for {summary['part']} at {summary['clock_mhz']:g} MHz",
        "",
        f"{'system':18}{'accuracy':>9}{'cycles':>9}{'us':>8}{'area':>8}  lanes/update/events of each stage",
    ]
    shown: dict[str, float] = {}
    for point in summary["front"]:
        if point["cycles"] >= STEP * shown.get(point["system"], 0):
            shown[point["system"]] = point["cycles"]
            lines.append(_line(point))
    for name, point in summary["picked"].items():
        lines += ["", name, _line(point)]
        for kind, predicted in point["cells"].items():
            measured = point.get("measured", {}).get(kind)
            lines.append(
                f"{kind:>12}{predicted:>9,g}" + ("" if measured is None else f"{measured:>9,g} measured")
            )
    return "\n".join(lines)


def _line(point: dict[str, Any]) -> str:
    widths = " ".join(
        f"{own['lanes']}/{own['update_lanes']}/{own['events_per_cycle']}{'' if own['use_dsp'] else 'a'}"
        for own in point["hardware"]["stages"]
    )
    accuracy = "" if point["accuracy"] is None else f"{100 * point['accuracy']:.1f} %"
    costs = f"{point['cycles']:>9,.0f}{point['us']:>8.1f}{100 * point['share']:>7.1f}%"
    return f"{point['system']:18}{accuracy:>9}{costs}  {widths}"


def parser() -> Parser:
    """The command-line options."""
    parser = Parser(description=__doc__)
    add = parser.add_argument
    add_artifact_argument(parser)
    add(
        "--part",
        choices=tuple(PARTS),
        default="LFE5U-85F",
        help="device to fit; area is a share of it (default: %(default)s)",
    )
    add_clock_option(parser)
    add("--max-lut", type=COUNT, metavar="N", help="most LUT sites")
    add("--max-us", type=real(1e-3, 1e9), metavar="T", help="largest mean latency of a clip, in us")
    pick = add(
        "--pick",
        choices=PICKS,
        default=PICKS[1],
        help="configuration that --out writes (default: %(default)s)",
    )
    out = add(
        "--out", type=output_file, metavar="FILE", help="write the configuration, for gen_hw.py --config"
    )
    add("--figure", type=output_file, metavar="FILE", help="draw the Pareto front as SVG")
    add(
        "--rows",
        type=some_path,
        default=ROWS,
        help="results with the systems' accuracies (default: %(default)s)",
    )
    verify = add("--verify", action="store_true", help="synthesise the picks")
    parser.only_with(verify, add_timeout_option(parser))
    add_json_option(parser, "everything")
    parser.only_with(out, pick)
    return parser


def main() -> int:
    """Explore, pick, print."""
    args = parser().options()
    artifact, part = load_artifact(args.artifact), PARTS[args.part]
    limits = Limits(part, args.clock_mhz, args.max_lut, args.max_us)
    began = time.monotonic()
    network, clips = artifact.network, artifact.stimulus
    events = event_counts(network, golden.run(network, clips), clips)
    lengths = [len(clips)] * clips.shape[1]
    found = explore(systems_of(artifact, read_rows(args.rows)), events, lengths, limits)
    summary: dict[str, Any] = {
        "artifact": artifact.name,
        "part": part.name,
        "clock_mhz": limits.clock_mhz,
        "points": found.points,
        "feasible": found.feasible,
        "seconds": round(time.monotonic() - began, 1),
        "front": found.front,
        "picked": found.picked,
    }
    if args.verify:
        verify(artifact, summary["picked"], part.target, args.timeout)
    if args.figure is not None:
        from fxp_model.results.front import draw

        draw(args.figure, found.front, found.picked, part.name)
    if args.out is not None:
        write_json(str(args.out), found.picked[args.pick]["hardware"])
    if args.json:
        write_json(args.json, summary)
    if args.json != "-":
        print(text(summary))
    return 0

"""Synthesise the cores that the resource model is fitted to and checked with, and fit its coefficients.

yosys synthesises each core for each target; each result is a row of a file, and existing rows are kept.
Then the LUTs per amount of logic, ``hw/estimates/resources/prices.json``, are fitted to the rows that are
not held out.
"""

from __future__ import annotations

if __name__ == "__main__":  # before the imports, as Ctrl-C may come during them
    from fxp_model.cli import run_script

    run_script(__file__)

import json
import sys
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from fxp_model.cli import write_json
from fxp_model.errors import InputError
from fxp_model.files import check_file_target, read_text, replacing, write_text
from fxp_model.folders import owned
from fxp_model.options import Parser
from hw.config import HardwareConfig
from hw.estimates.resources import parts_of, prices
from hw.estimates.resources.fitting import fitted
from hw.estimates.resources.measured import KINDS, Row, errors, read_rows
from hw.estimates.resources.shapes import Shape
from hw.flows.synth import through
from hw.options import add_synthesis_options
from hw.verilog import emit

RESULTS = Path(__file__).parent / "results" / "resources.jsonl"

Widths = dict[str, Any]
FITTED: dict[str, tuple[Shape, Widths]] = {
    "f01": (Shape((24, 32, 8), max_delay=63), {"lanes": 8}),
    "f02": (Shape((20, 24, 6), kernel=0, reset="zero"), {"lanes": 8, "events_per_cycle": 2}),
    "f03": (Shape((12, 24, 6), kernel=3, max_delay=3), {"lanes": 24, "update_lanes": 5}),
    "f04": (Shape((16, 24, 10), kernel=7, input_bits=3, weight_bits=5), {"lanes": 12, "use_dsp": False}),
    "f05": (Shape((20, 32, 8), kernel=-1, max_delay=7, input_bits=2, weight_bits=6), {"lanes": 16}),
    "f06": (
        Shape((40, 24, 8), max_delay=15, input_bits=1, weight_bits=4, reset="zero"),
        {"lanes": 24, "update_lanes": 6, "events_per_cycle": 2},
    ),
    "f07": (Shape((30, 32, 16, 6), kernel=3, max_delay=20, beta=230), {"lanes": 8}),
    "f08": (Shape((24, 32, 8), kernel=3, max_delay=15), {"lanes": 8, "reload": True}),
    "f09": (Shape((64, 24, 5), kernel=1, input_bits=8, weight_bits=2, membrane_bits=12), {"lanes": 6}),
    "f10": (
        Shape((50, 24, 12), beta=217),
        {"lanes": 12, "update_lanes": 12, "events_per_cycle": 2, "use_dsp": False},
    ),
    "f11": (Shape((16, 12, 12, 12, 8), kernel=3, max_delay=40, input_bits=1, weight_bits=6), {"lanes": 16}),
    "f12": (Shape((140, 32, 20), max_delay=63), {"preset": "tiny"}),
    "f13": (Shape((14, 20, 6), kernel=3, mode="max"), {"lanes": 10, "update_lanes": 5}),
    "f14": (Shape((18, 22, 7), kernel=3, weight_bits=7, overflow="WRAP"), {"lanes": 11}),
    # of typical network widths
    "f15": (Shape((140, 256, 256, 20), max_delay=63), {"preset": "tiny"}),
    "f16": (Shape((140, 256, 256, 20), kernel=0), {"preset": "balanced"}),
}
HELD_OUT: dict[str, tuple[Shape, Widths]] = {
    "h01": (Shape((28, 40, 7), max_delay=40, weight_bits=7, beta=200), {"lanes": 20}),
    "h02": (
        Shape((18, 20, 9), kernel=3, input_bits=2, weight_bits=6),
        {"lanes": 20, "events_per_cycle": 2, "use_dsp": False},
    ),
    "h03": (Shape((50, 36, 11), kernel=0, input_bits=1, weight_bits=3), {"lanes": 9}),
    "h04": (Shape((33, 28, 5), kernel=7, max_delay=10, reset="zero"), {"lanes": 7, "update_lanes": 7}),
    "h05": (Shape((24, 24, 6), kernel=-1, max_delay=3, input_bits=1, weight_bits=4), {"lanes": 24}),
    "h06": (
        Shape((20, 24, 16, 10), kernel=1, max_delay=63),
        {"lanes": 16, "update_lanes": 2, "events_per_cycle": 2},
    ),
    "h07": (Shape((100, 36, 10), kernel=3, max_delay=50, beta=230), {"lanes": 12, "update_lanes": 2}),
    "h08": (Shape((26, 24, 8)), {"lanes": 24, "reload": True}),
    "h09": (
        Shape((16, 42, 14), max_delay=25, membrane_bits=20, membrane_int_bits=8),
        {"lanes": 14, "update_lanes": 14},
    ),
    "h10": (Shape((12, 18, 6), kernel=3, mode="max", rounding="TRN"), {"lanes": 18}),
    "h11": (Shape((40, 16, 16, 16, 5), kernel=3, max_delay=12, weight_bits=5), {"lanes": 8}),
    "h12": (Shape((22, 30, 12), max_delay=30), {"lanes": 30, "update_lanes": 6}),
    "h13": (Shape((31, 27, 9), mode="spike_count", weight_bits=6, overflow="WRAP"), {"lanes": 9}),
    "h14": (Shape((140, 256, 256, 20), max_delay=50), {"lanes": 32, "update_lanes": 8}),
}
"""Networks, and the widths of their cores as arguments of `HardwareConfig.uniform`."""

WHOLE = "whole core"


def synthesise(results: Path, targets: Sequence[str], timeout_s: float) -> None:
    """Append to `results` a row for every core and target without one."""
    known = {(row.name, row.target) for row in read_rows(results)} if results.exists() else set()
    cores = [(name, core, name in HELD_OUT) for name, core in {**FITTED, **HELD_OUT}.items()]
    left = [(*core, target) for core in cores for target in targets if (core[0], target) not in known]
    for number, (name, (shape, widths), held_out, target) in enumerate(left, start=1):
        print(f"{number} of {len(left)}: {name}, {target}", file=sys.stderr)
        network = shape.network()
        config = HardwareConfig.uniform(network.spec, **widths)
        core = emit(network, config, "core")
        result = through(core, target, None, timeout_s, lambda line: None)
        own = {
            "name": name,
            "held_out": held_out,
            "target": target,
            "shape": asdict(shape),
            "hardware": config.to_dict(),
        }
        text = read_text(results) if results.exists() else ""
        with replacing(results) as file:
            write_text(file, text + json.dumps({**own, **result}) + "\n")


def neighbourhood(block: str) -> str:
    """The blocks that are counted together with `block`.

    yosys names a cell after a wire that it drives, which may belong to the next block.
    """
    stage, _, inner = block.partition(".")
    if stage in ("", "control", "decoder") or inner.startswith("scores"):
        return "frame"
    for start in ("recurrent.synapses", "recurrent.encoder", "synapses"):
        if inner.startswith(start):
            return f"{stage}.{start}"
    return f"{stage}.spikes" if inner.startswith(("spike_queue", "encoder")) else f"{stage}.update"


def fit(rows: Iterable[Row], target: str) -> dict[str, float]:
    """LUTs per amount of logic: least squares of relative errors, of neighbourhoods and of whole cores."""
    equations: list[tuple[dict[str, float], float]] = []
    for row in rows:
        amounts: dict[str, dict[str, float]] = defaultdict(lambda: defaultdict(float))
        luts: dict[str, float] = defaultdict(float)
        for block, parts in parts_of(row.network, row.hardware, target).items():
            for place in (neighbourhood(block), WHOLE):
                luts[place] -= parts.luts
            for name, amount in parts.logic.items():
                amounts[neighbourhood(block)][name] += amount
                amounts[WHOLE][name] += amount
        for block, area in row.blocks.items():
            luts[neighbourhood(block)] += logic(area, target)
            luts[WHOLE] += logic(area, target)
        equations += [(own, luts[name]) for name, own in amounts.items()]
    return fitted(equations)


def logic(area: Mapping[str, float], target: str) -> float:
    """LUT sites of `area` that are neither RAM nor shift register."""
    return area["lut_logic"] if target == "xilinx7" else area["comb"] - area["lutram"]


def parser() -> Parser:
    """The command-line options."""
    parser = Parser(description=__doc__)
    add_synthesis_options(parser, RESULTS, "cores", KINDS)
    parser.add_argument("--fit-only", action="store_true", help="synthesise nothing")
    return parser


def main() -> int:
    """Synthesise, fit, write the coefficients."""
    args = parser().options()
    for file in (args.results, prices.FILE):
        check_file_target(file)
    if not args.fit_only:
        with owned(args.results.parent):
            synthesise(args.results, list(dict.fromkeys(args.targets)), args.timeout)
    rows = read_rows(args.results)
    table: dict[str, Any] = {}
    for target in KINDS:
        own = [row for row in rows if row.target == target and not row.held_out]
        if not own:
            raise InputError(f"{args.results} has no core to fit for {target}")
        table[target] = {"luts": fit(own, target), "error": {kind: [0, 0] for kind in KINDS[target]}}
    write_json(str(prices.FILE), table)
    prices.prices_of.cache_clear()
    for target, kinds in errors(rows).items():
        bands = {
            kind: [round(own["held_out_median_pct"], 1), round(own["held_out_max_pct"], 1)]
            for kind, own in kinds.items()
        }
        table[target]["error"] = bands
    write_json(str(prices.FILE), table)
    return 0

"""Synthesise the blocks of the ear with open tools, and print a table of their area and clocks.

Each result is a row of a file, and existing rows are kept. Those that are not in the table are for the model
of the cells (``scripts/fit_ear.py``).
"""

from __future__ import annotations

if __name__ == "__main__":  # before the imports, as Ctrl-C may come during them
    from fxp_model.cli import run_script

    run_script(__file__)

import json
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from fxp_model.files import check_file_target, read_json_lines, read_text, replacing, write_text
from fxp_model.folders import owned
from fxp_model.options import Parser
from fxp_model.tables import SIZE, array_of, check_fields, one_of
from hw.estimates.resources.ear import EAR_KINDS
from hw.flows import yosys
from hw.flows.synth import RouteOptions, through
from hw.options import add_synthesis_options
from tb.harness.ear_blocks import BLOCKS, as_core
from tb.harness.ear_model import CORE, MODELLED

RESULTS = Path(__file__).parent / "results" / "ear.jsonl"
ROUTED = ("filters 140 x 4 x 1", "filters and neurons 140 x 4 x 1")
"""Also placed and routed on the usual device of `ROUTES`, at its slowest grade."""
ROUTES = ("ecp5",)
SEEDS = 3
_KINDS = {
    "xilinx7": ("lut", "ff", "bram36", "dsp"),
    "ecp5": ("comb", "ff", "ebr", "dsp"),
    "ice40": ("lut", "ff", "ebr"),
    "up5k": ("lut", "ff", "ebr", "dsp"),
}
ALL = tuple(dict.fromkeys((*BLOCKS, *MODELLED)))
_HEAD = ("LUT", "flip-flops", "block RAM", "multipliers")


def synthesise(block: str, target: str, timeout_s: float, kept: Path | None) -> dict[str, Any]:
    """The row of a block for a target; a whole ear is without the core behind it."""
    route = RouteOptions.of(target, None, None, SEEDS) if block in ROUTED and target in ROUTES else None
    core = as_core(BLOCKS[block]()) if block in BLOCKS else MODELLED[block].core()
    result = through(core, target, route, timeout_s, lambda line: None, kept)
    parts = {path: own for path, own in result.pop("blocks").items() if path.partition(".")[0] != CORE}
    if block in MODELLED and MODELLED[block].kind == "ear":
        kinds = next(iter(parts.values()))
        result |= {kind: sum(own[kind] for own in parts.values()) for kind in kinds}
    made = {"command": yosys.SYNTHESIS[target], "date": datetime.now(UTC).date().isoformat()}
    return {"block": block, "target": target, **result, **made}


def read_rows(path: Path) -> list[dict[str, Any]]:
    """The rows of a file; `InputError` if it holds something else."""
    rows = []
    for name, row in read_json_lines(path, "row of a synthesised block"):
        check_fields(name, row, {"block": one_of(ALL), "target": one_of(_KINDS)})
        check_fields(
            name, row, dict.fromkeys((*_KINDS[row["target"]], *EAR_KINDS.get(row["target"], ())), SIZE)
        )
        if "fmax_mhz" in row:
            check_fields(name, row, {"fmax_mhz": array_of(SIZE, 1), "fmax_mhz_median": SIZE})
        rows.append(row)
    return rows


def extend(results: Path, targets: Sequence[str], blocks: Sequence[str], timeout_s: float) -> None:
    """Append to `results` a row for every block and target without one."""
    known = {(row["block"], row["target"]) for row in read_rows(results)} if results.exists() else set()
    left = [(block, target) for block in blocks for target in targets if (block, target) not in known]
    for number, (block, target) in enumerate(left, start=1):
        print(f"{number} of {len(left)}: {block}, {target}", file=sys.stderr)
        row = synthesise(block, target, timeout_s, None)
        text = read_text(results) if results.exists() else ""
        with replacing(results) as file:
            write_text(file, text + json.dumps(row) + "\n")


def table(rows: list[dict[str, Any]]) -> str:
    """Markdown: a table for each target, a row for each block, in the order of `BLOCKS`."""
    order = list(BLOCKS)
    lines: list[str] = []
    for target, kinds in _KINDS.items():
        own = [row for row in rows if row["target"] == target and row["block"] in BLOCKS]
        if not own:
            continue
        head = ("block", *_HEAD[: len(kinds)], "clock")
        lines += ["", f"{target}:", "", f"| {' | '.join(head)} |", "|" + "---|" * len(head)]
        for row in sorted(own, key=lambda row: order.index(row["block"])):
            cells = [row["block"], *(f"{row[kind]:,g}" for kind in kinds)]
            cells.append(f"{row['fmax_mhz_median']:.1f} MHz" if "fmax_mhz" in row else "")
            lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines[1:]) + "\n"


def parser() -> Parser:
    """The command-line options."""
    parser = Parser(description=__doc__)
    add_synthesis_options(parser, RESULTS, "blocks", _KINDS)
    add = parser.add_argument
    add(
        "--blocks",
        nargs="+",
        choices=ALL,
        default=ALL,
        metavar="BLOCK",
        help="as in the table, or of tb/harness/ear_model.py (default: all)",
    )
    add("--table-only", action="store_true", help="synthesise nothing")
    return parser


def main() -> int:
    """Synthesise, print."""
    args = parser().options()
    check_file_target(args.results)
    if not args.table_only:
        with owned(args.results.parent):
            extend(args.results, args.targets, args.blocks, args.timeout)
    print(table(read_rows(args.results)), end="")
    return 0

"""Synthesise the neurons of a layer with each feature of theirs, and print a table of what it costs.

Each result is a row of a file, and existing rows are kept. Those that are not in the table check the model of
the cells (``scripts/fit_resources.py``).
"""

from __future__ import annotations

if __name__ == "__main__":  # before the imports, as Ctrl-C may come during them
    from fxp_model.cli import run_script

    run_script(__file__)

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from fxp_model.errors import InputError
from fxp_model.files import check_file_target, parse_json, read_text, replacing, write_text
from fxp_model.folders import owned
from fxp_model.options import Parser
from fxp_model.tables import SIZE, check_fields, one_of
from hw.flows.synth import through
from hw.options import add_synthesis_options
from tb.harness.neuron_blocks import BLOCKS, FEATURES, FITTED, PLAIN

RESULTS = Path(__file__).parent / "results" / "neurons.jsonl"
_KINDS = {
    "xilinx7": ("lut", "lut_logic", "lutram", "srl", "ff", "bram36", "dsp"),
    "ecp5": ("comb", "lutram", "ff", "ebr", "dsp"),
    "ice40": ("lut", "ff", "ebr"),
}
_TABLE = {"xilinx7": ("lut", "ff", "dsp"), "ecp5": ("comb", "ff", "dsp"), "ice40": ("lut", "ff", "ebr")}
_HEADS = ("7-series: LUT", "FF", "DSP", "ECP5: LUT", "FF", "DSP", "iCE40: LUT", "FF", "EBR")


def read_rows(path: Path) -> list[dict[str, Any]]:
    """The rows of a file; `InputError` if it holds something else."""
    rows = []
    for number, line in enumerate(read_text(path).splitlines(), start=1):
        name = f"{path} line {number}"
        row = parse_json(line, name, dict)
        check_fields(name, row, {"block": one_of(BLOCKS), "target": one_of(_KINDS)})
        check_fields(name, row, dict.fromkeys(_KINDS[row["target"]], SIZE))
        rows.append(row)
    if not rows:
        raise InputError(f"{path} holds no row of a synthesised block")
    return rows


def extend(results: Path, targets: Sequence[str], timeout_s: float) -> None:
    """Append to `results` a row for every block and target without one; for an iCE40 those of the table."""
    known = {(row["block"], row["target"]) for row in read_rows(results)} if results.exists() else set()
    wanted = [(name, target) for name in BLOCKS for target in targets]
    left = [
        (name, target)
        for name, target in wanted
        if (name, target) not in known and (target != "ice40" or BLOCKS[name].size == FITTED)
    ]
    for number, (name, target) in enumerate(left, start=1):
        print(f"{number} of {len(left)}: {name}, {target}", file=sys.stderr)
        result = through(BLOCKS[name].core(), target, None, timeout_s, lambda line: None)
        row = {"block": name, "target": target, **{kind: result[kind] for kind in _KINDS[target]}}
        text = read_text(results) if results.exists() else ""
        with replacing(results) as file:
            write_text(file, text + json.dumps({**row, "versions": result["versions"]}) + "\n")


def table(rows: list[dict[str, Any]]) -> str:
    """Markdown: the cells of the plain neurons, then how many more each feature takes."""
    found = {(row["block"], row["target"]): row for row in rows}
    lines = [f"| neurons | {' | '.join(_HEADS)} |", "|" + "---|" * (len(_HEADS) + 1)]
    for feature in FEATURES:
        cells = []
        for target, kinds in _TABLE.items():
            own, plain = (found.get((f"{FITTED}, {name}", target)) for name in (feature, PLAIN))
            for kind in kinds:
                if own is None or plain is None:
                    cells.append("")
                elif feature == PLAIN:
                    cells.append(f"{own[kind]:,g}")
                else:
                    cells.append(f"{own[kind] - plain[kind]:+,g}")
        lines.append(f"| {feature} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def parser() -> Parser:
    """The command-line options."""
    parser = Parser(description=__doc__)
    add_synthesis_options(parser, RESULTS, "blocks", _KINDS)
    parser.add_argument("--table-only", action="store_true", help="synthesise nothing")
    return parser


def main() -> int:
    """Synthesise, print."""
    args = parser().options()
    check_file_target(args.results)
    if not args.table_only:
        with owned(args.results.parent):
            extend(args.results, args.targets, args.timeout)
    print(table(read_rows(args.results)), end="")
    return 0

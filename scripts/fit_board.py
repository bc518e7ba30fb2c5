"""Synthesise the blocks that a board has around a core, set their prices, and print the error.

Each result is a row of a file, and existing rows are kept. The price of a block,
``hw/estimates/resources/board_prices.json``, is what its rows have beyond what is counted: the middle of
least and most, where rows of several numbers of classes differ. No row is held out.
"""

from __future__ import annotations

if __name__ == "__main__":  # before the imports, as Ctrl-C may come during them
    from fxp_model.cli import run_script

    run_script(__file__)

import json
import statistics
import sys
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from fxp_model.cli import write_json
from fxp_model.errors import InputError
from fxp_model.files import check_file_target, read_json_lines, read_text, replacing, write_text
from fxp_model.folders import owned
from fxp_model.options import Parser
from fxp_model.tables import COUNT, SIZE, check_fields, one_of
from hw.estimates.resources import prices
from hw.estimates.resources.measured import KINDS, error_pct
from hw.estimates.resources.parts import FABRICS
from hw.flows.synth import through
from hw.options import add_synthesis_options
from tb.harness.board_blocks import BLOCKS, COMPONENTS, Block

RESULTS = Path(__file__).parent / "results" / "board_blocks.jsonl"
_NOTHING = prices.EarPrices(dict.fromkeys(COMPONENTS, 0.0), {}, dict.fromkeys(COMPONENTS, 0.0))


class Measured(NamedTuple):
    """A block as yosys made it for a target: its cells by `KINDS`."""

    block: Block
    target: str
    cells: dict[str, float]

    def predicted(self, own: prices.EarPrices) -> dict[str, float]:
        """By the model, at these prices."""
        fabric = FABRICS[self.target]
        return self.block.parts(fabric, own).cells(fabric, prices.prices_of(self.target).luts)


def read_rows(path: Path) -> list[Measured]:
    """The rows of a file; `InputError` if it holds something else."""
    rows = []
    for name, row in read_json_lines(path, "row of a synthesised block"):
        kinds = {"block": one_of(COMPONENTS), "classes": COUNT, "target": one_of(KINDS)}
        check_fields(name, row, kinds)
        block = Block(row["block"], row["classes"])
        if block not in BLOCKS:
            *most, last = (own.classes for own in BLOCKS if own.name == block.name)
            known = f"{', '.join(map(str, most))} or {last}" if most else str(last)
            raise InputError(f"{name}: classes of a {block.name} must be {known}, not {block.classes}")
        check_fields(name, row, dict.fromkeys(KINDS[row["target"]], SIZE))
        rows.append(Measured(block, row["target"], {kind: row[kind] for kind in KINDS[row["target"]]}))
    return rows


def synthesise(block: Block, target: str, timeout_s: float) -> dict[str, Any]:
    """The row of a block for a target."""
    made = through(block.core(), target, None, timeout_s, lambda line: None)
    cells = {kind: made[kind] for kind in KINDS[target]}
    return {
        "block": block.name,
        "classes": block.classes,
        "target": target,
        **cells,
        "versions": made["versions"],
    }


def extend(results: Path, targets: Sequence[str], timeout_s: float) -> None:
    """Append to `results` a row for every block and target without one."""
    known = {(row.block, row.target) for row in read_rows(results)} if results.exists() else set()
    left = [(block, target) for block in BLOCKS for target in targets if (block, target) not in known]
    for number, (block, target) in enumerate(left, start=1):
        print(f"{number} of {len(left)}: {block.name} of {block.classes} classes, {target}", file=sys.stderr)
        row = synthesise(block, target, timeout_s)
        text = read_text(results) if results.exists() else ""
        with replacing(results) as file:
            write_text(file, text + json.dumps(row) + "\n")


def fit(rows: Sequence[Measured]) -> dict[str, dict[str, int]]:
    """LUTs and flip-flops of each block beyond what is counted, of rows of one target."""
    beyond: dict[str, dict[str, list[float]]] = {"luts": defaultdict(list), "ff": defaultdict(list)}
    for row in rows:
        luts, counted = "comb" if row.target == "ecp5" else "lut", row.predicted(_NOTHING)
        for price, kind in (("luts", luts), ("ff", "ff")):
            beyond[price][row.block.name].append(row.cells[kind] - counted[kind])
    return {
        price: {name: int(min(own) + max(own)) // 2 for name, own in sorted(blocks.items())}
        for price, blocks in beyond.items()
    }


def bands(rows: Sequence[Measured], own: prices.EarPrices) -> dict[str, list[float]]:
    """Median and worst error in percent of yosys' count, by kind of cell, of rows of one target."""
    found: dict[str, list[float]] = defaultdict(list)
    for row in rows:
        for kind, amount in row.predicted(own).items():
            found[kind].append(error_pct(amount, row.cells[kind]))
    return {kind: [round(statistics.median(all_), 1), round(max(all_), 1)] for kind, all_ in found.items()}


def table(rows: Sequence[Measured], target: str) -> dict[str, Any]:
    """Prices and error of a target, as in the file; `InputError` where a block has no row."""
    own = [row for row in rows if row.target == target]
    for block in BLOCKS:
        if all(row.block != block for row in own):
            raise InputError(f"there is no row of {block.name} of {block.classes} classes for {target}")
    found = fit(own)
    return {**found, "error": bands(own, prices.EarPrices(found["luts"], {}, found["ff"]))}


def parser() -> Parser:
    """The command-line options."""
    parser = Parser(description=__doc__)
    add_synthesis_options(parser, RESULTS, "blocks", KINDS)
    parser.add_argument("--fit-only", action="store_true", help="synthesise nothing")
    return parser


def main() -> int:
    """Synthesise, write the prices, print the error."""
    args = parser().options()
    for file in (args.results, prices.BOARD_FILE):
        check_file_target(file)
    if not args.fit_only:
        with owned(args.results.parent):
            extend(args.results, args.targets, args.timeout)
    rows = read_rows(args.results)
    found = {target: table(rows, target) for target in KINDS}
    write_json(str(prices.BOARD_FILE), found)
    prices.board_prices_of.cache_clear()
    for target, own in found.items():
        for kind, (median, worst) in own["error"].items():
            print(f"{target:8} {kind:10} median {median:4.1f} worst {worst:4.1f} %")
    return 0

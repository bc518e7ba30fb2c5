"""Fit the model of the ear's cells to synthesised blocks, and print its error.

The blocks are those of ``scripts/ear_table.py`` that are in ``tb/harness/ear_model.py``. Prices go to
``hw/estimates/resources/ear_prices.json``; blocks that are held out are not used in the fit.
"""

from __future__ import annotations

if __name__ == "__main__":  # before the imports, as Ctrl-C may come during them
    import sys
    from pathlib import Path

    from fxp_model.cli import run_script

    sys.path.append(str(Path(__file__).parents[1]))  # for the package of the scripts
    run_script(__file__)

import statistics
from collections import Counter, defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from fxp_model.cli import write_json
from fxp_model.errors import InputError
from fxp_model.files import check_file_target
from fxp_model.options import Parser, some_path
from hw.estimates.resources import prices
from hw.estimates.resources.ear import EAR_KINDS
from hw.estimates.resources.fitting import fitted
from hw.estimates.resources.measured import error_pct
from scripts import ear_table
from tb.harness.ear_model import MODELLED, Block


class Measured(NamedTuple):
    """A block as yosys made it for a target: its cells by `EAR_KINDS`."""

    block: Block
    target: str
    cells: dict[str, float]

    def predicted(self) -> dict[str, float]:
        """By the model."""
        total: Counter[str] = Counter()
        for part in self.block.parts():
            total.update(part.cells(self.target, prices.ear_prices_of(self.target)))
        return dict(total)


def measured(rows: Sequence[dict[str, Any]]) -> list[Measured]:
    """What is modelled of the rows of a table; the cells of one that was routed are not those of yosys."""
    return [
        Measured(
            MODELLED[row["block"]], row["target"], {kind: row[kind] for kind in EAR_KINDS[row["target"]]}
        )
        for row in rows
        if row["block"] in MODELLED and row["target"] in EAR_KINDS and "fmax_mhz" not in row
    ]


def fit(rows: Sequence[Measured]) -> dict[str, dict[str, float]]:
    """LUTs and flip-flops per amount, of rows of one target."""
    equations: dict[str, list[tuple[dict[str, float], float]]] = {"luts": [], "ff": []}
    for row in rows:
        luts = row.cells["comb" if row.target == "ecp5" else "lut"]
        ff = row.cells["ff"]
        logic: Counter[str] = Counter()
        registers: Counter[str] = Counter()
        for part in row.block.parts():
            own = part.counted(row.target)
            luts -= own.lutram + own.srl
            ff -= own.ff
            logic.update(own.logic)
            registers.update(own.registers)
        equations["luts"].append((dict(logic), luts))
        equations["ff"].append((dict(registers), ff))
    return {kind: fitted(own) for kind, own in equations.items()}


def errors(rows: Sequence[Measured], held_out: bool) -> dict[tuple[str, str, str], list[float]]:
    """Errors in percent of yosys' count, by target, kind of block, and kind of cell."""
    found: dict[tuple[str, str, str], list[float]] = defaultdict(list)
    for row in rows:
        if row.block.held_out is held_out:
            predicted = row.predicted()
            for kind, amount in row.cells.items():
                found[row.target, row.block.kind, kind].append(error_pct(predicted[kind], amount))
    return dict(found)


def bands(rows: Sequence[Measured]) -> dict[str, dict[str, list[float]]]:
    """Median and worst of the errors of held-out blocks, by target and kind of cell."""
    found: dict[tuple[str, str], list[float]] = defaultdict(list)
    for (target, _, kind), own in errors(rows, held_out=True).items():
        found[target, kind] += own
    table: dict[str, dict[str, list[float]]] = defaultdict(dict)
    for (target, kind), own in found.items():
        table[target][kind] = [round(statistics.median(own), 1), round(max(own), 1)]
    return dict(table)


def table(rows: Sequence[Measured]) -> str:
    """Markdown: errors in percent, of fitted and of held-out blocks."""
    both = [errors(rows, held_out) for held_out in (False, True)]
    kinds = tuple(dict.fromkeys(block.kind for block in MODELLED.values()))
    head = ("target", "blocks", "cells", *("fitted", "median", "worst"), *("held out", "median", "worst"))
    lines = [head, ("---",) * len(head)]
    for target, cells in EAR_KINDS.items():
        for kind in kinds:
            for cell in cells:
                columns = [own.get((target, kind, cell), []) for own in both]
                if any(any(own) for own in columns) or cell in ("lut", "comb", "ff"):
                    lines.append((target, kind, f"`{cell}`", *_shown(columns[0]), *_shown(columns[1])))
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def _shown(own: Sequence[float]) -> tuple[str, str, str]:
    return (str(len(own)), f"{statistics.median(own):.1f}", f"{max(own):.1f}") if own else ("", "", "")


def parser() -> Parser:
    """The command-line options."""
    parser = Parser(description=__doc__)
    parser.add_argument(
        "--results",
        type=some_path,
        default=Path(ear_table.RESULTS),
        help="file of synthesised blocks (default: %(default)s)",
    )
    return parser


def main() -> int:
    """Fit, write the prices, print the errors."""
    args = parser().options()
    check_file_target(prices.EAR_FILE)
    rows = measured(ear_table.read_rows(args.results))
    found: dict[str, Any] = {}
    for target, kinds in EAR_KINDS.items():
        own = [row for row in rows if row.target == target]
        for held_out in (False, True):
            if not any(row.block.held_out is held_out for row in own):
                used = "check" if held_out else "fit"
                raise InputError(f"{args.results} has no block to {used} for {target}")
        of_fit = [row for row in own if not row.block.held_out]
        found[target] = {**fit(of_fit), "error": {kind: [0, 0] for kind in kinds}}
    write_json(str(prices.EAR_FILE), found)
    prices.ear_prices_of.cache_clear()
    for target, band in bands(rows).items():
        found[target]["error"] = band
    write_json(str(prices.EAR_FILE), found)
    prices.ear_prices_of.cache_clear()
    print(table(rows), end="")
    return 0

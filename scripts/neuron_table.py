"""Synthesise the neurons of a layer with each feature of theirs, and print a table of what it costs.

Each result is a row of a file, and existing rows are kept. The LUTs per amount of logic that not all neurons
have, ``hw/estimates/resources/neuron_prices.json``, are fitted to all sizes, of which the table has one.
The error is of each size at prices that are fitted to the others.
"""

from __future__ import annotations

if __name__ == "__main__":  # before the imports, as Ctrl-C may come during them
    from fxp_model.cli import run_script

    run_script(__file__)

import json
import statistics
import sys
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from fxp_model.cli import write_json
from fxp_model.errors import InputError
from fxp_model.files import check_file_target, read_json_lines, read_text, replacing, write_text
from fxp_model.folders import owned
from fxp_model.options import Parser
from fxp_model.tables import SIZE, check_fields, one_of
from hw.estimates.resources import prices
from hw.estimates.resources.fitting import fitted
from hw.estimates.resources.measured import error_pct
from hw.estimates.resources.parts import FABRICS, Parts
from hw.flows.synth import through
from hw.options import add_synthesis_options
from tb.harness.neuron_blocks import BLOCKS, FEATURES, PLAIN, SHOWN, SIZES

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
    for name, row in read_json_lines(path, "row of a synthesised block"):
        check_fields(name, row, {"block": one_of(BLOCKS), "target": one_of(_KINDS)})
        check_fields(name, row, dict.fromkeys(_KINDS[row["target"]], SIZE))
        rows.append(row)
    return rows


def extend(results: Path, targets: Sequence[str], timeout_s: float) -> None:
    """Append to `results` a row for every block and target without one; for an iCE40 those of the table."""
    known = {(row["block"], row["target"]) for row in read_rows(results)} if results.exists() else set()
    wanted = [(name, target) for name in BLOCKS for target in targets]
    left = [
        (name, target)
        for name, target in wanted
        if (name, target) not in known and (target != "ice40" or BLOCKS[name].size == SHOWN)
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
            own, plain = (found.get((f"{SHOWN}, {name}", target)) for name in (feature, PLAIN))
            for kind in kinds:
                if own is None or plain is None:
                    cells.append("")
                elif feature == PLAIN:
                    cells.append(f"{own[kind]:,g}")
                else:
                    cells.append(f"{own[kind] - plain[kind]:+,g}")
        lines.append(f"| {feature} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


@dataclass(frozen=True)
class Added:
    """What a feature adds to the plain neurons of its size, by the model and as measured."""

    feature: str
    model: Parts
    measured: dict[str, float]
    plain: dict[str, float]

    def cells(self, target: str, luts: Mapping[str, float]) -> dict[str, float]:
        """The model's, at these prices."""
        return self.model.cells(FABRICS[target], luts)


def added(rows: list[dict[str, Any]], target: str, size: str) -> list[Added]:
    """For each feature of which there is a row."""
    found = {row["block"]: row for row in rows if row["target"] == target}
    plain, fabric = found.get(f"{size}, {PLAIN}"), FABRICS[target]
    if plain is None:
        return []
    before = BLOCKS[plain["block"]].parts(fabric)
    features = []
    for feature in FEATURES:
        row = found.get(f"{size}, {feature}")
        if row is None or feature == PLAIN:
            continue
        own = BLOCKS[row["block"]].parts(fabric)
        counts = ("luts", "ff", "srl", "lutram", "block", "dsp")
        model = Parts(**{key: getattr(own, key) - getattr(before, key) for key in counts})
        for name in own.logic.keys() | before.logic.keys():
            model.logic[name] = own.logic.get(name, 0) - before.logic.get(name, 0)
        measured = {kind: row[kind] - plain[kind] for kind in _KINDS[target]}
        features.append(Added(feature, model, measured, plain))
    return features


def fit(rows: list[dict[str, Any]], target: str, sizes: Iterable[str] = SIZES) -> dict[str, float]:
    """LUTs per amount of logic that the plain neurons do not have, of the rows of these sizes."""
    luts, kind = prices.prices_of(target).luts, "lut_logic" if target == "xilinx7" else "comb"
    equations = [(dict.fromkeys(prices.NEURON, 0.0), 0.0)]
    for own in (own for size in sizes for own in added(rows, target, size)):
        new = {name: own.model.logic[name] for name in prices.NEURON}
        known = {name: amount for name, amount in own.model.logic.items() if name not in new}
        if any(new.values()):
            rest = replace(own.model, logic=known).cells(FABRICS[target], luts)
            equations.append((new, own.measured[kind] - rest[kind]))
    return fitted(equations)


def errors(rows: list[dict[str, Any]], target: str) -> dict[str, tuple[float, float]]:
    """Median and worst error of neurons with a feature, in percent of yosys' count.

    Each size is held out in turn: prices are of the others, and the plain neurons as measured.
    """
    found: dict[str, list[float]] = defaultdict(list)
    for size in SIZES:
        luts = {**prices.prices_of(target).luts, **fit(rows, target, [own for own in SIZES if own != size])}
        for own in added(rows, target, size):
            for kind, cells in own.cells(target, luts).items():
                plain = own.plain[kind]
                found[kind].append(error_pct(plain + cells, plain + own.measured[kind]))
    return {kind: (statistics.median(values), max(values)) for kind, values in found.items()}


def prices_table(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """Prices and errors of each target, as in the file; `InputError` where a block has no row."""
    known = {(row["block"], row["target"]) for row in rows}
    for target in FABRICS:
        for name in BLOCKS:
            if (name, target) not in known:
                raise InputError(f"there is no row of {name} for {target}")
    found: dict[str, Any] = {}
    for target in FABRICS:
        bands = {kind: [round(own, 1) for own in both] for kind, both in errors(rows, target).items()}
        found[target] = {"luts": fit(rows, target), "error": bands}
    return found


def error_table(rows: list[dict[str, Any]]) -> str:
    """Markdown: `errors` of each target."""
    lines = ["| target | cells | median | worst |", "|---|---|---|---|"]
    for target in FABRICS:
        for kind, (median, worst) in errors(rows, target).items():
            lines.append(f"| {target} | `{kind}` | {median:.1f} | {worst:.1f} |")
    return "\n".join(lines) + "\n"


def parser() -> Parser:
    """The command-line options."""
    parser = Parser(description=__doc__)
    add_synthesis_options(parser, RESULTS, "blocks", _KINDS)
    parser.add_argument("--fit-only", action="store_true", help="synthesise nothing")
    return parser


def main() -> int:
    """Synthesise, print."""
    args = parser().options()
    for file in (args.results, prices.NEURON_FILE):
        check_file_target(file)
    if not args.fit_only:
        with owned(args.results.parent):
            extend(args.results, args.targets, args.timeout)
    rows = read_rows(args.results)
    write_json(str(prices.NEURON_FILE), prices_table(rows))
    prices.prices_of.cache_clear()
    print(table(rows))
    print(error_table(rows), end="")
    return 0

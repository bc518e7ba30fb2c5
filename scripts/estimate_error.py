"""Error of the resource model against yosys, on the cores of ``scripts/fit_resources.py``."""

from __future__ import annotations

if __name__ == "__main__":  # before the imports, as Ctrl-C may come during them
    from fxp_model.cli import run_script

    run_script(__file__)

from pathlib import Path

from fxp_model.cli import write_json
from fxp_model.options import Parser, add_json_option, some_path
from hw.estimates.resources.measured import errors, read_rows

RESULTS = Path(__file__).parent / "results" / "resources.jsonl"


def parser() -> Parser:
    """The command-line options."""
    parser = Parser(description=__doc__)
    parser.add_argument(
        "--results", type=some_path, default=RESULTS, help="file of synthesised cores (default: %(default)s)"
    )
    add_json_option(parser, "the table")
    return parser


def main() -> int:
    """Read, compare, print."""
    args = parser().options()
    table = errors(read_rows(args.results))
    if args.json:
        write_json(args.json, table)
        return 0
    print(f"{'':18}{'':>6}{'all':>8}{'':>8}{'held':>6}{'out':>8}")
    print(f"{'':18}{'n':>6}{'median':>8}{'worst':>8}{'n':>6}{'median':>8}{'worst':>8}")
    for target, kinds in table.items():
        for kind, own in kinds.items():
            columns = f"{own['n']:>6}{own['median_pct']:>8.1f}{own['max_pct']:>8.1f}"
            columns += (
                f"{own['held_out_n']:>6}{own['held_out_median_pct']:>8.1f}{own['held_out_max_pct']:>8.1f}"
            )
            print(f"{target:9}{kind:9}{columns}")
    return 0

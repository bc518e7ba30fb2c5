"""Read area, by cell type as in synth.py, slack and clock from Vivado's reports."""

from __future__ import annotations

if __name__ == "__main__":  # before the imports, as Ctrl-C may come during them
    from fxp_model.cli import run_script

    run_script(__file__)

from fxp_model.cli import write_json
from fxp_model.options import Parser, add_json_option, some_path
from hw.flows.vivado_report import read_reports


def parser() -> Parser:
    """The command-line options."""
    parser = Parser(description=__doc__)
    parser.add_argument("utilization", type=some_path, help="text report of report_utilization")
    parser.add_argument(
        "timing", type=some_path, help="text report of report_timing_summary, from the same run"
    )
    add_json_option(parser, "the result")
    return parser


def main() -> int:
    """Read, print."""
    args = parser().options()
    result = {"target": "xilinx7", **read_reports(args.utilization, args.timing)}
    if args.json != "-":
        print("\n".join(f"{key:10} {value}" for key, value in result.items() if key != "versions"))
    if args.json:
        write_json(args.json, result)
    return 0

"""Compare two builds: print the figures in which they differ.

A build is a folder written by gen_hw.py, or a synthesised project of gen_hls.py.
"""

from __future__ import annotations

if __name__ == "__main__":  # before the imports, as Ctrl-C may come during them
    from fxp_model.cli import run_script

    run_script(__file__)

from fxp_model.cli import write_json
from fxp_model.files import replacing
from fxp_model.options import Parser, add_json_option, output_file, some_path
from hw.report.builds import read_build
from hw.report.compare import compare_page, compare_text, differing


def parser() -> Parser:
    """The command-line options."""
    parser = Parser(description=__doc__)
    parser.add_argument("a", type=some_path, metavar="A", help="folder of a build")
    parser.add_argument("b", type=some_path, metavar="B", help="folder of another one")
    parser.add_argument("--html", type=output_file, metavar="FILE", help="also write an HTML page")
    add_json_option(parser, "the figures")
    return parser


def main() -> int:
    """Read both builds, print the differences."""
    args = parser().options()
    a, b = read_build(args.a), read_build(args.b)
    if args.html is not None:
        with replacing(args.html) as file:
            file.write_text(compare_page(a, b), encoding="utf-8")
    if args.json:
        found = [{"figure": name, "a": x, "b": y} for name, x, y in differing(a, b)]
        sides = {
            side: {"name": own.name, "kind": own.kind, "figures": own.figures}
            for side, own in zip("ab", (a, b), strict=True)
        }
        write_json(args.json, {**sides, "differing": found})
    if args.json != "-":
        print(compare_text(a, b), end="")
    return 0

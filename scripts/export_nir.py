"""Write an artifact as a NIR file: LIF, CubaLIF and the like, Affine, Delay, Conv1d.

import_network.py reads it back as the same integers. What NIR cannot say is printed.
"""

from __future__ import annotations

if __name__ == "__main__":  # before the imports, as Ctrl-C may come during them
    from fxp_model.cli import run_script

    run_script(__file__)

import argparse

from fxp_model.artifact import load_artifact
from fxp_model.exchange.nir_write import nir_bytes, nir_graph, unsaid
from fxp_model.files import replacing
from fxp_model.options import Parser, output_file, real
from fxp_model.pretrained import DEFAULT, bundled, find_artifact


def parser() -> Parser:
    """The command-line options."""
    parser = Parser(description=__doc__)
    parser.add_argument(
        "artifact",
        type=find_artifact,
        nargs=argparse.OPTIONAL,
        default=DEFAULT,
        metavar="A",
        help=f"folder of an artifact, or one of {', '.join(bundled())} (default: {DEFAULT.name})",
    )
    parser.add_argument("--out", type=output_file, required=True, metavar="FILE", help="the NIR file")
    parser.add_argument(
        "--dt", type=real(1e-12, 1e6), required=True, metavar="S", help="step of time in seconds"
    )
    return parser


def main() -> int:
    """Export, say what NIR cannot."""
    args = parser().options()
    network = load_artifact(args.artifact).network
    content = nir_bytes(nir_graph(network, args.dt))
    with replacing(args.out) as path:
        path.write_bytes(content)
    print(f"{args.out}: {len(network.spec.stages)} layers, dt {args.dt:g} s, {len(content)} bytes")
    for line in unsaid(network):
        print(f"not said by NIR: {line}")
    return 0

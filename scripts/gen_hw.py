"""Generate the hardware of a trained network: Verilog, manifest, golden vectors and report."""

from __future__ import annotations

import argparse
from pathlib import Path

from fxp_model.artifact import load_artifact
from fxp_model.cli import run
from fxp_model.pretrained import add_artifact_argument
from hw.build import build, module_name
from hw.config import DEFAULT_LANES, HardwareConfig


def main() -> int:
    """Parse the arguments, build, print the report."""
    parser = argparse.ArgumentParser(description=__doc__)
    add_artifact_argument(parser)
    parser.add_argument("--out", type=Path, help="folder to write (default: build/<name>)")
    parser.add_argument("--name", help="Verilog module (default: from the artifact's name)")
    parser.add_argument(
        "--lanes",
        type=int,
        default=DEFAULT_LANES,
        help="weights added per cycle in every stage (%(default)s)",
    )
    parser.add_argument(
        "--update-lanes", type=int, help="neurons updated per cycle in every stage (default: up to 16)"
    )
    args = parser.parse_args()
    artifact = load_artifact(args.artifact)
    config = HardwareConfig.uniform(artifact.network.spec, args.lanes, args.update_lanes)
    name = args.name or module_name(artifact)
    out = args.out or Path("build") / name
    build(artifact, config, name, out)
    print((out / "report.txt").read_text(), end="")
    print(f"written to {out}/: {name}.v, manifest.json, report.txt, report.json, vectors/")
    return 0


if __name__ == "__main__":
    run(main)

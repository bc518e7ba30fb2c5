"""Generate the hardware of a trained network: Verilog, manifest, golden vectors and report."""

from __future__ import annotations

import argparse
from pathlib import Path

from fxp_model.artifact import load_artifact
from fxp_model.cli import run
from fxp_model.pretrained import add_artifact_argument
from hw.build import build, module_name
from hw.options import add_width_options, config_of


def main() -> int:
    """Parse the arguments, build, print the report."""
    parser = argparse.ArgumentParser(description=__doc__)
    add_artifact_argument(parser)
    parser.add_argument("--out", type=Path, help="folder to write (default: build/<name>)")
    parser.add_argument("--name", help="Verilog module (default: from the artifact's name)")
    add_width_options(parser)
    args = parser.parse_args()
    artifact = load_artifact(args.artifact)
    config = config_of(args, artifact.network.spec)
    name = args.name or module_name(artifact)
    out = args.out or Path("build") / name
    build(artifact, config, name, out)
    print((out / "report.txt").read_text(), end="")
    print(f"written to {out}/: {name}.v, manifest.json, report.txt, report.json, vectors/, vivado/")
    return 0


if __name__ == "__main__":
    run(main)

"""The table of synthesised cores, from the results that `synth.py --json` left in a folder."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from fxp_model.cli import run
from fxp_model.errors import InputError
from hw.config import PRESETS

RESULTS = Path(__file__).parent / "results" / "hardware"
HEAD = ("preset", "recurrence", "target", "LUT", "flip-flops", "block RAM", "multipliers", "clock")


def table(results: list[dict[str, Any]]) -> str:
    """Markdown, a row for each of `results`, by target, recurrence and preset."""
    order = list(PRESETS)
    rows = sorted(results, key=lambda r: (r["target"], r["recurrence"] or "", order.index(r["preset"])))
    lines = ["| " + " | ".join(HEAD) + " |", "|" + "---|" * len(HEAD)]
    lines += ["| " + " | ".join(_cells(row)) + " |" for row in rows]
    return "\n".join(lines) + "\n"


def _cells(result: dict[str, Any]) -> tuple[str, ...]:
    clock = ""
    if result["target"] == "xilinx7":
        target, blocks = "7-series", f"{result['bram36']:g} RAMB36"
        parts = " + ".join(f"{result[kind]:,}" for kind in ("lut_logic", "lutram", "srl"))
        luts = f"{result['lut']:,} ({parts})"
    else:
        target, luts, blocks = "ECP5, not routed", f"{result['comb']:,}", f"{result['ebr']:,}"
    if "fmax_mhz" in result:
        free = result["available"]
        target = f"LFE5U-{result['device'].upper().replace('K', 'F')}, speed {result['speed']}"
        luts, blocks = f"{luts} of {free['comb']:,}", f"{blocks} of {free['ebr']:,}"
        runs = len(result["fmax_mhz"])
        clock = f"{result['fmax_mhz_median']:.1f} MHz, {runs} seed{'s' if runs > 1 else ''}"
    recurrence = result["recurrence"] or "conv"
    numbers = f"{result['ff']:,}", blocks, f"{result['dsp']:,}"
    return (f"`{result['preset']}`", recurrence, target, luts, *numbers, clock)


def main() -> int:
    """Parse the arguments, read, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--results", type=Path, default=RESULTS, help="folder of JSON files (default: %(default)s)"
    )
    args = parser.parse_args()
    files = sorted(args.results.glob("*.json"))
    if not files:
        raise InputError(f"{args.results} holds no *.json")
    print(table([json.loads(file.read_text()) for file in files]), end="")
    return 0


if __name__ == "__main__":
    run(main)

"""Table of synthesised cores, from a folder with results of `synth.py --json`."""

from __future__ import annotations

if __name__ == "__main__":  # before the imports, as Ctrl-C may come during them
    from fxp_model.cli import run_script

    run_script(__file__)

from pathlib import Path
from typing import Any

from fxp_model.errors import InputError
from fxp_model.files import read_json
from fxp_model.options import Parser, some_path
from fxp_model.pretrained import DEFAULT
from fxp_model.spec import RecurrenceKind
from fxp_model.tables import COUNT, OBJECT, SIZE, TEXT, array_of, check_fields, one_of
from hw.config import PRESETS, HardwareConfig

RESULTS = Path(__file__).parent / "results" / "hardware"
HEAD = ("preset", "recurrence", "target", "LUT", "flip-flops", "block RAM", "multipliers", "clock")


def table(results: list[dict[str, Any]]) -> str:
    """Markdown, a row for each of `results`, by target, recurrence and preset."""
    order = [*PRESETS, None]
    rows = sorted(results, key=lambda r: (r["target"], r["recurrence"] or "", order.index(r["preset"])))
    lines = ["| " + " | ".join(HEAD) + " |", "|" + "---|" * len(HEAD)]
    lines += ["| " + " | ".join(_cells(row)) + " |" for row in rows]
    return "\n".join(lines) + "\n"


_TARGETS = {"xilinx7": "7-series", "ecp5": "ECP5, not routed", "ice40": "iCE40, not routed"}
_DEVICES = {"25k": "LFE5U-25F", "85k": "LFE5U-85F", "hx8k": "iCE40HX8K"}
_XILINX = ("lut_logic", "lutram", "srl")
_AREA = {"xilinx7": ("lut", "bram36"), "ecp5": ("comb", "ebr"), "ice40": ("lut", "ebr")}


_RESULT = {
    "target": one_of(_TARGETS),
    "artifact": TEXT,
    "recurrence": one_of((*RecurrenceKind, "none")).or_null(),
    "preset": one_of(PRESETS).or_null(),
    "hardware": OBJECT,
    "ff": COUNT,
}
_ROUTED = {
    "device": one_of(_DEVICES),
    "speed": COUNT.or_null(),
    "available": OBJECT,
    "fmax_mhz": array_of(SIZE, 1),
    "fmax_mhz_median": SIZE,
}


def read_result(file: Path) -> dict[str, Any]:
    """A result of `synth.py --json`; `InputError` if the file holds something else."""
    result = read_json(file, dict)
    check_fields(str(file), result, _RESULT)
    kinds = (*_AREA[result["target"]], *(_XILINX if result["target"] == "xilinx7" else ()))
    check_fields(str(file), result, dict.fromkeys(kinds, SIZE))
    check_fields(str(file), {"dsp": 0, **result}, {"dsp": COUNT})
    if "fmax_mhz" in result:
        check_fields(str(file), result, _ROUTED)
        kinds = _routed(result["available"])
        check_fields(f"{file}: available", result["available"], dict.fromkeys(kinds, COUNT))
        check_fields(str(file), result, dict.fromkeys(kinds, COUNT))
    try:
        HardwareConfig.from_dict(result["hardware"])
    except InputError as error:
        raise InputError(f"{file}: {error}") from None
    return result


def _routed(available: dict[str, Any]) -> tuple[str, str]:
    """Cell types shown for a routed core."""
    return "lc" if "lc" in available else "comb", "ebr"


def _cells(result: dict[str, Any]) -> tuple[str, ...]:
    target, clock = _TARGETS[result["target"]], ""
    luts, rams = (f"{result[kind]:,g}" for kind in _AREA[result["target"]])
    if result["target"] == "xilinx7":
        parts = " + ".join(f"{result[kind]:,}" for kind in _XILINX)
        luts, rams = f"{luts} ({parts})", f"{rams} RAMB36"
    if "fmax_mhz" in result:
        grade = "" if result["speed"] is None else f", speed {result['speed']}"
        target = _DEVICES[result["device"]] + grade
        free = result["available"]
        luts, rams = (f"{result[kind]:,} of {free[kind]:,}" for kind in _routed(free))
        runs = len(result["fmax_mhz"])
        clock = f"{result['fmax_mhz_median']:.1f} MHz, {runs} seed{'s' if runs > 1 else ''}"
    lanes = "/".join(str(stage["lanes"]) for stage in result["hardware"]["stages"])
    name = f"`{result['preset']}`" if result["preset"] else f"{lanes} lanes"
    recurrence = result["recurrence"] or "conv"
    if result["artifact"] != DEFAULT.name:
        name += f", {result['artifact']}"
    return (name, recurrence, target, luts, f"{result['ff']:,}", rams, f"{result.get('dsp', 0):,}", clock)


def parser() -> Parser:
    """The command-line options."""
    parser = Parser(description=__doc__)
    parser.add_argument(
        "--results", type=some_path, default=RESULTS, help="folder of JSON files (default: %(default)s)"
    )
    return parser


def main() -> int:
    """Read, print."""
    args = parser().options()
    files = sorted(args.results.glob("*.json"))
    if not files:
        raise InputError(f"{args.results} holds no *.json")
    print(table([read_result(file) for file in files]), end="")
    return 0

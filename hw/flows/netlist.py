"""A flat netlist as written by yosys' write_json: its cells, and the loads of a net."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count
from typing import Any

Cell = dict[str, Any]
Module = dict[str, Any]
"""A cell and a module as written by yosys' write_json."""
Net = int | str
"""Its number, or the constant ``"0"``, ``"1"``, ``"x"`` or ``"z"``."""

Reader = tuple[str, str]
"""A load: a cell and its input pin; for an output of the module, ``""`` and its name."""


def readers_of(module: Module) -> dict[Net, list[Reader]]:
    """Loads of each net."""
    readers: dict[Net, list[Reader]] = {}
    for name, cell in module["cells"].items():
        for pin, bits in cell["connections"].items():
            if cell["port_directions"][pin] == "input":
                for bit in bits:
                    readers.setdefault(bit, []).append((name, pin))
    for name, port in module["ports"].items():
        if port["direction"] != "input":
            for bit in port["bits"]:
                readers.setdefault(bit, []).append(("", name))
    return readers


def new_nets(module: Module) -> Iterator[int]:
    """Unused net numbers."""
    nets = {bit for cell in module["cells"].values() for bits in cell["connections"].values() for bit in bits}
    return count(1 + max(net for net in nets if isinstance(net, int)))


def is_plain_flop(cell: Cell) -> bool:
    """Whether a cell is an ECP5 flip-flop without enable and reset that starts at 0."""
    # write_json appends a blank to a string that could be taken for bits
    return has_no_reset(cell) and cell["parameters"]["CEMUX"].rstrip() == "1"


def has_no_reset(cell: Cell) -> bool:
    """Whether a cell is an ECP5 flip-flop without reset that starts at 0."""
    if cell["type"] != "TRELLIS_FF":
        return False
    kind = cell["parameters"]
    return kind["LSRMUX"] == "LSR" and cell["connections"]["LSR"] == ["0"] and kind["REGSET"] == "RESET"

"""Copies of flip-flops that go to many, so that each wire is short.

Neither yosys nor nextpnr copies a register, and yosys makes one of two that a designer wrote. One that goes
to hundreds of cells goes to a whole device:

    flip-flop -> 100 readers   becomes   flip-flop -> 32,  copy -> 32,  copy -> 32,  copy -> 4

Readers that stay together are those whose names are neighbours, as such cells are neighbours in the design.
Every reader sees the same value in every cycle as before, from the first on.
"""

from __future__ import annotations

import re
from copy import deepcopy

from hw.flows.netlist import Module, readers_of

MOST_READERS = 32


def add(module: Module) -> int:
    """Copy each TRELLIS_FF of a flat `module` that has more than `MOST_READERS`, in place, and count copies.

    What leaves the module is of the flip-flop itself.
    """
    cells, readers = module["cells"], readers_of(module)
    free = 1 + max(net for net in readers if isinstance(net, int))
    copies = {}
    for name, cell in cells.items():
        if cell["type"] != "TRELLIS_FF":
            continue
        (net,) = cell["connections"]["Q"]
        own = sorted(readers.get(net, []), key=_by_name)
        for number, low in enumerate(range(MOST_READERS, len(own), MOST_READERS), 1):
            twin = deepcopy(cell)
            twin["connections"]["Q"] = [free]
            copies[f"{name}_copy_{number}"] = twin
            for reader, pin in own[low : low + MOST_READERS]:
                bits = cells[reader]["connections"][pin]
                bits[:] = [free if bit == net else bit for bit in bits]
            free += 1
    cells |= copies
    return len(copies)


def _by_name(reader: tuple[str, str]) -> list[tuple[int, str]]:
    """Sort key: digits as numbers; the module's own outputs, whose cell is ``""``, come first."""
    parts = re.split(r"(\d+)", reader[0])
    return [(int(part), "") if index % 2 else (0, part) for index, part in enumerate(parts)]

"""Duplication of flip-flops and LUTs of high fan-out, so that each net is short.

Neither yosys nor nextpnr duplicates a register, and yosys merges duplicates in the RTL. The net of a register
with hundreds of loads spans the whole device:

    flip-flop -> 100 loads     becomes   flip-flop -> 32,  copy -> 32,  copy -> 32,  copy -> 4

Loads of one row of cells stay together, such as the bits of a RAM, which differ only in the last
number of their name; then loads with neighbouring names. Such cells are neighbours in the design.
Every load sees the same value in every cycle, including the first.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from copy import deepcopy
from itertools import groupby, pairwise

from hw.flows.netlist import Cell, Module, Reader, new_nets, readers_of

COPIED = {"TRELLIS_FF": "Q", "LUT4": "Z"}
"""Types of cells, and the pin of their output."""
CELLS = {"DP16KD": 4, "MULT18X18D": 4, "TRELLIS_DPR16X4": 2}
"""How many loads a larger cell counts for: few RAMs or multipliers are placed close together."""
PINS = {"CE": 0.5, "LSR": 0.5}
"""How many loads a pin shared by a slice's flip-flops counts for; with more enables fewer of them fit."""


def add(module: Module, most: int) -> int:
    """Duplicate cells of `COPIED` in a flat `module` with a fan-out above `most`, in place; count copies.

    The original cell drives the outputs of the module. Copies are loads, too: a cell that drives many of them
    is duplicated in turn, in rounds, as long as each makes fewer copies than the one before. So it also ends
    where a register and the LUT of its next value have `most` loads each, and a copy of either is one load
    too many for the other.
    """
    added, before = 0, math.inf
    while copies := _copies(module, most):
        module["cells"] |= copies
        added += len(copies)
        if len(copies) >= before:
            break
        before = len(copies)
    return added


def _copies(module: Module, most: int) -> dict[str, Cell]:
    """Copies of the cells whose fan-out is now too high; the loads are divided among them."""
    cells, readers = module["cells"], readers_of(module)
    free = new_nets(module)
    copies = {}
    for name, cell in cells.items():
        if cell["type"] not in COPIED:
            continue
        pin = COPIED[cell["type"]]
        (net,) = cell["connections"][pin]
        for chunk in _chunks(module, readers.get(net, []), most)[1:]:
            twin, copy = deepcopy(cell), next(free)
            twin["connections"][pin] = [copy]
            copies[f"{name}_copy_{copy}"] = twin
            for reader, at in chunk:
                bits = cells[reader]["connections"][at]
                bits[:] = [copy if bit == net else bit for bit in bits]
    return copies


def size(module: Module, readers: Iterable[Reader]) -> float:
    """Weight of the `readers` of a net, in cells of the fabric."""
    kinds = ((module["cells"][name]["type"] if name else "", pin) for name, pin in readers)
    return sum(CELLS.get(kind, 1) * PINS.get(pin, 1) for kind, pin in kinds)


def _chunks(module: Module, readers: list[Reader], most: int) -> list[list[Reader]]:
    """`readers` in chunks of size `most`, or less, outputs of the module in the first."""
    if size(module, readers) <= most:
        return [readers]
    chunks: list[list[Reader]] = [[]]
    for _, row in groupby(sorted(readers, key=_by_name), key=_row):
        own = list(row)
        if size(module, chunks[-1] + own) <= most:
            chunks[-1] += own
            continue
        parts = math.ceil(size(module, own) / most)
        cuts = [len(own) * part // parts for part in range(parts + 1)]
        chunks += [own[low:high] for low, high in pairwise(cuts)]
    return chunks if chunks[0] else chunks[1:]


def _row(reader: Reader) -> str:
    """Name without the numbers at its end: ``ram`` for ``ram.3.0``, ``sum_1_Q`` for ``sum_1_Q_7``."""
    return re.sub(r"(_\d+|(\.\d+)+)$", "", reader[0])


def _by_name(reader: Reader) -> tuple[bool, list[int | str], list[int | str]]:
    """Sort key: outputs of the module first; then by row, and by cell, with digits as numbers."""
    row, cell = (
        [int(part) if part.isdigit() else part for part in re.split(r"(\d+)", name)]
        for name in (_row(reader), reader[0])
    )
    return reader[0] != "", row, cell

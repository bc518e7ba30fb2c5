"""Duplication of flip-flops and LUTs of high fan-out, so that each net is short.

Neither yosys nor nextpnr copies a register, and yosys makes one of two that a designer wrote. One that goes
to hundreds of cells goes to a whole device:

    flip-flop -> 100 loads     becomes   flip-flop -> 32,  copy -> 32,  copy -> 32,  copy -> 4

Loads that stay together are those of one row of cells, such as the bits of a RAM, which differ in the last
number of their name alone; then those whose names are neighbours. Such cells are neighbours in the design.
Every reader sees the same value in every cycle as before, from the first on.
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
"""For how many of them a larger cell counts: few RAMs or multipliers stand close together."""
PINS = {"CE": 0.5, "LSR": 0.5}
"""For how many of them a pin counts that flip-flops of a slice share; more enables make fewer of them fit."""


def add(module: Module, most: int) -> int:
    """Copy cells of `COPIED` in a flat `module` that go to more than `most` cells, in place; count copies.

    What leaves the module is of the cell itself. Copies are loads, too: what goes to many of them is copied
    in turn, in rounds, as long as each makes fewer than the one before. So it ends also where a register and
    the LUT of its next value go to `most` each, and a copy of either is a reader too many for the other.
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
    """Copies of the cells whose fan-out is too high now, which share the loads from here on."""
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
    """`readers` of a net, in cells of the fabric."""
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
    """Name without the numbers at its end: ``ram.3.0`` is of ``ram``, and ``sum_1_Q_7`` of ``sum_1_Q``."""
    return re.sub(r"(_\d+|(\.\d+)+)$", "", reader[0])


def _by_name(reader: Reader) -> tuple[bool, list[int | str], list[int | str]]:
    """Sort key: outputs of the module first; then by row, and by cell, with digits as numbers."""
    row, cell = (
        [int(part) if part.isdigit() else part for part in re.split(r"(\d+)", name)]
        for name in (_row(reader), reader[0])
    )
    return reader[0] != "", row, cell

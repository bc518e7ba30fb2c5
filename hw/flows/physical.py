"""Physical optimisation of ECP5 registers for timing, which other tools do but yosys and nextpnr do not."""

from __future__ import annotations

import json
from pathlib import Path

from hw.flows import multiplier_registers, output_registers, register_copies

MOST_READERS = 32
"""Highest fan-out, in cells, of a register or a LUT that is not duplicated."""


def optimise(netlist: Path, top: str, most_readers: int | None = MOST_READERS) -> None:
    """Move flip-flops into block RAMs and multipliers; duplicate cells with more than `most_readers` loads.

    Changes the module `top` of a netlist in place. Without `most_readers` nothing is duplicated.
    """
    design = json.loads(netlist.read_text(encoding="utf-8"))
    module = design["modules"][top]
    output_registers.absorb(module)
    multiplier_registers.absorb(module)
    if most_readers is not None:
        register_copies.add(module, most_readers)
    netlist.write_text(json.dumps(design), encoding="utf-8")

"""What other tools do to the registers of an ECP5 for the sake of the clock, and yosys and nextpnr do not."""

from __future__ import annotations

import json
from pathlib import Path

from hw.flows import multiplier_registers, output_registers, register_copies

MOST_READERS = 32
"""Cells that a register or a LUT may go to before it is copied."""


def optimise(netlist: Path, top: str, most_readers: int = MOST_READERS) -> None:
    """Move flip-flops into block RAMs and multipliers, and copy what goes to more than `most_readers` cells.

    Of the module `top` of a netlist, in place.
    """
    design = json.loads(netlist.read_text(encoding="utf-8"))
    module = design["modules"][top]
    output_registers.absorb(module)
    multiplier_registers.absorb(module)
    register_copies.add(module, most_readers)
    netlist.write_text(json.dumps(design), encoding="utf-8")

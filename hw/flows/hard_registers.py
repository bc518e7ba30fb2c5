"""Registers that the hard blocks of an ECP5 have and yosys does not use."""

from __future__ import annotations

import json
from pathlib import Path

from hw.flows import multiplier_registers, output_registers


def use_hard_registers(netlist: Path, top: str) -> None:
    """Move flip-flops into block RAMs and multipliers: in the module `top` of a netlist, in place."""
    design = json.loads(netlist.read_text())
    for kind in (output_registers, multiplier_registers):
        kind.absorb(design["modules"][top])
    netlist.write_text(json.dumps(design))

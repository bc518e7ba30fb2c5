"""A run-time tap of a shift register, in the only form that yosys maps to a shift register."""

from __future__ import annotations

from amaranth.hdl import Instance, Module, Signal, Value

INDEXED_BIT = "shiftx"
"""Type of the cell; `hw.verilog.write_verilog` renames it to yosys' cell, with a `$` before this name.

Amaranth's own `bit_select` is a `$shift`, which is defined beyond the end, and is written as ``>>``: from
that, or from a tree of multiplexers, yosys makes flip-flops. A `$shiftx` is written as ``line[index +: 1]``
and read back as such: an SRL whose address is the index.
"""


def tapped(m: Module, name: str, line: Value, index: Value) -> Signal:
    """``line[index]``, as the submodule `name`; X in simulation if `index` is beyond `line`."""
    tap = Signal(name=name)
    m.submodules[name] = Instance(
        INDEXED_BIT,
        p_A_SIGNED=0,
        p_B_SIGNED=0,
        p_A_WIDTH=len(line),
        p_B_WIDTH=len(index),
        p_Y_WIDTH=1,
        i_A=line,
        i_B=index,
        o_Y=tap,
    )
    return tap

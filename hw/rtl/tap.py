"""A bit of a shift register that is chosen at run time, in the one form that stays a shift register."""

from __future__ import annotations

from amaranth.hdl import Instance, Module, Signal, Value

INDEXED_BIT = "shiftx"
"""Type of the cell; `hw.verilog.write_verilog` makes it the one of yosys with a `$` before this name.

Amaranth's own `bit_select` is a `$shift`, which defines what is beyond the end, and is written as ``>>``: of
that, or of a tree of multiplexers, yosys makes flip-flops. A `$shiftx` is written as ``line[index +: 1]``
and read as such again: an SRL whose address is the index.
"""


def tapped(m: Module, name: str, line: Value, index: Value) -> Signal:
    """``line[index]``, as the submodule `name`; unknown in simulation when `index` is beyond `line`."""
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

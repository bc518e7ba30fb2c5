"""Values of earlier cycles."""

from __future__ import annotations

from amaranth.hdl import Module, Signal, Value


def delayed(m: Module, value: Value, cycles: int) -> Signal:
    """`value` of so many cycles ago, 1 or more, by registers that no reset reaches."""
    for _ in range(cycles):
        later = Signal(len(value), reset_less=True)
        m.d.sync += later.eq(value)
        value = later
    return later

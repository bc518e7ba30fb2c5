"""Pipeline registers."""

from __future__ import annotations

from amaranth.hdl import Module, Signal, Value


def delayed(m: Module, value: Value, cycles: int) -> Signal:
    """`value` delayed by `cycles`, 1 or more, in registers without reset."""
    for _ in range(cycles):
        later = Signal(len(value), reset_less=True)
        m.d.sync += later.eq(value)
        value = later
    return later

"""A counter that a host reads."""

from __future__ import annotations

from amaranth.hdl import Module, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out


class Counter(wiring.Component):
    """Adds up increments in 32 bits and saturates at 2**32 - 1, or counts modulo 2**32.

    Where it saturates, a count is either exact or the maximum. The carry is a bit of the register, which
    keeps the comparison off the adder's path. Where a stream has no end, only differences tell anything.

    Latency 1 cycle.

    Parameters
    ----------
    increment_bits : int
    wraps : bool
        Modulo 2**32.

    Members
    -------
    increment : In(increment_bits)
    clear : In(1)
        Set to 0, whatever the increment. The register has no other reset.
    total : Out(32)
    """

    def __init__(self, increment_bits: int, wraps: bool = False) -> None:
        self._wraps = wraps
        super().__init__({"increment": In(increment_bits), "clear": In(1), "total": Out(32)})

    def elaborate(self, platform: object) -> Module:
        m = Module()
        total = Signal(32 if self._wraps else 33, reset_less=True)
        with m.If(self.clear):
            m.d.sync += total.eq(0)
        if self._wraps:
            with m.Else():
                m.d.sync += total.eq(total + self.increment)
            m.d.comb += self.total.eq(total)
            return m
        with m.Elif(~total[32]):
            m.d.sync += total.eq(total + self.increment)
        m.d.comb += self.total.eq(total[:32] | total[32].replicate(32))
        return m

"""The pins of a PDM microphone: its clock, and the bits that it gives."""

from __future__ import annotations

from amaranth.hdl import Cat, Module, Mux, Signal
from amaranth.lib import wiring
from amaranth.lib.cdc import FFSynchronizer
from amaranth.lib.wiring import In, Out

from fxp_model.ear.pdm import ABSENT_BITS
from fxp_model.errors import InputError, shown

MIN_DIVIDER = 4
"""Below it, or at 3, a period has no 40 to 60 % of high level, which microphones ask for."""
SYNCHRONISER = 2
"""Flip-flops between the data pin and the logic."""


def check_divider(divider: int) -> None:
    """`InputError` unless a microphone's clock can have this many cycles of ours in a period."""
    if not isinstance(divider, int) or isinstance(divider, bool):
        raise InputError(f"divider of a PDM clock must be an integer, not {shown(divider)}")
    if divider < MIN_DIVIDER:
        raise InputError(f"divider of a PDM clock must be at least {MIN_DIVIDER}, not {divider}")


class PdmReceiver(wiring.Component):
    """Makes the clock of a microphone and takes a bit of it in every period.

    A microphone drives the line after one edge of its clock and lets go of it after the other, for its
    neighbour on the same line. So the bit is what is on the line at that other edge, as late as can be: its
    data may come up to half a period, less a cycle, after the clock.

    Latency: a bit is given `SYNCHRONISER` cycles after the last one before its edge at `pdm_clk`.
    Throughput: one bit in `divider` cycles.

    Parameters
    ----------
    divider : int
        Cycles per period of the microphone's clock, at least 4; high for the smaller half.

    Members
    -------
    pdm_clk : Out(1)
        To the microphone; low in a reset.
    pdm_data : In(1)
        From the microphone, at any time.
    select : In(1)
        As the microphone's own pin: 0 to take what is on the line at the rising edge, 1 at the falling edge.
    bit : Out(1)
    valid : Out(1)
        A cycle per bit.
    absent : Out(1)
        The last 1,024 bits or more are equal: nothing drives the line.

    Raises
    ------
    InputError
        If `divider` is no integer of at least 4.
    """

    def __init__(self, divider: int) -> None:
        check_divider(divider)
        self._divider = divider
        super().__init__(
            {
                "pdm_clk": Out(1),
                "pdm_data": In(1),
                "select": In(1),
                "bit": Out(1),
                "valid": Out(1),
                "absent": Out(1),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()

        # The clock pin is a register. The synchroniser takes the line at the very edge of ours that moves
        # the pin, so before the microphone can have seen it, and gives the bit as many cycles later as it
        # has flip-flops.
        high = self._divider // 2
        phase = Signal(range(self._divider))
        rising, falling = phase == self._divider - high - 1, phase == self._divider - 1
        m.d.sync += phase.eq(Mux(falling, 0, phase + 1))
        with m.If(rising | falling):
            m.d.sync += self.pdm_clk.eq(rising)
        m.submodules += FFSynchronizer(self.pdm_data, self.bit, stages=SYNCHRONISER)
        coming = Signal(SYNCHRONISER)
        m.d.sync += coming.eq(Cat(Mux(self.select, falling, rising), coming))
        m.d.comb += self.valid.eq(coming[-1])

        last = Signal()
        run = Signal(range(ABSENT_BITS + 1))
        m.d.comb += self.absent.eq(run[-1])  # a power of two
        with m.If(self.valid):
            m.d.sync += last.eq(self.bit)
            with m.If(self.bit != last):
                m.d.sync += run.eq(1)
            with m.Elif(~self.absent):
                m.d.sync += run.eq(run + 1)
        return m

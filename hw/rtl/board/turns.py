"""Two sources of bytes on one line."""

from __future__ import annotations

from amaranth.hdl import Module, Mux, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from hw.rtl.board.packets import SENT


class Turns(wiring.Component):
    """Lets one source send, from its first byte to its `last`, and then the other; else `first` goes first.

    Wires and two bits: latency 0, throughput a byte per cycle.

    Members
    -------
    first, second : In stream of SENT
    o : Out stream of 8 bits
    """

    def __init__(self) -> None:
        super().__init__(
            {
                "first": In(stream.Signature(SENT)),
                "second": In(stream.Signature(SENT)),
                "o": Out(stream.Signature(8)),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        within, held, chosen = Signal(), Signal(), Signal()
        last = Mux(chosen, self.second.payload.last, self.first.payload.last)
        m.d.comb += [
            chosen.eq(Mux(within, held, ~self.first.valid)),
            self.o.valid.eq(Mux(chosen, self.second.valid, self.first.valid)),
            self.o.payload.eq(Mux(chosen, self.second.payload.data, self.first.payload.data)),
            self.first.ready.eq(self.o.ready & ~chosen),
            self.second.ready.eq(self.o.ready & chosen),
        ]
        with m.If(self.o.valid):
            m.d.sync += [held.eq(chosen), within.eq(~(self.o.ready & last))]
        return m

"""Two-entry stream buffer with registered handshakes in both directions."""

from __future__ import annotations

from amaranth.hdl import Module, Mux, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.data import Layout
from amaranth.lib.wiring import In, Out


class SkidBuffer(wiring.Component):
    """Breaks every combinational path through a stream.

    Costs two payload registers and one cycle; a single register would either halve
    the throughput or pass `ready` through. Latency 1 cycle, throughput 1 transfer per cycle.

    Parameters
    ----------
    shape : Layout
        Payload.

    Members
    -------
    i : In stream
    o : Out stream
    """

    def __init__(self, shape: Layout) -> None:
        super().__init__({"i": In(stream.Signature(shape)), "o": Out(stream.Signature(shape))})

    def elaborate(self, platform: object) -> Module:
        m = Module()

        # A transfer goes to the output register if that is free, otherwise to the spare one.
        # `ready` says that the spare register is free, so it never depends on the output side.
        valid = Signal()
        payload = Signal(self.o.payload.shape(), reset_less=True)
        spare_valid = Signal()
        spare = Signal(self.o.payload.shape(), reset_less=True)
        m.d.comb += [
            self.i.ready.eq(~spare_valid),
            self.o.valid.eq(valid),
            self.o.payload.eq(payload),
        ]
        with m.If(~valid | self.o.ready):
            m.d.sync += [valid.eq(self.i.valid | spare_valid), spare_valid.eq(0)]
            m.d.sync += payload.eq(Mux(spare_valid, spare, self.i.payload))
        with m.Elif(self.i.valid & ~spare_valid):
            m.d.sync += [spare_valid.eq(1), spare.eq(self.i.payload)]
        return m

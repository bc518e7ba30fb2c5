"""From AXI4-Stream beats to the events of the first layer."""

from __future__ import annotations

from amaranth.hdl import Module, Signal
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from fxp_model.spec import IntegratorSpec
from hw.rtl.events import event_layout
from hw.rtl.skid_buffer import SkidBuffer

BEAT = data.StructLayout({"data": 32, "last": 1})
"""An AXI4-Stream beat."""


class InputDecoder(wiring.Component):
    """Buffers beats, drops what is no event, and tells what it drops.

    A beat with bit 31 or TLAST is a marker and always passes. Another beat passes
    when its address is below `n_in` and its count within 1 .. 2**input_bits - 1. Checking every
    beat here keeps every later stage free of checks: nothing a host sends can
    reach a weight or an accumulator that is not there.

    Latency 1 cycle, throughput 1 beat per cycle.

    Parameters
    ----------
    spec : IntegratorSpec
        The first layer.

    Members
    -------
    i : In stream of `BEAT`
        `data` [15:0] address, [23:16] count, [31] end of step; `last` end of sample.
    o : Out stream of `event_layout`
    dropped : Out(1)
        A beat with a faulty event is taken from the buffer.
    """

    def __init__(self, spec: IntegratorSpec) -> None:
        self._spec = spec
        super().__init__(
            {
                "i": In(stream.Signature(BEAT)),
                "o": Out(stream.Signature(event_layout(spec.n_in, spec.input_bits))),
                "dropped": Out(1),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        spec = self._spec

        # The buffer is the one register of this path: decoding happens on its output, and a
        # beat to be dropped is taken without being offered on.
        m.submodules.buffer = buffer = SkidBuffer(BEAT)
        wiring.connect(m, wiring.flipped(self.i), buffer.i)

        beat = buffer.o.payload
        address, count = beat.data[:16], beat.data[16:24]
        marker = Signal()
        event = Signal()
        m.d.comb += [
            marker.eq(beat.data[31] | beat.last),
            event.eq((address < spec.n_in) & count.any() & (count <= spec.max_input)),
            self.o.valid.eq(buffer.o.valid & (marker | event)),
            self.o.payload.marker.eq(marker),
            self.o.payload.last.eq(beat.last),
            self.o.payload.address.eq(address),
            buffer.o.ready.eq(self.o.ready | ~(marker | event)),
        ]
        if spec.input_bits > 1:
            m.d.comb += self.o.payload.count.eq(count)

        faulty = marker & count.any() | ~marker & ~event
        m.d.comb += self.dropped.eq(buffer.o.valid & buffer.o.ready & faulty)
        return m

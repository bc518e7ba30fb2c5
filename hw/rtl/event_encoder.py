"""From the spikes of a time step to a stream of events."""

from __future__ import annotations

from amaranth.hdl import Cat, Const, Module, Mux
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from hw.rtl.events import event_layout, spikes_layout
from hw.rtl.skid_buffer import SkidBuffer
from hw.rtl.spike_scanner import SpikeScanner


class EventEncoder(wiring.Component):
    """Sends an event for every set bit, then the marker of the step.

    For two events per cycle, one scanner takes the even neurons and another one the odd: a transfer holds the
    next spike of each, while both have one. So a step lasts as long as the longer of the two lists.

    Latency: first event (or marker) at `o` four cycles after the transfer at `i`.
    Throughput: one transfer per cycle, without a gap also between steps.

    Parameters
    ----------
    n : int
        Neurons, at least `events`.
    events : int
        Most events per transfer, 1 or 2.

    Members
    -------
    i : In stream of `spikes_layout`
        Taken while the last events of the step before are sent, or any time later.
    o : Out stream of `event_layout`
    sent : Out(1)
        A marker enters the output buffer, so that all of its step is sent.
    """

    LATENCY = SpikeScanner.LATENCY
    """Cycles from a transfer at `i` to the transfer of the first item into the output buffer."""

    def __init__(self, n: int, events: int = 1) -> None:
        self._n, self._events = n, events
        super().__init__(
            {
                "i": In(stream.Signature(spikes_layout(n, events))),
                "o": Out(stream.Signature(event_layout(n, 1, events))),
                "sent": Out(1),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.submodules.buffer = buffer = SkidBuffer(event_layout(self._n, 1, self._events))
        wiring.connect(m, buffer.o, wiring.flipped(self.o))
        m.d.comb += self.sent.eq(buffer.i.valid & buffer.i.ready & buffer.i.payload.marker)
        if self._events == 1:
            m.submodules.scanner = scanner = SpikeScanner(self._n)
            wiring.connect(m, wiring.flipped(self.i), scanner.i)
            wiring.connect(m, scanner.o, buffer.i)
        else:
            self._pair(m, buffer.i)
        return m

    def _pair(self, m: Module, out: stream.Interface) -> None:
        """Scan even and odd neurons side by side; the two meet at the marker."""
        m.submodules.even = even = SpikeScanner(-(-self._n // 2))
        m.submodules.odd = odd = SpikeScanner(self._n // 2)
        blocks = self.i.payload.blocks
        for scanner, own, parity, other in ((even, blocks.even, 0, odd), (odd, blocks.odd, 1, even)):
            m.d.comb += [
                scanner.i.payload.spikes.eq(self.i.payload.spikes[parity::2]),
                scanner.i.payload.blocks.eq(own),
                scanner.i.payload.last.eq(self.i.payload.last),
                scanner.i.valid.eq(self.i.valid & other.i.ready),
            ]
        one, two = even.o.payload, odd.o.payload
        both = even.o.valid & odd.o.valid
        m.d.comb += [
            self.i.ready.eq(even.i.ready & odd.i.ready),
            out.valid.eq(both),
            out.payload.marker.eq(one.marker & two.marker),
            out.payload.last.eq(one.last),
            out.payload.address.eq(
                Mux(one.marker, Cat(Const(1, 1), two.address), Cat(Const(0, 1), one.address))
            ),
            out.payload.pair.eq(~one.marker & ~two.marker),
            out.payload.second_address.eq(Cat(Const(1, 1), two.address)),
            even.o.ready.eq(out.ready & both & (~one.marker | two.marker)),
            odd.o.ready.eq(out.ready & both & (~two.marker | one.marker)),
        ]

"""Converts the spikes of a time step to a stream of events."""

from __future__ import annotations

from amaranth.hdl import Module
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from hw.rtl.events import event_layout, spikes_layout
from hw.rtl.skid_buffer import SkidBuffer
from hw.rtl.spike_scanner import SpikeScanner


class EventEncoder(wiring.Component):
    """Sends an event for every set bit, then the marker of the step.

    For two events per cycle, one scanner takes the first, third, .. spike and another one the second,
    fourth, ..: a transfer holds the next two spikes, or the last one alone.

    Latency: first event (or marker) at `o` four cycles after the transfer at `i`.
    Throughput: one transfer per cycle, without a gap between steps.

    Parameters
    ----------
    n : int
        Neurons, at least `events`.
    events : int
        Most events per transfer, 1 or 2.

    Members
    -------
    i : In stream of `spikes_layout`
        Taken while the last events of the previous step are sent, or any time later.
    o : Out stream of `event_layout`
    sent : Out(1)
        A marker enters the output buffer: its whole step has been sent.
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
        """Scan the two lists in parallel; the second one, which may be shorter, waits at the marker."""
        m.submodules.first = first = SpikeScanner(self._n)
        m.submodules.second = second = SpikeScanner(self._n)
        for index, (scanner, other) in enumerate(((first, second), (second, first))):
            m.d.comb += [
                scanner.i.payload.spikes.eq(self.i.payload.spikes[index]),
                scanner.i.payload.blocks.eq(self.i.payload.blocks[index]),
                scanner.i.payload.last.eq(self.i.payload.last),
                scanner.i.valid.eq(self.i.valid & other.i.ready),
            ]
        one, two = first.o.payload, second.o.payload
        both = first.o.valid & second.o.valid
        m.d.comb += [
            self.i.ready.eq(first.i.ready & second.i.ready),
            out.valid.eq(both),
            out.payload.marker.eq(one.marker),
            out.payload.last.eq(one.last),
            out.payload.address.eq(one.address),
            out.payload.pair.eq(~two.marker),
            out.payload.second_address.eq(two.address),
            first.o.ready.eq(out.ready & both),
            second.o.ready.eq(out.ready & both & (one.marker | ~two.marker)),
        ]

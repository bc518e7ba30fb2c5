"""Finds the spikes of a time step one by one."""

from __future__ import annotations

from collections.abc import Iterable
from functools import reduce
from operator import or_

from amaranth.hdl import Cat, Module, Mux, Signal, Value
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from hw.rtl.events import event_layout, spikes_layout


def any_of(chosen: Value, items: Iterable[Value | int]) -> Value:
    """The item whose bit is set in the one-hot `chosen`; 0 when none is."""
    return reduce(or_, (Mux(bit, item, 0) for bit, item in zip(chosen, items, strict=True)))


class SpikeScanner(wiring.Component):
    """Gives an event for every set bit, lowest neuron first, then the marker of the step.

    The word is cut into blocks. One stage finds the next block that is not empty, the other sends
    its bits; as such a block holds at least one bit, the next block is always ready in time.
    A silent neuron or block costs nothing, and the time depends on the number of spikes
    alone, never on where they are.

    Latency: first event (or marker) at `o` two cycles after the transfer at `i`.
    Throughput: one event or marker per cycle, without a gap also between steps.

    Parameters
    ----------
    n : int
        Neurons.

    Members
    -------
    i : In stream of `spikes_layout`
        Taken when the last event of the step before leaves, or any time later.
    o : Out stream of `event_layout`
    """

    LATENCY = 2

    def __init__(self, n: int) -> None:
        self._n = n
        super().__init__(
            {
                "i": In(stream.Signature(spikes_layout(n))),
                "o": Out(stream.Signature(event_layout(n, 1))),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        address_bits = max(1, (self._n - 1).bit_length())
        block_bits = address_bits - address_bits // 2
        size = 1 << block_bits
        count = -(-self._n // size)

        # First stage: the word, and a flag per block that still has to be sent.
        valid = Signal()
        last = Signal(reset_less=True)
        blocks = [Signal(size, name=f"block_{index}", reset_less=True) for index in range(count)]
        flags = Signal(count)
        # Second stage: one block, or the marker behind the last one.
        sending = Signal()
        marker = Signal(reset_less=True)
        block = Signal(size, reset_less=True)
        base = Signal(range(max(2, count)), reset_less=True)
        marker_last = Signal(reset_less=True)

        chosen = Signal(count)
        lowest = Signal(size)
        rest = Signal(size)
        m.d.comb += [
            chosen.eq(flags & -flags),
            lowest.eq(block & -block),
            rest.eq(block & ~lowest),
        ]
        proceed = Signal()
        ends = Signal()
        m.d.comb += [
            proceed.eq(~sending | (self.o.ready & (marker | ~rest.any()))),
            ends.eq(proceed & valid & ~flags.any()),
            self.i.ready.eq(~valid | ends),
        ]
        with m.If(proceed):
            m.d.sync += [sending.eq(valid), marker.eq(~flags.any()), marker_last.eq(last)]
            m.d.sync += [block.eq(any_of(chosen, blocks)), base.eq(any_of(chosen, range(count)))]
            m.d.sync += flags.eq(flags & ~chosen)
        with m.Elif(self.o.ready):
            m.d.sync += block.eq(rest)
        with m.If(self.i.valid & self.i.ready):
            m.d.sync += [valid.eq(1), last.eq(self.i.payload.last)]
            for index in range(count):
                part = self.i.payload.spikes[index * size : (index + 1) * size]
                m.d.sync += [blocks[index].eq(part), flags[index].eq(part.any())]
        with m.Elif(ends):
            m.d.sync += valid.eq(0)

        low = Signal(range(size))
        m.d.comb += low.eq(any_of(lowest, range(size)))
        m.d.comb += [
            self.o.valid.eq(sending),
            self.o.payload.marker.eq(marker),
            self.o.payload.last.eq(marker_last),
            self.o.payload.address.eq(Cat(low, base)),
        ]
        return m

"""Finds the spikes of a time step one by one."""

from __future__ import annotations

from collections.abc import Iterable
from functools import reduce
from operator import or_

from amaranth.hdl import Module, Mux, Signal, Value
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from hw.rtl.events import event_layout, spikes_layout


def any_of(chosen: Value, items: Iterable[Value | int]) -> Value:
    """The item whose bit is set in the one-hot `chosen`; 0 when none is."""
    return reduce(or_, (Mux(bit, item, 0) for bit, item in zip(chosen, items, strict=True)))


class SpikeScanner(wiring.Component):
    """Gives an event for every set bit, lowest neuron first, then the marker of the step.

    The word is cut into blocks. The first stage finds the next block that is not empty, the second holds it
    ready, and the third sends its bits, of which it always knows the next; as such a block holds
    at least one bit, the next block is ready in time. A silent neuron or block costs nothing, and
    the time depends on the number of spikes alone, never on where they are.

    Latency: first event (or marker) at `o` three cycles after the transfer at `i`.
    Throughput: one event or marker per cycle, without a gap also between steps.

    Parameters
    ----------
    n : int
        Neurons.

    Members
    -------
    i : In stream of `spikes_layout`
        Taken while the last block of the step before is sent, or any time later.
    o : Out stream of `event_layout`
    """

    LATENCY = 3

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

        # First stage: the word, and a flag per block that still has to be found.
        valid = Signal()
        last = Signal(reset_less=True)
        blocks = [Signal(size, name=f"block_{index}", reset_less=True) for index in range(count)]
        flags = Signal(count)
        # Second stage: the next block, or the marker behind the last one.
        waiting = Signal()
        following = Signal(size, reset_less=True)
        following_base = Signal(range(max(2, count)), reset_less=True)
        following_marker, following_last = Signal(reset_less=True), Signal(reset_less=True)
        # Third stage: an event or the marker, and what is left of the block, if anything.
        sending = Signal()
        payload = Signal(self.o.payload.shape(), reset_less=True)
        rest = Signal(size, reset_less=True)
        more = Signal()

        next_block, next_event, ends = Signal(), Signal(), Signal()
        chosen = Signal(count)
        m.d.comb += [
            next_block.eq(~sending | (self.o.ready & ~more)),
            next_event.eq(~sending | self.o.ready),
            ends.eq((~waiting | next_block) & valid & ~flags.any()),
            chosen.eq(flags & -flags),
            self.i.ready.eq(~valid | ends),
        ]
        with m.If(~waiting | next_block):
            m.d.sync += [
                waiting.eq(valid),
                following.eq(any_of(chosen, blocks)),
                following_base.eq(any_of(chosen, range(count))),
                following_marker.eq(~flags.any()),
                following_last.eq(last),
                flags.eq(flags & ~chosen),
            ]
        with m.If(self.i.valid & self.i.ready):
            m.d.sync += [valid.eq(1), last.eq(self.i.payload.last)]
            for index in range(count):
                part = self.i.payload.spikes[index * size : (index + 1) * size]
                m.d.sync += [blocks[index].eq(part), flags[index].eq(part.any())]
        with m.Elif(ends):
            m.d.sync += valid.eq(0)

        bits, lowest = Signal(size), Signal(size)
        low = Signal(range(max(2, size)))
        m.d.comb += [
            bits.eq(Mux(next_block, following, rest)),
            lowest.eq(bits & -bits),
            low.eq(any_of(lowest, range(size))),
        ]
        with m.If(next_block):
            m.d.sync += [
                sending.eq(waiting),
                payload.marker.eq(following_marker),
                payload.last.eq(following_last),
                payload.address[block_bits:].eq(following_base),
            ]
        with m.If(next_event):
            m.d.sync += [
                rest.eq(bits & ~lowest),
                more.eq((bits & ~lowest).any()),
                payload.address[:block_bits].eq(low),
            ]
        m.d.comb += [self.o.valid.eq(sending), self.o.payload.eq(payload)]
        return m

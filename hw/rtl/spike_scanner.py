"""Finds the spikes of a time step one by one."""

from __future__ import annotations

from amaranth.hdl import Module, Mux, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from hw.rtl.arithmetic import any_of, lowest_of
from hw.rtl.events import block_count, block_size, event_layout, spikes_layout


class SpikeScanner(wiring.Component):
    """Gives an event for every set bit, lowest neuron first, then the marker of the step.

    The word is divided into blocks. The first stage finds the next block that is not empty, the second holds
    it ready, and the third sends its bits, the next of which is always known; as such a block holds
    at least one bit, the next block is ready in time. A silent neuron or block costs no cycle, and
    the time depends only on the number of spikes, never on their positions.

    Latency: first event (or marker) at `o` three cycles after the transfer at `i`.
    Throughput: one event or marker per cycle, without a gap between steps.

    Parameters
    ----------
    n : int
        Neurons.

    Members
    -------
    i : In stream of `spikes_layout`
        Taken while the last block of the previous step is sent, or any time later.
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
        size, count = block_size(self._n), block_count(self._n)

        # First stage: the word; its next block, if `found`, and its later ones.
        valid = Signal()
        last = Signal(reset_less=True)
        blocks = [Signal(size, name=f"block_{index}", reset_less=True) for index in range(count)]
        chosen, later = (Signal(count, name=name, reset_less=True) for name in ("chosen", "later"))
        found = Signal(reset_less=True)
        # Second stage: the next block, or the marker after the last one.
        waiting = Signal()
        following = Signal(size, reset_less=True)
        following_base = Signal(range(max(2, count)), reset_less=True)
        following_marker, following_last = (
            Signal(reset_less=True),
            Signal(name="following_last", reset_less=True),
        )
        # Third stage: an event or the marker, and the rest of the block, if any.
        sending = Signal()
        payload = Signal(self.o.payload.shape(), reset_less=True)
        rest = Signal(size, reset_less=True)
        more = Signal()

        next_block, next_event, moves, ends = Signal(), Signal(), Signal(), Signal()
        m.d.comb += [
            next_block.eq(~sending | (self.o.ready & ~more)),
            next_event.eq(~sending | self.o.ready),
            moves.eq(~waiting | next_block),
            ends.eq(moves & valid & ~found),
            self.i.ready.eq(~valid | ends),
        ]
        with m.If(moves):
            m.d.sync += [
                waiting.eq(valid),
                following.eq(any_of(chosen, blocks)),
                following_base.eq(any_of(chosen, range(count))),
                following_marker.eq(~found),
                following_last.eq(last),
            ]
        new = self.i.payload.blocks
        following_chosen, following_later = lowest_of(later)
        with m.If(self.i.valid & self.i.ready):
            m.d.sync += [valid.eq(1), last.eq(self.i.payload.last)]
            for index in range(count):
                part = self.i.payload.spikes[index * size : (index + 1) * size]
                m.d.sync += blocks[index].eq(part)
            m.d.sync += [chosen.eq(new.first), later.eq(new.later), found.eq(new.found)]
        with m.Elif(moves):
            m.d.sync += [
                chosen.eq(following_chosen),
                later.eq(following_later),
                found.eq(later.any()),
                valid.eq(valid & ~ends),
            ]

        opening, opening_rest = lowest_of(following)
        coming, coming_rest = lowest_of(rest)
        low_bits = (size - 1).bit_length()
        with m.If(next_block):
            m.d.sync += [
                sending.eq(waiting),
                payload.marker.eq(following_marker),
                payload.last.eq(following_last),
                payload.address[low_bits:].eq(following_base),
            ]
        with m.If(next_event):
            m.d.sync += [
                rest.eq(Mux(next_block, opening_rest, coming_rest)),
                more.eq(Mux(next_block, opening_rest.any(), coming_rest.any())),
                payload.address[:low_bits].eq(
                    Mux(next_block, any_of(opening, range(size)), any_of(coming, range(size)))
                ),
            ]
        m.d.comb += [self.o.valid.eq(sending), self.o.payload.eq(payload)]
        return m

"""Collects the spikes of a sweep into one word, and keeps the words of several steps in order."""

from __future__ import annotations

from amaranth.hdl import Cat, Module, Mux, Signal, unsigned
from amaranth.lib import memory, stream, wiring
from amaranth.lib.wiring import In, Out

from hw.rtl.events import filled_blocks, first_blocks, results_layout, spikes_layout
from hw.rtl.pipeline import delayed


class SpikeQueue(wiring.Component):
    """Shifts the spikes of a step together, group by group; whole steps wait in LUT RAM.

    The queue is what lets a layer run ahead while the next one works on a busy step. It holds
    steps and not events, as a step is one word however many of its neurons spiked. `full` says when
    the next sweep may not start: `STEPS` steps are under way, wait or are being sent.

    Latency: a step is offered `LATENCY` cycles after its final group.
    Throughput: one group per cycle, without a gap between steps.

    Parameters
    ----------
    n : int
        Neurons.
    lanes, groups, membrane_bits : int
        Shape of the results.
    events : int
        Events per cycle of the next stage.

    Members
    -------
    starts : In(1)
        A sweep starts.
    sent : In(1)
        The reader is done with a step. One that has none takes what is offered at once.
    results : In(results_layout)
    full : Out(1)
        No sweep may start.
    o : Out stream of `spikes_layout`
    """

    LATENCY = 3
    DEPTH = 16
    """Steps that wait; a LUT RAM is 16 or 32 deep, and 32 steps save a clip hardly a cycle more."""
    STEPS = DEPTH + 1
    """Those and one that is being sent."""

    def __init__(self, n: int, lanes: int, groups: int, membrane_bits: int, events: int) -> None:
        self._n, self._lanes, self._groups, self._events = n, lanes, groups, events
        super().__init__(
            {
                "starts": In(1),
                "sent": In(1),
                "results": In(results_layout(lanes, membrane_bits, groups, spiking=True)),
                "full": Out(1),
                "o": Out(stream.Signature(spikes_layout(n, events))),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()

        # Groups enter at the top; after the last one the first has arrived at the bottom.
        spikes = Signal(self._lanes * self._groups, reset_less=True)
        last = Signal(reset_less=True)
        complete, written = Signal(), Signal()
        with m.If(self.results.tag.valid):
            m.d.sync += [
                spikes.eq(Cat(spikes, self.results.spikes)[self._lanes :]),
                last.eq(self.results.tag.last),
            ]
        m.d.sync += [complete.eq(self.results.tag.valid & self.results.tag.final), written.eq(complete)]

        # Where a step has its spikes is found before it is offered, not behind a RAM: a cycle after
        # the spikes themselves it is known, and written to a RAM of its own.
        own = spikes[: self._n]
        blocks = first_blocks([delayed(m, part, 1) for part in filled_blocks(own, self._events)])
        taken = Signal()
        m.d.comb += taken.eq(self.o.valid & self.o.ready)
        read_addr = Signal(range(self.DEPTH))
        m.d.sync += read_addr.eq(read_addr + taken)
        offered = []
        for name, word, enable in (("steps", Cat(own, last), complete), ("blocks", blocks, written)):
            ram = memory.Memory(shape=unsigned(len(word)), depth=self.DEPTH, init=[])
            m.submodules[name] = ram
            write, read = ram.write_port(), ram.read_port(domain="comb")
            m.d.comb += [write.en.eq(enable), write.data.eq(word), read.addr.eq(read_addr)]
            m.d.sync += write.addr.eq(write.addr + enable)
            offered.append(read.data)
        m.d.comb += self.o.payload.as_value().eq(Cat(offered))

        # Steps that wait, and steps that were started and not sent. What others wait for is a register.
        waiting, started = Signal(range(self.DEPTH + 1)), Signal(range(self.STEPS + 1))
        with m.If(written != taken):
            m.d.sync += [
                waiting.eq(Mux(taken, waiting - 1, waiting + 1)),
                self.o.valid.eq(written | (waiting != 1)),
            ]
        with m.If(self.starts != self.sent):
            m.d.sync += [
                started.eq(Mux(self.sent, started - 1, started + 1)),
                self.full.eq(self.starts & (started == self.STEPS - 1)),
            ]
        return m

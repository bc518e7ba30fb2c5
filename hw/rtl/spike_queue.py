"""Collects the spikes of a sweep in one word, and queues the words of several steps."""

from __future__ import annotations

from amaranth.hdl import Cat, Module, Mux, Signal, Value, unsigned
from amaranth.lib import memory, stream, wiring
from amaranth.lib.wiring import In, Out

from hw.rtl.events import alternating, filled_blocks, first_blocks, results_layout, spikes_layout
from hw.rtl.pipeline import delayed


class SpikeQueue(wiring.Component):
    """Assembles the spikes of a step, group by group, in a shift register; whole steps wait in LUT RAM.

    The queue lets a layer run ahead while the next one works on a busy step. It holds
    steps and not events, as a step is one word however many of its neurons spiked. While `full`,
    the next sweep may not start: `STEPS` steps are in progress, waiting or being sent.

    For two events per cycle, a step is held as two lists, each of every other spike (`alternating`), so the
    lists are equally long, or the first has one more.

    Latency: a step is offered `latency` cycles after its final group.
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
        The reader is done with a step. A reader without a step takes an offered one at once.
    results : In(results_layout)
    full : Out(1)
        No sweep may start.
    o : Out stream of `spikes_layout`
    """

    DEPTH = 16
    """Steps that wait; a LUT RAM is 16 or 32 deep, and 32 steps hardly save a cycle per clip."""
    STEPS = DEPTH + 1
    """Waiting steps and one that is being sent."""

    @staticmethod
    def latency(events: int) -> int:
        """Cycles from the final group of a step to its offer; for two `events` per cycle, one more."""
        return 2 + events

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

        valid, final, ends, lists = self._lists(m)

        # Groups enter at the top; after the last one, the first has reached the bottom.
        names = ("spikes",) if self._events == 1 else ("first", "second")
        words = [Signal(self._lanes * self._groups, name=name, reset_less=True) for name in names]
        last = Signal(reset_less=True)
        complete, written = Signal(), Signal(name="written")
        with m.If(valid):
            for word, group in zip(words, lists, strict=True):
                m.d.sync += word.eq(Cat(word, group)[self._lanes :])
            m.d.sync += last.eq(ends)
        m.d.sync += [complete.eq(valid & final), written.eq(complete)]

        # The blocks with spikes are found before a step is offered, not behind a RAM: they are known one
        # cycle after the spikes themselves, and written to a separate RAM.
        own = [word[: self._n] for word in words]
        blocks = first_blocks([delayed(m, filled_blocks(part), 1) for part in own])
        taken = Signal()
        m.d.comb += taken.eq(self.o.valid & self.o.ready)
        read_addr = Signal(range(self.DEPTH))
        m.d.sync += read_addr.eq(read_addr + taken)
        offered = []
        for name, word, enable in (("steps", Cat(*own, last), complete), ("blocks", blocks, written)):
            ram = memory.Memory(shape=unsigned(len(word)), depth=self.DEPTH, init=[])
            m.submodules[name] = ram
            write, read = ram.write_port(), ram.read_port(domain="comb")
            m.d.comb += [write.en.eq(enable), write.data.eq(word), read.addr.eq(read_addr)]
            m.d.sync += write.addr.eq(write.addr + enable)
            offered.append(read.data)
        m.d.comb += self.o.payload.as_value().eq(Cat(offered))

        # Steps that wait, and steps that were started and not sent. Outputs that gate others are registers.
        waiting, started = Signal(range(self.DEPTH + 1)), Signal(range(self.STEPS + 1), name="started")
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

    def _lists(self, m: Module) -> tuple[Value, Value, Value, list[Value]]:
        """Whether there is a group, it is final, its step is last; its spikes, list by list."""
        tag, spikes = self.results.tag, self.results.spikes
        if self._events == 1:
            return tag.valid, tag.final, tag.last, [spikes]
        valid, odd = Signal(), Signal(name="odd")
        final, last = delayed(m, tag.final, 1), delayed(m, tag.last, 1)
        lists, after = alternating(delayed(m, spikes, 1), odd)
        m.d.sync += valid.eq(tag.valid)
        with m.If(valid):
            m.d.sync += odd.eq(after & ~final)
        return valid, final, last, lists

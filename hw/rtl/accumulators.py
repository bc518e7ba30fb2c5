"""Sums of a time step, in registers or LUT RAM, and a queue of closed sums that wait to be drained."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from amaranth.hdl import Cat, Module, Mux, Signal, Value, signed, unsigned
from amaranth.lib import data, memory, stream, wiring
from amaranth.lib.wiring import In, Out

from hw.config import StageConfig
from hw.rtl.arithmetic import lanes_of, selected
from hw.rtl.banks import RAM_STYLE
from hw.rtl.events import SUMS_AFTER, group_layout, index_shape
from hw.rtl.pipeline import delayed


def word_layout(words: int) -> data.StructLayout:
    """Operation of the accumulators in a cycle.

    ``add``    add the terms to the sums of `word`
    ``word``   index of the word of `lanes` neurons
    ``final``  the word is the last one of its event
    ``close``  the step is complete: hand its sums over; never together with `add`
    ``last``   of `close`: the sample is complete
    """
    return data.StructLayout({"add": 1, "word": index_shape(words), "final": 1, "close": 1, "last": 1})


QUEUE_WORDS = 16
"""Words of the queue's LUT RAM, or more if two steps need more; a LUT RAM is 16 or 32 deep."""

NEAR = 4
"""Columns among which one is selected in a cycle. The columns are spread over the whole device."""


def banks(words: int) -> int:
    """Number of steps, of `words` words each, whose sums fit the queue: a power of two."""
    return max(2, QUEUE_WORDS >> (words - 1).bit_length())


def closed_steps(words: int) -> int:
    """Number of closed steps that may wait: one bank is that of the current step, or is still being read."""
    return banks(words) - 1


@dataclass(frozen=True)
class _Queue:
    """Signals of the ring of banks.

    back, next_back : bank that the current step closes into, and that of the next cycle: both registers
    front : bank that is drained
    group : within the drained step
    transfer, final : a group is requested; it is the last one of its step
    zero : the step of the group whose sums are output had no event
    """

    back: Signal
    next_back: Signal
    front: Signal
    group: Signal
    transfer: Signal
    final: Signal
    zero: Signal


class Accumulators(wiring.Component):
    """Base of the two forms: ports and the queue.

    A bank is free again in the cycle after its last group is transferred; `close` must not come while the
    queue is full, but may come with that transfer. The first event of a step is stored and not added,
    so nothing is ever cleared. Drain addresses are registers, which keeps the handshake of a sweep's start,
    a net of high fan-out, off the path through the RAM.

    Latency: groups are offered two cycles after `close`, if none wait before them; sums follow
    a transfer by `SUMS_AFTER` cycles.
    Throughput: one word per cycle.

    Members
    -------
    control : In(word_layout)
        Operation two cycles later.
    terms : In(signed(term_bits)).array(lanes)
        Terms of this cycle's word, lowest neuron first.
    o : Out stream of `group_layout`
        All groups of the closed steps, without a gap.
    sums : Out(update_lanes * sum_bits)
        Two's complement sums of a group, its lowest neuron in the low bits.
    drained : Out(1)
        One more bank will be free for a `close` that is `lead` cycles away, counted from the next cycle.

    Parameters
    ----------
    n : int
        Neurons.
    config : StageConfig
    term_bits, sum_bits : int
        Width of a term, and of a sum, which wraps.
    lead : int
        Cycles, 0 or more. A drain never stalls once it has begun, so its end is known in advance.
    """

    def __init__(self, n: int, config: StageConfig, term_bits: int, sum_bits: int, lead: int) -> None:
        self._n, self._config, self._bits, self._lead = n, config, sum_bits, lead
        super().__init__(
            {
                "control": In(word_layout(config.words(self._n))),
                "terms": In(signed(term_bits)).array(config.lanes),
                "o": Out(stream.Signature(group_layout())),
                "sums": Out(config.update_lanes * sum_bits),
                "drained": Out(1),
            }
        )

    def _work(self, m: Module) -> tuple[data.View[data.StructLayout], ...]:
        """Operations of this cycle and of the next one."""
        now, soon = (Signal(self.control.shape(), name=name) for name in ("now", "soon"))
        m.d.sync += [soon.eq(self.control), now.eq(soon)]
        return now, soon

    def _queue(
        self,
        m: Module,
        now: data.View[data.StructLayout],
        soon: data.View[data.StructLayout],
        empty: Value,
    ) -> _Queue:
        """The ring, and the drain of the closed steps; `empty`: the current step has no event yet."""
        depth, groups = banks(self._config.words(self._n)), self._config.groups(self._n)
        ring = range(depth)
        back, next_back, front = (Signal(ring, name=name) for name in ("back", "next_back", "front"))
        group = Signal(index_shape(groups))
        transfer = Signal()
        final = Signal()
        m.d.comb += [
            transfer.eq(self.o.valid & self.o.ready),
            final.eq(transfer & (group == groups - 1)),
            self.drained.eq(transfer & (group == max(0, groups - 2 - self._lead))),
        ]
        m.d.sync += [
            back.eq(next_back),
            next_back.eq(next_back + soon.close),
            front.eq(front + final),
        ]
        with m.If(transfer):
            m.d.sync += group.eq(Mux(final, 0, group + 1))

        valid = Signal()
        waiting = Signal(range(depth + 1))
        with m.If(now.close != final):
            m.d.sync += [
                waiting.eq(Mux(final, waiting - 1, waiting + 1)),
                valid.eq(now.close | (waiting != 1)),
            ]

        # Flags of each step: whether it is all zeros, and whether it ends a sample.
        attrs = {RAM_STYLE: "distributed"}
        m.submodules.flags = flags = memory.Memory(shape=unsigned(2), depth=depth, init=[], attrs=attrs)
        write = flags.write_port()
        read = flags.read_port(domain="comb")
        m.d.comb += [
            write.en.eq(now.close),
            write.addr.eq(back),
            write.data.eq(Cat(empty, now.last)),
            read.addr.eq(front),
            self.o.valid.eq(valid),
            self.o.payload.last.eq(read.data[1]),
        ]
        zero = delayed(m, read.data[0], SUMS_AFTER)
        return _Queue(back, next_back, front, group, transfer, final, zero)

    def _choose(self, m: Module, columns: Sequence[Value], column: Value, zero: Value) -> None:
        """`sums` of the requested `column`: address | all columns | one of each `NEAR` | one of those."""
        choice = delayed(m, column, SUMS_AFTER - 1)
        near_bits = (NEAR - 1).bit_length()
        near = [
            delayed(m, selected(columns[low : low + NEAR], choice[:near_bits]), 1)
            for low in range(0, len(columns), NEAR)
        ]
        m.d.comb += self.sums.eq(Mux(zero, 0, selected(near, delayed(m, choice[near_bits:], 1))))


class RegisterAccumulators(Accumulators):
    """One adder and one register per neuron, for events of one word; `close` copies all sums into the queue.

    The neurons that are drained together share a RAM, a column.
    """

    def elaborate(self, platform: object) -> Module:
        m = Module()
        config, bits = self._config, self._bits
        now, soon = self._work(m)

        # `empty`: the step has no event yet, so the sums are those of an earlier step.
        empty = Signal(init=1)
        with m.If(now.close):
            m.d.sync += empty.eq(1)
        with m.Elif(now.add):
            m.d.sync += empty.eq(0)
        queue = self._queue(m, now, soon, empty)

        shape = signed(bits)
        sums = [Signal(shape, name=f"sum_{i}", reset_less=True) for i in range(self._n)]
        for total, term in zip(sums, self.terms, strict=True):
            with m.If(now.add):
                m.d.sync += total.eq(Mux(empty, 0, total) + term)

        address = delayed(m, queue.front, 1)
        drained = []
        for number in range(config.groups(self._n)):
            own = sums[number * config.update_lanes : (number + 1) * config.update_lanes]
            ram = memory.Memory(shape=unsigned(len(own) * bits), depth=QUEUE_WORDS, init=[])
            m.submodules[f"column_{number}"] = ram
            write = ram.write_port()
            read = ram.read_port()
            m.d.comb += [
                write.en.eq(now.close),
                write.addr.eq(queue.back),
                write.data.eq(Cat(own)),
                read.addr.eq(address),
            ]
            drained.append(read.data)
        self._choose(m, drained, queue.group, queue.zero)
        return m


class RamAccumulators(Accumulators):
    """One adder per lane over banks of LUT RAM, for events of several words.

    A word is read in one cycle, added and written back in the next. As an event has two words or more, no
    word is read before it is written. `close` advances to the next bank. The lanes that are drained together
    share a RAM, a column.
    """

    def elaborate(self, platform: object) -> Module:
        m = Module()
        config, bits = self._config, self._bits
        now, soon = self._work(m)
        columns = config.lanes // config.update_lanes
        words = config.words(self._n)
        index = index_shape(words)

        # Every event writes every word, so one bit tells whether the content of a bank is of this
        # step (an event was added) or of an earlier one (then it counts as zeros).
        empty, next_empty = Signal(init=1), Signal(name="next_empty", init=1)
        m.d.sync += [
            empty.eq(next_empty),
            next_empty.eq(soon.close | (next_empty & ~(soon.add & soon.final))),
        ]
        queue = self._queue(m, now, soon, empty)

        # The drain goes column by column, then word by word.
        word = Signal(index)
        column = Signal(index_shape(columns))
        row_done = column == columns - 1
        with m.If(queue.transfer):
            m.d.sync += [
                column.eq(Mux(queue.final | row_done, 0, column + 1)),
                word.eq(Mux(queue.final, 0, word + row_done)),
            ]
        place = delayed(m, Cat(word, queue.front), 1)

        drained = []
        for number in range(columns):
            terms = self.terms[number * config.update_lanes : (number + 1) * config.update_lanes]
            depth = banks(words) << index.width
            ram = memory.Memory(shape=unsigned(config.update_lanes * bits), depth=depth, init=[])
            m.submodules[f"column_{number}"] = ram
            old = ram.read_port(domain="comb")
            drain = ram.read_port()
            write = ram.write_port()
            # the reset of a register gives the zero for the first event
            held = Signal(config.update_lanes * bits, reset_less=True, name=f"held_{number}")
            m.d.sync += held.eq(Mux(next_empty, 0, old.data))
            sums = [(total + term)[:bits] for total, term in zip(lanes_of(held, bits), terms, strict=True)]
            m.d.comb += [
                old.addr.eq(Cat(soon.word, queue.next_back)),
                write.addr.eq(Cat(now.word, queue.back)),
                write.en.eq(now.add),
                write.data.eq(Cat(sums)),
                drain.addr.eq(place),
            ]
            drained.append(drain.data)
        self._choose(m, drained, column, queue.zero)
        return m

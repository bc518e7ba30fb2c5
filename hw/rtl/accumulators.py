"""Double-buffered sums of a time step: in registers, or in LUT RAM where an event has several words."""

from __future__ import annotations

from amaranth.hdl import Cat, Const, Module, Mux, Signal, signed, unsigned
from amaranth.lib import data, memory, stream, wiring
from amaranth.lib.wiring import In, Out

from hw.config import StageConfig
from hw.rtl.arithmetic import lanes_of, selected
from hw.rtl.events import currents_layout, index_shape


def word_layout(words: int) -> data.StructLayout:
    """What the accumulators are to do in a cycle.

    ``add``    add the terms to the sums of `word`
    ``word``   index of the word of `lanes` neurons
    ``final``  the word is the last one of its event
    ``close``  the step is complete: hand its sums over; never together with `add`
    ``last``   of `close`: the sample is complete
    """
    return data.StructLayout({"add": 1, "word": index_shape(words), "final": 1, "close": 1, "last": 1})


class Accumulators(wiring.Component):
    """Base of the two forms: ports only.

    `close` takes effect with the transfer of the last group of the step before, or later. The first event
    of a step is stored and not added, so nothing is ever cleared.

    Latency: currents are offered two cycles after `close` comes. Throughput: one word per cycle.

    Members
    -------
    control : In(word_layout)
        What to do in the next cycle.
    terms : In(signed(term_bits)).array(lanes)
        Terms of the word of this cycle, lowest neuron first.
    o : Out stream of `currents_layout`
        All groups of a closed step, without a gap.
    drained : Out(1)
        A `close` that is `lead` cycles away, counted from the next one, finds the last group taken.

    Parameters
    ----------
    n : int
        Neurons.
    config : StageConfig
    term_bits, sum_bits : int
        Width of a term, and of a sum, which wraps.
    lead : int
        Cycles, 0 or more. A drain runs through once it has begun, so that its end is known before.
    """

    def __init__(self, n: int, config: StageConfig, term_bits: int, sum_bits: int, lead: int) -> None:
        self._n, self._config, self._bits, self._lead = n, config, sum_bits, lead
        super().__init__(
            {
                "control": In(word_layout(config.words(self._n))),
                "terms": In(signed(term_bits)).array(config.lanes),
                "o": Out(stream.Signature(currents_layout(config.update_lanes, sum_bits))),
                "drained": Out(1),
            }
        )

    def _now(self, m: Module) -> data.View[data.StructLayout]:
        """What to do in this cycle."""
        now = Signal(self.control.shape())
        m.d.sync += now.eq(self.control)
        return now

    def _drain(self, m: Module, now: data.View[data.StructLayout]) -> Signal:
        """Offer every group of a closed step; gives the signal of a transfer."""
        groups = self._config.groups(self._n)
        valid = Signal()
        last = Signal()
        transfer = Signal()
        group = Signal(index_shape(groups))
        m.d.comb += [
            self.o.valid.eq(valid),
            self.o.payload.last.eq(last),
            transfer.eq(valid & self.o.ready),
            self.drained.eq(transfer & (group == max(0, groups - 2 - self._lead))),
        ]
        with m.If(now.close):
            m.d.sync += [valid.eq(1), last.eq(now.last), group.eq(0)]
        with m.Elif(transfer & (group == groups - 1)):
            m.d.sync += valid.eq(0)
        with m.Elif(transfer):
            m.d.sync += group.eq(group + 1)
        return transfer


class RegisterAccumulators(Accumulators):
    """One adder and two registers per neuron, for events of one word.

    The second register is loaded by `close` and shifts the sums out, `update_lanes` at a
    time. Needs no memory and no multiplexer, but two flip-flops per bit of every sum.
    """

    def elaborate(self, platform: object) -> Module:
        m = Module()
        config, bits, now = self._config, self._bits, self._now(m)

        # `empty` says that the step has no event yet: what the sums hold is of an earlier step.
        transfer = self._drain(m, now)
        empty = Signal(init=1)
        with m.If(now.close):
            m.d.sync += empty.eq(1)
        with m.Elif(now.add):
            m.d.sync += empty.eq(0)

        n, width = self._n, config.update_lanes
        shape = signed(bits)
        sums = [Signal(shape, name=f"sum_{i}", reset_less=True) for i in range(n)]
        drain = [Signal(shape, name=f"drain_{i}", reset_less=True) for i in range(n)]
        for total, term in zip(sums, self.terms, strict=True):
            with m.If(now.add):
                m.d.sync += total.eq(Mux(empty, 0, total) + term)
        for index, (total, out) in enumerate(zip(sums, drain, strict=True)):
            with m.If(now.close):
                m.d.sync += out.eq(Mux(empty, 0, total))
            if index + width < n:
                with m.Elif(transfer):
                    m.d.sync += out.eq(drain[index + width])
        m.d.comb += self.o.payload.sums.eq(Cat(drain[:width]))
        return m


class RamAccumulators(Accumulators):
    """One adder per lane over two banks of LUT RAM, for events of several words.

    A word is read in one cycle, added and written back in the next. As an event has two words or more, none
    is read before it is written. `close` swaps the banks. The lanes that are drained together share a RAM, a
    column.
    """

    def elaborate(self, platform: object) -> Module:
        m = Module()
        config, bits, now = self._config, self._bits, self._now(m)
        columns = config.lanes // config.update_lanes
        index = index_shape(config.words(self._n))

        # Every event touches every word, so one bit per bank tells whether its content is of this
        # step (an event was added) or of an earlier one (then it stands for zeros).
        transfer = self._drain(m, now)
        bank = Signal()
        empty = Signal(init=1)
        zero = Signal()
        next_bank = Signal()
        next_empty = Signal()
        m.d.comb += [
            next_bank.eq(bank ^ now.close),
            next_empty.eq(now.close | (empty & ~(now.add & now.final))),
        ]
        m.d.sync += [bank.eq(next_bank), empty.eq(next_empty)]
        with m.If(now.close):
            m.d.sync += zero.eq(empty)

        # Drained is column by column, then word by word; a port reads one transfer ahead.
        word = Signal(index)
        column = Signal(index_shape(columns))
        next_word = (word + 1)[: index.width]
        row_done = Signal()
        m.d.comb += row_done.eq(transfer & (column == columns - 1))
        with m.If(now.close):
            m.d.sync += [word.eq(0), column.eq(0)]
        with m.Elif(row_done):
            m.d.sync += [word.eq(next_word), column.eq(0)]
        with m.Elif(transfer):
            m.d.sync += column.eq(column + 1)

        drained = []
        for number in range(columns):
            terms = self.terms[number * config.update_lanes : (number + 1) * config.update_lanes]
            ram = memory.Memory(shape=unsigned(config.update_lanes * bits), depth=2 << index.width, init=[])
            m.submodules[f"column_{number}"] = ram
            old = ram.read_port(domain="comb")
            drain = ram.read_port()
            write = ram.write_port()
            # the zero of the first event is the reset of a register
            held = Signal(config.update_lanes * bits, reset_less=True, name=f"held_{number}")
            m.d.sync += held.eq(Mux(next_empty, 0, old.data))
            sums = [(total + term)[:bits] for total, term in zip(lanes_of(held, bits), terms, strict=True)]
            m.d.comb += [
                old.addr.eq(Cat(self.control.word, next_bank)),
                write.addr.eq(Cat(now.word, bank)),
                write.en.eq(now.add),
                write.data.eq(Cat(sums)),
                drain.en.eq(now.close | row_done),
                drain.addr.eq(Mux(now.close, Cat(Const(0, index), bank), Cat(next_word, ~bank))),
            ]
            drained.append(drain.data)
        m.d.comb += self.o.payload.sums.eq(Mux(zero, 0, selected(drained, column)))
        return m

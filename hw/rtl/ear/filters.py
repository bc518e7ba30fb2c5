"""The filter bank of the ear: every second-order section of every channel, shared by a few multipliers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

from amaranth.hdl import Cat, Module, Mux, ShapeLike, Signal, Value, signed, unsigned
from amaranth.lib import data, memory, stream, wiring
from amaranth.lib.data import StructLayout, View
from amaranth.lib.wiring import In, Out

from fxp_model.ear.spec import SAMPLE_BITS, EarSpec
from hw.rtl.arithmetic import lanes_of, scaled
from hw.rtl.banks import RAM_STYLE
from hw.rtl.ear.envelopes import Envelopes
from hw.rtl.ear.schedule import ROUND, Schedule
from hw.rtl.pipeline import delayed

Tag: TypeAlias = "View[StructLayout]"
"""What a round or a row is."""


class FilterBank(wiring.Component):
    """Filters, rectifies, and adds up over a millisecond (NUMERICS.md section 11).

    Both states of a section stay where they are, and y(n) takes the place of y(n-2): a cycle reads as many
    states as it multiplies, and nothing is moved. A section's differences are ready as the next section
    wants them, so they are in no memory. Reset clears no state: what no sample has written is read as 0.
    Widths are bounds, so nothing saturates: a sum is kept modulo a power of two that holds all its states.

    Throughput: a sample every `Schedule.cycles` cycles, 2 * channels * sections / multipliers where no row
    of the last group is empty. The last sample of a millisecond waits until the one before is sent.
    Latency: a sample that waits for no other is taken 2 to `TAKEN_AFTER` cycles after it is offered; the
    first envelope is offered `Schedule.cycles` + `ENVELOPE_AFTER` cycles after the last sample of its
    millisecond is taken.

    Parameters
    ----------
    spec : EarSpec
    multipliers : int
        1, 2 or 4.

    Members
    -------
    i : In stream of signed(16)
        Samples; ready comes only after valid.
    restart : In(1)
        The sample that is taken next, after this cycle, is the first of a millisecond: what an incomplete
        one has added up is forgotten.
    closes : Out(1)
        The sample that is taken in this cycle is the last of its millisecond. Envelopes of the one before
        are all transferred.
    o : Out stream of unsigned(envelope_bits)
        Sums of the channels of a millisecond, channel 0 first.

    For benches, plain nets: `probe_valid`, `probe_slot` (see `Schedule.place`) and `probe_states`, of all
    lanes, which are written then.
    """

    TAKEN_AFTER, ENVELOPE_AFTER = 5, 5

    def __init__(self, spec: EarSpec, multipliers: int) -> None:
        self._spec, self._schedule = spec, Schedule(spec, multipliers)
        super().__init__(
            {
                "i": In(stream.Signature(signed(SAMPLE_BITS))),
                "restart": In(1),
                "closes": Out(1),
                "o": Out(stream.Signature(unsigned(spec.envelope_bits))),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        # Cycles since the address of a row: 1 memories answer | 2 states, coefficients | 3 products, input |
        # 4 sum without a2 y2 | 5 y, written | 6 difference, from which the next section makes the input of
        # its cycle 3: 6 + 1 - 3 is ROUND. In cycle 4 the beat is that of cycle 0, and the round is `before`.
        spec, schedule = self._spec, self._schedule
        beat = Signal(range(ROUND))
        m.d.sync += beat.eq(beat + 1)
        m.submodules.envelopes = envelopes = Envelopes(spec, schedule)
        now, heard, step = self._run(m, beat, envelopes)
        before = Signal(schedule.round_layout())
        after = Signal(schedule.round_layout())
        m.d.sync += after.eq(before)
        with m.If(beat == ROUND - 1):
            m.d.sync += before.eq(now)
        nearing = self._row(m, "nearing", before, beat)
        done = self._row(m, "done", after, (beat - 1)[: len(beat)])

        y = [Signal(signed(spec.state_bits), name=f"y_{lane}") for lane in range(schedule.lanes)]
        states = self._states(m, beat, now, heard, done, Cat(y))
        factors, gains = self._coefficients(m, Cat(beat, now.group))
        first = delayed(m, now.first, 2)
        for lane in range(schedule.lanes):
            difference = Signal(signed(spec.state_bits + 1), name=f"difference_{lane}", reset_less=True)
            old = delayed(m, states[-1][lane], 1 + schedule.terms).as_signed()
            m.d.sync += difference.eq(y[lane] - old)
            entering = Mux(first, scaled(step, spec.state_frac_bits), difference)
            products = [own[lane] * factor[lane] for own, factor in zip(states, factors, strict=True)]
            m.d.comb += y[lane].eq(self._section(m, beat, lane, entering, gains[lane], products))

        m.d.comb += [envelopes.nearing.eq(nearing), envelopes.done.eq(done), envelopes.states.eq(Cat(y))]
        wiring.connect(m, envelopes.o, wiring.flipped(self.o))
        probe_valid = Signal()
        probe_slot = Signal(len(done.slot))
        probe_states = Signal(len(Cat(y)))
        m.d.comb += [probe_valid.eq(done.valid), probe_slot.eq(done.slot), probe_states.eq(Cat(y))]
        return m

    def _row(self, m: Module, name: str, of_round: Tag, beat: Value) -> Tag:
        """The row of a round whose first term is at this beat.

        Its low bits are those of the beat, in registers of their own nowhere: so it is plain to tools that a
        memory is not read where it is written.
        """
        schedule, term = self._schedule, beat[: 2 - self._schedule.terms]
        row = Signal(schedule.row_layout(), name=name)
        place = beat[len(term) :]
        m.d.comb += [
            row.valid.eq(of_round.valid & (term == 0)),
            row.slot.eq(Cat(place, of_round.number)),
            row.row.eq(Cat(place, of_round.group)),
            row.final.eq(of_round.final & place.all()),
        ]
        m.d.comb += [row[name].eq(of_round[name]) for name in ("last", "odd", "opening", "closing")]
        return row

    def _run(self, m: Module, beat: Signal, envelopes: Envelopes) -> tuple[Tag, Value, Signal]:
        """Start a sample, take it, and go through its rounds.

        Gives the round; which of y(n-1) and y(n-2) are of a sample that was heard; x(n) - x(n-2), which
        changes at the only time at which no row of this sample or the one before reads it.
        """
        schedule = self._schedule
        now = Signal(schedule.round_layout())
        section = Signal(range(schedule.sections))
        place = Signal(range(self._spec.samples_per_ms))  # in the millisecond, of the sample to come
        closes = place == self._spec.samples_per_ms - 1
        heard = Signal(3)
        m.d.comb += [
            now.first.eq(section == 0),
            now.last.eq(section == schedule.sections - 1),
            now.final.eq(now.number == schedule.rounds - 1),
        ]
        with m.If(beat == ROUND - 1):
            with m.If(now.valid & ~now.final):
                m.d.sync += [now.number.eq(now.number + 1), section.eq(section + 1)]
                with m.If(now.last):
                    m.d.sync += [section.eq(0), now.group.eq(now.group + 1)]
            with m.Else():
                start = self.i.valid & ~(closes & envelopes.sending)
                m.d.sync += [now.valid.eq(start), now.number.eq(0), now.group.eq(0), section.eq(0)]
                with m.If(start):
                    m.d.sync += [now.odd.eq(~now.odd), heard.eq(Cat(1, heard))]

        x = Signal(signed(SAMPLE_BITS))
        x_before = Signal(signed(SAMPLE_BITS))
        step = Signal(signed(SAMPLE_BITS + 1), reset_less=True)
        m.d.comb += [
            self.i.ready.eq(now.valid & (now.number == 0) & (beat == 1)),
            self.closes.eq(self.i.ready & closes),
        ]
        with m.If(self.i.ready):
            m.d.sync += [
                x.eq(self.i.payload),
                x_before.eq(x),
                step.eq(self.i.payload - x_before),
                now.opening.eq(place == 0),
                now.closing.eq(closes),
                place.eq(Mux(closes, 0, place + 1)),
            ]
        with m.If(self.restart):
            m.d.sync += place.eq(0)
        return now, heard[1:], step

    def _states(
        self, m: Module, beat: Signal, now: Tag, heard: Value, done: Tag, y: Value
    ) -> list[list[Value]]:
        """Those that are multiplied in a cycle, y(n-1) before y(n-2), of each lane; in cycle 2."""
        schedule, bits = self._schedule, len(y)
        row = beat[2 - schedule.terms :]
        if schedule.terms == 1:
            # y(n-1), then y(n-2)
            m.submodules.states = states = _block_memory(unsigned(bits), 2 * schedule.slots)
            read, write = states.read_port(), states.write_port()
            m.d.comb += [
                read.addr.eq(Cat(now.odd == beat[0], row, now.number)),
                write.addr.eq(Cat(done.odd, done.slot)),
                write.data.eq(y),
                write.en.eq(done.valid),
            ]
            answers, known = [read.data], [Mux(beat[0], heard[1], heard[0])]
        else:
            reads = []
            for odd in range(2):
                m.submodules[f"states_{odd}"] = states = _block_memory(unsigned(bits), schedule.slots)
                read, write = states.read_port(), states.write_port()
                m.d.comb += [
                    read.addr.eq(Cat(row, now.number)),
                    write.addr.eq(done.slot),
                    write.data.eq(y),
                    write.en.eq(done.valid & (done.odd == odd)),
                ]
                reads.append(read.data)
            swapped = delayed(m, now.odd, 1)
            answers, known = [Mux(swapped, *reads), Mux(swapped, *reads[::-1])], list(heard)
        operands = []
        for index, (answer, real) in enumerate(zip(answers, known, strict=True)):
            operand = Signal(bits, name=f"operand_{index}", reset_less=True)
            m.d.sync += operand.eq(Mux(delayed(m, real, 1), answer, 0))
            operands.append(lanes_of(operand, self._spec.state_bits))
        return operands

    def _coefficients(self, m: Module, address: Value) -> tuple[list[list[Value]], list[Value]]:
        """-a1 and -a2 where the states are that they belong to, and the shift of the input; in cycle 2.

        The least code has no negative, but no stable section has it. Empty lanes have zeros.
        """
        spec, schedule = self._spec, self._schedule
        most = max(spec.shift)
        channels = [((-a1, -a2), most - s) for a1, a2, s in zip(spec.a1, spec.a2, spec.shift, strict=True)]
        channels += [((0, 0), 0)] * (schedule.groups * schedule.rows * schedule.lanes - len(channels))
        layout = data.ArrayLayout(
            data.StructLayout(
                {
                    "factors": data.ArrayLayout(signed(spec.coefficient_bits), schedule.terms),
                    "gain": (most - min(spec.shift)).bit_length(),
                }
            ),
            schedule.lanes,
        )
        words = [
            [
                {"factors": factors[term : term + schedule.terms], "gain": gain}
                for factors, gain in channels[low : low + schedule.lanes]
            ]
            for low in range(0, len(channels), schedule.lanes)
            for term in range(0, 2, schedule.terms)
        ]
        m.submodules.coefficients = coefficients = _block_memory(layout, len(words), words)
        read = coefficients.read_port()
        own = Signal(layout, name="coefficients", reset_less=True)
        m.d.comb += read.addr.eq(address)
        m.d.sync += own.eq(read.data)
        factors = [[lane.factors[term] for lane in own] for term in range(schedule.terms)]
        return factors, [lane.gain for lane in own]

    def _section(
        self, m: Module, beat: Signal, lane: int, entering: Value, gain: Value, products: list[Value]
    ) -> Value:
        """y of what is there in cycle 2; in cycle 5."""
        spec = self._spec
        fraction = spec.coefficient_frac_bits
        shape = signed(fraction + spec.state_bits)

        def register(name: str) -> Signal:
            return Signal(shape, name=f"{name}_{lane}", reset_less=True)

        entered, total = register("entered"), register("total")
        terms = [register(f"product_{term}") for term in range(len(products))]
        m.d.sync += entered.eq(scaled(entering << gain, fraction - max(spec.shift)) + (1 << fraction - 1))
        m.d.sync += [term.eq(product) for term, product in zip(terms, products, strict=True)]
        if len(terms) == 1:
            m.d.sync += total.eq(Mux(beat[0], entered, total) + terms[0])
        else:
            partial, second = register("partial"), register("second")
            m.d.sync += [partial.eq(entered + terms[0]), second.eq(terms[1]), total.eq(partial + second)]
        return total[fraction:].as_signed()


def _block_memory(shape: ShapeLike, depth: int, init: Sequence[object] = ()) -> memory.Memory:
    return memory.Memory(shape=shape, depth=depth, init=init, attrs={RAM_STYLE: "block"})

"""Answers per step: class, score and margin of each, and the word that the detector says."""

from __future__ import annotations

from functools import partial
from unittest import mock

from amaranth.hdl import Array, Const, Module, Mux, Signal, Value
from amaranth.lib import data

from fxp_model.spec import Answer, ReadoutMode
from hw.protocol import ANSWER_BEATS
from hw.rtl import answer_unit, score_unit
from hw.rtl.answer_unit import AnswerUnit
from hw.rtl.detector import DETECTION, Detector
from tb.formal.monitor import Monitor, Property
from tb.formal.rules import Queue, kept
from tb.formal.scores import NARROW, first_of_greatest, stage, sweeps
from tb.harness.planted import Bug


class _Narrow(AnswerUnit):
    def elaborate(self, platform: object) -> Module:
        with (
            mock.patch.object(answer_unit, "SCORE", NARROW),
            mock.patch.object(score_unit, "SCORE", NARROW),
        ):
            return super().elaborate(platform)


def answers(mode: ReadoutMode, n: int, lanes: int, stride: int) -> Monitor:
    """Sweeps as `NeuronUpdate` makes them: whole, apart, no answered one while the unit is occupied."""
    f = Monitor()
    m = f.m
    spec, config = stage(mode, n, lanes, answer=Answer.STEP, stride=stride)
    m.submodules.dut = dut = _Narrow(spec, config)
    now = sweeps(f, dut, spec, config, f.free(1, "last"), dut.due)
    tag = dut.results.tag

    # each step that is `stride` after the one before, or after the start of a sequence, is answered
    step = Signal(range(max(2, stride)))
    due = step == stride - 1
    with m.If(tag.valid & tag.final):
        m.d.sync += step.eq(Mux(tag.last | due, 0, step + 1))

    # an arbitrary beat of an arbitrary answer; a margin without a sign
    winner, which, beat = first_of_greatest(now), f.constant(2, "which"), Signal(range(ANSWER_BEATS))
    f.assume(which < ANSWER_BEATS)
    best = Array(now)[winner]
    second = Mux(winner == 0, NARROW.min_raw, now[0])
    for k, own in enumerate(now[1:], 1):
        second = Mux((winner != k) & (own > second), own, second)
    bits = NARROW.width
    item = Array([winner, best.as_unsigned(), (best - second if n > 1 else Const(0))[:bits]])[which]
    gives = dut.o.valid & dut.o.ready
    with m.If(gives):
        m.d.sync += beat.eq(Mux(beat == ANSWER_BEATS - 1, 0, beat + 1))
    queue = Queue(f, tag.valid & tag.final & due, Value.cast(item)[:bits], gives & (beat == which), 3)
    f.claim(~dut.o.valid | (dut.o.payload.last == (beat == ANSWER_BEATS - 1)))
    here = queue.front & dut.o.valid & (beat == which)
    f.claim(~here | (dut.o.payload.data[:bits] == queue.item))
    f.claim(kept(f, dut.o))
    return f


def detector(n_out: int) -> Monitor:
    """Answers of three beats with any pauses, and numbers that change between them."""
    f = Monitor()
    m, dut = f.m, Detector(n_out)
    m.submodules.dut = dut
    f.observe(dut)
    place = Signal(range(ANSWER_BEATS))
    last = place >= ANSWER_BEATS - 1
    m.d.comb += [
        dut.valid.eq(f.free(1, "valid")),
        dut.beat.data.eq(f.free(32, "data")),
        dut.beat.last.eq(last),
        Value.cast(dut.numbers).eq(f.free(len(Value.cast(dut.numbers)), "numbers")),
    ]
    with m.If(dut.valid):
        m.d.sync += place.eq(Mux(last, 0, place + 1))
    word, margin, told = (
        Signal(dut.word.shape(), reset_less=True),
        Signal(32, reset_less=True),
        f.before(dut.valid & last),
    )
    with m.If(dut.valid & (place == 0)):
        m.d.sync += word.eq(dut.beat.data)
    m.d.sync += margin.eq(dut.beat.data)

    # section 18 of NUMERICS.md in one cycle; the numbers are those of the two cycles after the last beat
    steps, own, gap = f.before(told), f.before(word, True), f.before(margin, True)
    numbers, before = dut.numbers, data.View(DETECTION, f.before(Value.cast(dut.numbers), True))
    leader, held, rest = Signal.like(word), Signal(8), Signal(16, name="rest")
    again = Mux(own == leader, held, 0) + 1
    now = Mux((own != before.silent) & (gap >= before.margin), again, 0)[:8]
    says = steps & (rest == 0) & (now != 0) & (now >= numbers.hold)
    with m.If(steps & (rest != 0)):
        m.d.sync += rest.eq(rest - 1)
    with m.Elif(steps):
        m.d.sync += [leader.eq(own), held.eq(Mux(says, 0, now)), rest.eq(Mux(says, numbers.refractory, 0))]
    f.lemma(held < 255)  # one more has room
    f.claim(dut.said == f.before(says))
    f.claim(~dut.said | (dut.word == f.before(own, True)))
    return f


PROPERTIES = {
    "answers": Property(
        "class, score and margin of every second step of a sequence, in order, of the last membranes",
        partial(answers, ReadoutMode.LAST, 2, 1, 2),
        Bug("answer_unit.py", "Mux(taken.last | due, 0, step + 1)", "Mux(due, 0, step + 1)"),
        quick=False,
    ),
    "answers_of_every_step": Property(
        "the same where every step is answered, of three classes in two groups",
        partial(answers, ReadoutMode.LAST, 3, 2, 1),
        Bug("answer_unit.py", "second.eq(Mux(first, SCORE.min_raw, best))", "second.eq(best)"),
        quick=False,
    ),
    "detector": Property(
        "section 18 of NUMERICS.md for all numbers, and for all answers; a word is said in the third cycle",
        partial(detector, 3),
        Bug("detector.py", "Mux(heard == leader, held, 0)", "held"),
    ),
}

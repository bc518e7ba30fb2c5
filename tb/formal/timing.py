"""The timer of answers per step: the cycles of every answer, and whether anything is in flight."""

from __future__ import annotations

from functools import partial
from unittest import mock

from amaranth.hdl import Array, Cat, Const, Module, Mux, Signal, Value
from amaranth.lib import memory

from hw.protocol import ANSWER_BEATS
from hw.rtl import answer_timer
from hw.rtl.answer_timer import AnswerTimer
from tb.formal.monitor import Monitor, Property
from tb.harness.planted import Bug

DEPTH = 4
SHORTEST = 4
"""Cycles from the marker of a step to the last beat of its answer, at least; a core needs more."""


CLOCK = 3
"""Bits of the time: with 32 bits the solvers do not come to an end."""


class _Narrow(AnswerTimer):
    def elaborate(self, platform: object) -> Module:
        zeros = Const(0, 32 - CLOCK)
        with mock.patch.object(answer_timer, "Cat", lambda now, both: Cat(now, zeros, both)):
            return super().elaborate(platform)

    def _times(self, m: Module, bits: int) -> tuple[Signal, Signal, memory.Memory]:
        cycles, _, starts = super()._times(m, bits)
        return cycles, Signal(CLOCK, name="now"), starts


def timer(stride: int, slots: int) -> Monitor:
    """Beats with any markers, answers that leave when they like, restarts and clears at any time."""
    f = Monitor()
    m, dut = f.m, f.component(_Narrow(DEPTH, stride, slots))

    def kept(value: Value, width: int, name: str) -> Signal:
        """A register, until a restart."""
        signal = Signal(width, name=name)
        m.d.sync += signal.eq(Mux(dut.restart, 0, value))
        return signal

    # each step that is `stride` after the one before, or after the start, is answered
    f.assume(~dut.taken | ~dut.taken_last | dut.markers.any())
    markers = [dut.taken & marker for marker in dut.markers]
    step, asks = Signal(range(stride)), []
    at: Value = step
    for marker in markers:
        asks.append(marker & (at == stride - 1))
        at = Mux(marker, Mux(at == stride - 1, 0, at + 1), at)
    m.d.sync += step.eq(Mux(dut.restart | (dut.taken & dut.taken_last), 0, at))
    steps = Signal(range(2 * DEPTH))
    after = steps + sum(markers[1:], markers[0]) - dut.swept
    m.d.sync += steps.eq(Mux(dut.restart, 0, after))
    f.assume(dut.restart | ((after >= 0) & (after < 2 * DEPTH)))

    # answers leave in order, those of a beat one after the other
    entered = sum(asks[1:], asks[0])
    oldest, newest = (Signal(range(DEPTH), name=name) for name in ("oldest", "newest"))
    pairs, half = Array(Signal(name=f"pair_{index}") for index in range(DEPTH)), Signal()
    leaves = dut.ends & (half | ~pairs[oldest])
    m.d.sync += [
        half.eq(~dut.restart & (half ^ (dut.ends & pairs[oldest]))),
        oldest.eq(Mux(dut.restart, 0, oldest + leaves)),
        newest.eq(Mux(dut.restart, 0, newest + (entered != 0))),
    ]
    with m.If(entered != 0):
        m.d.sync += pairs[newest].eq(entered == 2)
    # some cycles after they entered, and not in one; only `DEPTH` - 1 beats may wait for theirs
    settled: Value = newest
    for index in range(SHORTEST - 1):
        settled = kept(settled, len(newest), f"settled_{index}")
    f.assume(~dut.ends | (settled != oldest))
    ended = dut.ends
    for _ in range(ANSWER_BEATS - 1):
        ended = f.before(ended)
        f.assume(~(dut.ends & ended))
    f.assume(dut.restart | (entered == 0) | ((newest + 1 - oldest - leaves)[: len(newest)] != 0))
    f.claim(dut.busy == ((newest != oldest) | (steps != 0)))

    # the marked answer: its cycles stay until those of another one, or a clear
    waits, second, place = Signal(), Signal(name="second"), Signal.like(newest, name="place")
    now, start = Signal(CLOCK), Signal(CLOCK, name="start")
    m.d.sync += now.eq(now + 1)
    which = f.free(1, "second")
    goes = waits & dut.ends & (place == oldest) & (half == second)
    with m.If((entered > which) & f.free(1, "marks")):
        m.d.sync += [waits.eq(~dut.restart), second.eq(which), place.eq(newest), start.eq(now + 1)]
    with m.Elif(goes | dut.restart):
        m.d.sync += waits.eq(0)
    past, known, cycles = Signal(4), Signal(reset_less=True), Signal(CLOCK, reset_less=True)
    m.d.sync += past.eq(Mux(dut.clear, 0, Cat(dut.ends, goes, past[:2])))
    began = f.before(f.before(start, True), True)
    with m.If(dut.clear):
        m.d.sync += [cycles.eq(0), known.eq(1)]
    with m.Elif(past[2]):
        # from the first to the last cycle, which is two cycles ago
        m.d.sync += [cycles.eq(now - began), known.eq(past[3])]
    f.claim(~known | (dut.cycles[:CLOCK] == cycles))
    return f


PROPERTIES = {
    "answer_timer": Property(
        "the cycles of every answer, two of a beat too, until the next one or a clear; busy while any is due",
        partial(timer, 1, 2),
        Bug("answer_timer.py", "over = self.ends & (again | ~read.data[32])", "over = self.ends"),
    ),
    "answer_timer_strides": Property(
        "the same of an answer for every third step, while up to seven steps are under way",
        partial(timer, 3, 2),
        Bug("answer_timer.py", "Signal(range(2 * self._depth))", "Signal(range(self._depth))"),
    ),
}

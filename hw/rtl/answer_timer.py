"""Measures the cycles of an answer, from the marker of its step to its last beat out."""

from __future__ import annotations

from amaranth.hdl import Cat, Const, Module, Mux, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from hw.rtl.sample_timer import SampleTimer


class AnswerTimer(SampleTimer):
    """`SampleTimer` for answers per step, whose start is the transfer of the marker of an answered step.

    As two steps may end in one beat, one start may be that of two answers. Steps are counted, too, as those
    without an answer are in flight as well. All counts of time are modulo 2**32.

    Parameters
    ----------
    depth : int
        A power of two, above the number of answers that can be in flight.
    stride : int
        Steps from one answer to the next.
    slots : int
        Words per beat, 1 or 2.

    Members
    -------
    taken, taken_last : In(1)
        A beat entered; it ends its sequence.
    markers : In(slots)
        Words of that beat that end a step.
    swept : In(1)
        The readout has the results of a step.
    ends : In(1)
        The last beat of an answer left.
    restart : In(1)
        Discard what is in flight, and a beat that enters.
    clear : In(1)
        Set `cycles` to 0, also for an answer that has just ended. It has no other reset.
    cycles : Out(32)
        Of the last answer, both ends included, modulo 2**32.
    busy : Out(1)
        A step or an answer is in flight.
    """

    def __init__(self, depth: int, stride: int, slots: int) -> None:
        self._depth, self._stride, self._slots = depth, stride, slots
        wiring.Component.__init__(
            self,
            {
                **{name: In(1) for name in ("taken", "taken_last", "swept", "ends", "restart", "clear")},
                "markers": In(slots),
                "cycles": Out(32),
                "busy": Out(1),
            },
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        shared = self._stride == 1 and self._slots == 2
        cycles, now, starts = self._times(m, 33 if shared else 32)
        write = starts.write_port()
        read = starts.read_port()

        # Of two steps in a beat, both are answered only if all are; the second has the first one's start.
        number = sum(self.markers[1:], self.markers[0])
        step, count = Signal(range(self._stride)), Signal(range(self._stride + 2), name="count")
        answers, begins = Signal(), Signal(name="begins")
        m.d.comb += [
            count.eq(step + number),
            answers.eq(count >= self._stride),
            begins.eq(self.taken & answers),
        ]
        over = self.ends
        if shared:
            again = Signal()
            both = Signal()
            m.d.sync += both.eq(self.markers.all())
            m.d.comb += write.data.eq(Cat(now, both))
            over = self.ends & (again | ~read.data[32])
            with m.If(self.ends):
                m.d.sync += again.eq(~over)
            with m.If(self.restart):
                m.d.sync += again.eq(0)
        else:
            m.d.comb += write.data.eq(now)

        newest = Signal(range(self._depth))
        in_flight = Signal(range(2 * self._depth))
        m.d.comb += self.busy.eq((newest != read.addr) | in_flight.any())
        m.d.sync += [
            now.eq(now + 1),
            newest.eq(newest + begins),
            write.en.eq(begins),
            write.addr.eq(newest),
            read.addr.eq(read.addr + over),
            in_flight.eq(in_flight + Mux(self.taken, number, Const(0)) - self.swept),
        ]
        with m.If(self.taken):
            m.d.sync += step.eq(Mux(self.taken_last, 0, Mux(answers, count - self._stride, count)))
        with m.If(self.restart):
            m.d.sync += [step.eq(0), newest.eq(0), read.addr.eq(0), in_flight.eq(0)]
        self._measure(m, cycles, now, read)
        return m

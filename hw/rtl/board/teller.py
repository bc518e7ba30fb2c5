"""Tells a person the answers of a core, in lines of text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import gcd

from amaranth.hdl import Cat, Const, Module, Mux, Signal, Value, signed
from amaranth.lib import data, memory, stream, wiring
from amaranth.lib.fifo import SyncFIFO
from amaranth.lib.wiring import In, Out

from fxp_model.encoding import check_limit
from fxp_model.spec import SCORE
from hw.rtl.arithmetic import selected
from hw.rtl.board.packets import SENT
from hw.rtl.events import index_shape

LINES = 2
"""Lines that wait, the one that is being sent included."""
NAME_BYTES = 63
"""Of the longest name, in UTF-8."""
DIGITS = 10
"""Of 32 bits."""
BEAT = data.StructLayout({"valid": 1, "ready": 1, "last": 1, "data": SCORE.width})
"""What is at `m_axis` in a cycle."""


def name_bytes(names: Sequence[str]) -> list[bytes]:
    """The names of classes in UTF-8; `InputError` where one is longer than `NAME_BYTES`."""
    coded = [name.encode() for name in names]
    for index, name in enumerate(coded):
        what, limit = f"bytes of the name of class {index}", f"at most {NAME_BYTES}"
        check_limit(what, len(name), len(name) <= NAME_BYTES, limit)
    return coded


class Teller(wiring.Component):
    """A line for each answer: name of the class, its score, its distance to the second best score, seconds.

    Digits are found by subtracting powers of ten, as often as they fit: slow, small, and still much faster
    than a line is sent.

    Parameters
    ----------
    names : sequence of str
        Of the classes.
    clock_hz : int

    Members
    -------
    i : In(BEAT)
        Is only observed.
    on : In(1)
        Answers that end in this cycle are told.
    o : Out stream of SENT
    """

    def __init__(
        self, names: Sequence[str], clock_hz: int, more: Mapping[str, wiring.Member] | None = None
    ) -> None:
        self._names, self._clock_hz = name_bytes(names), clock_hz
        super().__init__({"i": In(BEAT), "on": In(1), "o": Out(stream.Signature(SENT)), **(more or {})})

    def elaborate(self, platform: object) -> Module:
        m = Module()
        classes = index_shape(len(self._names))
        line = data.StructLayout(
            {"score": signed(SCORE.width), "margin": SCORE.width, "time": 32, "class": classes}
        )
        m.submodules.lines = lines = SyncFIFO(width=line.size, depth=LINES)
        told, kept = Signal(line), data.View(line, lines.r_data)

        beat, now, enabled = Signal(BEAT), Signal(32), Signal()
        m.d.sync += [beat.eq(self.i), now.eq(self._hundredths(m)), enabled.eq(self.on)]
        m.d.comb += [
            told.time.eq(now),
            lines.w_data.eq(told),
            lines.w_en.eq(self._tell(m, beat, told) & enabled),
        ]
        self._write(m, lines, kept)
        return m

    def _tell(self, m: Module, beat: data.View, told: data.View) -> Value:
        """A line of what was at `m_axis` in the cycle before, without its time, and whether it is there.

        A pause within an answer ends it.
        """
        best, second = Signal(signed(SCORE.width)), Signal(signed(SCORE.width), name="second")
        first, score = Signal(init=1), beat.data.as_signed()
        taken = beat.valid & beat.ready
        with m.If(~beat.valid | (taken & beat.last)):
            m.d.sync += first.eq(1)
        with m.Elif(taken):
            m.d.sync += first.eq(0)
            with m.If(first | (score > best)):
                m.d.sync += [best.eq(score), second.eq(Mux(first, SCORE.min_raw, best))]
            with m.Elif(score > second):
                m.d.sync += second.eq(score)
        m.d.comb += [
            told.score.eq(best),
            told.margin.eq(best - second if len(self._names) > 1 else 0),
            told["class"].eq(beat.data),
        ]
        return taken & beat.last

    def _hundredths(self, m: Module) -> Signal:
        """Whole hundredths of a second since reset: of n cycles, floor(100 n / clock_hz)."""
        common = gcd(100, self._clock_hz)
        step, period = 100 // common, self._clock_hz // common
        part, total = Signal(range(period)), Signal(32, name="total")
        with m.If(part >= period - step):
            m.d.sync += [part.eq(part - (period - step)), total.eq(total + 1)]
        with m.Else():
            m.d.sync += part.eq(part + step)
        return total

    def _write(self, m: Module, lines: SyncFIFO, line: data.View) -> None:
        """Write the first of the lines that wait."""
        stride = 1 << max(map(len, self._names)).bit_length()
        rows = [byte for name in self._names for byte in name.ljust(stride, b"\0")]
        m.submodules.names = names = memory.Memory(shape=8, depth=len(rows), init=rows)
        read, column = names.read_port(), Signal(range(stride))
        number, place = Signal(range(3)), Signal(range(DIGITS))
        rest, digit, shown = Signal(SCORE.width), Signal(4), Signal(name="shown")
        byte, sends = Signal(8), Signal(name="sends")
        moves = self.o.valid & self.o.ready
        negative = (number == 0) & (line.score < 0)
        seconds = number == 2
        values = [Mux(line.score < 0, -line.score, line.score)[: SCORE.width], line.margin, line.time]
        power = Signal(SCORE.width)
        m.d.comb += [
            self.o.payload.data.eq(byte),
            self.o.valid.eq(sends),
            read.addr.eq(Cat(column, line["class"])),
            power.eq(selected([Const(10**exponent, SCORE.width) for exponent in range(DIGITS)], place)),
        ]
        with m.FSM():
            with m.State("LOOK"):
                m.d.sync += number.eq(0)
                with m.If(lines.r_rdy):
                    m.next = "NAME"
            with m.State("NAME"):
                m.d.comb += [byte.eq(read.data), sends.eq(read.data.any())]
                with m.If(moves):
                    m.d.sync += column.eq(column + 1)
                    m.next = "LOOK"
                with m.Elif(~sends):
                    m.d.sync += column.eq(0)
                    m.next = "NUMBER"
            with m.State("NUMBER"):
                m.d.comb += [byte.eq(ord(" ")), sends.eq(1)]
                m.d.sync += [
                    rest.eq(selected(values, number)),
                    place.eq(DIGITS - 1),
                    digit.eq(0),
                    shown.eq(0),
                ]
                with m.If(moves):
                    m.next = "DIGIT"
                    with m.If(negative):
                        m.next = "SIGN"
            with m.State("SIGN"):
                m.d.comb += [byte.eq(ord("-")), sends.eq(1)]
                with m.If(moves):
                    m.next = "DIGIT"
            with m.State("DIGIT"):
                with m.If(rest >= power):
                    m.d.sync += [rest.eq(rest - power), digit.eq(digit + 1), shown.eq(1)]
                with m.Elif(shown | (place == 0) | (seconds & (place == 2))):
                    m.d.sync += shown.eq(1)
                    m.next = "SHOW"
                with m.Else():
                    m.d.sync += place.eq(place - 1)
            with m.State("SHOW"):
                m.d.comb += [byte.eq(ord("0") + digit), sends.eq(1)]
                with m.If(moves):
                    m.d.sync += [digit.eq(0), place.eq(place - 1)]
                    m.next = "DIGIT"
                    with m.If(seconds & (place == 2)):
                        m.next = "POINT"
                    with m.If(place == 0):
                        m.d.sync += number.eq(number + 1)
                        m.next = "NUMBER"
                        with m.If(seconds):
                            m.next = "RETURN"
            with m.State("POINT"):
                m.d.comb += [byte.eq(ord(".")), sends.eq(1)]
                with m.If(moves):
                    m.next = "DIGIT"
            with m.State("RETURN"):
                m.d.comb += [byte.eq(ord("\r")), sends.eq(1)]
                with m.If(moves):
                    m.next = "FEED"
            with m.State("FEED"):
                m.d.comb += [byte.eq(ord("\n")), sends.eq(1), self.o.payload.last.eq(1), lines.r_en.eq(moves)]
                with m.If(moves):
                    m.next = "LOOK"

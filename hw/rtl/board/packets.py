"""Packets of the UART line: SLIP frames (RFC 1055), a body, and its CRC-32."""

from __future__ import annotations

from enum import IntEnum

from amaranth.hdl import Cat, Module, Mux, Signal, Value
from amaranth.lib import data, stream, wiring
from amaranth.lib.crc.catalog import CRC32_ISO_HDLC
from amaranth.lib.wiring import In, Out

from hw.rtl.arithmetic import selected
from hw.rtl.board.uart import RECEIVED

END, ESC, ESC_END, ESC_ESC = 0xC0, 0xDB, 0xDC, 0xDD


class Op(IntEnum):
    """What a request asks for; in a reply, `REPLY` is added."""

    HELLO = 0
    READ = 1
    WRITE = 2


REPLY = 0x80
MOST_WORDS = 255
REQUEST = data.StructLayout({"seq": 8, "op": 8, "address": 16, "count": 8})
"""The body of a request up to its words, byte by byte."""
REQUEST_BYTES = 5
ANSWERED = data.StructLayout({"seq": 8, "op": 8, "done": 8})
"""The body of a reply up to its words."""
WORD = data.StructLayout({"valid": 1, "place": 8, "data": 32})
"""A word of a packet, in its place."""
SENT = data.StructLayout({"data": 8, "last": 1})
"""A byte for the line; what follows one that is not `last` comes from the same source."""


class PacketReceiver(wiring.Component):
    """Finds whole and undamaged requests in the bytes of a line.

    The words of a request are given as they come, before it is known whether it is undamaged, so that only
    its beginning is held here. What comes while a request is carried out is damaged, too.

    Latency: `arrived` or `dropped` is up in the cycle of the END behind a packet.
    Throughput: a byte per cycle.

    Members
    -------
    i : In(RECEIVED)
    hold : In(1)
        The last request is being carried out.
    request : Out(REQUEST)
        From `arrived` on while `hold` is up.
    word : Out(WORD)
        Of a request that has not ended, or of its CRC.
    arrived : Out(1)
    dropped : Out(1)
        A packet ended that was damaged.
    """

    def __init__(self) -> None:
        super().__init__(
            {
                "i": In(RECEIVED),
                "hold": In(1),
                "request": Out(REQUEST),
                "word": Out(WORD),
                "arrived": Out(1),
                "dropped": Out(1),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        request = Signal(8 * REQUEST_BYTES, reset_less=True)
        m.d.comb += self.request.as_value().eq(request)

        # SLIP: a byte, or the end of a packet.
        escaped, bad = Signal(), Signal(name="bad")
        byte, there, wrong, ends = Signal(8), Signal(), Signal(name="wrong"), Signal(name="ends")
        code = self.i.data
        m.d.comb += [
            byte.eq(Mux(escaped, Mux(code == ESC_END, END, ESC), code)),
            ends.eq(self.i.valid & ~self.i.broken & (code == END)),
            there.eq(self.i.valid & ~ends & (escaped | (code != ESC))),
            wrong.eq(self.i.broken | self.hold | (escaped & (code != ESC_END) & (code != ESC_ESC))),
        ]
        with m.If(self.i.valid):
            m.d.sync += [escaped.eq(~escaped & (code == ESC) & ~ends), bad.eq(~ends & (bad | wrong))]

        # Its place: in the head, or in a word, of which the last one is the CRC.
        head, part = Signal(range(REQUEST_BYTES + 1)), Signal(2, name="part")
        place = Signal(range(MOST_WORDS + 2))
        word = Signal(24, reset_less=True)
        begun = Signal()
        m.d.comb += [
            begun.eq(head == REQUEST_BYTES),
            self.word.valid.eq(there & begun & (part == 3) & ~self.hold),
            self.word.place.eq(place),
            self.word.data.eq(Cat(word, byte)),
        ]
        with m.If(ends):
            m.d.sync += [head.eq(0), part.eq(0), place.eq(0)]
        with m.Elif(there & ~self.hold & ~begun):
            m.d.sync += [head.eq(head + 1), request.eq(Cat(request, byte)[8:])]
        with m.Elif(there & ~self.hold):
            m.d.sync += [part.eq(part + 1), word.eq(Cat(word, byte)[8:])]
            with m.If(place == MOST_WORDS + 1):
                m.d.sync += bad.eq(1)
            with m.Elif(part == 3):
                m.d.sync += place.eq(place + 1)

        m.submodules.crc = crc = CRC32_ISO_HDLC(data_width=8).create()
        m.d.comb += [crc.start.eq(ends), crc.valid.eq(there), crc.data.eq(byte)]
        good, whole = Signal(), Signal(name="whole")
        m.d.comb += [
            whole.eq(begun & (part == 0) & (place == _words(self.request) + 1)),
            good.eq(whole & _legal(self.request) & crc.match_detected & ~escaped & ~bad & ~self.hold),
            self.arrived.eq(ends & good),
            self.dropped.eq(ends & ~good & ((head != 0) | escaped | bad)),
        ]
        return m


def _words(request: data.View) -> Value:
    return Mux(request.op == Op.WRITE, request.count, 0)


def _legal(request: data.View) -> Value:
    counted = (request.op == Op.READ) | (request.op == Op.WRITE)
    return Mux(request.count == 0, request.op == Op.HELLO, counted)


def _bytes(word: Value) -> list[Value]:
    return [word[low : low + 8] for low in range(0, len(word), 8)]


class PacketSender(wiring.Component):
    """Sends a reply: END, its body with the CRC behind it, END.

    Throughput: a byte per cycle.

    Members
    -------
    start : In(1)
        Send a reply; not while `busy`.
    busy : Out(1)
    answered : In(ANSWERED)
    words : In(8)
        As many follow `answered`; both stay while `busy`.
    place : Out(8)
        Of the word whose content is `word` in the next cycle.
    word : In(32)
    o : Out stream of SENT
    """

    def __init__(self) -> None:
        super().__init__(
            {
                "start": In(1),
                "busy": Out(1),
                "answered": In(ANSWERED),
                "words": In(8),
                "place": Out(8),
                "word": In(32),
                "o": Out(stream.Signature(SENT)),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.submodules.crc = crc = CRC32_ISO_HDLC(data_width=8).create()
        part, sent = Signal(2), Signal(8, name="sent")
        escaped, marks = Signal(), Signal()
        byte, moves = Signal(8), Signal(name="moves")
        special = Signal()
        head, word, check = map(_bytes, (self.answered.as_value(), self.word, crc.crc))
        m.d.comb += [
            special.eq(~marks & ((byte == END) | (byte == ESC))),
            moves.eq(self.o.valid & self.o.ready & (~special | escaped)),
            self.place.eq(sent),
        ]
        with m.If(escaped):
            m.d.comb += self.o.payload.data.eq(Mux(byte == END, ESC_END, ESC_ESC))
        with m.Else():
            m.d.comb += self.o.payload.data.eq(Mux(special, ESC, byte))
        with m.If(self.o.valid & self.o.ready):
            m.d.sync += escaped.eq(special & ~escaped)
        with m.If(moves):
            m.d.sync += part.eq(part + 1)

        m.d.comb += [self.busy.eq(1), self.o.valid.eq(1)]
        with m.FSM():
            with m.State("IDLE"):
                m.d.comb += [self.busy.eq(0), self.o.valid.eq(0), crc.start.eq(1)]
                m.d.sync += [part.eq(0), sent.eq(0)]
                with m.If(self.start):
                    m.next = "BEGIN"
            with m.State("BEGIN"):
                m.d.comb += [byte.eq(END), marks.eq(1)]
                with m.If(moves):
                    m.d.sync += part.eq(0)
                    m.next = "HEAD"
            with m.State("HEAD"):
                m.d.comb += [byte.eq(selected(head, part)), crc.valid.eq(moves)]
                with m.If(moves & (part == len(head) - 1)):
                    m.d.sync += part.eq(0)
                    m.next = "WORD"
            with m.State("WORD"):
                m.d.comb += [
                    byte.eq(selected(word, part)),
                    crc.valid.eq(moves),
                    self.o.valid.eq(sent != self.words),
                ]
                with m.If(sent == self.words):
                    m.next = "CRC"
                with m.Elif(moves & (part == 3)):
                    m.d.comb += self.place.eq(sent + 1)
                    m.d.sync += sent.eq(sent + 1)
            with m.State("CRC"):
                m.d.comb += byte.eq(selected(check, part))
                with m.If(moves & (part == 3)):
                    m.next = "END"
            with m.State("END"):
                m.d.comb += [byte.eq(END), marks.eq(1), self.o.payload.last.eq(1)]
                with m.If(moves):
                    m.next = "IDLE"
        m.d.comb += crc.data.eq(byte)
        return m

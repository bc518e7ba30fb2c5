"""Events in and answers out, through registers."""

from __future__ import annotations

from amaranth.hdl import Cat, Const, Module, Mux, ResetInserter, Signal, Value
from amaranth.lib import memory, stream, wiring
from amaranth.lib.fifo import SyncFIFOBuffered
from amaranth.lib.wiring import In, Out

from fxp_model import __version__
from hw import mailbox_registers as registers
from hw.mailbox_registers import EVENT_ROOM
from hw.registers import ADDRESS_BITS, version_word
from hw.rtl.axi_lite import OKAY, AxiLite, axi_lite_signature
from hw.rtl.counter import Counter
from hw.rtl.input_decoder import beat_layout
from hw.rtl.pipeline import delayed
from hw.rtl.register_file import among, answer, written

ANSWER_ROOM = 512
"""Words of answers that wait, at least: a block RAM of the smallest kind of most devices."""


class Mailbox(wiring.Component):
    """Two queues between AXI4-Lite and the AXI4-Streams of a core (`hw.mailbox_registers`).

    Words for the core wait in one, whole answers in the other: what a host can read never is a part of an
    answer, and one that is dropped is dropped as a whole. A core sends an answer without a pause. So a pause
    within one says that the core was reset, and what was there of it is forgotten.

    Throughput: a beat per cycle on the streams; of the bus, that of `AxiLite`.

    Parameters
    ----------
    words : int
        Of an answer.
    clock_hz : int
    waits : bool
        `MODE` WAIT after a reset.

    Members
    -------
    bus : In(axi_lite_signature)
    o : Out stream of `beat_layout`
        To `s_axis` of a core.
    i : In stream of `beat_layout`
        From `m_axis` of a core.
    text : Out(1)
        `MODE` TEXT.
    clear : Out(1)
        The host clears.
    line_error : In(1)
        To be counted.
    """

    def __init__(self, words: int, clock_hz: int, waits: bool) -> None:
        self._words, self._clock_hz, self._waits = words, clock_hz, waits
        super().__init__(
            {
                "bus": In(axi_lite_signature(ADDRESS_BITS)),
                "o": Out(stream.Signature(beat_layout())),
                "i": In(stream.Signature(beat_layout())),
                "text": Out(1),
                "clear": Out(1, init=1),
                "line_error": In(1),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.submodules.axi_lite = axi_lite = AxiLite(ADDRESS_BITS)
        wiring.connect(m, wiring.flipped(self.bus), axi_lite.bus)
        ones = axi_lite.write_data & axi_lite.write_mask
        m.d.sync += self.clear.eq(written(axi_lite, registers.CONTROL) & ones[0])

        mode = Signal(2, init=2 | self._waits)
        with m.If(written(axi_lite, registers.MODE) & axi_lite.write_mask[0]):
            m.d.sync += mode.eq(axi_lite.write_data)
        m.d.comb += self.text.eq(mode[registers.MODE["TEXT"].low])

        events = self._events(m, axi_lite, ones)
        answers, word, lost = self._answers(m, axi_lite, mode[registers.MODE["WAIT"].low])
        totals = {}
        for register, strobe in ((registers.LOST_ANSWERS, lost), (registers.LINE_ERRORS, self.line_error)):
            m.submodules[register.name.lower()] = counter = Counter(1)
            m.d.comb += [counter.increment.eq(strobe), counter.clear.eq(self.clear)]
            totals[register.name] = counter.total
        write_ok = answer(
            m,
            axi_lite,
            registers.ALL,
            {
                "IDENTITY": Const(registers.IDENTITY_WORD, 32),
                "VERSION": Const(version_word(__version__), 32),
                "CLOCK_HZ": Const(self._clock_hz, 32),
                "CONTROL": Const(0, 32),
                "MODE": mode,
                "ROOM": (EVENT_ROOM - events.w_level)[: EVENT_ROOM.bit_length()],
                "EVENT": Const(0, 32),
                "EVENT_LAST": Const(0, 32),
                "ANSWERS": answers,
                "ANSWER": word,
                **totals,
            },
        )
        asked = among((registers.EVENT, registers.EVENT_LAST), axi_lite.write_word)
        m.d.comb += axi_lite.write_ok.eq(write_ok & ~(asked & ~events.w_rdy))
        # whether there is a word is as old as the word itself
        there = delayed(m, answers.any(), 2)
        with m.If(_reads_answer(axi_lite) & ~there):
            m.d.comb += axi_lite.read_ok.eq(0)
        return m

    def _events(self, m: Module, axi_lite: AxiLite, word: Value) -> SyncFIFOBuffered:
        """The queue of words for the core."""
        queue = SyncFIFOBuffered(width=33, depth=EVENT_ROOM)
        m.submodules.events = ResetInserter(self.clear)(queue)
        last = written(axi_lite, registers.EVENT_LAST)
        m.d.comb += [
            queue.w_data.eq(Cat(word, last)),
            queue.w_en.eq(written(axi_lite, registers.EVENT) | last),
            self.o.payload.eq(queue.r_data),
            self.o.valid.eq(queue.r_rdy),
            queue.r_en.eq(self.o.ready),
        ]
        return queue

    def _answers(self, m: Module, axi_lite: AxiLite, waits: Value) -> tuple[Value, Value, Value]:
        """How many wait, the next word, and whether one is dropped in this cycle.

        Room is taken by an answer when it has come, and given back when it has been read.
        """
        size, i, bus = self._words, self.i, axi_lite.bus
        depth = max(ANSWER_ROOM, 1 << (size - 1).bit_length())
        m.submodules.answers = ram = memory.Memory(shape=32, depth=depth, init=[])
        write, read = ram.write_port(), ram.read_port()

        # An answer is written behind `begin`, where the next one begins when this one is whole.
        room, waiting = Signal(range(depth + 1), init=depth), Signal(range(depth // size + 1))
        begin, place = Signal(range(depth)), Signal(range(depth), name="place")
        within, keeps = Signal(), Signal(name="keeps")
        fits, kept, taken, comes = Signal(), Signal(), Signal(), Signal()
        m.d.comb += [
            fits.eq(room >= size),
            kept.eq(Mux(within, keeps, fits)),
            i.ready.eq(within | fits | ~waits),
            taken.eq(i.valid & i.ready),
            comes.eq(taken & i.payload.last & kept),
            write.en.eq(taken & kept),
            write.addr.eq(place),
            write.data.eq(i.payload.data),
        ]
        with m.If(taken):
            m.d.sync += [within.eq(~i.payload.last), keeps.eq(kept)]
        with m.Elif(~i.valid):
            m.d.sync += within.eq(0)
        with m.If(write.en):
            m.d.sync += place.eq(place + 1)
        with m.Elif(~i.valid):
            m.d.sync += place.eq(begin)
        with m.If(comes):
            m.d.sync += begin.eq(place + 1)

        # The host takes a word with the answer to its read.
        head, column, reads, leaves = Signal(range(depth)), Signal(range(size)), Signal(), Signal()
        m.d.comb += [
            reads.eq(bus.rvalid & bus.rready & (bus.rresp == OKAY) & _reads_answer(axi_lite)),
            leaves.eq(reads & (column == size - 1)),
            read.addr.eq(head),
        ]
        with m.If(reads):
            m.d.sync += [head.eq(head + 1), column.eq(Mux(leaves, 0, column + 1))]
        m.d.sync += [
            room.eq(room - Mux(comes, size, 0) + Mux(leaves, size, 0)),
            waiting.eq(waiting + comes - leaves),
        ]
        with m.If(self.clear):
            m.d.sync += [register.eq(0) for register in (begin, place, keeps, head, column, waiting)]
            m.d.sync += room.eq(depth)
        return waiting, read.data, taken & ~within & ~fits


def _reads_answer(axi_lite: AxiLite) -> Value:
    return axi_lite.read_word == registers.ANSWER.offset // 4

"""Takes a network from the host, word by word, and replaces the running one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from amaranth.hdl import Cat, Const, Module, Mux, Signal, Value
from amaranth.lib import wiring
from amaranth.lib.crc.catalog import CRC32_ISO_HDLC
from amaranth.lib.wiring import In, Out

from hw.rtl.arithmetic import selected
from hw.rtl.banks import LOAD, WORD, pieces
from hw.rtl.events import index_shape


class Region(NamedTuple):
    """A memory that is loaded: the stage and part it belongs to, and its shape."""

    stage: int
    part: int
    rows: int
    width: int

    @property
    def words(self) -> int:
        """Words from the host that fill it."""
        return self.rows * pieces(self.width)


class Loader(wiring.Component):
    """Writes words to the bank that is not in use, and swaps the banks between two samples.

    Words come in a fixed order, memory by memory, so they need no addresses, and all have arrived
    when the last one has. A commit brings their CRC-32. If words are missing or too many, or the
    CRC differs, nothing changes; otherwise the banks are swapped once the input is held and
    no sample is in flight. Until then no more words may be written.

    No reset changes the bank: the memories keep their content through a reset, and so must the bank.

    Latency: a word is in its memory 2 cycles after `write`.
    Throughput: one word per cycle.

    Parameters
    ----------
    regions : sequence of Region
        In the order of loading.

    Members
    -------
    begin, write, commit : In(1)
        Discard the words written; write `word`; commit, with the CRC-32 in `word`. At most one of them.
    word : In(32)
    held : In(1)
        No beat is taken, and the last one taken ended its sample.
    busy : In(1)
        A sample is in flight, as of a few cycles ago.
    load : Out(LOAD)
    bank : Out(1)
        Bank in use.
    pending : Out(1)
        Committed, and not yet in use.
    wrong_length, wrong_crc : Out(1)
        Why the last commit was refused.
    position : Out(32)
        Number of words written.
    """

    SETTLED = 4
    """Cycles after which `busy` includes every beat before `held`."""

    def __init__(self, regions: Sequence[Region]) -> None:
        self._regions = list(regions)
        super().__init__(
            {
                "begin": In(1),
                "write": In(1),
                "commit": In(1),
                "word": In(WORD),
                "held": In(1),
                "busy": In(1),
                "load": Out(LOAD),
                "bank": Out(1),
                "pending": Out(1),
                "wrong_length": Out(1),
                "wrong_crc": Out(1),
                "position": Out(32),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        regions, load = self._regions, self.load

        # Three counters give the place of the next word.
        region = Signal(range(len(regions) + 1))
        row = Signal(index_shape(max(r.rows for r in regions)))
        piece = Signal(index_shape(max(pieces(r.width) for r in regions)))

        def of_region(values: Sequence[int]) -> Value:
            return selected([Const(value, index_shape(max(values) + 1)) for value in values], region)

        complete, too_many, restart, take = Signal(), Signal(), Signal(), Signal()
        row_done, region_done = Signal(), Signal(name="region_done")
        m.d.comb += [
            complete.eq(region == len(regions)),
            take.eq(self.write & ~complete),
            row_done.eq(piece == of_region([pieces(r.width) - 1 for r in regions])),
            region_done.eq(row_done & (row == of_region([r.rows - 1 for r in regions]))),
            restart.eq(self.begin | self.commit),
        ]
        m.d.sync += [
            load.valid.eq(take),
            load.stage.eq(of_region([r.stage for r in regions])),
            load.part.eq(of_region([r.part for r in regions])),
            load.row.eq(row),
            load.piece.eq(piece),
            load.data.eq(self.word),
        ]
        with m.If(restart):
            m.d.sync += [region.eq(0), row.eq(0), piece.eq(0), self.position.eq(0), too_many.eq(0)]
        with m.Elif(take):
            m.d.sync += [
                piece.eq(Mux(row_done, 0, piece + 1)),
                row.eq(Mux(region_done, 0, row + row_done)),
                region.eq(region + region_done),
                self.position.eq(self.position + 1),
            ]
        with m.Elif(self.write):
            m.d.sync += too_many.eq(1)

        m.submodules.crc = crc = CRC32_ISO_HDLC(data_width=WORD).create()
        m.d.comb += [crc.start.eq(restart), crc.valid.eq(take), crc.data.eq(self.word)]

        wrong_length, wrong_crc = Signal(), Signal(name="wrong_crc")
        m.d.comb += [wrong_length.eq(~complete | too_many), wrong_crc.eq(crc.crc != self.word)]
        settled = Signal(self.SETTLED)
        m.d.sync += settled.eq(Cat(self.held, settled))
        bank = Signal(reset_less=True)
        m.d.comb += self.bank.eq(bank)
        with m.If(self.commit):
            m.d.sync += [
                self.wrong_length.eq(wrong_length),
                self.wrong_crc.eq(~wrong_length & wrong_crc),
                self.pending.eq(~wrong_length & ~wrong_crc),
            ]
        with m.Elif(self.begin):
            m.d.sync += [self.wrong_length.eq(0), self.wrong_crc.eq(0)]
        with m.Elif(self.pending & self.held & settled.all() & ~self.busy):
            m.d.sync += [bank.eq(~bank), self.pending.eq(0)]
        return m

"""The loader: a network replaces another between two samples, as a whole, or not at all."""

from __future__ import annotations

from amaranth.hdl import Cat, Mux, Signal
from amaranth.lib.crc.catalog import CRC32_ISO_HDLC

from hw.rtl.banks import WORD
from hw.rtl.loader import Loader, Region
from tb.formal.monitor import Monitor, Property
from tb.harness.planted import Bug

REGIONS = (Region(0, 0, 3, 5), Region(1, 2, 2, 40))
PLACES = [
    (number, (r.stage, r.part, row, piece))
    for number, r in enumerate(REGIONS)
    for row in range(r.rows)
    for piece in range(r.words // r.rows)
]


def loader() -> Monitor:
    """Any host, as `Control` lets it through: one access at a time, none while a commit waits."""
    f = Monitor()
    m, dut = f.m, f.component(Loader(REGIONS))
    accesses = Cat(dut.begin, dut.write, dut.commit)
    f.assume(accesses == (accesses & -accesses)[:3])
    f.assume((accesses == 0) | ~dut.pending)

    # the place of the next word since the last begin or commit, and the CRC of those before, by Amaranth
    restarts = dut.begin | dut.commit
    region, row, piece = Signal(range(len(REGIONS) + 1)), Signal(2, name="row"), Signal(name="piece")
    more = Signal()
    fits, takes = (region == len(REGIONS)) & ~more, dut.write & (region != len(REGIONS))
    pieces = Mux(region == 0, 1, 2)
    rows = Mux(region == 0, REGIONS[0].rows, REGIONS[1].rows)
    with m.If(restarts):
        m.d.sync += [region.eq(0), row.eq(0), piece.eq(0), more.eq(0)]
    with m.Elif(takes):
        ends_row = piece == pieces - 1
        ends = ends_row & (row == rows - 1)
        m.d.sync += [
            piece.eq(Mux(ends_row, 0, piece + 1)),
            row.eq(Mux(ends, 0, row + ends_row)),
            region.eq(region + ends),
        ]
    with m.Elif(dut.write):
        m.d.sync += more.eq(1)
    m.submodules.crc = crc = CRC32_ISO_HDLC(data_width=WORD).create()
    m.d.comb += [crc.start.eq(restarts), crc.valid.eq(takes), crc.data.eq(dut.word)]
    right = fits & (dut.word == crc.crc)

    # a word of the network goes to its place, and no other word anywhere
    load = dut.load
    f.lemma(
        dut.position
        == sum(
            (
                Mux((region == r) & (row == at[2]) & (piece == at[3]), index, 0)
                for index, (r, at) in enumerate(PLACES)
            ),
            Mux(region == len(REGIONS), len(PLACES), 0),
        )
    )
    f.claim(load.valid == f.before(takes))
    for number, at in PLACES:
        here = f.before(takes & (region == number) & (row == at[2]) & (piece == at[3]))
        f.claim(
            ~here
            | (Cat(load.stage == at[0], load.part == at[1], load.row == at[2], load.piece == at[3]).all())
        )
    f.claim(~load.valid | (load.data == f.before(dut.word, True)))

    # a commit is accepted or refused; the banks change later, with the input held and no sample in flight
    accepted, length, wrong = Signal(), Signal(), Signal(name="wrong")
    still = [dut.held]
    for _ in range(Loader.SETTLED):
        still.append(f.before(still[-1]))
    swaps = accepted & Cat(still).all() & ~dut.busy
    with m.If(dut.commit):
        m.d.sync += [accepted.eq(right), length.eq(~fits), wrong.eq(fits & ~right)]
    with m.Elif(dut.begin):
        m.d.sync += [length.eq(0), wrong.eq(0)]
    with m.Elif(swaps):
        m.d.sync += accepted.eq(0)
    f.claim((dut.pending == accepted) & (dut.wrong_length == length) & (dut.wrong_crc == wrong))
    # no reset changes the bank, nor keeps it from changing
    bank = Signal(reset_less=True)
    with m.If(swaps & ~dut.commit & ~dut.begin):
        m.d.sync += bank.eq(~bank)
    f.claim(dut.bank == bank)
    return f


PROPERTIES = {
    "loader": Property(
        "words go to their places; the banks change only after a whole commit, held and idle",
        loader,
        Bug("loader.py", "pending.eq(~wrong_length & ~wrong_crc)", "pending.eq(~wrong_crc)"),
    ),
}

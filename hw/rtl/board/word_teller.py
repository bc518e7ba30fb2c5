"""Tells a person the words that a detector says, in lines of text."""

from __future__ import annotations

from collections.abc import Sequence

from amaranth.hdl import Module, Signal, Value
from amaranth.lib import data
from amaranth.lib.wiring import In

from fxp_model.spec import SCORE
from hw.rtl.board.teller import Teller
from hw.rtl.events import index_shape


class WordTeller(Teller):
    """`Teller` for answers per step: a line for each word, with the answer that it is said with.

    That answer is kept until its word is said, which is before the margin of the next one has come.

    Parameters
    ----------
    names : sequence of str
        Of the classes.
    clock_hz : int

    Members
    -------
    i : In(BEAT)
        Is only observed.
    said : In(1)
        A word is said, 2 to 4 cycles after the last beat of its answer passed at `i`.
    word : In
        Which, as of `said`.
    on : In(1)
        Words that are said in the next cycle are told.
    o : Out stream of SENT
    """

    def __init__(self, names: Sequence[str], clock_hz: int) -> None:
        super().__init__(names, clock_hz, {"said": In(1), "word": In(index_shape(len(names)))})

    def _tell(self, m: Module, beat: data.View, told: data.View) -> Value:
        """Of the word that is said."""
        passes, score = Signal(), Signal(SCORE.width, reset_less=True)
        m.d.comb += passes.eq(beat.valid & beat.ready)
        with m.If(passes & ~beat.last):  # the class, and then the score
            m.d.sync += score.eq(beat.data)
        kept = Signal(data.StructLayout({"score": SCORE.width, "margin": SCORE.width}), reset_less=True)
        with m.If(passes & beat.last):
            m.d.sync += [kept.score.eq(score), kept.margin.eq(beat.data)]
        m.d.comb += [
            told.score.eq(kept.score),
            told.margin.eq(kept.margin),
            told["class"].eq(self.word),
        ]
        return self.said

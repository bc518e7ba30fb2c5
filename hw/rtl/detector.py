"""Which word was said: the detector of NUMERICS.md section 18."""

from __future__ import annotations

from amaranth.hdl import Module, Mux, Signal
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from fxp_model.detector import MAX_HOLD, MAX_MARGIN, MAX_REFRACTORY
from hw.rtl.events import index_shape
from hw.rtl.input_decoder import beat_layout

NO_SILENT = 1 << 16
"""`silent` where no class means none of the words."""

DETECTION = data.StructLayout(
    {
        "margin": MAX_MARGIN.bit_length(),
        "hold": MAX_HOLD.bit_length(),
        "refractory": MAX_REFRACTORY.bit_length(),
        "silent": NO_SILENT.bit_length(),
    }
)
"""The numbers of `fxp_model.detector.DetectorSpec`; `silent` is a class, or `NO_SILENT`."""


class Detector(wiring.Component):
    """Follows answers per step as they are sent, and tells which word was said.

    It only observes: an answer is what passes in three beats. Its class is kept from the first one; with the
    last one, the margin, the step of section 18 is made in one cycle, after a register.

    Latency: `said` follows the last beat of an answer by 3 cycles.
    Throughput: an answer in 3 cycles.

    Parameters
    ----------
    n_out : int
        Classes.

    Members
    -------
    valid : In(1)
        A beat of an answer passes.
    beat : In(beat_layout)
    numbers : In(DETECTION)
        May change between answers: those of the two cycles after the last beat hold. A `hold` of 0 is
        taken as 1.
    said : Out(1)
        A word was said.
    word : Out
        Which, as of `said`.
    """

    def __init__(self, n_out: int) -> None:
        self._index = index_shape(n_out)
        super().__init__(
            {
                "valid": In(1),
                "beat": In(beat_layout()),
                "numbers": In(DETECTION),
                "said": Out(1),
                "word": Out(self._index),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        numbers = self.numbers

        # Answer | compared | counted. Comparisons are registers, as a margin is of 32 bits.
        begins = Signal(init=1)
        new = Signal(self._index, reset_less=True)
        margin = Signal(MAX_MARGIN.bit_length(), reset_less=True)
        told, compared = Signal(), Signal(name="compared")
        heard = Signal(self._index, reset_less=True)  # of an answer that the next may follow at once
        with m.If(self.valid):
            m.d.sync += begins.eq(self.beat.last)
            with m.If(begins):
                m.d.sync += new.eq(self.beat.data)
        m.d.sync += [margin.eq(self.beat.data), told.eq(self.valid & self.beat.last), compared.eq(told)]
        m.d.sync += heard.eq(new)
        leads = Signal(reset_less=True)
        m.d.sync += leads.eq((margin >= numbers.margin) & (new != numbers.silent))

        leader, held, rest = (
            Signal(self._index),
            Signal(range(MAX_HOLD + 1)),
            Signal(range(MAX_REFRACTORY + 1), name="rest"),
        )
        # After an answer held < hold <= MAX_HOLD, so one more needs no limit.
        before, longer = Signal.like(held), Signal.like(held, name="longer")
        says = Signal()
        m.d.comb += [
            before.eq(Mux(heard == leader, held, 0)),
            longer.eq(Mux(leads, before + 1, 0)),
            says.eq(compared & leads & (rest == 0) & (longer >= numbers.hold)),
        ]
        m.d.sync += self.said.eq(says)
        with m.If(compared & (rest != 0)):
            m.d.sync += rest.eq(rest - 1)
        with m.Elif(compared):
            m.d.sync += [leader.eq(heard), held.eq(longer)]
            with m.If(says):
                m.d.sync += [held.eq(0), rest.eq(numbers.refractory), self.word.eq(heard)]
        return m

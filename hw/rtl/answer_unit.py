"""Answers per step: class, score and margin."""

from __future__ import annotations

from typing import ClassVar

from amaranth.hdl import Const, Module, Mux, Signal, Value, signed
from amaranth.lib import memory
from amaranth.lib.data import StructLayout, View
from amaranth.lib.wiring import Member, Out

from fxp_model.spec import SCORE, Answer, ReadoutSpec
from hw.protocol import ANSWER_BEATS
from hw.rtl.arithmetic import lanes_of, selected
from hw.rtl.events import index_shape
from hw.rtl.neuron_update import NeuronUpdate
from hw.rtl.pipeline import delayed
from hw.rtl.score_unit import ScoreUnit


class AnswerUnit(ScoreUnit):
    """Class, score and margin of NUMERICS.md section 7, after every `stride` steps of a sequence.

    Scores are accumulated as in `ScoreUnit`, and those of an answered step written to the separate memory.
    There they are compared with the best two so far, one in two cycles: in one it is compared, in the other
    one it takes its place. So no comparison shares a cycle with a selection. Other steps are accumulated
    meanwhile; only the next answered one may have to wait (`occupied`).

    Latency: the class is offered `latency` cycles after the results of the first group of an answered step,
    score and margin in the next two cycles.
    Throughput: an answer in 2 `n_out` + 3 cycles and the latency of the update.

    Parameters
    ----------
    spec : ReadoutSpec
        With `answer` = `step`.
    config : StageConfig

    Members
    -------
    taken : In(tag_layout)
        Group of a sweep that is taken, if any; its results follow `NeuronUpdate.latency` cycles later.
    results : In(results_layout)
    due : Out(1)
        The next step, or the one that is being taken, is answered.
    occupied : Out(1)
        Scores are due or wait to be compared: no step that is answered may be taken.
    o : Out stream of `beat_layout`
        Class; score, 32 bits of two's complement; then, with `last`, margin, 32 bits without a sign.
    """

    MORE: ClassVar[dict[str, Member]] = {"due": Out(1)}
    RELEASE = 5

    @staticmethod
    def latency(n_out: int) -> int:
        """Cycles from the results of the first group of an answered step to the first beat."""
        return 2 * n_out + 6

    @staticmethod
    def beats(n_out: int) -> int:
        """Beats of an answer."""
        return ANSWER_BEATS

    def elaborate(self, platform: object) -> Module:
        m = super().elaborate(platform)
        taken, stride = self.taken, self._spec.stride
        if stride == 1:
            m.d.comb += self.due.eq(1)
            return m
        step, due = Signal(range(stride)), Signal(name="due")
        m.d.comb += self.due.eq(due)
        with m.If(taken.valid & taken.final):
            m.d.sync += [
                step.eq(Mux(taken.last | due, 0, step + 1)),
                due.eq(~taken.last & (step == stride - 2)),
            ]
        return m

    def _answered(self, m: Module, tag: View[StructLayout]) -> Value:
        if self._spec.stride == 1:
            return Const(1)
        return delayed(m, self.due, NeuronUpdate.latency(self._spec) + 3)

    def _send(self, m: Module, read: memory.ReadPort, begin: Signal) -> None:
        """Find the best two of the scores, starting at `begin`, and send the answer."""
        n, out = self._spec.n_out, self._buffered(m)

        # Read and select the lane | compare | take its place.
        proceed, fetched, compared = Signal(), Signal(), Signal(name="compared")
        sending = Signal(3)  # class, score, margin
        index = Signal(index_shape(n))
        with m.If(self.taken.valid & self.due & (self.taken.group == 0)):
            m.d.sync += self.occupied.eq(1)
        moves = ~fetched & ~sending.any()
        choosing, lane = self._choose(m, read, begin, moves, index, n - 1)
        m.d.comb += proceed.eq(choosing & moves)

        score, best, second = (
            Signal(signed(SCORE.width), name=name, reset_less=True) for name in ("score", "best", "second")
        )
        candidate, winner = (Signal(index_shape(n), name=x, reset_less=True) for x in ("candidate", "winner"))
        first, last, wins, above_second = (
            Signal(name=name, reset_less=True) for name in ("first", "last", "wins", "above_second")
        )
        with m.If(proceed):
            m.d.sync += [
                score.eq(selected(lanes_of(read.data, SCORE.width), lane)),
                candidate.eq(index),
                first.eq(index == 0),
                last.eq(index == n - 1),
            ]
        m.d.sync += [
            fetched.eq(proceed),
            compared.eq(fetched),
            wins.eq(first | (score > best)),
            above_second.eq(score > second),
        ]
        with m.If(compared & wins):
            m.d.sync += [best.eq(score), winner.eq(candidate), second.eq(Mux(first, SCORE.min_raw, best))]
        with m.Elif(compared & above_second):
            m.d.sync += second.eq(score)

        margin = Signal(SCORE.width, reset_less=True)
        m.d.sync += margin.eq(best - second if n > 1 else Const(0))
        with m.If(compared & last):
            m.d.sync += sending.eq(1)
        with m.Elif(out.ready):
            m.d.sync += sending.eq(sending << 1)
        m.d.comb += [
            out.valid.eq(sending.any()),
            out.payload.last.eq(sending[2]),
            out.payload.data.eq(Mux(sending[0], winner, Mux(sending[1], best, margin))),
        ]


def unit_of(spec: ReadoutSpec) -> type[ScoreUnit]:
    """The unit that sends the answers of a readout."""
    return AnswerUnit if spec.answer is Answer.STEP else ScoreUnit

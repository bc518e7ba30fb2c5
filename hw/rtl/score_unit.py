"""Class scores of a sample, and the winning class."""

from __future__ import annotations

from itertools import pairwise
from typing import ClassVar

from amaranth.hdl import Cat, Const, Module, Mux, Signal, Value, signed, unsigned
from amaranth.lib import memory, stream, wiring
from amaranth.lib.data import StructLayout, View
from amaranth.lib.wiring import In, Member, Out

from fxp_model.fixed import Overflow
from fxp_model.spec import SCORE, ReadoutMode, ReadoutSpec, fires
from hw.config import StageConfig
from hw.rtl.arithmetic import fitted, lanes_of, selected
from hw.rtl.events import index_shape, results_layout, tag_layout
from hw.rtl.input_decoder import beat_layout
from hw.rtl.skid_buffer import SkidBuffer


class ScoreUnit(wiring.Component):
    """Scores of NUMERICS.md section 7: sums, or maxima, of the readout's result per step.

    They are accumulated during the sample, then sent, lowest class first, followed by the winner.

    Scores of the last step are written to a separate memory, so the next sample is
    accumulated while they are sent; only its last step may have to wait (`occupied`). The
    winner is found while the scores are sent, one comparison per cycle, so it takes no extra
    time.

    Latency: the first score is offered `latency` cycles after the results of the first group of
    a sample's last step, the class `n_out` cycles later.
    Throughput: one score per cycle.

    Parameters
    ----------
    spec : ReadoutSpec
    config : StageConfig

    Members
    -------
    taken : In(tag_layout)
        Group of a sweep that is taken, if any: its results will follow.
    results : In(results_layout)
    occupied : Out(1)
        Scores are due or wait to be sent: no last step of a sample may be taken.
    o : Out stream of `beat_layout`
        Scores, 32 bits of two's complement; then, with `last`, the index of the winner.
    """

    MORE: ClassVar[dict[str, Member]] = {}
    """Further members."""
    RELEASE = 1
    """Cycles from the fall of `occupied` to the last beat."""

    @staticmethod
    def latency(n_out: int) -> int:
        """Cycles from the results of the first group of an answered step to the first beat."""
        return 6

    @staticmethod
    def beats(n_out: int) -> int:
        """Beats of an answer."""
        return n_out + 1

    def __init__(self, spec: ReadoutSpec, config: StageConfig) -> None:
        self._spec, self._config = spec, config
        lanes, groups = config.update_lanes, config.groups(spec.n_out)
        super().__init__(
            {
                "taken": In(tag_layout(groups)),
                "results": In(results_layout(lanes, spec.membrane.width, groups, fires(spec))),
                "occupied": Out(1),
                "o": Out(stream.Signature(beat_layout())),
                **self.MORE,
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        self._send(m, *self._accumulate(m))
        return m

    def _accumulate(self, m: Module) -> tuple[memory.ReadPort, Signal]:
        """Accumulate step by step; return a read port of the final scores and their first group's write."""
        spec, results = self._spec, self.results
        lanes, groups = self._config.update_lanes, self._config.groups(spec.n_out)
        depth = max(2, groups)
        width = lanes * SCORE.width

        # Read | add | saturate | write. The first step of a sample ignores the memory; mode
        # `last` always does, and has none.
        tags = [Signal(tag_layout(groups), name=f"tag_{index}") for index in range(3)]
        for before, after in pairwise([results.tag, *tags]):
            m.d.sync += after.eq(before)
        if fires(spec):
            values = [Cat(spike, Const(0, 1)).as_signed() for spike in results.spikes]
        else:
            values = lanes_of(results.v_mem, spec.membrane.width)
        terms = [
            Signal(signed(len(value)), name=f"term_{lane}", reset_less=True)
            for lane, value in enumerate(values)
        ]
        sums = [Signal(signed(SCORE.width + 1), name=f"sum_{lane}", reset_less=True) for lane in range(lanes)]
        new_scores = [
            Signal(signed(SCORE.width), name=f"score_{lane}", reset_less=True) for lane in range(lanes)
        ]
        for value, term in zip(values, terms, strict=True):
            m.d.sync += term.eq(value)
        if spec.mode is ReadoutMode.LAST:
            m.d.sync += [total.eq(term) for term, total in zip(terms, sums, strict=True)]
        else:
            m.submodules.scores = scores = memory.Memory(shape=unsigned(width), depth=depth, init=[])
            read = scores.read_port()
            write = scores.write_port()
            m.d.comb += [
                read.addr.eq(results.tag.group),
                read.en.eq(results.tag.valid),
                write.addr.eq(tags[2].group),
                write.en.eq(tags[2].valid),
                write.data.eq(Cat(new_scores)),
            ]
            for old, term, total in zip(lanes_of(read.data, SCORE.width), terms, sums, strict=True):
                later = Mux(term > old, term, old) if spec.mode is ReadoutMode.MAX else old + term
                m.d.sync += total.eq(Mux(tags[0].first, term, later))
        for total, score in zip(sums, new_scores, strict=True):
            m.d.sync += score.eq(fitted(total, SCORE, Overflow.SAT))

        m.submodules.final_scores = final_scores = memory.Memory(shape=unsigned(width), depth=depth, init=[])
        final_write = final_scores.write_port()
        m.d.comb += [
            final_write.en.eq(tags[2].valid & self._answered(m, tags[2])),
            final_write.addr.eq(tags[2].group),
            final_write.data.eq(Cat(new_scores)),
        ]
        begin = Signal()
        m.d.comb += begin.eq(final_write.en & (tags[2].group == 0))
        return final_scores.read_port(domain="comb"), begin

    def _answered(self, m: Module, tag: View[StructLayout]) -> Value:
        """Whether the step in `tag`, which follows `results.tag` by three cycles, is answered."""
        return tag.last

    def _buffered(self, m: Module) -> stream.Interface:
        """The input of a buffer before `o`."""
        m.submodules.buffer = buffer = SkidBuffer(beat_layout())
        wiring.connect(m, buffer.o, wiring.flipped(self.o))
        return buffer.i

    def _choose(
        self, m: Module, read: memory.ReadPort, begin: Signal, moves: Value, index: Signal, end: int
    ) -> tuple[Signal, Signal]:
        """Read the final scores from `begin` on, the next one where one `moves`, until that of `index` `end`.

        Returns whether one is chosen, and its lane in the row that is read.
        """
        lanes, groups = self._config.update_lanes, self._config.groups(self._spec.n_out)
        choosing = Signal()
        group = Signal(index_shape(groups))
        lane = Signal(index_shape(lanes))
        m.d.comb += read.addr.eq(group)
        with m.If(begin):
            m.d.sync += [choosing.eq(1), group.eq(0), lane.eq(0), index.eq(0)]
        with m.Elif(choosing & moves):
            m.d.sync += [index.eq(index + 1), lane.eq(lane + 1)]
            with m.If(lane == lanes - 1):
                m.d.sync += [lane.eq(0), group.eq(group + 1)]
            with m.If(index == end):
                m.d.sync += [choosing.eq(0), self.occupied.eq(0)]
        return choosing, lane

    def _send(self, m: Module, read: memory.ReadPort, begin: Signal) -> None:
        """Send the scores, starting at `begin`: groups are written faster than their scores are sent."""
        n, out = self._spec.n_out, self._buffered(m)

        # Read and select the lane | send and compare | win. `index` n_out means the winner.
        sending = Signal()
        sends_class = Signal()
        index = Signal(range(n + 1))
        score = Signal(signed(SCORE.width), reset_less=True)
        best = Signal(signed(SCORE.width), reset_less=True)
        winner = Signal(index_shape(n), reset_less=True)
        candidate = Signal(range(n + 1), reset_less=True)

        with m.If(self.taken.valid & self.taken.last & (self.taken.group == 0)):
            m.d.sync += self.occupied.eq(1)
        choosing, lane = self._choose(m, read, begin, ~sending | out.ready, index, n)
        with m.If(~sending | out.ready):
            m.d.sync += [
                sending.eq(choosing),
                sends_class.eq(index == n),
                candidate.eq(index),
                score.eq(selected(lanes_of(read.data, SCORE.width), lane)),
            ]

        # Whether a score is the best so far is known one cycle later: it is compared with the best of those
        # before its predecessor, and with the predecessor in case that one wins.
        moves, compared, wins = Signal(), Signal(), Signal(name="wins")
        m.d.comb += moves.eq(sending & out.ready)
        m.d.sync += compared.eq(moves & ~sends_class)
        last_score = Signal.like(score)
        last_candidate = Signal.like(candidate)
        first, above_best, above_last, last_won = (
            Signal(name=name, reset_less=True) for name in ("first", "above_best", "above_last", "last_won")
        )
        with m.If(moves):
            m.d.sync += [
                last_score.eq(score),
                last_candidate.eq(candidate),
                first.eq(candidate == 0),
                above_best.eq(score > best),
                above_last.eq(score > last_score),
            ]
        m.d.comb += wins.eq(compared & (first | Mux(last_won, above_last, above_best)))
        with m.If(compared):
            m.d.sync += last_won.eq(wins)
        with m.If(wins):
            m.d.sync += [best.eq(last_score), winner.eq(last_candidate)]
        m.d.comb += [
            out.valid.eq(sending),
            out.payload.last.eq(sends_class),
            out.payload.data.eq(Mux(sends_class, Mux(wins, last_candidate, winner), score)),
        ]

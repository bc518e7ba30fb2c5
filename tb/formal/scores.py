"""The score unit: of every sample its scores, in order, then the first of the greatest."""

from __future__ import annotations

from functools import partial
from typing import Any
from unittest import mock

from amaranth.hdl import Array, Cat, Const, Module, Mux, Signal, Value, signed

from fxp_model.fixed import QFormat
from fxp_model.spec import ReadoutMode, ReadoutSpec, fires
from hw.config import StageConfig
from hw.rtl import score_unit
from hw.rtl.neuron_update import NeuronUpdate
from hw.rtl.score_unit import ScoreUnit
from tb.formal.monitor import Monitor, Property
from tb.formal.rules import Queue, kept
from tb.harness.planted import Bug

NARROW = QFormat(True, 3, 0)
"""Of scores and membranes: with 32 bits the solvers do not come to an end."""


class _Narrow(ScoreUnit):
    def elaborate(self, platform: object) -> Module:
        with mock.patch.object(score_unit, "SCORE", NARROW):
            return super().elaborate(platform)


def stage(mode: ReadoutMode, n: int, lanes: int, **more: Any) -> tuple[ReadoutSpec, StageConfig]:
    """A readout whose membranes are as narrow as its scores."""
    own: dict[str, Any] = {
        "weight": NARROW,
        "bias": NARROW,
        "membrane": NARROW,
        "beta": 0,
        "v_th": 1 if mode is ReadoutMode.SPIKE_COUNT else 0,
    }
    return ReadoutSpec(n_in=1, n_out=n, mode=mode, **own, **more), StageConfig(n, lanes)


def sweeps(
    f: Monitor, dut: ScoreUnit, spec: ReadoutSpec, config: StageConfig, wanted_last: Value, answered: Value
) -> list[Signal]:
    """Drive the unit, and give the scores of the current sample, with those of this cycle.

    A sweep that starts is the last one of its sample if `wanted_last` says so, and may have to wait if it is
    `answered`.
    """
    m, mode, n, lanes = f.m, spec.mode, spec.n_out, config.update_lanes
    f.observe(dut)
    counts = mode is ReadoutMode.SPIKE_COUNT
    groups, distance = config.groups(n), NeuronUpdate.distance(spec, config)
    m.d.comb += dut.o.ready.eq(f.free(1, "ready"))

    # sweeps, and their results
    taken, results, group = dut.taken, dut.results, Signal(range(groups))
    recent, first, last = Signal(distance - 1), Signal(init=1), Signal()
    starts = f.free(1, "starts") & (group == 0) & ~recent.any() & ~(answered & dut.occupied)
    m.d.comb += [
        taken.valid.eq(starts | (group != 0)),
        taken.group.eq(group),
        taken.final.eq(group == groups - 1),
        taken.first.eq(first),
        taken.last.eq(Mux(group == 0, wanted_last, last)),
    ]
    m.d.sync += recent.eq(Cat(starts, recent))
    with m.If(taken.valid):
        m.d.sync += [group.eq(Mux(taken.final, 0, group + 1)), last.eq(taken.last)]
        with m.If(taken.final):
            m.d.sync += first.eq(taken.last)
    tag: Value = Value.cast(taken)
    for _ in range(NeuronUpdate.latency(spec)):
        tag = f.before(tag)
    m.d.comb += Value.cast(results.tag).eq(tag)
    m.d.comb += results.v_mem.eq(f.free(len(results.v_mem), "v_mem"))
    if fires(spec):
        m.d.comb += results.spikes.eq(f.free(lanes, "spikes"))

    # the scores of the current sample, with those of this cycle
    now = []
    for k in range(n):
        score, new = (Signal(signed(NARROW.width), name=f"{name}_{k}") for name in ("score", "new"))
        at = k % lanes
        x = results.v_mem[at * NARROW.width : (at + 1) * NARROW.width].as_signed()
        if counts:
            x = Cat(results.spikes[at], Const(0, 1)).as_signed()
        total = score + x
        high, low = total > NARROW.max_raw, total < NARROW.min_raw
        clamped = Mux(high, NARROW.max_raw, Mux(low, NARROW.min_raw, total))
        later = {ReadoutMode.MAX: Mux(x > score, x, score), ReadoutMode.LAST: x}.get(mode, clamped)
        mine = results.tag.valid & (results.tag.group == k // lanes)
        m.d.comb += new.eq(Mux(mine, Mux(results.tag.first, x, later), score))
        m.d.sync += score.eq(new)
        now.append(new)
    return now


def first_of_greatest(scores: list[Signal]) -> Value:
    """Index of the first of the greatest scores."""
    wins = [
        Cat(own >= other if k < rival else own > other for rival, other in enumerate(scores) if rival != k)
        for k, own in enumerate(scores)
    ]
    return sum((Mux(own.all(), k, 0) for k, own in enumerate(wins)), Const(0, 1))


def scores(mode: ReadoutMode, n: int, lanes: int) -> Monitor:
    """Sweeps as `NeuronUpdate` makes them: whole, apart, no last one while the unit is occupied."""
    f = Monitor()
    m = f.m
    spec, config = stage(mode, n, lanes)
    m.submodules.dut = dut = _Narrow(spec, config)
    last = f.free(1, "last")
    now = sweeps(f, dut, spec, config, last, last)
    results = dut.results
    winner = first_of_greatest(now)

    # an arbitrary beat of an arbitrary sample
    beat, gives, which = Signal(range(n + 1)), dut.o.valid & dut.o.ready, f.constant(n.bit_length(), "which")
    f.assume(which <= n)
    with m.If(gives):
        m.d.sync += beat.eq(Mux(beat == n, 0, beat + 1))
    enters = results.tag.valid & results.tag.last & results.tag.final
    item = Mux(which == n, winner, Array([x.as_signed() for x in now])[which])
    queue = Queue(f, enters, item, gives & (beat == which), 2)
    f.claim(~dut.o.valid | (dut.o.payload.last == (beat == n)))
    here = queue.front & dut.o.valid & (beat == which)
    f.claim(~here | (dut.o.payload.data.as_signed() == queue.item.as_signed()))
    f.claim(kept(f, dut.o))

    # offered `latency` cycles after the first results of the last step, then a beat in every cycle
    due, begun = Signal(2), results.tag.valid & results.tag.last & (results.tag.group == 0)
    for _ in range(ScoreUnit.latency(n) - 1):
        begun = f.before(begun)
    m.d.sync += due.eq(due + begun - (gives & (beat == n)))
    f.lemma(dut.o.valid == (due != 0))
    return f


PROPERTIES = {
    "score_sums": Property(
        "the saturated sums over all steps in order, then the first of the greatest; a beat in every cycle",
        partial(scores, ReadoutMode.SUM, 3, 2),
        Bug("score_unit.py", "eq(score > best)", "eq(score >= best)"),
        quick=False,
    ),
    "score_counts": Property(
        "the same of spikes that are counted",
        partial(scores, ReadoutMode.SPIKE_COUNT, 2, 1),
        Bug("score_unit.py", "[Cat(spike, Const(0, 1)).as_signed()", "[spike.as_signed()"),
        quick=False,
    ),
    "score_maxima": Property(
        "the same of maxima",
        partial(scores, ReadoutMode.MAX, 2, 1),
        Bug("score_unit.py", "Mux(tags[0].first, term, later)", "later"),
        quick=False,
    ),
    "last_scores": Property(
        "the same of the last membranes",
        partial(scores, ReadoutMode.LAST, 2, 1),
        Bug("score_unit.py", "final_write.addr.eq(tags[2].group)", "final_write.addr.eq(tags[1].group)"),
    ),
}

"""The accumulators: of every step the sums of its terms; and the queue of steps in front of them."""

from __future__ import annotations

from functools import partial

import numpy as np
from amaranth.hdl import Array, Cat, Mux, Signal, Value, signed
from amaranth.lib import data

from fxp_model.fixed import QFormat
from fxp_model.network import StageParams
from hw.config import StageConfig
from hw.rtl.accumulators import RamAccumulators, RegisterAccumulators, banks
from hw.rtl.events import SUMS_AFTER
from hw.rtl.synapse_array import SynapseArray
from tb.formal.monitor import Monitor, Property
from tb.formal.rules import Queue, Ring, kept
from tb.harness.block_bench import layer_spec
from tb.harness.planted import Bug

TERM, SUM = 2, 3
"""Bits. A sum wraps, so it is exact as far as it fits."""


def sums(n: int, lanes: int, update_lanes: int) -> Monitor:
    """Any events, of all their words in order, ends of steps between them, groups that leave at any time."""
    f = Monitor()
    m, config = f.m, StageConfig(lanes, update_lanes)
    words, groups = config.words(n), config.groups(n)
    kind = RegisterAccumulators if words == 1 else RamAccumulators
    m.submodules.dut = dut = kind(n, config, TERM, SUM, 0)
    terms = [f.free(TERM, f"term_{lane}").as_signed() for lane in range(lanes)]
    m.d.comb += [port.eq(term) for port, term in zip(dut.terms, terms, strict=True)]
    m.d.comb += dut.o.ready.eq(f.free(1, "ready"))

    # a word of an event, or the end of a step: asked for two cycles ahead
    control, word = dut.control, Signal(range(max(2, words)))
    m.d.comb += [
        control.add.eq(f.free(1, "add")),
        control.word.eq(word),
        control.final.eq(word == words - 1),
        control.close.eq(f.free(1, "close") & ~control.add & (word == 0)),
        control.last.eq(f.free(1, "last")),
    ]
    with m.If(control.add):
        m.d.sync += word.eq(Mux(control.final, 0, word + 1))
    now = data.View(control.shape(), f.before(f.before(Value.cast(control))))

    # the sums of the current step are those of an earlier one as long as it has no event
    empty, group = Signal(init=1), Signal(range(max(2, groups)))
    with m.If(now.close):
        m.d.sync += empty.eq(1)
    with m.Elif(now.add & now.final):
        m.d.sync += empty.eq(0)
    takes = dut.o.valid & dut.o.ready
    ends = takes & (group == groups - 1)
    with m.If(takes):
        m.d.sync += group.eq(Mux(ends, 0, group + 1))
    flags = Ring(f, now.close, Cat(empty, now.last), ends)
    f.assume(~now.close | (flags.held < banks(words) - 1) | ends)
    f.lemma(dut.o.valid == (flags.held != 0))
    f.claim(~dut.o.valid | (dut.o.payload.last == flags.oldest[1]))
    f.claim(kept(f, dut.o))

    # a register for each neuron, and a copy of it with every step; or one for each step
    place, front = (Signal(range(banks(words)), name=name) for name in ("place", "front"))
    m.d.sync += [place.eq(place + now.close), front.eq(front + ends)]
    held = []
    for neuron in range(n):
        mine = now.add & (now.word == neuron // lanes)
        places = range(1 if words == 1 else banks(words))
        own = [Signal(signed(SUM), name=f"sum_{neuron}_{at}", reset_less=True) for at in places]
        for at, total in enumerate(own):
            with m.If(mine & ((place == at) if words > 1 else 1)):
                m.d.sync += total.eq(Mux(empty, 0, total) + terms[neuron % lanes])
        held.append(Ring(f, now.close, own[0], ends).oldest if words == 1 else Array(own)[front])
    held += [Value.cast(0)] * (groups * update_lanes - n)
    for lane in range(update_lanes):
        mine = [Mux(flags.oldest[0], 0, held[at * update_lanes + lane]) for at in range(groups)]
        expected, real = Array(mine)[group], (group * update_lanes + lane < n) & takes
        for _ in range(SUMS_AFTER):
            expected, real = f.before(expected, True), f.before(real)
        f.claim(~real | (dut.sums[lane * SUM : (lane + 1) * SUM] == expected.as_unsigned()[:SUM]))
    return f


def steps(n: int, lanes: int, update_lanes: int) -> Monitor:
    """Any stream of events and ends of steps; the groups of a step are taken without a gap."""
    f = Monitor()
    m, config = f.m, StageConfig(lanes, update_lanes)
    narrow = QFormat(True, 2, 0)
    spec = layer_spec(n_in=2, n_out=n, weight=narrow, bias=narrow, membrane=narrow, v_th=1)
    params = StageParams(weight=np.ones((n, 2), dtype=np.int64), bias=np.zeros(n, dtype=np.int64))
    dut, groups = f.component(SynapseArray(spec, params, config)), config.groups(n)
    f.assume(kept(f, dut.i))
    group, takes = Signal(range(max(2, groups))), dut.o.valid & dut.o.ready
    f.assume(dut.o.ready | (group == 0))
    with m.If(takes):
        m.d.sync += group.eq(Mux(group == groups - 1, 0, group + 1))

    enters = dut.i.valid & dut.i.ready & dut.i.payload.marker
    latency, room = SynapseArray.latency(spec, config), SynapseArray.steps(spec, config)
    leaves = takes & (group == groups - 1)
    queue = Queue(f, enters, dut.i.payload.last, leaves, room + 1, latency + 1)
    f.lemma(dut.o.valid == (queue.waiting != 0))
    f.claim(~(queue.front & dut.o.valid) | (dut.o.payload.last == queue.item))
    f.claim(kept(f, dut.o))
    f.claim(~dut.i.valid | ~dut.i.payload.marker | dut.i.ready | (queue.held >= room))
    return f


PROPERTIES = {
    "register_sums": Property(
        "every step's sums modulo their width, 0 without an event, by group and step in order",
        partial(sums, 3, 3, 2),
        Bug(
            "accumulators.py",
            "m.d.sync += total.eq(Mux(empty, 0, total) + term)",
            "m.d.sync += total.eq(total + term)",
        ),
    ),
    "ram_sums": Property(
        "the same of events of several words",
        partial(sums, 2, 1, 1),
        Bug("accumulators.py", "held.eq(Mux(next_empty, 0, old.data))", "held.eq(Mux(empty, 0, old.data))"),
        quick=False,
    ),
    "steps_of_synapses": Property(
        "every step is offered in order, after `latency` cycles; a marker waits only for room",
        partial(steps, 8, 1, 1),
        Bug(
            "synapse_array.py", "full.eq(close & (closed == steps - 1))", "full.eq(close & (closed == steps))"
        ),
    ),
}

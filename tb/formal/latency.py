"""A whole core answers: within the cycles of the formula, whatever the samples are."""

from __future__ import annotations

from itertools import product

import numpy as np
from amaranth.hdl import Mux, Signal, Value

from fxp_model.network import run
from hw.estimates.latency import event_counts, run_timing
from hw.protocol import END_OF_STEP
from hw.rtl.core import Core
from tb.formal.monitor import Monitor, Property
from tb.formal.ports import CONFIG, N_IN, tiny_core, tiny_network
from tb.harness.planted import Bug

STEPS = 2
"""Longest sample."""


def longest() -> int:
    """Cycles from TLAST in to TLAST out that the formula gives, the most over all samples of the core."""
    network, cycles = tiny_network(), []
    for steps in range(1, STEPS + 1):
        for spikes in product((0, 1), repeat=steps * N_IN):
            counts = np.array(spikes).reshape(steps, 1, N_IN)
            events = event_counts(network, run(network, counts), counts)
            timing = run_timing(network.spec, CONFIG, [own[:, 0] for own in events], [steps])
            cycles.append(int(timing.last_out[0] - timing.last_in[0]))
    return max(cycles)


def answers() -> Monitor:
    """Any words with any pauses, of samples of 1 or 2 steps, the next one when the last one is answered."""
    f = Monitor()
    m, core = f.m, tiny_core(f, aresetn=1, s_axil=0)
    f.assume(core.m_axis_tready)
    asks, told = _samples(f, core)
    owed = Signal(reset_less=True)  # the core is not reset, and neither is what is known of it
    m.d.sync += owed.eq((owed | asks) & ~told)
    f.assume(~core.s_axis_tvalid | ~owed)
    _soon(f, asks | owed & ~told, longest())
    return f


def flow() -> Monitor:
    """The same back to back, and a sink that is ready in every other cycle at least while a beat waits."""
    f = Monitor()
    m, core = f.m, tiny_core(f, aresetn=1, s_axil=0)
    stalls = core.m_axis_tvalid & ~core.m_axis_tready
    f.assume(~(stalls & f.before(stalls, True)))
    asks, told = _samples(f, core)
    owed = Signal(range(128), reset_less=True)
    m.d.sync += owed.eq(owed + asks - told)
    _soon(f, (owed != 0) & ~told, flow_bound())
    return f


def flow_bound() -> int:
    """Cycles from the end of a sample, or from the answer before its own, to its answer: as measured."""
    return longest() + 2


def _samples(f: Monitor, core: Core) -> tuple[Value, Value]:
    """Samples of at most `STEPS` steps come in: whether one ends in this cycle, and an answer does."""
    beat = core.s_axis_tvalid & core.s_axis_tready
    asks = beat & core.s_axis_tlast
    steps = Signal(range(STEPS + 1), name="steps", reset_less=True)
    ends = core.s_axis_tdata[END_OF_STEP.bit_length() - 1]
    f.m.d.sync += steps.eq(Mux(asks, 0, steps + (beat & ends)))
    f.assume(~core.s_axis_tvalid | (steps < STEPS - 1) | ~ends | core.s_axis_tlast)
    return asks, core.m_axis_tvalid & core.m_axis_tready & core.m_axis_tlast


def _soon(f: Monitor, due: Value, most: int) -> None:
    """Something is due for `most` cycles in a row at most."""
    waits = Signal(range(most + 2), reset_less=True)
    f.m.d.sync += waits.eq(Mux(due, waits + (waits <= most), 0))
    f.claim(waits <= most)


_LATE = Bug("spike_queue.py", "written | (waiting != 1)", "waiting > 1")
"""With which both bounds are broken."""

PROPERTIES = {
    "core_answers": Property(
        "a sample of one or two steps, sent to an idle core, is answered within the cycles of the formula",
        answers,
        _LATE,
        quick=False,
        cycles=100,
    ),
    "core_flows": Property(
        "back to back, to a sink that waits for single cycles: two more, from its end or the last answer",
        flow,
        _LATE,
        quick=False,
        cycles=100,
    ),
}

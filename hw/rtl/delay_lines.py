"""Axonal delays: one shift register per neuron, as long as its delay."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from amaranth.hdl import Cat, Module, Mux, Signal, Value
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from fxp_model.network import StageParams
from fxp_model.spec import IntegratorSpec
from hw.rtl.arithmetic import any_of
from hw.rtl.events import tag_layout


class Delays(NamedTuple):
    """Delay of each neuron in steps, and the longest that there may be."""

    steps: list[int]
    longest: int


def forward_delays(spec: IntegratorSpec, params: StageParams) -> Delays | None:
    """Forward delays of the inputs of a stage, if it has any."""
    if spec.max_input_delay is None:
        return None
    assert params.input_delay_steps is not None
    return Delays(params.input_delay_steps.tolist(), spec.max_input_delay)


def group_of(ends: Sequence[Value], shifts: Value, lanes: int) -> Value:
    """Of the `ends` of all lines, those of the group whose bit in `shifts` is set, lowest lane first."""
    columns = [ends[lane::lanes] for lane in range(lanes)]
    return Cat(any_of(shifts[: len(column)], column) for column in columns)


class DelayLines(wiring.Component):
    """The spike y(t - d) of every neuron, d its delay; 0 before the sample.

    When the sweep of step t writes a group, y(t - d) is y(t) itself where d is 0, otherwise the end of a
    line of d places, which has not shifted yet. A line has one tap and no reset, and the lines of a group
    share one enable: the form that maps to SRL16E and SRLC32E. As lines cannot be cleared, spikes of earlier
    samples are masked by the age of the sample, a thermometer code shared by all: y(t - d) is of this sample
    where d <= t. The delays cannot be changed at run time.

    For a recurrence, y(t - d) = s(t+1) is held in a register per neuron until the next step, and the last
    step of a sample writes zeros for the first step of the next. For `forward` delays it belongs to this
    step, and goes on with its group.

    Latency: `delayed` follows `spikes` in the next cycle.

    Parameters
    ----------
    delay_steps : sequence of int
        Axonal delay of each neuron.
    lanes : int
        Neurons per group.
    forward : bool
        On the way to the next stage, instead of a recurrence.

    Members
    -------
    finishing : In(tag_layout)
        Group that has new `spikes` in the next cycle, if any.
    spikes : In(lanes)
    delayed : Out(N), or Out(lanes) if `forward`
        s[m](t) of NUMERICS.md section 5, or y[m](t - d) of a group, from a register.
    """

    def __init__(self, delay_steps: Sequence[int], lanes: int, forward: bool = False) -> None:
        self._delay_steps = [int(delay) for delay in delay_steps]
        self._lanes, self._forward = lanes, forward
        n = len(self._delay_steps)
        tag = tag_layout(-(-n // lanes))
        delayed = lanes if forward else n
        super().__init__({"finishing": In(tag), "spikes": In(lanes), "delayed": Out(delayed)})

    def elaborate(self, platform: object) -> Module:
        m = Module()
        longest, finishing = max(self._delay_steps), self.finishing

        # Bit d - 1 of `age`: the sample has d steps before this one; bit d of `known`: y(t - d) is valid.
        age = Signal(longest)
        known = Signal(longest + 1, reset_less=True)
        counts = Mux(finishing.last, 0, Cat(1, age))
        m.d.sync += known.eq(Cat(1, age) if self._forward else counts)
        with m.If(finishing.valid & finishing.final):
            m.d.sync += age.eq(counts)
        # Shift enable of each group: registers, because of their fan-out.
        shifts = Signal(-(-len(self._delay_steps) // self._lanes))
        for group, shift in enumerate(shifts):
            m.d.sync += shift.eq(finishing.valid & (finishing.group == group))
        ends = []
        for neuron, delay in enumerate(self._delay_steps):
            group, lane = divmod(neuron, self._lanes)
            line = Signal(delay, reset_less=True, name=f"line_{neuron}")
            places = Cat(self.spikes[lane], line)
            ends.append(places[delay] & known[delay])
            with m.If(shifts[group]):
                m.d.sync += line.eq(places)
                if not self._forward:
                    m.d.sync += self.delayed[neuron].eq(ends[neuron])
        if self._forward:
            m.d.sync += self.delayed.eq(group_of(ends, shifts, self._lanes))
        return m

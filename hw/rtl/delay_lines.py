"""Axonal delays: one shift register per neuron, as long as its delay."""

from __future__ import annotations

from collections.abc import Sequence

from amaranth.hdl import Cat, Module, Mux, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from hw.rtl.events import tag_layout


class DelayLines(wiring.Component):
    """The spike of every neuron `delay_steps` + 1 steps ago; 0 before the sample.

    When the sweep of step t writes a group, s(t+1) = y(t - d) is written to a register per neuron: y(t)
    itself where d is 0, otherwise the end of a line of d places, which has not shifted yet. A line has one
    tap and no reset, and the lines of a group share one enable: the form that maps to SRL16E and SRLC32E. As
    lines cannot be cleared, spikes of earlier samples are masked by the age of the sample, a thermometer
    code shared by all: y(t - d) is of this sample where d <= t. The last step of a sample writes zeros for
    the first step of the next. The delays cannot be changed at run time.

    Latency: `delayed` follows `spikes` in the next cycle.

    Parameters
    ----------
    delay_steps : sequence of int
        Axonal delay of each neuron.
    lanes : int
        Neurons per group.

    Members
    -------
    finishing : In(tag_layout)
        Group that has new `spikes` in the next cycle, if any.
    spikes : In(lanes)
    delayed : Out(N)
        s[m](t) of NUMERICS.md section 5, from a register.
    """

    def __init__(self, delay_steps: Sequence[int], lanes: int) -> None:
        self._delay_steps = [int(delay) for delay in delay_steps]
        self._lanes = lanes
        n = len(self._delay_steps)
        tag = tag_layout(-(-n // lanes))
        super().__init__({"finishing": In(tag), "spikes": In(lanes), "delayed": Out(n)})

    def elaborate(self, platform: object) -> Module:
        m = Module()
        longest, finishing = max(self._delay_steps), self.finishing

        # Bit d - 1 of `age`: the sample has d steps before this one; bit d of `known`: y(t - d) is valid.
        age = Signal(longest)
        known = Signal(longest + 1, reset_less=True)
        counts = Mux(finishing.last, 0, Cat(1, age))
        m.d.sync += known.eq(counts)
        with m.If(finishing.valid & finishing.final):
            m.d.sync += age.eq(counts)
        # Shift enable of each group: registers, because of their fan-out.
        shifts = Signal(-(-len(self._delay_steps) // self._lanes))
        for group, shift in enumerate(shifts):
            m.d.sync += shift.eq(finishing.valid & (finishing.group == group))
        for neuron, delay in enumerate(self._delay_steps):
            group, lane = divmod(neuron, self._lanes)
            line = Signal(delay, reset_less=True, name=f"line_{neuron}")
            places = Cat(self.spikes[lane], line)
            with m.If(shifts[group]):
                m.d.sync += [line.eq(places), self.delayed[neuron].eq(places[delay] & known[delay])]
        return m

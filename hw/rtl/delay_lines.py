"""Axonal delays: one shift register per neuron, tapped at the end."""

from __future__ import annotations

from collections.abc import Sequence

from amaranth.hdl import Cat, Module, Mux, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from hw.rtl.events import tag_layout


class DelayLines(wiring.Component):
    """The spikes of every neuron, each `delay_steps` + 1 steps ago; 0 before the sample.

    A line is exactly as long as its trained delay, has one tap and no reset, and the lines of
    a group shift under one enable: the form that maps to SRL16E and SRLC32E. Since nothing can
    be cleared, what is left of earlier samples is masked by the age of the sample, a
    thermometer code shared by all lines. The delays cannot be changed at run time.

    The lines of a group shift when the sweep of a step writes it; the next sweep reads the taps of a
    group before they shift again. The age is that of the next sweep as soon as the last group of
    one is fetched.

    Latency: the taps follow `spikes` in the next cycle.

    Parameters
    ----------
    delay_steps : sequence of int
        Axonal delay of each neuron.
    lanes : int
        Neurons per group.

    Members
    -------
    finishing : In(tag_layout)
        Which group has new `spikes` in the next cycle, if any.
    spikes : In(lanes)
    fetched : In(tag_layout)
        Which group a sweep reads, if any.
    delayed : Out(N)
        s[m](t) of NUMERICS.md section 5.
    """

    def __init__(self, delay_steps: Sequence[int], lanes: int) -> None:
        self._delay_steps = [int(delay) for delay in delay_steps]
        self._lanes = lanes
        n = len(self._delay_steps)
        tag = tag_layout(-(-n // lanes))
        super().__init__({"finishing": In(tag), "spikes": In(lanes), "fetched": In(tag), "delayed": Out(n)})

    def elaborate(self, platform: object) -> Module:
        m = Module()

        # Bit d of `age` says that the sample has more than d complete steps, so that the tap
        # of a line of delay d holds a spike of this sample.
        age = Signal(max(self._delay_steps) + 1)
        with m.If(self.fetched.valid & self.fetched.final):
            m.d.sync += age.eq(Mux(self.fetched.last, 0, Cat(1, age)))
        # Shifts a group: registers, as each of them goes to many lines.
        shifts = Signal(-(-len(self._delay_steps) // self._lanes))
        for group, shift in enumerate(shifts):
            m.d.sync += shift.eq(self.finishing.valid & (self.finishing.group == group))
        for neuron, delay in enumerate(self._delay_steps):
            group, lane = divmod(neuron, self._lanes)
            line = Signal(delay + 1, reset_less=True, name=f"line_{neuron}")
            with m.If(shifts[group]):
                m.d.sync += line.eq(Cat(self.spikes[lane], line))
            m.d.comb += self.delayed[neuron].eq(line[delay] & age[delay])
        return m

"""Axonal delays: one shift register per neuron, tapped at the end."""

from __future__ import annotations

from collections.abc import Sequence

from amaranth.hdl import Cat, Module, Mux, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out


class DelayLines(wiring.Component):
    """The spikes of every neuron, each `delay_steps` + 1 steps ago; 0 before the sample.

    A line is exactly as long as its trained delay, has one tap and no reset, and all lines
    shift together under one enable: the form that maps to SRL16E and SRLC32E. Since nothing can
    be cleared, what is left of earlier samples is masked by the age of the sample, a
    thermometer code shared by all lines. The delays cannot be changed at run time.

    Latency: the taps follow `shift` in the next cycle.

    Parameters
    ----------
    delay_steps : sequence of int
        Axonal delay of each neuron.

    Members
    -------
    spikes : In(N)
        Spikes of the step that is complete.
    shift : In(1)
        Take `spikes` in.
    clear : In(1)
        With `shift`: the sample is complete; the next step is the first of another.
    delayed : Out(N)
        s[m](t) of NUMERICS.md section 5.
    """

    def __init__(self, delay_steps: Sequence[int]) -> None:
        self._delay_steps = [int(delay) for delay in delay_steps]
        n = len(self._delay_steps)
        super().__init__({"spikes": In(n), "shift": In(1), "clear": In(1), "delayed": Out(n)})

    def elaborate(self, platform: object) -> Module:
        m = Module()

        # Bit d of `age` says that the sample has more than d complete steps, so that the tap
        # of a line of delay d holds a spike of this sample.
        age = Signal(max(self._delay_steps) + 1)
        with m.If(self.shift):
            m.d.sync += age.eq(Mux(self.clear, 0, Cat(1, age)))
        for neuron, delay in enumerate(self._delay_steps):
            line = Signal(delay + 1, reset_less=True, name=f"line_{neuron}")
            with m.If(self.shift):
                m.d.sync += line.eq(Cat(self.spikes[neuron], line))
            m.d.comb += self.delayed[neuron].eq(line[delay] & age[delay])
        return m

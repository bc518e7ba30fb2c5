"""Collects the spikes of a sweep into one word."""

from __future__ import annotations

from amaranth.hdl import Cat, Module, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from hw.rtl.events import results_layout, spikes_layout


class SpikeRegister(wiring.Component):
    """Shifts the spikes of a step together, group by group, and holds them until they are taken.

    Latency 1 cycle from the final group. The producer watches `full`: groups of the next step
    may come when it is low.

    Parameters
    ----------
    n : int
        Neurons.
    lanes, groups, membrane_bits : int
        Shape of the results.

    Members
    -------
    results : In(results_layout)
    complete : Out(1)
        First cycle in which `o` offers a step.
    full : Out(1)
        A step waits to be taken.
    o : Out stream of `spikes_layout`
    """

    def __init__(self, n: int, lanes: int, groups: int, membrane_bits: int) -> None:
        self._lanes, self._groups = lanes, groups
        super().__init__(
            {
                "results": In(results_layout(lanes, membrane_bits, groups, spiking=True)),
                "complete": Out(1),
                "full": Out(1),
                "o": Out(stream.Signature(spikes_layout(n))),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()

        # Groups enter at the top; after the last one the first has arrived at the bottom.
        spikes = Signal(self._lanes * self._groups, reset_less=True)
        last = Signal(reset_less=True)
        with m.If(self.results.tag.valid):
            m.d.sync += [
                spikes.eq(Cat(spikes, self.results.spikes)[self._lanes :]),
                last.eq(self.results.tag.last),
            ]
        final = self.results.tag.valid & self.results.tag.final
        m.d.sync += self.complete.eq(final)
        with m.If(final):
            m.d.sync += self.full.eq(1)
        with m.Elif(self.o.ready):
            m.d.sync += self.full.eq(0)
        m.d.comb += [
            self.o.valid.eq(self.full),
            self.o.payload.spikes.eq(spikes),
            self.o.payload.last.eq(last),
        ]
        return m

"""Activity counters of a stage: events, spikes, saturations."""

from __future__ import annotations

from amaranth.hdl import Const, Module, Signal, Value
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from fxp_model.fixed import Overflow
from fxp_model.spec import IntegratorSpec, fires
from hw.config import StageConfig
from hw.rtl.counter import Counter

CHUNK = 6
"""Bits that LUT6s add in one level."""


def taps_signature(spec: IntegratorSpec, config: StageConfig) -> wiring.Signature:
    """Activity of a stage in a cycle: a bit for each event, spike and saturation.

    ``events``     events accepted by its synapses
    ``spikes``     neurons that fire; no bits if its neurons do not fire
    ``saturated``  membranes that Q changes because they are out of range; no bits where it wraps
    """
    return wiring.Signature(
        {
            "events": Out(config.events_per_cycle),
            "spikes": Out(config.update_lanes if fires(spec) else 0),
            "saturated": Out(0 if spec.overflow is Overflow.WRAP else config.update_lanes),
        }
    )


class StageCounters(wiring.Component):
    """Counts the bits of the taps of one stage.

    The taps are registered, and so is every level of the trees that add their bits, so
    no logic here lies on a timing path of the stage.

    Parameters
    ----------
    taps : Signature
        A `taps_signature`.
    wraps : bool
        Count modulo 2**32.

    Members
    -------
    taps : In(taps)
    clear : In(1)
        Set the totals to 0; bits that are still in the trees are added afterwards.
    events, spikes, saturations : Out(32)
    """

    def __init__(self, taps: wiring.Signature, wraps: bool = False) -> None:
        self._wraps = wraps
        totals = {name: Out(32) for name in ("events", "spikes", "saturations")}
        super().__init__({"taps": In(taps), "clear": In(1), **totals})

    def elaborate(self, platform: object) -> Module:
        m = Module()
        for name, tap, total in (
            ("events", self.taps.events, self.events),
            ("spikes", self.taps.spikes, self.spikes),
            ("saturations", self.taps.saturated, self.saturations),
        ):
            if len(tap):
                number = _ones(m, name, tap)
                m.submodules[f"{name}_counter"] = counter = Counter(len(number), self._wraps)
                m.d.comb += [
                    counter.increment.eq(number),
                    counter.clear.eq(self.clear),
                    total.eq(counter.total),
                ]
        return m


def _ones(m: Module, name: str, bits: Value) -> Value:
    """Number of `bits` that are set; latency one cycle for the tap and for every level of the tree."""
    tap = Signal(len(bits), name=name)
    m.d.sync += tap.eq(bits)
    sums = [sum(tap[low : low + CHUNK], Const(0, 0)) for low in range(0, len(tap), CHUNK)]
    level = 0
    while True:
        registers = [Signal(s.shape(), name=f"{name}_{level}_{index}") for index, s in enumerate(sums)]
        m.d.sync += [register.eq(s) for register, s in zip(registers, sums, strict=True)]
        if len(registers) == 1:
            return registers[0]
        sums = [sum(registers[i + 1 : i + 2], registers[i]) for i in range(0, len(registers), 2)]
        level += 1

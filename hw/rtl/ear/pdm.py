"""A PDM microphone as a stream of samples (NUMERICS.md section 16)."""

from __future__ import annotations

from amaranth.hdl import Module, Signal, signed
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from fxp_model.checks import check_type
from fxp_model.ear.pdm import SAMPLE, PdmSpec
from hw.rtl.counter import Counter
from hw.rtl.ear.pdm_decimator import PdmDecimator
from hw.rtl.ear.pdm_receiver import SYNCHRONISER, PdmReceiver, check_divider


class PdmInput(wiring.Component):
    """Clocks a microphone and delivers its samples at 16 kHz; those of its start-up are dropped.

    A sample waits until it is taken. One that is complete while the one before still waits is lost and
    counted: there is no place for two, as samples that come late are of no use to an ear.

    Latency: `LATENCY` cycles from the last one before the edge of the clock by which the microphone gives
    the last bit of a sample, to the first one of the sample at `o`.
    Throughput: a sample in `cycles` cycles, never more and never less.

    Parameters
    ----------
    spec : PdmSpec
    divider : int
        The clock of this component runs at `spec.pdm_hz` * `divider`; at least 4.

    Members
    -------
    pdm_clk, pdm_data, select, absent
        As those of `PdmReceiver`.
    o : Out stream of signed(24)
    overruns : Out(32)
        Samples that were lost.
    clear : In(1)
        Start to count from 0.

    Raises
    ------
    InputError
        If `spec` is none, or `divider` is no integer of at least 4.
    """

    LATENCY = SYNCHRONISER + PdmDecimator.LATENCY + 1

    def __init__(self, spec: PdmSpec, divider: int) -> None:
        check_type("spec", spec, PdmSpec)
        check_divider(divider)
        self._spec, self._divider = spec, divider
        super().__init__(
            {
                "pdm_clk": Out(1),
                "pdm_data": In(1),
                "select": In(1),
                "o": Out(stream.Signature(signed(SAMPLE.width))),
                "absent": Out(1),
                "overruns": Out(32),
                "clear": In(1),
            }
        )

    @staticmethod
    def cycles(spec: PdmSpec, divider: int) -> int:
        """Cycles from a sample to the next."""
        return spec.ratio * divider

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.submodules.receiver = receiver = PdmReceiver(self._divider)
        m.submodules.decimator = decimator = PdmDecimator(self._spec)
        m.submodules.overrun_counter = counter = Counter(1)
        m.d.comb += [
            self.pdm_clk.eq(receiver.pdm_clk),
            receiver.pdm_data.eq(self.pdm_data),
            receiver.select.eq(self.select),
            decimator.bit.eq(receiver.bit),
            decimator.valid.eq(receiver.valid),
            self.absent.eq(receiver.absent),
            counter.clear.eq(self.clear),
            self.overruns.eq(counter.total),
        ]

        dropped = Signal(range(self._spec.dropped + 1))
        with m.If(self.o.ready):
            m.d.sync += self.o.valid.eq(0)
        with m.If(decimator.done):
            with m.If(dropped != self._spec.dropped):
                m.d.sync += dropped.eq(dropped + 1)
            with m.Elif(self.o.valid & ~self.o.ready):
                m.d.comb += counter.increment.eq(1)
            with m.Else():
                m.d.sync += [self.o.valid.eq(1), self.o.payload.eq(decimator.sample)]
        return m

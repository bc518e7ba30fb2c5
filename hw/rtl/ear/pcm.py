"""PCM from a host, or from another core."""

from __future__ import annotations

from amaranth.hdl import Module, signed
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from fxp_model.ear.gain import PCM, SAMPLE


class PcmInput(wiring.Component):
    """An AXI4-Stream of 16-bit PCM as samples of a microphone (NUMERICS.md section 15).

    Sound has no end, so there is no TLAST. The source is held by TREADY: nothing is lost here.

    Wires alone: latency 0, throughput 1 sample per cycle.

    Members
    -------
    s_axis_pcm_tdata : In(16)
        A sample in two's complement.
    s_axis_pcm_tvalid : In(1)
    s_axis_pcm_tready : Out(1)
    o : Out stream of signed(24)
    """

    def __init__(self) -> None:
        super().__init__(
            {
                "s_axis_pcm_tdata": In(PCM.width),
                "s_axis_pcm_tvalid": In(1),
                "s_axis_pcm_tready": Out(1),
                "o": Out(stream.Signature(signed(SAMPLE.width))),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.d.comb += [
            self.o.payload.eq(self.s_axis_pcm_tdata.as_signed() << SAMPLE.frac_bits),
            self.o.valid.eq(self.s_axis_pcm_tvalid),
            self.s_axis_pcm_tready.eq(self.o.ready),
        ]
        return m

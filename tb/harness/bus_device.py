"""A core and a mailbox on one bus, as a processor has them: a board without its UART."""

from __future__ import annotations

from amaranth.hdl import Module
from amaranth.lib import wiring
from amaranth.lib.wiring import In

from hw.protocol import WORD_BITS
from hw.rtl.axi_lite import axi_lite_signature
from hw.rtl.board.bus import BUS_BITS
from hw.rtl.board.hub import Hub
from hw.rtl.core import Core

CLOCK_HZ = 100_000_000


class BusDevice(wiring.Component):
    """`core` with answers of `words`, beside the `Hub` that a build has for it."""

    def __init__(self, core: Core, words: int) -> None:
        self._core = core
        self._hub = Hub(words, len(core.s_axis_tdata) // WORD_BITS, ear=False, clock_hz=CLOCK_HZ)
        super().__init__({"aclk": In(1), "aresetn": In(1), "s_axil": In(axi_lite_signature(BUS_BITS))})

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.submodules.core = core = self._core
        m.submodules.hub = hub = self._hub
        wiring.connect(m, wiring.flipped(self.s_axil), hub.s_axil)
        wiring.connect(m, hub.m_axil_core, core.s_axil)
        for part in (core, hub):
            m.d.comb += [part.aclk.eq(self.aclk), part.aresetn.eq(self.aresetn)]
        for source, sink in ((hub, core), (core, hub)):
            for name in ("tdata", "tkeep", "tvalid", "tlast"):
                if f"m_axis_{name}" in source.signature.members:
                    m.d.comb += getattr(sink, f"s_axis_{name}").eq(getattr(source, f"m_axis_{name}"))
            m.d.comb += source.m_axis_tready.eq(sink.s_axis_tready)
        return m

"""A core and a mailbox on one bus, as a processor has them: a board without its UART."""

from __future__ import annotations

from amaranth.hdl import ClockDomain, DomainRenamer, Module, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In

from hw.mailbox_registers import CORE_BASE, MAILBOX_BASE
from hw.protocol import WORD_BITS, WORD_KEEP
from hw.rtl.axi_lite import axi_lite_signature
from hw.rtl.board.bus import BUS_BITS, BusDecoder
from hw.rtl.board.mailbox import Mailbox
from hw.rtl.core import Core

CLOCK_HZ = 100_000_000


class BusDevice(wiring.Component):
    """`core`, with a mailbox for its `n_out` scores, at their addresses of a board."""

    def __init__(self, core: Core, n_out: int) -> None:
        self._core, self._n_out = core, n_out
        super().__init__({"aclk": In(1), "aresetn": In(1), "s_axil": In(axi_lite_signature(BUS_BITS))})

    def elaborate(self, platform: object) -> Module:
        m = Module()
        board, behind = ClockDomain("board"), ClockDomain("behind", reset_less=True)
        board.clk = behind.clk = self.aclk
        m.domains += [board, behind]
        reset = Signal()
        m.d.behind += [reset.eq(~self.aresetn), board.rst.eq(reset)]
        within = DomainRenamer("board")
        core = self._core
        m.submodules.core = core
        m.submodules.mailbox = within(mailbox := Mailbox(self._n_out, CLOCK_HZ, waits=True))
        m.submodules.decoder = within(decoder := BusDecoder((CORE_BASE, MAILBOX_BASE)))
        wiring.connect(m, wiring.flipped(self.s_axil), decoder.bus)
        wiring.connect(m, decoder.block0, core.s_axil)
        wiring.connect(m, decoder.block1, mailbox.bus)
        m.d.comb += [
            core.aclk.eq(self.aclk),
            core.aresetn.eq(self.aresetn),
            core.s_axis_tdata.eq(mailbox.o.payload.data),
            core.s_axis_tlast.eq(mailbox.o.payload.last),
            core.s_axis_tvalid.eq(mailbox.o.valid),
            mailbox.o.ready.eq(core.s_axis_tready),
            mailbox.i.payload.data.eq(core.m_axis_tdata),
            mailbox.i.payload.last.eq(core.m_axis_tlast),
            mailbox.i.valid.eq(core.m_axis_tvalid),
            core.m_axis_tready.eq(mailbox.i.ready),
        ]
        if len(core.s_axis_tdata) > WORD_BITS:
            m.d.comb += core.s_axis_tkeep.eq(WORD_KEEP)
        return m

"""A mailbox and its bus, for a core that stands beside it."""

from __future__ import annotations

from amaranth.hdl import ClockDomain, DomainRenamer, Module, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from hw.mailbox_registers import CORE_BASE, EAR_BASE, MAILBOX_BASE
from hw.protocol import WORD_BITS, WORD_KEEP
from hw.registers import ADDRESS_BITS
from hw.rtl.axi_lite import axi_lite_signature
from hw.rtl.board.bus import BUS_BITS, BusDecoder
from hw.rtl.board.mailbox import Mailbox


class Hub(wiring.Component):
    """What a system with a bus puts beside a core: the bus of a board and its mailbox, without UART.

    ARCHITECTURE.md, "A device on a board", has its addresses. A top level of its own, so that a core is not
    in two files.

    Parameters
    ----------
    words : int
        Of an answer.
    slots : int
        Words of a beat that the core takes; a beat has the lower one only.
    ear : bool
        There is an ear in front of the core.
    clock_hz : int
        Of `aclk`.

    Members
    -------
    aclk, aresetn : In(1)
        As those of `Core`.
    s_axil : In(axi_lite_signature(BUS_BITS))
        Bus of the system.
    m_axil_core, m_axil_ear : Out(axi_lite_signature(ADDRESS_BITS))
        To `s_axil` of the core and, with an ear, to `s_axil_ear`.
    m_axis_tdata : Out(32 * slots), m_axis_tkeep : Out(4 * slots) with two slots
    m_axis_tvalid, m_axis_tlast : Out(1), m_axis_tready : In(1)
        To `s_axis` of the core.
    s_axis_tdata : In(32), s_axis_tvalid, s_axis_tlast : In(1), s_axis_tready : Out(1)
        From `m_axis` of the core.
    """

    def __init__(self, words: int, slots: int, ear: bool, clock_hz: int) -> None:
        self._words, self._slots, self._clock_hz = words, slots, clock_hz
        block = Out(axi_lite_signature(ADDRESS_BITS))
        self._blocks = {CORE_BASE: "m_axil_core", **({EAR_BASE: "m_axil_ear"} if ear else {})}
        super().__init__(
            {
                "aclk": In(1),
                "aresetn": In(1),
                "s_axil": In(axi_lite_signature(BUS_BITS)),
                **dict.fromkeys(self._blocks.values(), block),
                "m_axis_tdata": Out(WORD_BITS * slots),
                **({"m_axis_tkeep": Out(4 * slots, init=WORD_KEEP)} if slots > 1 else {}),
                "m_axis_tvalid": Out(1),
                "m_axis_tready": In(1),
                "m_axis_tlast": Out(1),
                "s_axis_tdata": In(WORD_BITS),
                "s_axis_tvalid": In(1),
                "s_axis_tready": Out(1),
                "s_axis_tlast": In(1),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        # The reset is as late here as in the core; neither transfers meanwhile.
        hub, behind = ClockDomain("hub"), ClockDomain("behind", reset_less=True)
        hub.clk = behind.clk = self.aclk
        m.domains += [hub, behind]
        reset = Signal()
        m.d.behind += [reset.eq(~self.aresetn), hub.rst.eq(reset)]
        within = DomainRenamer("hub")
        waits = EAR_BASE not in self._blocks
        m.submodules.mailbox = within(mailbox := Mailbox(self._words, self._clock_hz, waits))
        m.submodules.decoder = within(decoder := BusDecoder((*self._blocks, MAILBOX_BASE)))
        wiring.connect(m, wiring.flipped(self.s_axil), decoder.bus)
        for index, name in enumerate(self._blocks.values()):
            wiring.connect(m, getattr(decoder, f"block{index}"), wiring.flipped(getattr(self, name)))
        wiring.connect(m, getattr(decoder, f"block{len(self._blocks)}"), mailbox.bus)
        words, beats = mailbox.o, mailbox.i
        m.d.comb += [
            self.m_axis_tdata.eq(words.payload.data),
            self.m_axis_tlast.eq(words.payload.last),
            self.m_axis_tvalid.eq(words.valid),
            words.ready.eq(self.m_axis_tready),
            beats.payload.data.eq(self.s_axis_tdata),
            beats.payload.last.eq(self.s_axis_tlast),
            beats.valid.eq(self.s_axis_tvalid),
            self.s_axis_tready.eq(beats.ready),
        ]
        return m

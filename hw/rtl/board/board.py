"""The top level of a board: a core, with or without an ear, behind a UART."""

from __future__ import annotations

from collections.abc import Sequence

from amaranth.hdl import Cat, ClockDomain, DomainRenamer, Module, Signal, Value
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from hw.mailbox_registers import CORE_BASE, EAR_BASE, MAILBOX_BASE
from hw.protocol import WORD_BITS, WORD_KEEP
from hw.rtl.board.bridge import Bridge
from hw.rtl.board.bus import BusDecoder
from hw.rtl.board.mailbox import Mailbox
from hw.rtl.board.teller import Teller
from hw.rtl.board.turns import Turns
from hw.rtl.board.uart import UartReceiver, UartTransmitter, cycles_per_bit
from hw.rtl.core import Core
from hw.rtl.ear.device import Device

BAUD = 1_000_000


class BoardDevice(wiring.Component):
    """A core with a UART, a mailbox and lines of text (ARCHITECTURE.md, "A device on a board").

    Parameters
    ----------
    device : Core or Device
        A `Device` has a microphone of I2S or PDM.
    names : sequence of str
        Of the classes.
    clock_hz : int
        Of `aclk`.
    baud : int
        Of the UART.

    Members
    -------
    aclk, aresetn : In(1)
        As those of `Core`.
    rx : In(1), 1 at rest
    tx : Out(1)
        8 data bits, no parity, a stop bit.
    leds : Out(8)
        [4:0] class of the last answer, [5] an answer within the last half second, [6] frames that were
        dropped, overrun or clipped since reset or CLEAR, [7] no microphone.
    sck, ws, sd, right
        With an `I2sInput`.
    pdm_clk, pdm_data, select
        With a `PdmInput`.
    """

    def __init__(
        self, device: Core | Device, names: Sequence[str], *, clock_hz: int, baud: int = BAUD
    ) -> None:
        self._device, self._names, self._clock_hz, self._baud = device, tuple(names), clock_hz, baud
        self._pins = device.pins if isinstance(device, Device) else {}
        super().__init__(
            {
                "aclk": In(1),
                "aresetn": In(1),
                "rx": In(1, init=1),
                "tx": Out(1, init=1),
                "leds": Out(8),
                **self._pins,
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        # Core and device have domains of their own. The reset is as late here as there.
        board, behind = ClockDomain("board"), ClockDomain("behind", reset_less=True)
        board.clk = behind.clk = self.aclk
        m.domains += [board, behind]
        reset = Signal()
        m.d.behind += [reset.eq(~self.aresetn), board.rst.eq(reset)]
        within = DomainRenamer("board")
        device, names = self._device, self._names
        hears = isinstance(device, Device)

        cycles = cycles_per_bit(self._clock_hz, self._baud)
        m.submodules.device = device
        m.submodules.receiver = within(receiver := UartReceiver(cycles))
        m.submodules.transmitter = within(transmitter := UartTransmitter(cycles))
        m.submodules.bridge = within(bridge := Bridge())
        m.submodules.teller = within(teller := Teller(names, self._clock_hz))
        m.submodules.turns = within(turns := Turns())
        m.submodules.mailbox = within(mailbox := Mailbox(len(names), self._clock_hz, waits=not hears))
        buses = {CORE_BASE: device.s_axil, MAILBOX_BASE: mailbox.bus}
        if hears:
            buses[EAR_BASE] = device.s_axil_ear
        m.submodules.decoder = within(decoder := BusDecoder(tuple(buses)))

        m.d.comb += [
            device.aclk.eq(self.aclk),
            device.aresetn.eq(self.aresetn),
            receiver.rx.eq(self.rx),
            bridge.i.eq(receiver.o),
            mailbox.line_error.eq(bridge.dropped),
            self.tx.eq(transmitter.tx),
            teller.on.eq(mailbox.text),
        ]
        for name, member in self._pins.items():
            pin, inner = getattr(self, name), getattr(device, name)
            m.d.comb += inner.eq(pin) if member.flow is wiring.In else pin.eq(inner)
        wiring.connect(m, bridge.bus, decoder.bus)
        for index, bus in enumerate(buses.values()):
            wiring.connect(m, getattr(decoder, f"block{index}"), bus)
        wiring.connect(m, bridge.o, turns.first)
        wiring.connect(m, teller.o, turns.second)
        wiring.connect(m, turns.o, transmitter.i)
        self._connect(m, mailbox, teller)
        self._light(m, mailbox.clear)
        return m

    def _connect(self, m: Module, mailbox: Mailbox, teller: Teller) -> None:
        """The streams of the core."""
        device, words, beats = self._device, mailbox.o, mailbox.i
        m.d.comb += [
            device.s_axis_tdata.eq(words.payload.data),
            device.s_axis_tlast.eq(words.payload.last),
            device.s_axis_tvalid.eq(words.valid),
            words.ready.eq(device.s_axis_tready),
            beats.payload.data.eq(device.m_axis_tdata),
            beats.payload.last.eq(device.m_axis_tlast),
            beats.valid.eq(device.m_axis_tvalid),
            device.m_axis_tready.eq(beats.ready),
            teller.i.data.eq(device.m_axis_tdata),
            teller.i.last.eq(device.m_axis_tlast),
            teller.i.valid.eq(device.m_axis_tvalid),
            teller.i.ready.eq(beats.ready),
        ]
        if len(device.s_axis_tdata) > WORD_BITS:
            m.d.comb += device.s_axis_tkeep.eq(WORD_KEEP)

    def _light(self, m: Module, clear: Value) -> None:
        """The LEDs."""
        device, half = self._device, self._clock_hz // 2
        winner, shines, trouble, absent = Signal(5), Signal(range(half + 1)), Signal(), Signal()
        with m.If(device.m_axis_tvalid & device.m_axis_tready & device.m_axis_tlast):
            m.d.board += [winner.eq(device.m_axis_tdata), shines.eq(half)]
        with m.Elif(shines != 0):
            m.d.board += shines.eq(shines - 1)
        if isinstance(device, Device):
            m.d.board += absent.eq(device.absent)
            with m.If(clear):
                m.d.board += trouble.eq(0)
            with m.Elif(device.trouble):
                m.d.board += trouble.eq(1)
        m.d.comb += self.leds.eq(Cat(winner, shines != 0, trouble, absent))

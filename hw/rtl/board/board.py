"""The top level of a board: a core, with or without an ear, behind a UART."""

from __future__ import annotations

from collections.abc import Sequence

from amaranth.hdl import Cat, ClockDomain, DomainRenamer, Module, Signal, Value
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from hw.mailbox_registers import CORE_BASE, EAR_BASE, MAILBOX_BASE
from hw.protocol import ANSWER_BEATS, WORD_BITS, WORD_KEEP
from hw.rtl.board.bridge import Bridge
from hw.rtl.board.bus import BusDecoder
from hw.rtl.board.mailbox import Mailbox
from hw.rtl.board.teller import Teller
from hw.rtl.board.turns import Turns
from hw.rtl.board.uart import UartReceiver, UartTransmitter, cycles_per_bit
from hw.rtl.board.word_teller import WordTeller
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
    steps : bool
        The network answers per step, and lines and LEDs are of the words that its detector says.
    clock_hz : int
        Of `aclk`.
    baud : int
        Of the UART.

    Raises
    ------
    InputError
        Clock and baud rate do not fit each other (`cycles_per_bit`).

    Members
    -------
    aclk, aresetn : In(1)
        As those of `Core`.
    rx : In(1), 1 at rest
    tx : Out(1)
        8 data bits, no parity, a stop bit.
    leds : Out(8)
        [4:0] class of the last answer, or word, [5] one within the last half second, [6] frames that were
        dropped, overrun or clipped since reset or CLEAR, [7] no microphone.
    sck, ws, sd, right
        With an `I2sInput`.
    pdm_clk, pdm_data, select
        With a `PdmInput`.
    """

    def __init__(
        self,
        device: Core | Device,
        names: Sequence[str],
        *,
        steps: bool = False,
        clock_hz: int,
        baud: int = BAUD,
    ) -> None:
        self._device, self._names, self._clock_hz = device, tuple(names), clock_hz
        self._steps = steps
        self._bit_cycles = cycles_per_bit(clock_hz, baud)
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
        device = self._device
        hears = isinstance(device, Device)

        m.submodules.device = device
        m.submodules.receiver = within(receiver := UartReceiver(self._bit_cycles))
        m.submodules.transmitter = within(transmitter := UartTransmitter(self._bit_cycles))
        m.submodules.bridge = within(bridge := Bridge())
        m.submodules.teller = within(teller := self._teller(m))
        m.submodules.turns = within(turns := Turns())
        words = ANSWER_BEATS if self._steps else len(self._names) + 1
        m.submodules.mailbox = within(mailbox := Mailbox(words, self._clock_hz, waits=not hears))
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

    def _teller(self, m: Module) -> Teller:
        """Of answers, or of words."""
        if not self._steps:
            return Teller(self._names, self._clock_hz)
        teller = WordTeller(self._names, self._clock_hz)
        m.d.comb += [teller.said.eq(self._device.said), teller.word.eq(self._device.word)]
        return teller

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
        ends = device.m_axis_tvalid & device.m_axis_tready & device.m_axis_tlast
        told, own = (device.said, device.word) if self._steps else (ends, device.m_axis_tdata)
        with m.If(told):
            m.d.board += [winner.eq(own), shines.eq(half)]
        with m.Elif(shines != 0):
            m.d.board += shines.eq(shines - 1)
        if isinstance(device, Device):
            m.d.board += absent.eq(device.absent)
            with m.If(clear):
                m.d.board += trouble.eq(0)
            with m.Elif(device.trouble):
                m.d.board += trouble.eq(1)
        m.d.comb += self.leds.eq(Cat(winner, shines != 0, trouble, absent))

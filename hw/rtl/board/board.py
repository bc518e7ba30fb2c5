"""The top level of a board: a core, with or without an ear, behind a UART."""

from __future__ import annotations

from collections.abc import Sequence

from amaranth.hdl import Module
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

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
        raise NotImplementedError

"""The boards: platforms of `amaranth-boards`, and what Spikeline's device has on each."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from typing import Any

Pin = tuple[str, int, str | None]
"""A pin: name and number of a resource of the platform, and which one if it has several."""
MICROPHONE_PINS = {"i2s": ("sck", "ws", "sd", "lr"), "pdm": ("clk", "data", "select")}
"""Of each kind of microphone, in the order of a board's pins for them; the last one is held low."""


@dataclass(frozen=True)
class Board:
    """A board, and the pins of a device on it.

    Parameters
    ----------
    name : str
    title : str
        As its maker calls it.
    platform : str
        Module and class, ``amaranth_boards.ulx3s.ULX3S_85F_Platform``.
    part : str
        Of `hw.parts.PARTS`, which has as many cells.
    clock_hz : int
        Of the device; where it is not the oscillator's, a PLL makes it.
    header : str
        Where the microphone is, as it is printed on the board.
    connector : (str, int)
        Its name and number in the platform.
    microphone : tuple of str
        Its pins for `MICROPHONE_PINS`, in their order.
    leds : tuple
        For each of the device's eight LEDs (`hw.rtl.board.board.BoardDevice`) the board's, or None.
    loader : str
        The board's name in ``openFPGALoader``.
    line : str
        Where the UART is, in words.
    uart : (str, int, str, str), optional
        Name and number of a connector, and pins there for rx and tx, where the platform has no UART.
    high : tuple
        Pins that are held high.
    """

    name: str
    title: str
    platform: str
    part: str
    clock_hz: int
    header: str
    connector: tuple[str, int]
    microphone: tuple[str, ...]
    leds: tuple[Pin | None, ...]
    loader: str
    line: str = "the board's USB"
    uart: tuple[str, int, str, str] | None = None
    high: tuple[Pin, ...] = ()

    def make(self) -> Any:
        """A new platform, which builds one design."""
        module, _, name = self.platform.rpartition(".")
        return getattr(import_module(module), name)()

    def wiring(self, microphone: str) -> str:
        """Which pin of a microphone goes where, in words."""
        pins = zip(MICROPHONE_PINS[microphone], self.microphone, strict=False)
        return f"{self.header}: " + ", ".join(f"{pin} {own}" for pin, own in pins)


def _leds(*names: str) -> tuple[Pin | None, ...]:
    """LEDs by name, number and colour, as ``rgb_led 0 r``; ``-`` for none."""
    found: list[Pin | None] = []
    for name in names:
        parts = name.split()
        found.append(None if name == "-" else (parts[0], int(parts[1]), (*parts[2:], None)[0]))
    return tuple(found)


_GREEN = tuple(f"rgb_led {number} g" for number in range(4))

BOARDS = {
    board.name: board
    for board in (
        *(
            Board(
                f"ulx3s-{size.lower()}",
                f"ULX3S with an LFE5U-{size}",
                f"amaranth_boards.ulx3s.ULX3S_{size}_Platform",
                f"LFE5U-{size}",
                25_000_000,
                "J1",
                ("gpio", 0),
                ("0+", "1+", "2+", "3+"),
                _leds(*(f"led {number}" for number in range(8))),
                "ulx3s",
                high=(("esp32", 0, "gpio0"),),  # when it is low, the ESP32 may restart the board
            )
            for size in ("85F", "25F")
        ),
        Board(
            "orangecrab-25f",
            "OrangeCrab r0.2 with an LFE5U-25F",
            "amaranth_boards.orangecrab_r0_2.OrangeCrabR0_2_25FPlatform",
            "LFE5U-25F",
            40_000_000,
            "the row of 12 pins",
            ("io", 0),
            ("9", "10", "11", "12"),
            _leds("-", "-", "-", "-", "-", "rgb_led 0 g", "rgb_led 0 r", "rgb_led 0 b"),
            "orangeCrab",
            line="0 (rx) and 1 (tx) in the row of 16 pins, for an adapter to USB with 3.3 V levels",
            uart=("io", 0, "0", "1"),
        ),
        Board(
            "ecpix5-85f",
            "ECPIX-5 with an LFE5UM5G-85F",
            "amaranth_boards.ecpix5.ECPIX585Platform",
            "LFE5U-85F",
            50_000_000,
            "PMOD 0",
            ("pmod", 0),
            ("1", "2", "3", "4"),
            _leds(*_GREEN, "rgb_led 0 b", "rgb_led 1 b", "rgb_led 2 r", "rgb_led 3 r"),
            "ecpix5",
        ),
        Board(
            "arty-a7-100t",
            "Arty A7-100T",
            "amaranth_boards.arty_a7.ArtyA7_100Platform",
            "XC7A100T",
            50_000_000,
            "JA",
            ("pmod", 0),
            ("1", "2", "3", "4"),
            _leds(*(f"led {number}" for number in range(4)), *_GREEN[:2], "rgb_led 2 r", "rgb_led 3 r"),
            "arty_a7_100t",
        ),
        Board(
            "pynq-z2",
            "PYNQ-Z2",
            "hw.boards.pynq_z2.PynqZ2Platform",
            "XC7Z020",
            50_000_000,
            "PMODA",
            ("pmod", 0),
            ("1", "2", "3", "4"),
            _leds(
                *(f"led {number}" for number in range(4)),
                *("rgb_led 0 b", "rgb_led 0 g", "rgb_led 1 r", "rgb_led 1 b"),
            ),
            "pynq_z2",
            line="PMODB: 3 (rx) and 2 (tx), for a Pmod USBUART; the board's USB is the processor's",
            uart=("pmod", 1, "3", "2"),
        ),
    )
}
"""All, by name."""

"""The design around a device on a board: pins, clock and reset."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import Any

from amaranth.build import Attrs, Pins, Resource, Subsignal
from amaranth.hdl import Cat, ClockDomain, ClockSignal, Const, Elaboratable, Instance, Module, Signal, Value
from amaranth.lib import io
from amaranth.vendor import LatticePlatform

from hw.boards.boards import MICROPHONE_PINS, Board
from hw.boards.clocks import EHXPLLL, PLLE2
from hw.ear import EmittedDevice

RESET_STEPS = 8
"""The reset of the device is as many cycles long at least."""
_OF_DEVICE = {"clk": "pdm_clk", "data": "pdm_data", "lr": "right", "select": "select"}
"""Ports of the device for pins of a microphone that have another name there, or choose the channel."""
_INPUTS = ("sd", "data", "rx")


class BoardTop(Elaboratable):
    """A device between the pins of a board.

    The device is an instance of its Verilog. Its clock is that of the oscillator or of a PLL, and it is in
    reset after configuration, while the PLL is not locked, and while the board's reset button is pressed.

    Parameters
    ----------
    board : Board
    device : EmittedDevice
        Of `hw.board.emit_board`.
    microphone : str, optional
        One of `MICROPHONE_PINS`, which the device has.
    """

    def __init__(self, board: Board, device: EmittedDevice, microphone: str | None) -> None:
        self._board, self._device, self._microphone = board, device, microphone

    def elaborate(self, platform: Any) -> Module:
        """Take the pins of `platform`, which is the board's."""
        m = Module()
        board = self._board
        platform.add_resources(list(_resources(platform, board, self._microphone)))
        resource = cache(lambda name, number: platform.request(name, number, dir="-"))

        def request(name: str, number: int, part: str | None = None) -> Any:
            return resource(name, number) if part is None else getattr(resource(name, number), part)

        clock, runs = _clock(m, platform, board.clock_hz)

        # These registers need no reset: from any state, they are right after as many cycles.
        m.domains.board = ClockDomain("board", reset_less=True)
        steps = Signal(RESET_STEPS)
        aresetn = Signal()
        m.d.comb += ClockSignal("board").eq(clock)
        m.d.board += [steps.eq(Cat(runs, steps)), aresetn.eq(steps[2:].all())]

        leds = Signal(8)
        for led, own in zip(board.leds, leds, strict=True):
            if led is not None:
                _output(m, request(*led), own)
        for pin in board.high:
            _output(m, request(*pin), Const(1))
        connections: dict[str, Value] = {"aclk": clock, "aresetn": aresetn, "leds": leds}
        connections["rx"] = _input(m, request("uart", 0, "rx"))
        connections["tx"] = _output(m, request("uart", 0, "tx"), Signal(name="tx"))
        if self._microphone is not None:
            *names, low = MICROPHONE_PINS[self._microphone]
            for name in names:
                port = request("microphone", 0, name)
                wire = _input(m, port) if name in _INPUTS else _output(m, port, Signal(name=name))
                connections[_OF_DEVICE.get(name, name)] = wire
            connections[_OF_DEVICE[low]] = _output(m, request("microphone", 0, low), Const(0))
        ports = {own["name"]: own["direction"] for own in self._device.manifest["ports"]}
        m.submodules.device = Instance(
            self._device.name,
            **{f"{direction[0]}_{name}": connections[name] for name, direction in ports.items()},
        )
        return m


def _resources(platform: Any, board: Board, microphone: str | None) -> Iterator[Resource]:
    """Those that the platform lacks."""
    lattice = isinstance(platform, LatticePlatform)
    standard = {"IO_TYPE" if lattice else "IOSTANDARD": "LVCMOS33"}

    def pin(name: str, number: str, connector: tuple[str, int]) -> Subsignal:
        attributes = dict(standard)
        if name in _INPUTS:  # the level where nothing is connected
            level = "UP" if name == "rx" else "DOWN"
            attributes |= {"PULLMODE": level} if lattice else {f"PULL{level}": "TRUE"}
        direction = "i" if name in _INPUTS else "o"
        return Subsignal(name, Pins(number, dir=direction, conn=connector), Attrs(**attributes))

    if board.uart is not None:
        name, number, rx, tx = board.uart
        place = name, number
        yield Resource("uart", 0, pin("rx", rx, place), pin("tx", tx, place))
    if microphone is not None:
        names = zip(MICROPHONE_PINS[microphone], board.microphone, strict=False)  # PDM needs one less
        yield Resource("microphone", 0, *(pin(name, own, board.connector) for name, own in names))


def _input(m: Module, port: Any) -> Value:
    """The value of a pin."""
    m.submodules += (buffer := io.Buffer("i", port))
    value: Value = buffer.i
    return value


def _output(m: Module, port: Any, value: Value) -> Value:
    """`value`, which drives a pin."""
    m.submodules += (buffer := io.Buffer("o", port))
    m.d.comb += buffer.o.eq(value)
    return value


def _clock(m: Module, platform: Any, clock_hz: int) -> tuple[Signal, Value]:
    """The clock of `clock_hz`, and whether it runs: it is locked, and the reset button is not pressed."""
    oscillator = _input(m, platform.request(platform.default_clk, dir="-"))
    runs: Value = Const(1)
    if platform.default_rst is not None:
        runs = ~_input(m, platform.request(platform.default_rst, dir="-"))
    aclk, locked = Signal(name="aclk"), Signal(name="locked")
    frequency = round(platform.default_clk_frequency)
    if frequency == clock_hz:
        m.d.comb += aclk.eq(oscillator)
        return aclk, runs
    if isinstance(platform, LatticePlatform):
        m.submodules.pll = _ehxplll(frequency, clock_hz, oscillator, aclk, locked)
    else:
        made = Signal()
        m.submodules.pll = _plle2(frequency, clock_hz, oscillator, made, locked)
        m.submodules.global_clock = Instance("BUFG", i_I=made, o_O=aclk)
    return aclk, runs & locked


def _ehxplll(oscillator_hz: int, clock_hz: int, oscillator: Value, clock: Signal, locked: Signal) -> Instance:
    """A PLL of an ECP5, whose output is fed back; the four settings of its loop are those of ecppll."""
    own = EHXPLLL.dividers(oscillator_hz, clock_hz)
    return Instance(
        "EHXPLLL",
        a_ICP_CURRENT="12",
        a_LPF_RESISTOR="8",
        a_MFG_ENABLE_FILTEROPAMP="1",
        a_MFG_GMCREF_SEL="2",
        p_CLKI_DIV=own.divide,
        p_CLKFB_DIV=own.multiply,
        p_CLKOP_DIV=own.output,
        p_CLKOP_CPHASE=own.output // 2,
        p_CLKOP_FPHASE=0,
        p_CLKOP_ENABLE="ENABLED",
        p_FEEDBK_PATH="CLKOP",
        i_CLKI=oscillator,
        i_CLKFB=clock,
        i_RST=0,
        i_STDBY=0,
        i_PLLWAKESYNC=0,
        i_ENCLKOP=0,
        o_CLKOP=clock,
        o_LOCK=locked,
    )


def _plle2(oscillator_hz: int, clock_hz: int, oscillator: Value, clock: Signal, locked: Signal) -> Instance:
    """A PLL of a 7-series device; its feedback stays within it."""
    own = PLLE2.dividers(oscillator_hz, clock_hz)
    feedback = Signal()
    return Instance(
        "PLLE2_BASE",
        p_CLKIN1_PERIOD=1e9 / oscillator_hz,
        p_DIVCLK_DIVIDE=own.divide,
        p_CLKFBOUT_MULT=own.multiply,
        p_CLKOUT0_DIVIDE=own.output,
        i_CLKIN1=oscillator,
        i_CLKFBIN=feedback,
        i_RST=0,
        i_PWRDWN=0,
        o_CLKFBOUT=feedback,
        o_CLKOUT0=clock,
        o_LOCKED=locked,
    )

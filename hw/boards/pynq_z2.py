"""The PYNQ-Z2 as an Amaranth platform: what a device needs of it (TUL, PYNQ-Z2 v1.0 constraints)."""

from __future__ import annotations

from typing import Any, ClassVar

from amaranth.build import Attrs, Clock, Connector, Pins, Resource
from amaranth.vendor import XilinxPlatform
from amaranth_boards.resources import LEDResources, RGBLEDResource

_IO = Attrs(IOSTANDARD="LVCMOS33")


class PynqZ2Platform(XilinxPlatform):
    """The programmable logic, without the processor: its USB UART and its memory are the processor's."""

    device = "xc7z020"
    package = "clg400"
    speed = "1"
    default_clk = "clk125"
    resources: ClassVar[list[Any]] = [
        Resource("clk125", 0, Pins("H16", dir="i"), Clock(125e6), _IO),
        *LEDResources(pins="R14 P14 N16 M14", attrs=_IO),
        RGBLEDResource(0, r="N15", g="G17", b="L15", attrs=_IO),
        RGBLEDResource(1, r="M15", g="L14", b="G14", attrs=_IO),
    ]
    connectors: ClassVar[list[Any]] = [
        Connector("pmod", 0, "Y18 Y19 Y16 Y17 - - U18 U19 W18 W19 - -"),
        Connector("pmod", 1, "W14 Y14 T11 T10 - - V16 W16 V12 W13 - -"),
    ]

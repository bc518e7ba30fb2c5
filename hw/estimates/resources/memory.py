"""How yosys maps a memory: LUT RAM, block RAM or logic, and how much of it.

It prices every form of every RAM of the library of a target by its cells and by the multiplexers
that join them, and takes the cheapest (pass ``memory_libmap`` of yosys 0.70, with the libraries of
``synth_xilinx``, ``synth_ecp5`` and ``synth_ice40``). So the numbers here are exact; nothing is fitted.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import NamedTuple

MUX = 0.5
"""Price of a two-way multiplexer of one bit, and of a gate before a write enable."""


@dataclass(frozen=True)
class Ram:
    """A RAM of the fabric.

    Parameters
    ----------
    style : str
        ``distributed`` or ``block``.
    address_bits : int
        For the first of the `widths`; one less for each that follows.
    widths : tuple of int
        Bits of a word.
    price, scaled : int
        Of a cell; and the part of it that scales with the bits in use.
    sites : float
        LUT sites, or block RAMs of full size.
    ports : int
        Of a cell: read ports, or ports for reading or writing where `shared`.
    byte : int
        Bits that are written together; 0: all of a word.
    """

    style: str
    address_bits: int
    widths: tuple[int, ...]
    price: int
    sites: float
    scaled: int = 0
    ports: int = 1
    shared: bool = False
    byte: int = 9


class Mapped(NamedTuple):
    """A memory in the fabric: LUT sites, block RAMs, and a `ways`-way multiplexer for each read port."""

    lutram: int
    block: float
    ways: int
    logic: bool = False


RAMS = {
    "xilinx7": (
        Ram("distributed", 5, (6,), 8, 4, scaled=7, byte=0),  # RAM32M
        Ram("distributed", 6, (3,), 8, 4, scaled=7, byte=0),  # RAM64M
        Ram("block", 14, (1, 2, 4, 9, 18, 36), 129, 0.5),  # RAMB18E1, a port to read and one to write
        Ram("block", 15, (1, 2, 4, 9, 18, 36, 72), 257, 1),  # RAMB36E1, likewise
        Ram("block", 14, (1, 2, 4, 9, 18), 129, 0.5, ports=2, shared=True),
        Ram("block", 15, (1, 2, 4, 9, 18, 36), 257, 1, ports=2, shared=True),
    ),
    "ecp5": (
        Ram("distributed", 4, (4,), 4, 6, byte=0),  # TRELLIS_DPR16X4
        Ram("block", 14, (1, 2, 4, 9, 18, 36), 128, 1),  # PDPW16KD
        Ram("block", 14, (1, 2, 4, 9, 18), 128, 1, ports=2, shared=True),  # DP16KD
    ),
    "up5k": (
        Ram("block", 11, (2, 4, 8), 64, 1, byte=0),  # SB_RAM40_4K
        Ram("block", 8, (16,), 64, 1, byte=1),  # the same, which then has an enable for each bit
    ),
}
LOGIC_ROM = {"xilinx7": 1 / 64, "ecp5": 1 / 16, "up5k": 1 / 16}
"""Price of a bit of a read-only memory as logic."""


@cache
def mapped(
    target: str,
    width: int,
    depth: int,
    reads: int = 1,
    writes: int = 1,
    style: str | None = None,
    granule: int | None = None,
) -> Mapped:
    """The cheapest form of a memory of `depth` words of `width` bits.

    Parameters
    ----------
    target : str
    width, depth : int
    reads, writes : int
        Ports.
    style : str, optional
        ``block`` or ``distributed``, where the memory has this attribute.
    granule : int, optional
        Bits per write enable; the last enable has the rest.
    """
    best, form = float("inf"), Mapped(0, 0, 1, logic=True)
    if not writes and style is None:
        best = width * depth * LOGIC_ROM[target]
    for ram in RAMS[target]:
        if style not in (None, ram.style) or (ram.style == "distributed" and not writes):
            continue
        free = ram.ports - writes if ram.shared else ram.ports
        copies = -(-reads // free)
        for index, unit in enumerate(ram.widths):
            ways = -(-depth // (1 << ram.address_bits - index))
            byte = min(ram.byte or unit, unit) if writes else 1
            whole, rest = divmod(width, granule or width)
            row = byte * (whole * -(-(granule or width) // byte) + -(-rest // byte))
            cells = -(-ways * row // unit)
            price = (ram.price - ram.scaled) * cells * copies + ram.scaled * ways * width / unit * copies
            price += MUX * (ways - 1) * width * reads + (MUX * ways * writes if ways > 1 else 0)
            if price < best:
                sites = ram.sites * cells * copies
                best = price
                form = Mapped(int(sites), 0, ways) if ram.style == "distributed" else Mapped(0, sites, ways)
    return form

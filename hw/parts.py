"""FPGAs, and how many cells of each kind they have."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Part:
    """An FPGA: its cells, by the kinds of `hw.flows.yosys.area` for `target`."""

    name: str
    target: str
    capacity: dict[str, int]


def _xilinx7(name: str, lut: int, bram36: int, dsp: int) -> Part:
    return Part(name, "xilinx7", {"lut": lut, "ff": 2 * lut, "bram36": bram36, "dsp": dsp})


def _ecp5(name: str, comb: int, ebr: int, dsp: int) -> Part:
    return Part(name, "ecp5", {"comb": comb, "ff": comb, "ebr": ebr, "dsp": dsp})


PARTS = {
    part.name: part
    for part in (
        # Lattice FPGA-DS-02012, and nextpnr's counts: logic cells, block RAMs, 18 x 18 multipliers
        _ecp5("LFE5U-25F", 24_288, 56, 28),
        _ecp5("LFE5U-45F", 43_848, 108, 72),
        _ecp5("LFE5U-85F", 83_640, 208, 156),
        # AMD DS180; for the Zynq, DS190
        _xilinx7("XC7S50", 32_600, 75, 120),
        _xilinx7("XC7A35T", 20_800, 50, 90),
        _xilinx7("XC7A100T", 63_400, 135, 240),
        _xilinx7("XC7A200T", 134_600, 365, 740),
        _xilinx7("XC7K325T", 203_800, 445, 840),
        _xilinx7("XC7Z010", 17_600, 60, 80),
        _xilinx7("XC7Z020", 53_200, 140, 220),
    )
}

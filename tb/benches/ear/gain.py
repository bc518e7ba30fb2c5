"""Gain: every gain, at the ends of the codes, and in the cycles that it promises."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import cocotb
from amaranth.lib import wiring

from fxp_model.ear.gain import MAX_GAIN, PCM, SAMPLE, amplify
from hw.rtl.ear.gain import Gain
from tb.harness.block_bench import BlockBench, pack_lanes, signed_lanes
from tb.harness.drivers import BlockStream, accept, no_gaps, random_gaps
from tb.harness.monitors import watch_stream

CASES: dict[str, dict[str, Any]] = {"gain": {}}


def component() -> wiring.Component:
    return Gain()


def _samples(bench: BlockBench, gain: int) -> list[int]:
    """Random codes of any size, and all around those that are clipped first."""
    ends = [bound + near for bound in (SAMPLE.min_raw, 0, SAMPLE.max_raw) for near in (-128, -1, 0, 1)]
    codes = [end // (1 << gain) + near for end in ends for near in range(-2, 3)]
    codes += (
        bench.rng.integers(SAMPLE.min_raw, SAMPLE.max_raw, 20) >> bench.rng.integers(0, 24, 20)
    ).tolist()
    return [code for code in codes if SAMPLE.min_raw <= code <= SAMPLE.max_raw]


async def _send(bench: BlockBench, gain: int, code: int, idle: int) -> None:
    """Transfer a sample at a gain; at all other times the gain is anything."""
    dut = bench.dut
    for _ in range(idle):
        dut.i__valid.value, dut.gain.value = 0, int(bench.rng.integers(MAX_GAIN + 1))
        await bench.edge
    dut.i__payload.value, dut.gain.value, dut.i__valid.value = pack_lanes([code], SAMPLE.width), gain, 1
    await bench.edge
    while not dut.i__ready.value:
        await bench.edge
    dut.i__valid.value, dut.gain.value = 0, int(bench.rng.integers(MAX_GAIN + 1))


@cocotb.test()
async def amplified(dut: Any) -> None:
    bench = BlockBench(dut)
    await bench.reset(i__valid=0, o__ready=0, gain=0)
    source, sink = BlockStream(dut, "i"), BlockStream(dut, "o")
    strobes, clipped = 0, 0

    def predict(raw: int) -> None:
        nonlocal clipped
        pcm, over = amplify(signed_lanes(raw, SAMPLE.width, 1), int(dut.gain.value))
        clipped += bool(over[0])
        bench.expect((int(pcm[0]), bool(over[0])))

    async def count() -> None:
        nonlocal strobes
        while True:
            await bench.edge
            strobes += bool(dut.clipped.value)

    bench.start(count())
    bench.start(watch_stream(source, predict))
    bench.start(
        watch_stream(
            sink, lambda raw: bench.see((signed_lanes(raw, PCM.width, 1)[0], bool(dut.clipped.value)))
        )
    )
    bench.start(accept(sink, random_gaps(bench.rng)))
    gaps = random_gaps(bench.rng)
    for gain in range(MAX_GAIN + 1):
        for code in _samples(bench, gain):
            await _send(bench, gain, code, gaps())
    await bench.finish()
    assert strobes == clipped
    assert 0.2 * bench.compared < clipped < 0.8 * bench.compared, f"{clipped} of {bench.compared} clipped"


@cocotb.test()
async def cycles(dut: Any) -> None:
    bench = BlockBench(dut)
    await bench.reset(i__valid=0, o__ready=0, gain=0)
    sink = BlockStream(dut, "o")
    bench.start(accept(sink, no_gaps))
    cycle, times = 0, []

    async def count() -> None:
        nonlocal cycle
        while True:
            await bench.edge
            cycle += 1

    bench.start(count())
    bench.start(watch_stream(sink, lambda raw: times.append(cycle)))
    for gain in range(MAX_GAIN + 1):
        times.clear()
        for _ in range(3):
            await _send(bench, gain, 1, 0)
        for _ in range(gain + 2):
            await bench.edge
        assert [late - early for early, late in pairwise(times)] == [gain + 2] * 2

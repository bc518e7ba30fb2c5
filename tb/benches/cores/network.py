"""Whole cores against the golden model: traffic, malformed input, resets, cycles."""

from __future__ import annotations

from itertools import chain
from typing import Any

import cocotb

from hw.config import HardwareConfig
from hw.protocol import encode_sample
from tb.harness.drivers import accept, accept_late, random_gaps
from tb.harness.network_bench import NetworkBench
from tb.harness.plan import Figures, load_plan
from tb.harness.stimulus import corrupt, encode, overfill, random_samples

PLAN = load_plan()
FIGURES = Figures()


@cocotb.test()
async def traffic(dut: Any) -> None:
    """Samples of different lengths back to back, with random idle input and backpressure."""
    bench = NetworkBench(dut, PLAN)
    await bench.restart()
    rng, spec = bench.rng, bench.network.spec
    samples = random_samples(rng, spec, PLAN["samples"])
    beats = [beat for sample in samples for beat in encode(rng, sample)]
    await bench.play(beats, random_gaps(rng), accept(bench.sink, random_gaps(rng)))
    await bench.check()
    assert bench.tally.samples == len(samples)
    FIGURES.add("traffic", bench.figures())


@cocotb.test()
async def hostile_input(dut: Any) -> None:
    """Malformed beats everywhere are counted; an overfilled sample affects no other one."""
    bench = NetworkBench(dut, PLAN)
    await bench.restart()
    rng, spec = bench.rng, bench.network.spec
    layer = spec.layers[0]
    samples = random_samples(rng, spec, PLAN["samples"], max_steps=8)
    beats = []
    for index, sample in enumerate(samples):
        beats += corrupt(rng, encode(rng, sample), layer.n_in, layer.max_input)
        if index % 3 == 0:
            beats += overfill(rng, spec, steps=3)
    await bench.play(beats, random_gaps(rng), accept_late(bench.sink, random_gaps(rng)))
    await bench.check()
    assert bench.tally.samples == len(samples), "an unspecified sample was compared"
    assert bench.decoder.dropped > 0, "nothing malformed was sent"
    FIGURES.add("hostile_input", {**bench.figures(), "dropped_beats": bench.decoder.dropped})


@cocotb.test()
async def resets(dut: Any) -> None:
    """Reset in the middle of a step, of the computation and of an output; then clean samples."""
    bench = NetworkBench(dut, PLAN)
    await bench.restart()
    rng, spec = bench.rng, bench.network.spec
    for kind in ("step", "cycle", "cycle", "output"):
        samples = random_samples(rng, spec, 8, max_steps=16)
        clean = [beat for sample in samples[4:] for beat in encode(rng, sample)]
        doomed = corrupt(rng, clean, spec.n_in, spec.layers[0].max_input, rate=0.1)
        await bench.disturb(doomed, kind)
        await bench.restart(cycles=int(rng.integers(1, 4)))
        await bench.play(clean, random_gaps(rng), accept(bench.sink, random_gaps(rng)))
        await bench.check()
    FIGURES.add("resets", bench.figures())


@cocotb.test()
async def cycles(dut: Any) -> None:
    """At full rate the cycles equal the formula: back to back, and one sample at a time."""
    bench = NetworkBench(dut, PLAN)
    await bench.restart()
    rng, spec = bench.rng, bench.network.spec
    config = HardwareConfig.from_dict(PLAN["hardware"])
    samples = random_samples(rng, spec, PLAN["samples"])
    beats = [encode_sample(sample) for sample in samples]
    await bench.play(list(chain.from_iterable(beats)))
    await bench.check()
    figures = bench.check_timing(config)
    for sample in beats[:5]:
        await bench.restart()
        await bench.play(sample)
        await bench.check()
        bench.check_timing(config)
    FIGURES.add("cycles", {**bench.figures(), **figures})

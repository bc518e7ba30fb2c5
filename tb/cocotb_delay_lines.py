"""DelayLines: every neuron's spike of delay + 1 steps ago, and nothing of an earlier sample."""

from __future__ import annotations

from typing import Any

import cocotb
import numpy as np
from amaranth.lib import wiring

from hw.rtl.delay_lines import DelayLines
from tb.block_bench import BlockBench

CASES: dict[str, dict[str, Any]] = {
    "none": {"delay_steps": [0]},
    "each": {"delay_steps": [0, 1, 2, 3, 7, 15, 16, 17, 31, 32, 33, 63]},
}


def component(delay_steps: list[int]) -> wiring.Component:
    return DelayLines(delay_steps)


@cocotb.test()
async def delays(dut: Any) -> None:
    bench = BlockBench(dut)
    rng, delay_steps = bench.rng, bench.case["delay_steps"]
    await bench.reset(shift=0, clear=0, spikes=0)
    fired = 0
    # samples shorter and longer than the longest delay
    for steps in (1, 2, 90, 1, 40, 5, 70):
        history = rng.random((steps, len(delay_steps))) < 0.6
        for t in range(steps + 1):
            # s(t) = y(t - 1 - d), 0 before the sample
            sources = [t - 1 - delay for delay in delay_steps]
            expected = [int(history[s, m]) if s >= 0 else 0 for m, s in enumerate(sources)]
            if t == steps:
                expected = [0] * len(delay_steps)  # a new sample
            seen = int(dut.delayed.value)
            bench.expect((steps, t, expected))
            bench.see((steps, t, [seen >> m & 1 for m in range(len(delay_steps))]))
            fired += sum(expected)
            if t == steps:
                break
            dut.spikes.value = int(np.sum(history[t] * (1 << np.arange(len(delay_steps)))))
            dut.shift.value = 1
            dut.clear.value = int(t == steps - 1)
            await bench.edge
            dut.shift.value = 0
            dut.clear.value = int(rng.integers(2))  # means nothing without shift
            dut.spikes.value = int(rng.integers(1 << len(delay_steps)))
            for _ in range(1 + int(rng.integers(3))):
                await bench.edge
    await bench.finish()
    assert fired > 0, "no spike was delayed"

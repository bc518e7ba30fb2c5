"""DelayLines: every neuron's spike of delay + 1 steps ago, and nothing of an earlier sample."""

from __future__ import annotations

from typing import Any

import cocotb
import numpy as np
from amaranth.lib import wiring
from cocotb.triggers import NextTimeStep, ReadOnly

from hw.rtl.delay_lines import DelayLines
from hw.rtl.events import tag_layout
from tb.block_bench import BlockBench, pack_lanes

CASES: dict[str, dict[str, Any]] = {
    "none": {"delay_steps": [0], "lanes": 1},
    "each": {"delay_steps": [0, 1, 2, 3, 7, 15, 16, 17, 31, 32, 33, 63], "lanes": 5},
    "one_group": {"delay_steps": [4, 0, 9], "lanes": 3},
}


def component(delay_steps: list[int], lanes: int) -> wiring.Component:
    return DelayLines(delay_steps, lanes)


@cocotb.test()
async def delays(dut: Any) -> None:
    bench = BlockBench(dut)
    rng, delay_steps, lanes = bench.rng, bench.case["delay_steps"], bench.case["lanes"]
    n = len(delay_steps)
    groups = -(-n // lanes)
    tag = tag_layout(groups)

    def idle() -> None:
        """No group is written or fetched; all else means nothing then."""
        for name in ("finishing", "fetched"):
            getattr(dut, name).value = int(rng.integers(1 << tag.size)) & ~tag.const({"valid": 1}).as_bits()
        dut.spikes.value = int(rng.integers(1 << lanes))

    await bench.reset(finishing=0, spikes=0, fetched=0)
    fired = 0
    # samples shorter and longer than the longest delay
    for steps in (1, 2, 90, 1, 40, 5, 70):
        history = rng.random((steps, n)) < 0.6
        for t in range(steps):
            # s(t) = y(t - 1 - d), 0 before the sample
            sources = [t - 1 - delay for delay in delay_steps]
            expected = [int(history[s, m]) if s >= 0 else 0 for m, s in enumerate(sources)]
            final = groups - 1
            for group in range(groups):
                idle()
                await ReadOnly()
                part = slice(group * lanes, (group + 1) * lanes)
                seen = int(dut.delayed.value)
                bench.expect((steps, t, group, expected[part]))
                bench.see((steps, t, group, [seen >> m & 1 for m in range(n)][part]))
                fired += sum(expected[part])
                await NextTimeStep()
                fields = {"valid": 1, "group": group, "final": group == final, "last": t == steps - 1}
                dut.fetched.value = tag.const(fields).as_bits()
                await bench.edge
                idle()
                for _ in range(int(rng.integers(2))):
                    await bench.edge
            # the next sweep reads a group after it is written
            for group in range(groups):
                # a group is announced in one cycle, perhaps together with the spikes of another one
                dut.finishing.value = tag.const(
                    {"valid": 1, "group": group, "final": group == final}
                ).as_bits()
                await bench.edge
                idle()
                spikes = np.append(history[t], np.zeros(lanes, bool))[group * lanes : (group + 1) * lanes]
                dut.spikes.value = pack_lanes(spikes, 1)
                if rng.integers(2):
                    continue
                await bench.edge
                idle()
            await bench.edge
            idle()
    await bench.finish()
    assert fired > 0, "no spike was delayed"

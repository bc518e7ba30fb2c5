"""SampleTimer: the cycles of every sample, modulo 2**32, with many in flight, cleared or discarded."""

from __future__ import annotations

from collections import deque
from typing import Any

import cocotb
from amaranth.lib import wiring

from hw.rtl.sample_timer import SampleTimer
from tb.harness.block_bench import BlockBench

CASES: dict[str, dict[str, Any]] = {"few": {"depth": 4}, "many": {"depth": 32}}
VISIBLE = (("block", "now"),)
SHORTEST, LATENCY = 4, 3
"""Cycles of a sample at least; and from its end to `cycles`."""


def component(depth: int) -> wiring.Component:
    return SampleTimer(depth)


@cocotb.test()
async def cycles(dut: Any) -> None:
    """Times with 0 and 1 in every bit, and samples across the end of the clock's 32 bits."""
    bench = BlockBench(dut)
    await bench.reset(taken=0, taken_last=0, ends=0, restart=0, clear=1)
    rng, depth, ended, wraps = bench.rng, bench.case["depth"], 0, 0
    for origin in (0, 0x55555555, 0xAAAAAAAA, (1 << 31) - 300, (1 << 32) - 300):
        dut.restart.value = dut.clear.value = 1
        dut.taken.value = dut.ends.value = 0
        dut.now.value = origin
        for _ in range(LATENCY):
            await bench.edge
        flying: deque[int] = deque()
        due: dict[int, int] = {}
        inside, expected = False, 0
        for at in range(600):
            taken = rng.random() < 0.5 and (inside or len(flying) < depth - 1)
            last, restart, clear = rng.random() < 0.3, rng.random() < 0.01, rng.random() < 0.01
            ends = bool(flying) and at - flying[0] >= SHORTEST and rng.random() < 0.2
            dut.taken.value, dut.taken_last.value, dut.ends.value = int(taken), int(last), int(ends)
            dut.restart.value, dut.clear.value = int(restart), int(clear)
            busy = bool(flying)
            expected = due.pop(at, expected)
            bench.expect((expected, busy))
            await bench.edge
            bench.see((int(dut.cycles.value), bool(dut.busy.value)))
            if ends:
                due[at + LATENCY] = at - flying.popleft() + 1
                ended += 1
                wraps += origin + at >= 1 << 32
            if taken and not inside:
                flying.append(at)
            inside = (inside if not taken else not last) and not restart
            if clear:  # also those that have just ended
                due, expected = {}, 0
            if restart:
                flying.clear()
    await bench.finish()
    assert ended > 100
    assert wraps > 10

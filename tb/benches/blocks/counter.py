"""Counter: exact up to 2**32 - 1, where it saturates until it is cleared."""

from __future__ import annotations

from typing import Any

import cocotb
from amaranth.lib import wiring

from hw.rtl.counter import Counter
from tb.harness.block_bench import BlockBench

CASES: dict[str, dict[str, Any]] = {"one_bit": {"bits": 1}, "wide": {"bits": 29}}


def component(bits: int) -> wiring.Component:
    return Counter(bits)


@cocotb.test()
async def totals(dut: Any) -> None:
    bench = BlockBench(dut)
    # the total has no reset: it is cleared, as `Control` does after a reset
    await bench.reset(increment=0, clear=1)
    await bench.edge
    dut.clear.value = 0
    await bench.edge
    rng, total, stopped = bench.rng, 0, 0
    for _ in range(2000):
        increment, clear = int(rng.integers(1 << bench.case["bits"])), int(rng.random() < 0.01)
        dut.increment.value, dut.clear.value = increment, clear
        bench.expect(total)
        await bench.edge
        bench.see(int(dut.total.value))
        total = 0 if clear else min(total + increment, (1 << 32) - 1)
        stopped += total == (1 << 32) - 1
    await bench.finish()
    assert (stopped > 0) == (bench.case["bits"] > 1)

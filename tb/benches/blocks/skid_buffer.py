"""SkidBuffer: every item passes once, in order, under any stalls."""

from __future__ import annotations

from typing import Any

import cocotb
from amaranth.lib import wiring

from hw.rtl.input_decoder import beat_layout
from hw.rtl.skid_buffer import SkidBuffer
from tb.harness.block_bench import BlockBench

CASES: dict[str, dict[str, Any]] = {"beat": {}}


def component() -> wiring.Component:
    return SkidBuffer(beat_layout())


@cocotb.test()
async def order(dut: Any) -> None:
    bench = BlockBench(dut)
    await bench.reset(i__valid=0, o__ready=0)
    items = [int(x) for x in bench.rng.integers(0, 1 << 33, 1500)]
    await bench.stream(items, bench.expect, int)
    await bench.finish()
    assert bench.compared == len(items)

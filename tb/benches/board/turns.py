"""Turns: packets and lines of two sources, each whole, in the order of its source."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import cocotb
from amaranth.lib import wiring

from hw.rtl.board.turns import Turns
from tb.harness.block_bench import BlockBench
from tb.harness.drivers import BlockStream, accept, drive, random_gaps
from tb.harness.monitors import watch_stream

CASES: dict[str, dict[str, Any]] = {"turns": {}}
PACKETS = 60


def component() -> wiring.Component:
    return Turns()


@cocotb.test()
async def whole(dut: Any) -> None:
    """The highest bits of a byte say whose it is and where its packet ends."""
    bench = BlockBench(dut)
    await bench.reset(first__valid=0, second__valid=0, o__ready=0)
    names, left, waiting = ("first", "second"), dict[str, list[int]](), list[int]()
    for owner, name in enumerate(names):
        sizes = bench.rng.integers(1, 7, PACKETS).tolist()
        packets = [
            [owner << 7 | (place == size - 1) << 6 | int(bench.rng.integers(64)) for place in range(size)]
            for size in sizes
        ]
        left[name] = [byte for packet in packets for byte in packet]
    turns = list[int]()

    def take(byte: int) -> None:
        owner = byte >> 7
        if waiting:
            assert owner == waiting[0], "a packet is interrupted"
        waiting[:] = [] if byte >> 6 & 1 else [owner]
        bench.expect(left[names[owner]].pop(0))
        bench.see(byte)
        turns.append(owner)

    sink = BlockStream(dut, "o")
    bench.start(watch_stream(sink, take))
    bench.start(accept(sink, random_gaps(bench.rng)))
    drivers = [
        cocotb.start_soon(
            drive(
                BlockStream(dut, name),
                [byte | (byte >> 6 & 1) << 8 for byte in left[name]],
                random_gaps(bench.rng),
                bench.rng,
            )
        )
        for name in names
    ]
    for driver in drivers:
        await driver
    await bench.finish()
    assert not waiting
    assert left == {"first": [], "second": []}
    assert sum(before != after for before, after in pairwise(turns)) > 20

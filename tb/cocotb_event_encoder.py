"""EventEncoder: an event per spike, lowest neuron first, then the marker; n = 1 to several blocks."""

from __future__ import annotations

from typing import Any

import cocotb
from amaranth.lib import wiring

from hw.rtl.event_encoder import EventEncoder
from hw.rtl.events import event_layout
from tb.block_bench import BlockBench

CASES: dict[str, dict[str, Any]] = {"one": {"n": 1}, "odd": {"n": 37}, "full": {"n": 256}}


def component(n: int) -> wiring.Component:
    return EventEncoder(n)


@cocotb.test()
async def spikes_to_events(dut: Any) -> None:
    bench = BlockBench(dut)
    n, rng = bench.case["n"], bench.rng
    layout = event_layout(n, 1)

    def predict(raw: int) -> None:
        for address in range(n):
            if raw >> address & 1:
                bench.expect(("event", address))
        bench.expect(("marker", raw >> n))

    def interpret(raw: int) -> tuple[Any, ...]:
        item = layout.from_bits(raw)
        return ("marker", item.last) if item.marker else ("event", item.address)

    await bench.reset(i__valid=0, o__ready=0)
    words = [0, (1 << n) - 1, 1, 1 << n - 1, 0, 0]
    for density in (0.02, 0.1, 0.5):
        words += [sum(int(bit) << k for k, bit in enumerate(rng.random(n) < density)) for _ in range(20)]
    await bench.stream([word | int(rng.integers(2)) << n for word in words], predict, interpret)
    await bench.finish()

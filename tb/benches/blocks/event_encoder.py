"""EventEncoder: an event per spike, then the marker; n = 1 to several blocks, one or two events per cycle.

Without pauses at its ports, one of them leaves in every cycle from the first to the last.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import cocotb
from amaranth.lib import wiring
from cocotb.utils import get_sim_time

from hw.rtl.event_encoder import EventEncoder
from hw.rtl.events import event_layout
from tb.harness.block_bench import PERIOD_NS, BlockBench, step_word

CASES: dict[str, dict[str, Any]] = {
    "one": {"n": 1, "events": 1},
    "odd": {"n": 37, "events": 1},
    "full": {"n": 256, "events": 1},
    "two": {"n": 2, "events": 2},
    "odd_pairs": {"n": 37, "events": 2},
    "full_pairs": {"n": 256, "events": 2},
    "steady": {"n": 256, "events": 1, "pauses": False},
    "steady_pairs": {"n": 37, "events": 2, "pauses": False},
}


def component(n: int, events: int, pauses: bool = True) -> wiring.Component:
    return EventEncoder(n, events)


@cocotb.test()
async def spikes_to_events(dut: Any) -> None:
    bench = BlockBench(dut)
    n, events, rng = bench.case["n"], bench.case["events"], bench.rng
    pauses, times = bench.case.get("pauses", True), []
    layout = event_layout(n, 1, events)

    def spikes_of(word: int) -> list[int]:
        return [address for address in range(n) if word >> address & 1]

    def predict(raw: int) -> None:
        spikes, last = told[raw]
        for low in range(0, len(spikes), events):
            bench.expect(("events", *spikes[low : low + events]))
        bench.expect(("marker", last))

    def interpret(raw: int) -> tuple[Any, ...]:
        item = layout.from_bits(raw)
        times.append(get_sim_time("ns"))
        if item.marker:
            return "marker", item.last
        return "events", item.address, *([item.second_address] if events == 2 and item.pair else [])

    await bench.reset(i__valid=0, o__ready=0)
    words = [0, (1 << n) - 1, 1, 1 << n - 1, 0, 0]
    for density in (0.02, 0.1, 0.5):
        words += [sum(int(bit) << k for k, bit in enumerate(rng.random(n) < density)) for _ in range(20)]
    steps = [(spikes_of(word), int(rng.integers(2))) for word in words]
    told = {step_word(spikes, last, n, events): (spikes, last) for spikes, last in steps}
    await bench.stream([step_word(*step, n, events) for step in steps], predict, interpret, pauses)
    await bench.finish()
    cycles = {later - earlier for earlier, later in pairwise(times)}
    assert (cycles == {PERIOD_NS}) != pauses, "an event or a marker must leave in every cycle"

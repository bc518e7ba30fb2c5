"""InputDecoder: events and markers pass, everything else is dropped and told."""

from __future__ import annotations

from typing import Any

import cocotb
from amaranth.lib import wiring

from hw.protocol import END_OF_STEP, Beat, event
from hw.rtl.events import event_layout
from hw.rtl.input_decoder import InputDecoder
from tb.block_bench import BlockBench, layer_spec
from tb.scoreboard import MismatchError
from tb.stimulus import corrupt

CASES: dict[str, dict[str, Any]] = {
    "one_input": {"n_in": 1, "input_bits": 1},
    "counts": {"n_in": 37, "input_bits": 4},
    "every_address_and_count": {"n_in": 1 << 16, "input_bits": 8},
}


def component(n_in: int, input_bits: int) -> wiring.Component:
    return InputDecoder(layer_spec(n_in=n_in, input_bits=input_bits))


@cocotb.test()
async def events_and_drops(dut: Any) -> None:
    bench = BlockBench(dut)
    n_in, bits = bench.case["n_in"], bench.case["input_bits"]
    limit, rng = (1 << bits) - 1, bench.rng
    layout = event_layout(n_in, bits)
    dropped = told = 0

    def predict(raw: int) -> None:
        nonlocal dropped
        address, count, last = raw & 0xFFFF, raw >> 16 & 0xFF, raw >> 32
        if last or raw & END_OF_STEP:
            bench.expect(("marker", last))
            dropped += count != 0
        elif address < n_in and 1 <= count <= limit:
            bench.expect(("event", address, count))
        else:
            dropped += 1

    def interpret(raw: int) -> tuple[Any, ...]:
        item = layout.from_bits(raw)
        if item.marker:
            return "marker", item.last
        return "event", item.address, item.count if bits > 1 else 1

    async def count() -> None:
        nonlocal told
        while True:
            await bench.edge
            told += int(dut.dropped.value)

    await bench.reset(i__valid=0, o__ready=0)
    bench.start(count())
    beats = []
    for _ in range(300):
        beats += [event(int(rng.integers(n_in)), int(rng.integers(1, limit + 1))) for _ in range(4)]
        beats.append(
            Beat(int(rng.integers(2)) * END_OF_STEP, tlast=True) if rng.random() < 0.3 else Beat(END_OF_STEP)
        )
    # where every address and count is legal, only a count of 0 and a count in a marker are not
    bad = (
        corrupt(rng, beats, min(n_in, (1 << 16) - 1), limit)
        if bits < 8
        else [
            beat
            for good in beats
            for beat in ([Beat(good.tdata & 0xFFFF), good] if rng.random() < 0.3 else [good])
        ]
    )
    await bench.stream([int(beat.tlast) << 32 | beat.tdata for beat in bad], predict, interpret)
    await bench.finish()
    assert dropped > 0, "nothing malformed was sent"
    if told != dropped:
        raise MismatchError(f"dropped: expected {dropped}, got {told}")

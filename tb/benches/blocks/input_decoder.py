"""InputDecoder: events and markers pass, everything else is dropped and reported."""

from __future__ import annotations

from typing import Any

import cocotb
from amaranth.lib import wiring

from hw.protocol import END_OF_STEP, Beat, event, unpacked
from hw.rtl.events import event_layout
from hw.rtl.input_decoder import InputDecoder, beat_layout
from tb.harness.block_bench import BlockBench, layer_spec
from tb.harness.scoreboard import MismatchError
from tb.harness.stimulus import corrupt, scattered

CASES: dict[str, dict[str, Any]] = {
    "one_input": {"n_in": 1, "input_bits": 1, "slots": 1},
    "counts": {"n_in": 37, "input_bits": 4, "slots": 1},
    "every_address_and_count": {"n_in": 1 << 16, "input_bits": 8, "slots": 1},
    "two_words": {"n_in": 37, "input_bits": 4, "slots": 2},
    "two_words_of_spikes": {"n_in": 2, "input_bits": 1, "slots": 2},
    "two_words_one_by_one": {"n_in": 37, "input_bits": 4, "slots": 2, "events": 1},
}


def component(n_in: int, input_bits: int, slots: int, events: int | None = None) -> wiring.Component:
    return InputDecoder(layer_spec(n_in=n_in, input_bits=input_bits), slots, events or slots)


@cocotb.test()
async def events_and_drops(dut: Any) -> None:
    bench = BlockBench(dut)
    n_in, bits, slots = (bench.case[key] for key in ("n_in", "input_bits", "slots"))
    limit, rng, events = (1 << bits) - 1, bench.rng, bench.case.get("events", slots)
    beats_in, layout = beat_layout(slots), event_layout(n_in, bits, events)
    dropped = told = 0

    def decoded(word: Beat) -> tuple[Any, ...] | None:
        """The decoded word, or None if dropped; malformed words are counted in `dropped`."""
        nonlocal dropped
        address, count = word.tdata & 0xFFFF, word.tdata >> 16 & 0xFF
        if word.tlast or word.tdata & END_OF_STEP:
            dropped += count != 0
            return "marker", word.tlast
        if address < n_in and 1 <= count <= limit:
            return "events", (address, count)
        dropped += 1
        return None

    def predict(raw: int) -> None:
        item = beats_in.from_bits(raw)
        tkeep = sum(0xF << 4 * slot for slot in range(2) if item.keep >> slot & 1) if slots > 1 else 0xF
        words = [decoded(word) for word in unpacked(Beat(item.data, bool(item.last), tkeep))]
        left = [word for word in words if word is not None]
        if events == 2 and [word[0] for word in left] == ["events", "events"]:
            left = [("events", left[0][1], left[1][1])]
        for word in left:
            bench.expect(word)

    def interpret(raw: int) -> tuple[Any, ...]:
        item = layout.from_bits(raw)
        if item.marker:
            return "marker", bool(item.last)
        found = [(item.address, item.count if bits > 1 else 1)]
        if events > 1 and item.pair:
            found.append((item.second_address, item.second_count if bits > 1 else 1))
        return "events", *found

    def raw_of(beat: Beat) -> int:
        fields = {"data": beat.tdata, "last": int(beat.tlast)}
        keep = {"keep": beat.tkeep & 1 | beat.tkeep >> 3 & 2} if slots > 1 else {}
        return beats_in.const(fields | keep).as_bits()

    async def count() -> None:
        nonlocal told
        while True:
            await bench.edge
            told += int(dut.dropped.value).bit_count()

    await bench.reset(i__valid=0, o__ready=0)
    bench.start(count())
    beats = []
    for _ in range(300):
        beats += [event(int(rng.integers(n_in)), int(rng.integers(1, limit + 1))) for _ in range(4)]
        beats.append(
            Beat(int(rng.integers(2)) * END_OF_STEP, tlast=True) if rng.random() < 0.3 else Beat(END_OF_STEP)
        )
    # if every address and count fits, only a count of 0 and a count in a marker are malformed
    bad = (
        corrupt(rng, beats, min(n_in, (1 << 16) - 1), limit)
        if bits < 8
        else [
            beat
            for good in beats
            for beat in ([Beat(good.tdata & 0xFFFF), good] if rng.random() < 0.3 else [good])
        ]
    )
    await bench.stream([raw_of(beat) for beat in scattered(rng, bad, slots)], predict, interpret)
    await bench.finish()
    assert dropped > 0, "nothing malformed was sent"
    if told != dropped:
        raise MismatchError(f"dropped: expected {dropped}, got {told}")

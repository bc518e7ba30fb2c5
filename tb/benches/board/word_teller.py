"""WordTeller: a line for every word that is said, with the numbers of its answer."""

from __future__ import annotations

from typing import Any

import cocotb
from amaranth.lib import wiring
from cocotb.utils import get_sim_time

from hw.rtl.board.teller import LINES
from hw.rtl.board.word_teller import WordTeller
from tb.benches.board.teller import scores_of
from tb.harness.block_bench import PERIOD_NS, BlockBench
from tb.harness.depth import depth
from tb.harness.drivers import BlockStream, accept, random_gaps
from tb.harness.monitors import watch_stream

CASES: dict[str, dict[str, Any]] = {
    "word_teller": {"names": ["yes", "no", "ä 本", "", "x" * 63], "clock_hz": 700},
    "word_teller_single": {"names": ["only"], "clock_hz": 100_003},
}
LATEST = 4
"""Cycles from the last beat of an answer to its word."""


def component(names: list[str], clock_hz: int) -> wiring.Component:
    return WordTeller(names, clock_hz)


@cocotb.test()
async def lines(dut: Any) -> None:
    """Answers at any distance, the least among them; words at any delay; some are not to be told.

    A word is told unless `LINES` wait when it is said, the one that is being sent included.
    """
    bench = BlockBench(dut)
    rng, names, clock_hz = bench.rng, bench.case["names"], bench.case["clock_hz"]
    seen, sent_at, line = list[str](), list[float](), bytearray()
    ended = list[tuple[float, str]]()

    def hear(raw: int) -> None:
        line.append(raw & 0xFF)
        if raw >> 8:
            seen.append(line.decode())
            sent_at.append(get_sim_time("ns"))
            line.clear()

    # The words to come: cycles until each is said, and its answer.
    coming = list[tuple[int, tuple[int, int, int]]]()
    on = was_on = True
    muted = 0

    async def cycle(beat: int | None) -> None:
        nonlocal coming, on, was_on, muted
        dut.i.value = int(rng.integers(1 << 34)) << 1 if beat is None else beat
        now = [answer for left, answer in coming if left == 0]
        coming = [(left - 1, answer) for left, answer in coming if left]
        dut.said.value = len(now)
        dut.word.value = now[0][0] if now else int(rng.integers(len(names)))
        was_on, on = on, bool(rng.random() < 0.9)
        dut.on.value = int(on)
        await bench.edge
        for word, score, margin in now:
            muted += not was_on
            if was_on:
                at = get_sim_time("ns") - PERIOD_NS
                seconds = f"{100 * round((at - begin_ns) / PERIOD_NS) // clock_hz / 100:.2f}"
                ended.append((at, f"{names[word]} {score} {margin} {seconds}\r\n"))

    async def answer() -> None:
        label, score = int(rng.integers(len(names))), scores_of(rng, 1)[0]
        margin = int(rng.choice([0, 1, 2**32 - 1, int(rng.integers(2**32))]))
        for place, data in enumerate((label, score, margin)):
            beat = 1 | (place == 2) << 2 | (data & 0xFFFFFFFF) << 3
            while rng.random() < 0.1:
                await cycle(beat)
            await cycle(beat | 2)
        if rng.random() < 0.5:
            coming.append((int(rng.integers(1, LATEST)), (label, score, margin)))

    await bench.reset(i=0, on=1, o__ready=0, said=0, word=0)
    begin_ns = get_sim_time("ns") + PERIOD_NS
    sink = BlockStream(dut, "o")
    bench.start(watch_stream(sink, hear))
    bench.start(accept(sink, random_gaps(rng)))
    for _ in range(depth(120, 1200)):
        await answer()
        for _ in range(int(rng.choice([0, 0, 1, 2, 400]))):
            await cycle(None)
    for _ in range(LATEST):
        await cycle(None)
    dut.i.value = dut.said.value = 0
    for _ in range(1000):
        await bench.edge

    told = list[str]()
    for at, text in ended:
        if len(told) - sum(sent <= at for sent in sent_at) < LINES:
            told.append(text)
    assert seen == told
    assert not line
    assert 10 < len(told) < len(ended)
    assert muted

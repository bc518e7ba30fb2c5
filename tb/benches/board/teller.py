"""Teller: lines of random answers as Python writes them, and which answers are not told."""

from __future__ import annotations

from typing import Any

import cocotb
import numpy as np
from amaranth.lib import wiring
from cocotb.utils import get_sim_time

from hw.rtl.board.teller import LINES, Teller
from tb.harness.block_bench import PERIOD_NS, BlockBench
from tb.harness.depth import depth
from tb.harness.drivers import BlockStream, accept, random_gaps
from tb.harness.monitors import watch_stream

CASES: dict[str, dict[str, Any]] = {
    "teller": {"names": ["yes", "no", "ä 本", "", "x" * 63], "clock_hz": 700},
    "teller_single": {"names": ["only"], "clock_hz": 100_003},
    "teller_slow": {"names": [f"n{i}" for i in range(33)], "clock_hz": 150},
}
ENDS = (-(1 << 31), (1 << 31) - 1)


def component(names: list[str], clock_hz: int) -> wiring.Component:
    return Teller(names, clock_hz)


def scores_of(rng: np.random.Generator, classes: int) -> list[int]:
    """Scores of an answer: of any size, equal ones and the extremes among them."""
    bits = int(rng.integers(1, 32))
    scores = rng.integers(-(1 << bits), 1 << bits, classes)
    kind = rng.integers(4)
    if kind == 0:
        scores[:] = np.where(rng.random(classes) < 0.5, *ENDS)
    elif kind == 1:
        scores[rng.integers(classes)] = scores.max()
    elif kind == 2:
        scores = scores // 10 ** int(rng.integers(1, 10))
    return scores.clip(*ENDS).tolist()


@cocotb.test()
async def lines(dut: Any) -> None:
    """Answers come faster than lines are sent, or not; some are cut off, and some are not to be told.

    An answer is told unless `LINES` wait when its last beat comes, the one that is being sent included.
    """
    bench = BlockBench(dut)
    rng, names, clock_hz = bench.rng, bench.case["names"], bench.case["clock_hz"]
    seen, sent_at, line = list[str](), list[float](), bytearray()
    ended = list[tuple[float, str]]()

    def hear(raw: int) -> None:
        line.append(raw & 0xFF)
        assert raw >> 8 == (raw & 0xFF == 0x0A), "a line ends elsewhere"
        if raw >> 8:
            seen.append(line.decode())
            sent_at.append(get_sim_time("ns"))
            line.clear()

    async def beat(word: int, last: bool = False) -> None:
        """A beat, which waits at times before it is taken."""
        for ready in [0] * int(rng.integers(3) * (rng.random() < 0.2)) + [1]:
            dut.i.value = 1 | ready << 1 | last << 2 | (word & 0xFFFFFFFF) << 3
            await bench.edge

    async def pause(cycles: int) -> None:
        dut.i.value = int(rng.integers(1 << 34)) << 1
        for _ in range(cycles):
            await bench.edge

    await bench.reset(i=0, on=1, o__ready=0)
    begin_ns = get_sim_time("ns") + PERIOD_NS
    sink = BlockStream(dut, "o")
    bench.start(watch_stream(sink, hear))
    bench.start(accept(sink, random_gaps(rng)))
    muted = cut = 0
    for _ in range(depth(60, 600)):
        scores = scores_of(rng, len(names))
        if rng.random() < 0.2:
            for score in scores[: int(rng.integers(1, len(scores) + 1))]:
                await beat(score)
            await pause(1)
            cut += 1
        on = bool(rng.random() < 0.8)
        dut.on.value = int(on)
        for score in scores:
            await beat(score)
        winner = scores.index(max(scores))
        await beat(winner, last=True)
        now_ns = get_sim_time("ns")
        others = sorted(scores)[:-1]
        margin = max(scores) - others[-1] if others else 0
        cycles = round((now_ns - begin_ns) / PERIOD_NS)
        seconds = f"{100 * cycles // clock_hz / 100:.2f}"
        muted += not on
        if on:
            ended.append((now_ns, f"{names[winner]} {max(scores)} {margin} {seconds}\r\n"))
        await pause(int(rng.choice([0, 1, 400])))
    dut.i.value = 0
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
    assert cut

"""Delay lines of both kinds: every neuron's spike of delay + 1 steps ago, and none of an earlier sample.

Forward ones give that of delay steps ago, group by group. Delays that can be reloaded change for some of the
samples, and are loaded while the previous samples run.
"""

from __future__ import annotations

from typing import Any

import cocotb
import numpy as np
from amaranth.lib import wiring
from cocotb.triggers import NextTimeStep, ReadOnly

from hw.rtl.banks import LOAD, WORD, Part, pieces
from hw.rtl.delay_lines import DelayLines
from hw.rtl.events import tag_layout
from hw.rtl.programmable_delay_lines import ProgrammableDelayLines
from tb.harness.block_bench import BlockBench, pack_lanes

CASES: dict[str, dict[str, Any]] = {
    "none": {"delay_steps": [0], "lanes": 1},
    "each": {"delay_steps": [0, 1, 2, 3, 7, 15, 16, 17, 31, 32, 33, 63], "lanes": 5},
    "one_group": {"delay_steps": [4, 0, 9], "lanes": 3},
    "programmable": {"delay_steps": [0, 1, 2, 3, 7, 16, 31, 32, 33, 63], "lanes": 4, "max_delay": 63},
    "programmable_wide": {"delay_steps": list(range(41)), "lanes": 11, "max_delay": 40},
    "programmable_one_group": {"delay_steps": [4, 0, 2, 1, 3], "lanes": 5, "max_delay": 4},
    "programmable_short": {"delay_steps": [1, 0, 1], "lanes": 1, "max_delay": 1},
    "programmable_one": {"delay_steps": [2], "lanes": 1, "max_delay": 2},
    "programmable_none": {"delay_steps": [0, 0, 0], "lanes": 2, "max_delay": 0},
}
CASES |= {
    f"forward_{name}": {**CASES[name], "forward": True}
    for name in ("none", "each", "one_group", "programmable", "programmable_short", "programmable_none")
}


def component(
    delay_steps: list[int], lanes: int, max_delay: int | None = None, forward: bool = False
) -> wiring.Component:
    if max_delay is None:
        return DelayLines(delay_steps, lanes, forward)
    return ProgrammableDelayLines(delay_steps, max_delay, lanes, forward)


class Host:
    """Loads delays into the bank that is not in use, a word now and then, and swaps the banks."""

    def __init__(self, bench: BlockBench, lanes: int, max_delay: int, part: Part) -> None:
        self._bench, self._lanes, self._max_delay, self._part = bench, lanes, max_delay, part
        self._bits = ProgrammableDelayLines.delay_bits(max_delay)
        self._words: list[dict[str, int]] = []
        self._coming: list[int] = []
        self.swaps = 0

    def offer(self, n: int) -> None:
        """Draw delays for `n` neurons, the largest among them, and one beyond it where a word can hold it."""
        rng = self._bench.rng
        drawn = rng.integers(0, self._max_delay + 1, n)
        drawn[rng.integers(n)] = min((1 << self._bits) - 1, self._max_delay + int(rng.integers(2)))
        self._coming = drawn.tolist()
        for row, word in enumerate(ProgrammableDelayLines.rows(self._coming, self._max_delay, self._lanes)):
            for piece in range(pieces(self._bits * self._lanes)):
                data = word >> WORD * piece & 0xFFFFFFFF
                place = {"part": self._part, "row": row, "piece": piece}
                # words of other parts must be ignored
                self._words += [
                    {**place, "part": Part.BIAS, "data": ~data & 0xFFFFFFFF},
                    {**place, "data": data},
                ]

    async def run(self) -> None:
        """Write the offered delays."""
        while True:
            word = self._words.pop(0) if self._words and self._bench.rng.integers(2) else None
            fields = {"data": 0xFFFFFFFF} if word is None else {"valid": 1, **word}
            self._bench.dut.reload__load.value = LOAD.const(fields).as_bits()
            await self._bench.edge

    async def swap(self) -> list[int]:
        """Swap the banks; return the delays now in use."""
        while self._words:
            await self._bench.edge
        await self._bench.edge
        self._bench.dut.reload__bank.value = self.swaps + 1 & 1
        self.swaps += 1
        await self._bench.edge
        return self._coming


@cocotb.test()
async def delays(dut: Any) -> None:
    bench = BlockBench(dut)
    rng, delay_steps, lanes = bench.rng, bench.case["delay_steps"], bench.case["lanes"]
    longest = bench.case.get("max_delay", max(delay_steps))
    n, forward = len(delay_steps), "forward" in bench.case
    groups = -(-n // lanes)
    tag = tag_layout(groups)

    def idle() -> None:
        """No group is written; all other inputs must be ignored."""
        dut.finishing.value = int(rng.integers(1 << tag.size)) & ~tag.const({"valid": 1}).as_bits()
        dut.spikes.value = int(rng.integers(1 << lanes))

    def of_lanes(word: int, group: int) -> list[int]:
        """Bits of the lanes of a group that are neurons."""
        return [word >> lane & 1 for lane in range(min(lanes, n - group * lanes))]

    async def watch() -> None:
        """See what the lines give for each group, in the cycle after its spikes."""
        announced: list[Any] = [None, None]
        while True:
            await bench.edge
            item = tag.from_bits(int(dut.finishing.value))
            if announced[0] is not None:
                bench.see((announced[0], of_lanes(int(dut.delayed.value), announced[0])))
            announced = [announced[1], item.group if item.valid else None]

    host = None
    if "max_delay" in bench.case:
        dut.reload__bank.value = 0
        host = Host(bench, lanes, longest, Part.FORWARD if forward else Part.DELAY)
        bench.start(host.run())
    await bench.reset(spikes=0, finishing=0)
    if forward:
        bench.start(watch())
    fired = 0
    # samples shorter and longer than the longest delay
    for sample, steps in enumerate((1, 2, 90, 1, 40, 5, 70, 2, 80)):
        if host and sample % 3 < 2:
            if sample:
                delay_steps = await host.swap()
            host.offer(n)
        history = rng.random((steps, n)) < 0.6
        for t in range(steps):
            # s(t) = y(t - 1 - d), or y(t - d); 0 before the sample
            sources = [t - delay - (not forward) for delay in delay_steps]
            expected = [
                int(history[s, m]) if s >= 0 and delay <= longest else 0
                for m, (s, delay) in enumerate(zip(sources, delay_steps, strict=True))
            ]
            final = groups - 1
            fired += sum(expected)

            for group in range(groups):
                part = slice(group * lanes, (group + 1) * lanes)
                bench.expect((group, expected[part]))
                if forward:
                    continue
                idle()
                await ReadOnly()
                bench.see((group, of_lanes(int(dut.delayed.value) >> group * lanes, group)))
                await NextTimeStep()
                await bench.edge
                idle()
                for _ in range(int(rng.integers(2))):
                    await bench.edge
            # the next sweep reads a group after it is written
            for group in range(groups):
                # a group is announced in one cycle, perhaps together with the spikes of another one
                fields = {"valid": 1, "group": group, "final": group == final, "last": t == steps - 1}
                dut.finishing.value = tag.const(fields).as_bits()
                await bench.edge
                idle()
                spikes = np.append(history[t], np.zeros(lanes, bool))[group * lanes : (group + 1) * lanes]
                dut.spikes.value = pack_lanes(spikes, 1)
                if rng.integers(2):
                    continue
                await bench.edge
                idle()
            await bench.edge
            idle()
    await bench.finish()
    assert fired > 0, "no spike was delayed"
    assert host is None or host.swaps > 3

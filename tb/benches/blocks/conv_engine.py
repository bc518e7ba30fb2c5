"""ConvEngine: the 'same' convolution of NUMERICS.md section 5, group by group."""

from __future__ import annotations

from itertools import pairwise
from typing import Any, NamedTuple

import cocotb
from amaranth.lib import wiring

from hw.rtl.conv_engine import ConvEngine
from hw.rtl.events import tag_layout
from tb.harness.block_bench import BlockBench, signed_lanes

CASES: dict[str, dict[str, Any]] = {
    "one_tap": {"kernel": [-3], "n": 5, "lanes": 2},
    "three_taps": {"kernel": [100, -7, -128], "n": 16, "lanes": 4},
    "wider_than_layer": {"kernel": [1, -2, 4, -8, 16, -32, 63], "n": 3, "lanes": 2},
    "two_tables": {"kernel": [1, 3, -5, 7, 127, -128, 64, -9, 2], "n": 21, "lanes": 8},
    "three_groups_ahead": {"kernel": [1, 2, -3, 4, 5, -6, 7, 8, -9, 10, 11], "n": 9, "lanes": 2},
    "one_group": {"kernel": [5, 6, -7, 8, 9], "n": 11, "lanes": 11},
}


def component(kernel: list[int], n: int, lanes: int) -> wiring.Component:
    return ConvEngine(kernel, n, lanes)


class Slot(NamedTuple):
    """A cycle in which a group is fetched, and the spikes and currents of its sweep."""

    sweep: int
    group: int
    spikes: list[int]
    current: list[int]


@cocotb.test()
async def convolution(dut: Any) -> None:
    bench = BlockBench(dut)
    kernel, n, lanes = (bench.case[key] for key in ("kernel", "n", "lanes"))
    rng, reach = bench.rng, (len(kernel) - 1) // 2
    bits = ConvEngine.current_bits(kernel)
    groups = -(-n // lanes)
    behind = ConvEngine.reach(len(kernel), n, lanes)
    tag = tag_layout(groups)
    await bench.reset(nearing=0, fetched=0, delayed=0)

    async def look(sweep: int, group: int, expected: list[int]) -> None:
        """The result of a group is at the output two cycles after its fetch."""
        await bench.edge
        await bench.edge
        bench.expect((sweep, group, expected))
        seen = signed_lanes(int(dut.current.value), bits, lanes)
        bench.see((sweep, group, seen[: len(expected)]))

    def given(slot: Slot | None) -> int:
        """The tag of a slot."""
        return tag.const({"valid": 1, "group": slot.group}).as_bits() if slot else 0

    # sweeps with pauses between them; before the first and after the last nothing is fetched
    slots: list[Slot | None] = [None]
    for sweep in range(80):
        spikes = (rng.random(n) < rng.choice([0.2, 0.5, 1.0])).astype(int).tolist()
        padded = [0] * reach + spikes + [0] * reach
        current = [sum(w * padded[i + k] for k, w in enumerate(kernel)) for i in range(n)]
        slots += [Slot(sweep, group, spikes, current) for group in range(groups)]
        slots += [None] * int(rng.choice([1, 1, 2, 4]))
    for now, following in pairwise(slots):
        # each group is read once, and is ignored otherwise: at the start the first groups, and then
        # one group a cycle before it enters
        word = int(rng.integers(1 << n))
        read = []
        if now and now.group == 0:
            read += [(group, now.spikes) for group in range(behind + 1)]
        if following:
            read.append((following.group + behind, following.spikes))
        for group, known in read:
            for m in range(group * lanes, min(n, (group + 1) * lanes)):
                word = word & ~(1 << m) | known[m] << m
        dut.fetched.value, dut.nearing.value = given(now), given(following)
        dut.delayed.value = word
        await bench.edge
        if now:
            part = now.current[now.group * lanes : (now.group + 1) * lanes]
            bench.start(look(now.sweep, now.group, part))
    for _ in range(3):
        await bench.edge
    await bench.finish()
    assert bench.compared == 80 * groups

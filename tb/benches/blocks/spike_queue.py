"""SpikeQueue: every step complete and in order, offered until it is taken; `full` when no more may start."""

from __future__ import annotations

from typing import Any

import cocotb
import numpy as np
from amaranth.lib import wiring
from cocotb.triggers import NextTimeStep, ReadOnly

from hw.config import StageConfig
from hw.rtl.events import SUMS_AFTER, results_layout
from hw.rtl.neuron_update import NeuronUpdate
from hw.rtl.spike_queue import SpikeQueue
from tb.harness.block_bench import BlockBench, pack_lanes, step_word

MEMBRANE_BITS = 5
CASES: dict[str, dict[str, Any]] = {
    "one": {"n": 1, "lanes": 1, "events": 1},
    "one_group": {"n": 7, "lanes": 7, "events": 2},
    "padded": {"n": 10, "lanes": 4, "events": 2},
    "full": {"n": 256, "lanes": 16, "events": 1},
}


def component(n: int, lanes: int, events: int) -> wiring.Component:
    return SpikeQueue(n, lanes, StageConfig(n, lanes).groups(n), MEMBRANE_BITS, events)


@cocotb.test()
async def holds_steps(dut: Any) -> None:
    bench = BlockBench(dut)
    rng, n, lanes, events = bench.rng, bench.case["n"], bench.case["lanes"], bench.case["events"]
    groups = StageConfig(n, lanes).groups(n)
    inputs = results_layout(lanes, MEMBRANE_BITS, groups, spiking=True)
    latency = SpikeQueue.latency(events)
    steps = 150
    # lanes beyond the last neuron hold anything
    spikes = rng.random((steps, groups * lanes)) < rng.choice([0.05, 0.5, 0.95], (steps, 1))
    last = rng.random(steps) < 0.3
    begun, written, taken, sent = 0, 0, 0, 0  # steps
    final_in = [0] * steps  # cycle of the final group
    waits: list[int] = []

    def idle(sizes: list[int]) -> int:
        return int(rng.choice(sizes))

    def put(spikes: int | None = None, **tag: int) -> None:
        """Write a group; fields that are not given are random; without `valid` there is no group."""
        item = inputs.from_bits(int.from_bytes(rng.bytes(inputs.size)) & ((1 << inputs.size) - 1))
        fields = {name: getattr(item.tag, name) for name in ("group", "final", "first", "last")}
        word = item.spikes if spikes is None else spikes
        group = {"tag": {**fields, "valid": 0, **tag}, "v_mem": item.v_mem, "spikes": word}
        dut.results.value = inputs.const(group).as_bits()

    async def watch() -> None:
        """Every output in every cycle, against a model that counts steps."""
        nonlocal begun, written, taken, sent
        cycle, free, pause = 0, 0, 0
        while True:
            await bench.edge
            offered = None
            if taken < written and cycle >= max(final_in[taken] + latency, free):
                addresses = np.flatnonzero(spikes[taken, :n]).tolist()
                offered = step_word(addresses, int(last[taken]), n, events)
            bench.expect((cycle, begun - sent == SpikeQueue.STEPS, offered))
            seen = int(dut.o__payload.value) if dut.o__valid.value else None
            bench.see((cycle, bool(dut.full.value), seen))
            begun += int(dut.starts.value)
            sent += int(dut.sent.value)
            if offered is not None and dut.o__ready.value:
                waits.append(cycle - final_in[taken] - latency)
                taken, free = taken + 1, cycle + 1
            tag = inputs.from_bits(int(dut.results.value)).tag
            if tag.valid and tag.final:
                final_in[written] = cycle
                written += 1
            # the reader has room for a step beside the one that it sends, but may not take it yet
            pause = max(0, pause - 1)
            dut.sent.value = int(taken > sent and not pause)
            if taken > sent and not pause:
                pause = 1 + idle([0, 0, 1, 3, 20] if sent % 50 < 25 else [0, 60 + 6 * groups])
            left = taken - sent - int(dut.sent.value)
            dut.o__ready.value = int(left <= 0 or (left == 1 and rng.random() < 0.5))
            cycle += 1

    most = 0
    put()
    await bench.reset(o__ready=0, starts=0, sent=0)
    bench.start(watch())
    before = SUMS_AFTER + NeuronUpdate.WRITTEN_AFTER - 1  # from the start to the groups
    for t in range(steps):
        await ReadOnly()
        while dut.full.value:
            await bench.edge
            await ReadOnly()
        await NextTimeStep()
        most = max(most, begun + 1 - sent)
        dut.starts.value = 1
        await bench.edge
        dut.starts.value = 0
        for _ in range(before):
            await bench.edge
        for group in range(groups):
            for _ in range(idle([0, 0, 0, 1, 3])):
                put()
                await bench.edge
            part = spikes[t, group * lanes : (group + 1) * lanes]
            final = int(group == groups - 1)
            put(valid=1, group=group, final=final, last=int(last[t]), spikes=pack_lanes(part, 1))
            await bench.edge
        put()
    for _ in range((60 + 6 * groups) * SpikeQueue.DEPTH):
        await bench.edge
    await bench.finish()
    assert len(waits) == steps
    assert most == SpikeQueue.STEPS, "the queue was never full"
    assert min(waits) == 0, "no step was taken at once"
    assert max(waits) > 5, "no step waited"

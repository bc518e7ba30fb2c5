"""SpikeRegister: every step whole and in order, offered until it is taken, and `complete` for one cycle."""

from __future__ import annotations

from typing import Any

import cocotb
import numpy as np
from amaranth.lib import wiring

from hw.config import StageConfig
from hw.rtl.events import results_layout, spikes_layout
from hw.rtl.spike_register import SpikeRegister
from tb.block_bench import BlockBench, pack_lanes
from tb.drivers import BlockStream, accept

MEMBRANE_BITS = 5
CASES: dict[str, dict[str, Any]] = {
    "one": {"n": 1, "lanes": 1},
    "one_group": {"n": 7, "lanes": 7},
    "padded": {"n": 10, "lanes": 4},
    "full": {"n": 256, "lanes": 16},
}


def component(n: int, lanes: int) -> wiring.Component:
    return SpikeRegister(n, lanes, StageConfig(n, lanes).groups(n), MEMBRANE_BITS)


@cocotb.test()
async def holds_steps(dut: Any) -> None:
    bench = BlockBench(dut)
    rng, n, lanes = bench.rng, bench.case["n"], bench.case["lanes"]
    groups = StageConfig(n, lanes).groups(n)
    inputs, outputs = results_layout(lanes, MEMBRANE_BITS, groups, spiking=True), spikes_layout(n)
    steps = 150
    # lanes beyond the last neuron hold anything
    spikes = rng.random((steps, groups * lanes)) < rng.choice([0.05, 0.5, 0.95], (steps, 1))
    last = rng.random(steps) < 0.3
    delays: list[int] = []

    def idle(sizes: list[int]) -> int:
        return int(rng.choice(sizes))

    def put(spikes: int | None = None, **tag: int) -> None:
        """Write a group; what is not named is random, and there is none without `valid`."""
        item = inputs.from_bits(int.from_bytes(rng.bytes(inputs.size)) & ((1 << inputs.size) - 1))
        fields = {name: getattr(item.tag, name) for name in ("group", "final", "first", "last")}
        word = item.spikes if spikes is None else spikes
        group = {"tag": {**fields, "valid": 0, **tag}, "v_mem": item.v_mem, "spikes": word}
        dut.results.value = inputs.const(group).as_bits()

    async def watch() -> None:
        """Every output in every cycle, against a register that knows the steps."""
        done, age, cycle = 0, None, 0
        while True:
            await bench.edge
            offered, fresh, step = None, age == 0, done - 1
            if age is not None:
                offered = (np.flatnonzero(spikes[step, :n]).tolist(), int(last[step]))
            bench.expect((cycle, age is not None, age is not None, fresh, offered))
            seen = None
            if dut.o__valid.value:
                item = outputs.from_bits(int(dut.o__payload.value))
                seen = ([k for k in range(n) if item.spikes >> k & 1], item.last)
            bench.see((cycle, bool(dut.full.value), bool(dut.o__valid.value), bool(dut.complete.value), seen))
            cycle += 1
            if age is not None and dut.o__ready.value:
                delays.append(age)
                age = None
            elif age is not None:
                age += 1
            tag = inputs.from_bits(int(dut.results.value)).tag
            if tag.valid and tag.final:
                done, age = done + 1, 0

    put()
    await bench.reset(o__ready=0)
    bench.start(watch())
    bench.start(accept(BlockStream(dut, "o"), lambda: idle([0, 0, 1, 3, 20])))
    for t in range(steps):
        for group in range(groups):
            for _ in range(idle([0, 0, 0, 1, 3])):
                put()
                await bench.edge
            part = spikes[t, group * lanes : (group + 1) * lanes]
            final = int(group == groups - 1)
            put(valid=1, group=group, final=final, last=int(last[t]), spikes=pack_lanes(part, 1))
            await bench.edge
        put()
        await bench.edge
        # the next step may come in the first cycle after the transfer
        while not dut.o__ready.value:
            put()
            await bench.edge
    await bench.finish()
    assert len(delays) == steps
    assert min(delays) == 0, "no step was taken at once"
    assert max(delays) > 5, "no step waited"

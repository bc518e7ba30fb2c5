"""SlowLevel: the level after every frame, and the cycles of it."""

from __future__ import annotations

from typing import Any

import cocotb
import numpy as np
from amaranth.lib import wiring

from fxp_model.ear.logarithm import log2_code
from fxp_model.ear.model import EarState, follow
from hw.rtl.ear.level import SlowLevel
from tb.harness.block_bench import BlockBench
from tb.harness.depth import ears
from tb.harness.ears import random_ear

CASES: dict[str, dict[str, Any]] = {f"random{seed}": {"ear": seed} for seed in range(ears(3))}
FRAMES = 400


def component(ear: int) -> wiring.Component:
    return SlowLevel(random_ear(ear))


@cocotb.test()
async def follows(dut: Any) -> None:
    bench = BlockBench(dut)
    spec, rng = random_ear(bench.case["ear"]), bench.rng
    state = EarState.rest(spec)
    level, age = state.level, state.age
    moved, octave = 0, 1 << spec.log_frac_bits
    await bench.reset(start=0, loudness=0)
    await bench.edge
    for _ in range(FRAMES):
        # anywhere, around the level, or around what is loud
        now = level / 2**spec.level_shift
        near, edge = now + rng.uniform(-4, 2) * octave, now - spec.level_range + rng.uniform(-2, 2)
        code = rng.choice([rng.uniform(0, spec.energy_bits * octave), near, near, edge])
        energy = int(np.exp2(min(max(code / octave, 0), spec.energy_bits - 1e-3)))
        loudness = int(log2_code(np.array(energy), spec.log_frac_bits))
        dut.start.value, dut.loudness.value = 1, loudness
        await bench.edge
        dut.start.value = 0
        assert not dut.done.value
        for _ in range(SlowLevel.cycles(spec) - 1):
            bench.expect(level)
            await bench.edge
            bench.see(int(dut.level.value))
        assert dut.done.value
        dut.loudness.value = int(rng.integers(1 << 6 + spec.log_frac_bits))
        before = level
        level, age = follow(spec, level, age, energy)
        moved += level != before
        for _ in range(int(rng.integers(1, 4))):
            bench.expect(level)
            await bench.edge
            bench.see(int(dut.level.value))
            assert not dut.done.value
    await bench.finish()
    assert moved > FRAMES // 10

"""Trigger: every decision and floor, with settings that change and consumers that are slow."""

from __future__ import annotations

from collections import deque
from dataclasses import replace
from typing import Any

import cocotb
from amaranth.lib import wiring

from fxp_model.ear.trigger import Trigger as Golden
from hw.rtl.ear.trigger import Trigger, decision_layout
from tb.harness.block_bench import BlockBench
from tb.harness.depth import ears
from tb.harness.ears import loudness_walk, other_settings, random_trigger, settings_word

CASES: dict[str, dict[str, Any]] = {f"random{seed}": {"trigger": seed} for seed in range(ears(2))}
FRAMES = 2000


def component(trigger: int) -> wiring.Component:
    return Trigger(random_trigger(trigger))


@cocotb.test()
async def decides(dut: Any) -> None:
    bench = BlockBench(dut)
    rng, spec = bench.rng, random_trigger(bench.case["trigger"])
    golden, layout = Golden(spec), decision_layout(spec)
    passed: deque[int] = deque(maxlen=spec.preroll_limit)
    samples = 0
    await bench.reset(ends=0, loudness=0, waits=0, settings=settings_word(spec))
    for frame, loudness in enumerate(loudness_walk(spec, rng, FRAMES)):
        if rng.random() < 0.01:
            golden.spec = replace(golden.spec, **other_settings(spec, rng))
        dut.settings.value = settings_word(golden.spec)
        dut.ends.value, dut.loudness.value = 1, loudness
        await bench.edge
        waits = bool(rng.random() < 0.3)
        dut.ends.value, dut.loudness.value, dut.waits.value = 0, int(rng.integers(1 << 8)), int(waits)
        floor = golden.floor
        sent = golden.step(loudness, [frame % 256], waits)
        # what was passed over comes first, in its order
        assert [int(own.counts[0]) for own in sent[:-1]] == list(passed)[len(passed) - len(sent) + 1 :]
        samples += sum(own.last for own in sent)
        if sent:
            passed.clear()
        else:
            passed.append(frame % 256)
        bench.expect((frame, floor, (len(sent) - 1, sent[-1].last) if sent else None))
        await bench.edge
        decision = layout.from_bits(int(dut.decision.value))
        assert decision.valid
        seen = (decision.before, bool(decision.last)) if decision.sends else None
        bench.see((frame, int(dut.floor.value), seen))
        for _ in range(int(rng.integers(3))):
            await bench.edge
            assert not layout.from_bits(int(dut.decision.value)).valid
    await bench.finish()
    assert samples > 3, "hardly a sample ended"

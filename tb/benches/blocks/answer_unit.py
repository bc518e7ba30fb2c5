"""AnswerUnit: class, score and margin in every mode; strides, ends of sequences, ties, the largest margin."""

from __future__ import annotations

from collections import deque
from typing import Any

import cocotb
import numpy as np
from amaranth.lib import wiring

from fxp_model.spec import Answer, ReadoutSpec
from fxp_model.trace import Answers
from hw.config import LEAST_SWEEP, StageConfig
from hw.protocol import encode_answers
from hw.rtl.answer_unit import AnswerUnit
from hw.rtl.input_decoder import beat_layout
from hw.rtl.neuron_update import NeuronUpdate
from tb.benches.blocks.score_unit import drawn, groups_of, results_of, scores_of, stage
from tb.harness.block_bench import BlockBench
from tb.harness.drivers import BlockStream, accept, random_gaps
from tb.harness.monitors import watch_stream

CASES: dict[str, dict[str, Any]] = {
    "sum": {"mode": "sum", "n_out": 5, "update_lanes": 2, "stride": 2},
    "last": {"mode": "last", "n_out": 1, "update_lanes": 1, "stride": 1},
    "max": {"mode": "max", "n_out": 7, "update_lanes": 7, "stride": 3},
    "spike_count": {"mode": "spike_count", "n_out": 20, "update_lanes": 3, "stride": 1},
    "every_margin": {"mode": "last", "n_out": 2, "update_lanes": 2, "stride": 1},
}


def _answering(stride: int, **case: Any) -> tuple[ReadoutSpec, StageConfig]:
    return stage(**case, answer=Answer.STEP, stride=stride)


def component(**case: Any) -> wiring.Component:
    return AnswerUnit(*_answering(**case))


@cocotb.test()
async def answers(dut: Any) -> None:
    bench = BlockBench(dut)
    spec, config = _answering(**bench.case)
    rng, n, groups = bench.rng, spec.n_out, config.groups(spec.n_out)
    nothing = results_of(spec, config).const({"v_mem": int(rng.integers(1 << 32))}).as_bits()
    coming = deque([nothing] * NeuronUpdate.latency(spec))

    async def cycle(taken: int, results: int) -> None:
        """A cycle that takes a group, whose `results` come later."""
        dut.taken.value = taken
        coming.append(results)
        dut.results.value = coming.popleft()
        await bench.edge

    def interpret(raw: int) -> tuple[int, int]:
        beat = beat_layout().from_bits(raw)
        return beat.last, beat.data

    await bench.reset(taken=0, results=0, o__ready=0)
    sink = BlockStream(dut, "o")
    bench.start(watch_stream(sink, lambda raw: bench.see(interpret(raw))))
    bench.start(accept(sink, random_gaps(rng)))
    ties, largest = 0, 0
    for sample in range(40):
        steps = int(rng.integers(1, 9))
        u, y = drawn(rng, sample, steps, n)
        answered = range(spec.stride, steps + 1, spec.stride)
        scores = np.array([scores_of(spec.mode, u[:t], y[:t]) for t in answered], np.int64).reshape(-1, 1, n)
        expected = Answers.of(scores)
        ties += int((expected.margins == 0).sum())
        largest = max(largest, int(expected.margins.max(initial=0)))
        for beat in encode_answers(expected):
            bench.expect((int(beat.tlast), beat.tdata))
        for t, step in enumerate(groups_of(spec, config, u, y)):
            due = (t + 1) % spec.stride == 0
            assert dut.due.value == due
            while due and dut.occupied.value:
                await cycle(0, nothing)
            for tag, results in step:
                await cycle(tag, results)
            # sweeps are at least this far apart
            for _ in range(max(1, LEAST_SWEEP - groups) + int(rng.integers(3))):
                await cycle(0, nothing)
    for _ in range(len(coming)):
        await cycle(0, nothing)
    await bench.finish()
    assert ties > 0, "no tie was decided"
    assert largest == (1 << 32) - 1 or n != 2, "no margin is as large as can be"

"""ScoreUnit: every mode, saturation of a score at 32 bits, ties between classes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import cocotb
import numpy as np
from amaranth.lib import wiring
from amaranth.lib.data import StructLayout

from fxp_model.fixed import QFormat
from fxp_model.spec import ReadoutMode, ReadoutSpec, fires
from hw.config import StageConfig
from hw.rtl.events import results_layout, tag_layout
from hw.rtl.input_decoder import beat_layout
from hw.rtl.neuron_update import NeuronUpdate
from hw.rtl.score_unit import ScoreUnit
from tb.harness.block_bench import BlockBench, pack_lanes, signed_lanes
from tb.harness.drivers import BlockStream, accept, random_gaps
from tb.harness.monitors import watch_stream

MEMBRANE = QFormat(True, 32, 0)
CASES: dict[str, dict[str, Any]] = {
    "sum": {"mode": "sum", "n_out": 5, "update_lanes": 2},
    "last": {"mode": "last", "n_out": 1, "update_lanes": 1},
    "max": {"mode": "max", "n_out": 7, "update_lanes": 7},
    "spike_count": {"mode": "spike_count", "n_out": 20, "update_lanes": 3},
}


def stage(mode: str, n_out: int, update_lanes: int, **more: Any) -> tuple[ReadoutSpec, StageConfig]:
    spec = ReadoutSpec(
        n_in=1,
        n_out=n_out,
        weight=QFormat(True, 4, 0),
        bias=QFormat(True, 4, 0),
        membrane=MEMBRANE,
        beta=0,
        mode=ReadoutMode(mode),
        v_th=1 if mode == "spike_count" else 0,
        **more,
    )
    return spec, StageConfig(n_out, update_lanes)


def component(**case: Any) -> wiring.Component:
    return ScoreUnit(*stage(**case))


def scores_of(mode: ReadoutMode, u: Any, y: Any) -> list[int]:
    """Scores of one sample in Python's unbounded integers: NUMERICS.md section 7."""
    low, high = -(1 << 31), (1 << 31) - 1
    z = [0] * u.shape[1] if mode is not ReadoutMode.MAX else [low] * u.shape[1]
    for row, spikes in zip(u.tolist(), y.tolist(), strict=True):
        match mode:
            case ReadoutMode.SUM:
                z = [min(max(a + b, low), high) for a, b in zip(z, row, strict=True)]
            case ReadoutMode.LAST:
                z = row
            case ReadoutMode.MAX:
                z = [max(a, b) for a, b in zip(z, row, strict=True)]
            case ReadoutMode.SPIKE_COUNT:
                z = [a + b for a, b in zip(z, spikes, strict=True)]
    return z


def drawn(rng: np.random.Generator, sample: int, steps: int, n: int) -> tuple[Any, Any]:
    """Membranes and spikes (steps, n): few values, for ties; negative ones; or extremes, for saturation."""
    values = ([0, 1, 2], [-5, -4], [MEMBRANE.min_raw, MEMBRANE.max_raw, -1, 7])[sample % 3]
    return rng.choice(values, (steps, n)), rng.integers(0, 2, (steps, n))


def results_of(spec: ReadoutSpec, config: StageConfig) -> StructLayout:
    """Layout of the results."""
    return results_layout(config.update_lanes, MEMBRANE.width, config.groups(spec.n_out), fires(spec))


def groups_of(spec: ReadoutSpec, config: StageConfig, u: Any, y: Any) -> Iterator[list[tuple[int, int]]]:
    """For each step, tag and results of each group, as bits."""
    lanes, groups, layout = config.update_lanes, config.groups(spec.n_out), results_of(spec, config)
    for t in range(len(u)):
        step = []
        for group in range(groups):
            part = slice(group * lanes, (group + 1) * lanes)
            ends = {"final": int(group == groups - 1), "first": int(t == 0), "last": int(t == len(u) - 1)}
            tag = {"valid": 1, "group": group, **ends}
            fields: dict[str, Any] = {"tag": tag, "v_mem": pack_lanes(u[t, part], MEMBRANE.width)}
            if fires(spec):
                fields["spikes"] = pack_lanes(y[t, part], 1)
            step.append((tag_layout(groups).const(tag).as_bits(), layout.const(fields).as_bits()))
        yield step


@cocotb.test()
async def scores_and_class(dut: Any) -> None:
    bench = BlockBench(dut)
    spec, config = stage(**bench.case)
    rng, n, groups = bench.rng, spec.n_out, config.groups(spec.n_out)
    layout = results_of(spec, config)
    ties = 0

    def interpret(raw: int) -> tuple[int, int]:
        beat = beat_layout().from_bits(raw)
        return beat.last, signed_lanes(beat.data, 32, 1)[0]

    await bench.reset(taken=0, results=0, o__ready=0)
    sink = BlockStream(dut, "o")
    bench.start(watch_stream(sink, lambda raw: bench.see(interpret(raw))))
    bench.start(accept(sink, random_gaps(rng)))
    for sample in range(40):
        steps = int(rng.integers(1, 6))
        u, y = drawn(rng, sample, steps, n)
        scores = scores_of(spec.mode, u, y)
        ties += scores.count(max(scores)) > 1
        for score in scores:
            bench.expect((0, score))
        bench.expect((1, scores.index(max(scores))))
        for t, step in enumerate(groups_of(spec, config, u, y)):
            while t == steps - 1 and dut.occupied.value:
                await bench.edge
            taken = {"valid": 1, "group": 0, "final": 0, "first": int(t == 0), "last": int(t == steps - 1)}
            dut.taken.value = tag_layout(groups).const(taken).as_bits()
            await bench.edge
            dut.taken.value = 0
            for _, results in step:
                dut.results.value = results
                await bench.edge
            # sweeps are at least this far apart
            dut.results.value = layout.const(
                {"tag": {"valid": 0}, "v_mem": int(rng.integers(1 << 32))}
            ).as_bits()
            for _ in range(NeuronUpdate.latency(spec) + int(rng.integers(3))):
                await bench.edge
    await bench.finish()
    assert ties > 0 or n == 1, "no tie was decided"

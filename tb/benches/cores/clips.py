"""A full-size core on encoded clips: every membrane of some, scores and cycles of all."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import cocotb
import numpy as np

from fxp_model.archives import Archive
from hw.config import HardwareConfig
from hw.protocol import Beat, encode_sample
from tb.harness.drivers import accept, random_gaps
from tb.harness.network_bench import NetworkBench
from tb.harness.plan import Figures, load_plan
from tb.harness.stimulus import encode

PLAN = load_plan()
FIGURES = Figures()
CONFIG = HardwareConfig.from_dict(PLAN["hardware"])


def _clips() -> list[np.ndarray[Any, np.dtype[np.int64]]]:
    """Clips (T, n_in), each of its own length."""
    archive = Archive(Path(PLAN["clips"]).read_bytes(), PLAN["clips"])
    counts, lengths = archive.read("counts").astype(np.int64), archive.read("lengths")
    assert lengths.min() > 0, "no clips, or an empty one"
    return [counts[:length, index] for index, length in enumerate(lengths)]


CLIPS = _clips()


@cocotb.test()
async def all_levels(dut: Any) -> None:
    """Every membrane and spike, back to back, with random idle input and backpressure."""
    bench = NetworkBench(dut, PLAN)
    await bench.restart()
    clips = CLIPS[: PLAN["level_clips"]]
    beats = [beat for clip in clips for beat in encode(bench.rng, clip)]
    await bench.play(beats, random_gaps(bench.rng), accept(bench.sink, random_gaps(bench.rng)))
    await bench.check()
    assert bench.tally.samples == len(clips)
    FIGURES.add("all_levels", bench.figures())


@cocotb.test()
async def full_rate(dut: Any) -> None:
    """Every score and class, back to back at full rate, in the predicted cycles."""
    bench = NetworkBench(dut, {**PLAN, "probes": []})
    await bench.restart()
    beats: list[Beat] = [beat for clip in CLIPS for beat in encode_sample(clip)]
    started = time.perf_counter()
    await bench.play(beats)
    seconds = {"seconds_per_clip": round((time.perf_counter() - started) / len(CLIPS), 3)}
    await bench.check()
    assert bench.tally.samples == len(CLIPS)
    FIGURES.add("full_rate", {**bench.figures(), **bench.check_timing(CONFIG), **seconds})


@cocotb.test()
async def one_at_a_time(dut: Any) -> None:
    """The latency of every single clip, in the predicted cycles."""
    bench = NetworkBench(dut, {**PLAN, "probes": []})
    latencies = []
    for clip in CLIPS:
        await bench.restart()
        await bench.play(encode_sample(clip))
        await bench.check()
        latencies.append(bench.check_timing(CONFIG)["run_cycles"])
    summary = {"latency_cycles_mean": float(np.mean(latencies)), "latency_cycles_max": max(latencies)}
    FIGURES.add("one_at_a_time", {**bench.figures(), **summary})

"""Thousands of short samples in a row, at full rate."""

from __future__ import annotations

from itertools import chain
from typing import Any

import cocotb

from hw.config import HardwareConfig
from hw.protocol import encode_sample
from tb.harness.network_bench import NetworkBench
from tb.harness.plan import Figures, load_plan
from tb.harness.stimulus import random_samples

PLAN = load_plan()
FIGURES = Figures()


@cocotb.test()
async def back_to_back(dut: Any) -> None:
    """Scores, classes, counters and every cycle, for samples of one or two steps."""
    bench = NetworkBench(dut, PLAN)
    await bench.restart()
    samples = random_samples(bench.rng, bench.network.spec, PLAN["samples"], max_steps=2)
    await bench.play(list(chain.from_iterable(map(encode_sample, samples))))
    await bench.check()
    figures = bench.check_timing(HardwareConfig.from_dict(PLAN["hardware"]))
    FIGURES.add("back_to_back", {**bench.figures(), **figures})

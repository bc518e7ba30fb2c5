"""Detector: every word that the golden detector hears, while its numbers change."""

from __future__ import annotations

from collections import deque
from typing import Any

import cocotb
import numpy as np
from amaranth.lib import wiring

from fxp_model.detector import MAX_HOLD, MAX_MARGIN, MAX_REFRACTORY, DetectorSpec
from fxp_model.detector import Detector as Golden
from hw.protocol import Beat
from hw.rtl.detector import DETECTION, NO_SILENT, Detector
from hw.rtl.input_decoder import beat_layout
from tb.harness.block_bench import BlockBench
from tb.harness.scoreboard import MismatchError

CASES: dict[str, dict[str, Any]] = {"one": {"n_out": 1}, "few": {"n_out": 3}, "many": {"n_out": 21}}
LATENCY = 3


def component(n_out: int) -> wiring.Component:
    return Detector(n_out)


def _drawn(rng: np.random.Generator, n_out: int) -> DetectorSpec:
    """Small numbers, at which words are said, and the ends of all ranges."""
    ends = rng.random(3) < 0.1
    return DetectorSpec(
        margin=MAX_MARGIN if ends[0] else int(rng.integers(0, 4)),
        hold=MAX_HOLD if ends[1] else int(rng.integers(1, 5)),
        refractory=MAX_REFRACTORY if ends[2] else int(rng.integers(0, 4)),
        silent=int(rng.integers(n_out)) if rng.integers(2) else None,
    )


def _bits(spec: DetectorSpec) -> int:
    silent = NO_SILENT if spec.silent is None else spec.silent
    fields = {"margin": spec.margin, "hold": spec.hold, "refractory": spec.refractory, "silent": silent}
    return int(DETECTION.const(fields).as_bits())


@cocotb.test()
async def words(dut: Any) -> None:
    bench = BlockBench(dut)
    rng, n_out = bench.rng, bench.case["n_out"]
    said = 0
    coming = deque([False] * LATENCY)

    async def cycle(beat: Beat | None) -> None:
        dut.valid.value = int(beat is not None)
        shown = beat or Beat(int(rng.integers(1 << 32)), bool(rng.integers(2)))
        dut.beat.value = beat_layout().const({"data": shown.tdata, "last": int(shown.tlast)}).as_bits()
        await bench.edge
        coming.append(beat is not None and beat.tlast)
        if coming.popleft():
            bench.see(int(dut.word.value) if dut.said.value else None)
        elif dut.said.value:
            raise MismatchError("a word was said without an answer")

    for _ in range(30):
        spec = _drawn(rng, n_out)
        golden = Golden(spec)
        await bench.reset(valid=0, numbers=_bits(spec))
        word, answers = 0, 600 if spec.hold == MAX_HOLD else 60
        for _ in range(answers):
            # mostly the same class again
            word = int(rng.integers(n_out)) if rng.random() < (0.002 if answers > 60 else 0.3) else word
            margin = MAX_MARGIN if rng.random() < 0.5 or answers > 60 else int(rng.integers(0, 5))
            if rng.random() < 0.05:
                for _ in range(LATENCY):
                    await cycle(None)
                other = _drawn(rng, n_out)
                spec = DetectorSpec(**{**vars(other), "hold": spec.hold}) if answers > 60 else other
                golden.spec = spec
                dut.numbers.value = _bits(spec)
            for beat in (Beat(word), Beat(int(rng.integers(1 << 32))), Beat(margin, tlast=True)):
                await cycle(beat)
                while rng.random() < 0.2 and not beat.tlast:
                    await cycle(None)
            heard = golden.step(word, margin)
            bench.expect(heard)
            said += heard is not None
            for _ in range(int(rng.integers(3))):  # often the next answer follows at once
                await cycle(None)
        for _ in range(LATENCY):
            await cycle(None)
    await bench.finish()
    assert said > 20, "few words were said"

"""A board that hears, with answers per step: the words that its detector says are told in text.

The plan is that of `tb.benches.board.hearing`, of an artifact that answers per step.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cocotb
import numpy as np
from cocotb.triggers import Timer

from fxp_model.artifact import load_artifact
from fxp_model.detector import Detector, DetectorSpec
from fxp_model.ear.device import StepDevice
from hw import ear_registers, mailbox_registers
from hw.ear import EarConfig, ear_of
from hw.mailbox_registers import CORE_BASE, EAR_BASE, MAILBOX_BASE
from hw.protocol import ANSWER_BEATS
from hw.registers import (
    DETECT_HOLD,
    DETECT_MARGIN,
    DETECT_REFRACTORY,
    DETECT_SILENT,
    DETECTED,
    SAMPLES,
)
from tb.benches.board.board import BYTE_CYCLES, Setup
from tb.harness.block_bench import PERIOD_NS
from tb.harness.plan import Figures
from tb.harness.played import play

FIGURES = Figures()
SILENT = 0
DETECTOR = DetectorSpec(margin=1, hold=2, refractory=1, silent=SILENT)
LAST = 3
"""Frames at the end of the sound that are not waited for."""


@cocotb.test()
async def says(dut: Any) -> None:
    """Every answer in the mailbox, and a line and an LED for every word, at its time."""
    setup = Setup(dut)
    artifact = load_artifact(Path(setup.plan["artifact"]))
    own, ear = EarConfig(**setup.plan["ear"]), ear_of(artifact)
    frame_ns = own.sample_cycles(ear) * PERIOD_NS * ear.samples_per_frame
    pcm = np.load(setup.plan["sound"])["pcm"]
    samples = play(dut, own, ear, pcm, np.random.default_rng(setup.plan["seed"]))
    await setup.begin()
    for register, value in (
        (DETECT_MARGIN, DETECTOR.margin),
        (DETECT_HOLD, DETECTOR.hold),
        (DETECT_REFRACTORY, DETECTOR.refractory),
        (DETECT_SILENT, SILENT),
    ):
        assert await setup.host.write(CORE_BASE + register.offset, value) == 1
    assert await setup.read(ear_registers.FRAMES, EAR_BASE) == 0
    await Timer((len(pcm) // ear.samples_per_frame - LAST) * frame_ns, unit="ns")
    count = await setup.read(SAMPLES, CORE_BASE)
    expected = StepDevice(setup.network, ear).step(samples())[:count]

    found = list[tuple[int, ...]]()
    for _ in range(count):
        words = await setup.host.read(MAILBOX_BASE + mailbox_registers.ANSWER.offset, ANSWER_BEATS)
        found.append((words[0], words[1] - (words[1] >> 31 << 32), words[2]))
    assert found == expected
    assert len(expected) > 4

    detector, told = Detector(DETECTOR), list[tuple[int, str]]()
    word = 0
    for index, (label, score, margin) in enumerate(expected):
        heard = detector.step(label, margin)
        if heard is not None:
            word = heard
            told.append((index, f"{setup.labels[word]} {score} {margin}"))
    await Timer(60 * BYTE_CYCLES * PERIOD_NS, unit="ns")
    lines = [line.rpartition(" ") for line in setup.hearing.lines()]
    assert [line[0] for line in lines][: len(told)] == [text for _, text in told]
    assert len(told) > 1
    assert await setup.read(DETECTED, CORE_BASE) & 0xFFFF0000 == len(lines) << 16

    # Hundredths of a second are frames; a board begins before its microphone does.
    stride = setup.network.spec.readout.stride
    pairs = zip(lines, told, strict=False)
    late = [round(100 * float(line[2])) - stride * (index + 1) for line, (index, _) in pairs]
    assert 0 <= min(late) <= max(late) <= min(late) + 1
    if len(lines) == len(told):
        assert int(dut.leds.value) == 0x20 | word & 0x1F
    FIGURES.add("says", {"answers": count, "words": len(told)})

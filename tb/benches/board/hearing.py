"""A board that hears: what is said into its microphone is told in text, and read through its UART.

The plan names the `artifact` of a network with an ear, its `ear` and a `sound`, as that of
`tb.benches.ear.device` does.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import cocotb
import numpy as np
from cocotb.triggers import Timer

from fxp_model.artifact import load_artifact
from fxp_model.ear.device import Device
from fxp_model.ear.pdm import ABSENT_BITS
from hw import ear_registers, mailbox_registers
from hw.ear import EarConfig, ear_of, trigger_of
from hw.mailbox_registers import EAR_BASE, MAILBOX_BASE
from hw.registers import Register
from tb.benches.board.board import BYTE_CYCLES, Setup
from tb.harness.block_bench import PERIOD_NS
from tb.harness.plan import Figures
from tb.harness.played import play

FIGURES = Figures()
DURATION = 2
"""Frames of a sample."""
CLIPPED = 3
"""Frames at the end of the sound, which are not compared."""


class Heard(Setup):
    """A board with a microphone, which is told to send every frame."""

    def __init__(self, dut: Any) -> None:
        super().__init__(dut)
        artifact = load_artifact(Path(self.plan["artifact"]))
        self.own, self.ear = EarConfig(**self.plan["ear"]), ear_of(artifact)
        trigger = replace(trigger_of(artifact), free=True, preroll=0, duration=DURATION)
        self.golden = Device(self.network, self.ear, trigger)
        self.sample_ns = self.own.sample_cycles(self.ear) * PERIOD_NS
        self.frame_ns = self.sample_ns * self.ear.samples_per_frame
        for pin in {"i2s": ("sd", "right"), "pdm": ("pdm_data", "select")}[self.own.microphone]:
            getattr(dut, pin).value = 0

    async def set(self, register: Register, **fields: int) -> None:
        """Write fields of a register of the ear."""
        word = sum(value << register[name].low for name, value in fields.items())
        assert await self.host.write(EAR_BASE + register.offset, word) == 1

    async def listen(self) -> None:
        """Every frame is sent from the first one on."""
        await self.begin()
        await self.set(ear_registers.TRIGGER_START, FREE=1, ONSET=1)
        await self.set(ear_registers.TRIGGER_LENGTHS, DURATION=DURATION)
        assert await self.read(ear_registers.FRAMES, EAR_BASE) == 0


@cocotb.test()
async def hears(dut: Any) -> None:
    """Every score and class at first; then a sound that is clipped, which an LED says until CLEAR."""
    setup = Heard(dut)
    pcm = np.load(setup.plan["sound"])["pcm"]
    samples = play(dut, setup.own, setup.ear, pcm, np.random.default_rng(setup.plan["seed"]))
    await setup.listen()
    assert await setup.read(mailbox_registers.MODE) == 2
    frames = len(pcm) // setup.ear.samples_per_frame - CLIPPED
    await Timer(frames * setup.frame_ns, unit="ns")
    found = [await setup.answer() for _ in range(frames // DURATION)]
    expected = setup.golden.step(samples())[: len(found)]
    assert found == [(scores.tolist(), int(np.argmax(scores))) for scores in expected]
    assert len({tuple(scores) for scores, _ in found}) > 2
    await Timer(60 * BYTE_CYCLES * PERIOD_NS, unit="ns")
    for line, (scores, winner) in zip(setup.hearing.lines(), found, strict=False):
        best, second = sorted(scores, reverse=True)[:2]
        assert line.startswith(f"{setup.labels[winner]} {best} {best - second} ")
    assert len(setup.hearing.lines()) >= len(found)
    assert int(dut.leds.value) >> 5 == 1

    await setup.set(ear_registers.GAIN, BITS=15)
    await Timer(setup.frame_ns, unit="ns")
    assert await setup.read(ear_registers.CLIPPED, EAR_BASE) > 0
    assert int(dut.leds.value) >> 6 == 1
    await setup.set(ear_registers.GAIN, BITS=0)
    assert await setup.host.write(MAILBOX_BASE + mailbox_registers.CONTROL.offset, 1) == 1
    assert int(dut.leds.value) >> 6 == 0
    FIGURES.add("hears", {"answers": len(found)})


@cocotb.test()
async def no_microphone(dut: Any) -> None:
    """A line that is at one level for long enough."""
    setup = Heard(dut)
    own, ear = setup.own, setup.ear
    await setup.listen()
    assert int(dut.leds.value) >> 7 == 0
    if own.microphone == "i2s":
        samples = own.i2s.settle_frames + own.i2s.absent_frames
    else:
        samples = ABSENT_BITS // own.pdm(ear).ratio
    await Timer((samples + 2) * setup.sample_ns, unit="ns")
    assert int(dut.leds.value) >> 7 == 1
    assert await setup.read(ear_registers.STATUS, EAR_BASE) == 1

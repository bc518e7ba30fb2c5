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
from cocotb.triggers import RisingEdge, Timer
from numpy.typing import NDArray

from fxp_model.artifact import load_artifact
from fxp_model.ear.device import Device
from fxp_model.ear.gain import widened
from fxp_model.ear.i2s import FRAME, receive
from hw import ear_registers, mailbox_registers
from hw.ear import EarConfig, ear_of, trigger_of
from hw.mailbox_registers import EAR_BASE, MAILBOX_BASE
from hw.registers import Register
from tb.benches.board.board import BYTE_CYCLES, Setup
from tb.harness.block_bench import PERIOD_NS
from tb.harness.i2s_microphone import I2sMicrophone
from tb.harness.plan import Figures

FIGURES = Figures()
DURATION = 2
"""Frames of a sample."""
CLIPPED = 3
"""Frames at the end of the sound, which are not compared."""


class Heard(Setup):
    """A board with an I2S microphone, which is told to send every frame."""

    def __init__(self, dut: Any) -> None:
        super().__init__(dut)
        artifact = load_artifact(Path(self.plan["artifact"]))
        self.own, self.ear = EarConfig(**self.plan["ear"]), ear_of(artifact)
        trigger = replace(trigger_of(artifact), free=True, preroll=0, duration=DURATION)
        self.golden = Device(self.network, self.ear, trigger)
        self.frame_ns = self.own.sample_cycles(self.ear) * self.ear.samples_per_frame * PERIOD_NS
        self._line = list[int]()
        dut.sd.value = dut.right.value = 0

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

    def play(self, pcm: NDArray[np.integer]) -> None:
        """Sound, and then silence."""
        dut, rng = self.dut, np.random.default_rng(self.plan["seed"])
        words = widened(pcm).tolist()
        microphone = I2sMicrophone(dut.sck, dut.ws, dut.sd, words, False, (1, 9), rng)

        async def start() -> None:
            await RisingEdge(dut.aresetn)
            cocotb.start_soon(microphone.run())
            while True:
                await RisingEdge(dut.sck)
                self._line.append(int(dut.sd.value))

        cocotb.start_soon(start())

    def expected(self) -> list[list[int]]:
        """Golden scores for all that was on the line of the microphone."""
        whole = len(self._line) // FRAME * FRAME
        samples = receive(self.own.i2s, np.reshape(self._line[:whole], (-1, FRAME))).samples
        return [scores.tolist() for scores in self.golden.step(samples)]


@cocotb.test()
async def hears(dut: Any) -> None:
    """Every score and class at first; then a sound that is clipped, which an LED says until CLEAR."""
    setup = Heard(dut)
    pcm = np.load(setup.plan["sound"])["pcm"]
    setup.play(pcm)
    await setup.listen()
    assert await setup.read(mailbox_registers.MODE) == 2
    frames = len(pcm) // setup.ear.samples_per_frame - CLIPPED
    await Timer(frames * setup.frame_ns, unit="ns")
    found = [await setup.answer() for _ in range(frames // DURATION)]
    expected = setup.expected()[: len(found)]
    assert found == [(scores, int(np.argmax(scores))) for scores in expected]
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
    await setup.listen()
    assert int(dut.leds.value) >> 7 == 0
    spec = setup.own.i2s
    samples = spec.settle_frames + spec.absent_frames + 2
    await Timer(samples * setup.own.sample_cycles(setup.ear) * PERIOD_NS, unit="ns")
    assert int(dut.leds.value) >> 7 == 1
    assert await setup.read(ear_registers.STATUS, EAR_BASE) == 1

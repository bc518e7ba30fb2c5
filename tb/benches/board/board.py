"""A whole board: clips go in through its UART, and scores, classes and lines of text come out.

The plan names the `artifact` and the `hardware`, and `reset_cycles` where the board resets itself. The
host is written from the law (`tb.harness.line`).
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cocotb
import numpy as np
from cocotb.clock import Clock
from cocotb.triggers import RisingEdge, Timer

from fxp_model.artifact import load_artifact
from fxp_model.network import run
from hw import mailbox_registers as mailbox
from hw import registers
from hw.protocol import encode_sample
from hw.registers import Register
from hw.rtl.core import RESET_LATENCY
from tb.harness.block_bench import PERIOD_NS
from tb.harness.line import Faults, Hearing, LineHost, UartPins
from tb.harness.plan import Figures, load_plan

FIGURES = Figures()
BYTE_CYCLES = 10 * 4
"""Of a byte: `LEAST_CYCLES` of a bit."""


class Setup:
    """The board, its host, and what it is to answer."""

    def __init__(self, dut: Any, damaged: float = 0) -> None:
        self.dut, self.plan = dut, load_plan()
        artifact = load_artifact(Path(self.plan["artifact"]))
        self.network, self.labels, self.sha256 = artifact.network, artifact.labels, artifact.sha256
        self.clips = [artifact.stimulus[:, clip] for clip in range(artifact.stimulus.shape[1])]
        self.scores = run(artifact.network, artifact.stimulus).scores
        self.faults = Faults(np.random.default_rng(self.plan["seed"]), damaged)
        self.hearing = Hearing(faultless=not damaged)
        self._pins = UartPins(dut.rx, dut.tx, BYTE_CYCLES // 10 * PERIOD_NS, self._hear)
        self.host = LineHost(
            self._send, self.hearing, lambda words: (words + 20) * 8 * BYTE_CYCLES * PERIOD_NS
        )
        Clock(dut.aclk, PERIOD_NS, unit="ns", impl="gpi").start(start_high=False)
        cocotb.start_soon(self._pins.listen())

    async def _send(self, data: bytes) -> None:
        await self._pins.send(b"".join(map(self.faults.of, data)))

    def _hear(self, byte: int) -> None:
        for damaged in self.faults.of(byte):
            self.hearing.take(damaged)

    async def begin(self) -> None:
        """Reset, and greet."""
        self.dut.aresetn.value = 0
        for _ in range(6):
            await RisingEdge(self.dut.aclk)
        self.dut.aresetn.value = 1
        for _ in range(self.plan.get("reset_cycles", RESET_LATENCY)):
            await RisingEdge(self.dut.aclk)
        assert await self.host.hello(17) == 1

    async def read(self, register: Register, base: int = mailbox.MAILBOX_BASE) -> int:
        """Content of a register."""
        (word,) = await self.host.read(base + register.offset)
        return word

    async def sends(self, counts: np.ndarray) -> None:
        """A clip in bursts, as long as there is room."""
        base = mailbox.MAILBOX_BASE
        words = [beat.tdata for beat in encode_sample(counts)]
        left = words[:-1]
        while left:
            room = await self.read(mailbox.ROOM)
            burst = left[: min(room, 255)]
            assert await self.host.write(base + mailbox.EVENT.offset, *burst) == len(burst)
            left = left[len(burst) :]
        assert await self.host.write(base + mailbox.EVENT_LAST.offset, words[-1]) == 1

    async def answer(self) -> tuple[list[int], int]:
        """The next answer: scores and class."""
        while not await self.read(mailbox.ANSWERS):
            pass
        size = len(self.labels) + 1
        words = await self.host.read(mailbox.MAILBOX_BASE + mailbox.ANSWER.offset, size)
        assert len(words) == size
        return [word - (word >> 31 << 32) for word in words[:-1]], words[-1]


@cocotb.test()
async def answers(dut: Any) -> None:
    """Every score and class, and a line for each."""
    setup = Setup(dut)
    await setup.begin()
    assert await setup.read(mailbox.IDENTITY) == mailbox.IDENTITY_WORD
    assert await setup.read(registers.IDENTITY, mailbox.CORE_BASE) == registers.IDENTITY_WORD
    found = [await setup.read(register, mailbox.CORE_BASE) for register in registers.ARTIFACT_HASH]
    assert found == list(registers.hash_words(setup.sha256))
    for address in (mailbox.EAR_BASE, 0x3000, 0xFFFC):
        assert await setup.host.read(address) == ()
        assert await setup.host.write(address, 1, 2) == 0

    for counts, scores in zip(setup.clips, setup.scores, strict=True):
        await setup.sends(counts)
        assert await setup.answer() == (scores.tolist(), int(np.argmax(scores)))
        assert int(dut.leds.value) & 0x3F == 0x20 | int(np.argmax(scores)) & 0x1F
    assert await setup.read(registers.SAMPLES, mailbox.CORE_BASE) == len(setup.clips)
    assert await setup.host.read(mailbox.MAILBOX_BASE + mailbox.ANSWER.offset, 3) == ()
    assert await setup.read(mailbox.LINE_ERRORS) == 0

    await Timer(60 * BYTE_CYCLES * PERIOD_NS, unit="ns")
    lines = setup.hearing.lines()
    for line, scores in zip(lines, setup.scores.tolist(), strict=True):
        best, second = sorted(scores, reverse=True)[:2]
        name = setup.labels[scores.index(best)]
        assert line.rpartition(" ")[0] == f"{name} {best} {best - second}"
    assert setup.host.repeated == 0
    FIGURES.add("answers", {"clips": len(setup.clips), "lines": len(lines)})


@cocotb.test()
async def damaged(dut: Any) -> None:
    """The same answers over a bad line."""
    setup = Setup(dut, damaged=0.01)
    await setup.begin()
    for counts, scores in zip(setup.clips, setup.scores, strict=True):
        await setup.sends(counts)
        assert await setup.answer() == (scores.tolist(), int(np.argmax(scores)))
    setup.faults.share = 0
    errors = await setup.read(mailbox.LINE_ERRORS)
    assert errors > 0
    assert setup.host.repeated > 0
    FIGURES.add("damaged", {"faults": setup.faults.met, "errors": errors, "repeated": setup.host.repeated})


@cocotb.test()
async def begins_anew(dut: Any) -> None:
    """Half a clip is forgotten by CLEAR and a soft reset; no line is told while TEXT is 0."""
    setup = Setup(dut)
    await setup.begin()
    words = [beat.tdata for beat in encode_sample(setup.clips[0])][:-1]
    base = mailbox.MAILBOX_BASE
    assert await setup.host.write(base + mailbox.EVENT.offset, *words) == len(words)
    assert await setup.host.write(base + mailbox.CONTROL.offset, 1) == 1
    assert await setup.host.write(registers.CONTROL.offset, 1) == 1
    assert await setup.host.write(base + mailbox.MODE.offset, 1) == 1
    await setup.sends(setup.clips[1])
    assert await setup.answer() == (setup.scores[1].tolist(), int(np.argmax(setup.scores[1])))
    await Timer(60 * BYTE_CYCLES * PERIOD_NS, unit="ns")
    assert not setup.hearing.lines()
    assert await setup.read(mailbox.ROOM) == mailbox.EVENT_ROOM

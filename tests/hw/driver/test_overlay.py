"""PYNQ without a board: a stub of its package, whose DMA moves words to and from the model of a board."""

import sys
import types
from typing import Any

import numpy as np
import pytest

from hw.driver.overlay import Pynq
from hw.driver.spikeline import Spikeline
from tests.hw.driver.board_model import Board
from tests.hw.driver.conftest import VLNV, Case


class Buffer(np.ndarray):
    """As PYNQ's: memory that is freed at the end of a block."""

    freed = 0

    def __enter__(self) -> "Buffer":
        return self

    def __exit__(self, *_: object) -> None:
        Buffer.freed += 1


def allocate(shape: tuple[int, ...], dtype: type) -> Buffer:
    return np.zeros(shape, dtype).view(Buffer)


class Channel:
    """As the simple DMA's: idle when its transfer has ended."""

    def __init__(self) -> None:
        self.running, self.buffer, self.error, self.transferred = False, None, False, 0

    def start(self) -> None:
        self.running = True

    @property
    def idle(self) -> bool:
        return self.buffer is None

    def transfer(self, buffer: Buffer) -> None:
        if not self.running:
            raise RuntimeError("DMA channel not started")
        if not self.idle:
            raise RuntimeError("DMA channel not idle")
        self.buffer = buffer

    def wait(self) -> None:
        if self.error:
            raise RuntimeError("DMA Slave Error (cannot access memory map interface)")
        assert self.idle


class Dma:
    """Both channels, in front of the streams of `board`."""

    def __init__(self, board: Board) -> None:
        self.board, self.stuck, self.short = board, False, 0
        self.sendchannel, self.recvchannel = Channel(), Channel()
        transfer = self.sendchannel.transfer

        def send(buffer: Buffer) -> None:
            transfer(buffer)
            if not self.stuck:
                self.board.queue += [(int(word), i == len(buffer) - 1) for i, word in enumerate(buffer)]
                self.board.pace = len(buffer)
                self.board.read32(0)
                answer = [self.board.answers.popleft() for _ in range(len(self.board.answers) - self.short)]
                self.recvchannel.buffer[: len(answer)] = answer
                self.recvchannel.transferred = 4 * len(answer)
                self.sendchannel.buffer = self.recvchannel.buffer = None

        self.sendchannel.transfer = send

    def write(self, offset: int, value: int) -> None:
        assert (offset, value) == (0, 4)
        for channel in (self.sendchannel, self.recvchannel):
            channel.buffer, channel.running = None, False

    def read(self, offset: int) -> int:
        return 0


@pytest.fixture
def overlay(case: Case, monkeypatch: pytest.MonkeyPatch) -> Any:
    """What ``pynq.Overlay`` gives; there is one with two levels."""
    board = case.board()
    core = types.SimpleNamespace(read=board.read32, write=board.write32)
    found = types.SimpleNamespace(
        system=types.SimpleNamespace(core_0=core),
        dma=Dma(board),
        ip_dict={"system/core_0": {"type": VLNV}, "dma": {"type": "xilinx.com:ip:axi_dma:7.1"}},
        board=board,
    )
    module = types.SimpleNamespace(Overlay=lambda bitstream: found, allocate=allocate)
    monkeypatch.setitem(sys.modules, "pynq", module)
    return found


def test_samples_go_by_dma(case: Case, overlay: Any) -> None:
    registers = Pynq("design.bit", case.description)
    device = Spikeline(registers, case.description, registers)
    device.check()
    freed = Buffer.freed
    for counts in case.samples:
        assert device.run(counts).scores.tolist() == case.scores(counts)
    assert Buffer.freed - freed == 2 * len(case.samples)
    device.reload(case.image.words, case.image.crc32)
    assert device.run(case.samples[2]).scores.tolist() == case.scores(case.samples[2], case.other)
    assert "LINE_ERRORS" not in device.counters()


def test_after_a_time_out_the_dma_is_reset(case: Case, overlay: Any) -> None:
    registers = Pynq("design.bit", case.description, timeout_s=0.01)
    device = Spikeline(registers, case.description, registers)
    overlay.dma.stuck = True
    with pytest.raises(TimeoutError, match=r"^no answer within 0\.01 s$"):
        device.run(case.samples[1])
    assert overlay.dma.sendchannel.idle
    assert overlay.dma.recvchannel.idle
    overlay.dma.stuck = False
    assert device.run(case.samples[2]).scores.tolist() == case.scores(case.samples[2])
    overlay.dma.short = 1
    with pytest.raises(OSError, match=r"^an answer must have 24 bytes, not 20$"):
        device.run(case.samples[2])


def test_the_core_of_the_description_is_found_or_missed(case: Case, overlay: Any) -> None:
    overlay.ip_dict["other"] = {"type": VLNV}
    with pytest.raises(LookupError, match=rf"^the overlay must have one core {VLNV}, not 2$"):
        Pynq("design.bit", case.description)

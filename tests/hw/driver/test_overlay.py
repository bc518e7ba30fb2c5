"""PYNQ without a board: a stub of its package, whose DMA moves words to and from the model of a board."""

import sys
import types
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from fxp_model.network import run
from hw.driver.description import description_of
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
        self.moves: Callable[[], None]

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
        self.moves()

    def wait(self) -> None:
        if self.error:
            raise RuntimeError("DMA Slave Error (cannot access memory map interface)")
        assert self.idle


class Dma:
    """Both channels, in front of the streams of `board`; an answer leaves once its transfer has begun."""

    def __init__(self, board: Board) -> None:
        self.board, self.stuck, self.short = board, False, 0
        self.sendchannel, self.recvchannel = Channel(), Channel()
        self.sendchannel.moves, self.recvchannel.moves = self._send, self._receive

    def _send(self) -> None:
        words = self.sendchannel.buffer
        if not self.stuck:
            self.board.queue += [(int(word), i == len(words) - 1) for i, word in enumerate(words)]
            self.board.pace = len(words)
            self.board.read32(0)
            self.sendchannel.buffer = None
            self._receive()

    def _receive(self) -> None:
        channel, answers = self.recvchannel, self.board.answers
        if answers and channel.buffer is not None:
            answer = [answers.popleft() for _ in range(self.board.size - self.short)]
            channel.buffer[: len(answer)] = answer
            channel.transferred, channel.buffer = 4 * len(answer), None

    def write(self, offset: int, value: int) -> None:
        assert (offset, value) == (0, 4)
        for channel in (self.sendchannel, self.recvchannel):
            channel.buffer, channel.running = None, False
        self.board.answers.clear()  # the core is reset between two of these

    def read(self, offset: int) -> int:
        return 0


def overlay_of(board: Board, monkeypatch: pytest.MonkeyPatch) -> Any:
    """What ``pynq.Overlay`` gives; the core is one level down."""
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


@pytest.fixture
def overlay(case: Case, monkeypatch: pytest.MonkeyPatch) -> Any:
    return overlay_of(case.board(), monkeypatch)


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


def test_each_answer_per_step_is_a_transfer(stepping: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    board = Board(stepping.own, stepping.config)
    description = description_of(stepping.own, stepping.config, "net", False, VLNV)
    overlay = overlay_of(board, monkeypatch)
    registers = Pynq("design.bit", description, timeout_s=0.01)
    device = Spikeline(registers, description, registers)
    for counts in stepping.samples:
        found = [(answer.label, answer.score, answer.margin) for answer in device.steps(counts)]
        columns = run(stepping.own.network, counts[:, np.newaxis]).answers
        assert found == list(zip(*(column[:, 0].tolist() for column in columns), strict=True))
        assert len(found) == len(counts) // 2
    with pytest.raises(
        ValueError, match=r"^a sequence must end with its transfer: a DMA sends none in parts$"
    ):
        device.steps(stepping.samples[3], ends=False)
    overlay.dma.short = 2
    with pytest.raises(OSError, match=r"^an answer must have 12 bytes, not 4$"):
        device.steps(stepping.samples[3])
    overlay.dma.short, overlay.dma.stuck = 0, True
    with pytest.raises(TimeoutError, match=r"^no answer within 0\.01 s$"):
        device.steps(stepping.samples[3])
    overlay.dma.stuck = False
    assert len(device.steps(stepping.samples[3])) == len(stepping.samples[3]) // 2


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

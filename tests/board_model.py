"""A model of a board at the other end of its line, behind a pseudo-terminal: tests of the host without RTL.

It follows hw/ARCHITECTURE.md, "A device on a board"; what the core answers comes from the golden model.
"""

from __future__ import annotations

import os
import select
import threading
import tty
import zlib
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np

from fxp_model import __version__
from fxp_model.artifact import Artifact
from fxp_model.network import run
from hw import ear_registers, mailbox_registers, registers
from hw.mailbox_registers import EAR_BASE, MAILBOX_BASE
from hw.protocol import END_OF_STEP, encode_result
from tb.harness.board_sim import Faults

END, ESC, ESC_END, ESC_ESC = 0xC0, 0xDB, 0xDC, 0xDD
HELLO, READ, WRITE, REPLY = 0, 1, 2, 0x80


class BoardModel:
    """Registers and line of a board.

    artifact : whose network it runs
    loads : artifacts by the words of the reload images that it takes
    ear : whether it has one
    faults : of the line, planted in both directions
    """

    def __init__(
        self,
        artifact: Artifact,
        loads: dict[tuple[int, ...], Artifact] | None = None,
        ear: bool = False,
        faults: Faults | None = None,
        seed: int = 0,
    ) -> None:
        self.artifact, self._loads = artifact, loads or {}
        self._faults, self._rng = faults or Faults(), np.random.default_rng(seed)
        self.values = {EAR_BASE + own.offset: 0 for own in ear_registers.ALL} if ear else {}
        if ear:
            self.values[EAR_BASE + ear_registers.IDENTITY.offset] = ear_registers.IDENTITY_WORD
        self.values[MAILBOX_BASE + mailbox_registers.MODE.offset] = 0b10 if ear else 0b11
        self._words: list[int] = []
        self._answers: deque[list[int]] = deque()
        self._image: list[int] = []
        self.executed: list[tuple[int, int, int]] = []
        self.line_errors = self.samples = self._refused = 0
        self._chunk = bytearray()
        self._remembered: tuple[int, bytes] | None = None
        self._told = b""

    # registers

    def read(self, address: int) -> int | None:
        """The word at `address`; None for SLVERR."""
        version, mailbox = registers.version_word(__version__), mailbox_registers
        block, offset = address & 0xF000, address & 0xFFF
        if offset == registers.VERSION.offset and (block != EAR_BASE or self.values.get(EAR_BASE)):
            return version
        if address == MAILBOX_BASE + mailbox.ANSWER.offset:
            if not self._answers:
                return None
            word = self._answers[0].pop(0)
            if not self._answers[0]:
                self._answers.popleft()
            return word
        if address in self.values:
            return self.values[address]
        if block == MAILBOX_BASE:
            return {
                mailbox.IDENTITY.offset: mailbox.IDENTITY_WORD,
                mailbox.ROOM.offset: mailbox.EVENT_ROOM,
                mailbox.ANSWERS.offset: len(self._answers),
                mailbox.CONTROL.offset: 0,
                mailbox.LOST_ANSWERS.offset: 0,
                mailbox.LINE_ERRORS.offset: self.line_errors,
            }.get(offset)
        if block == 0:
            hashed = zip(registers.ARTIFACT_HASH, registers.hash_words(self.artifact.sha256), strict=True)
            return {
                registers.IDENTITY.offset: registers.IDENTITY_WORD,
                registers.SAMPLES.offset: self.samples,
                registers.RELOAD_STATUS.offset: self._refused,
                registers.RELOAD_WORDS.offset: max((len(words) for words in self._loads), default=0),
                **{own.offset: word for own, word in hashed},
            }.get(offset, 0)
        return None

    def write(self, address: int, word: int) -> bool:
        """Whether the write was answered OKAY."""
        mailbox, offset = mailbox_registers, address & 0xFFF
        if address == EAR_BASE + ear_registers.SOURCE.offset and address in self.values:
            self.values[EAR_BASE + ear_registers.STATUS.offset] = (word & 1) << 1
        if address in self.values:
            self.values[address] = word
        elif address in (MAILBOX_BASE + own.offset for own in (mailbox.EVENT, mailbox.EVENT_LAST)):
            self._words.append(word)
            if offset == mailbox.EVENT_LAST.offset:
                self._answer()
        elif address == MAILBOX_BASE + mailbox.CONTROL.offset:
            self._answers.clear()
            self._words.clear()
        elif address == registers.RELOAD_BEGIN.offset:
            self._image.clear()
        elif address == registers.RELOAD_DATA.offset:
            self._image.append(word)
        elif address == registers.RELOAD_COMMIT.offset:
            crc = zlib.crc32(b"".join(own.to_bytes(4, "little") for own in self._image))
            right = crc == word and tuple(self._image) in self._loads
            self._refused = 0 if right else registers.RELOAD_STATUS["WRONG_CRC"].mask
            if right:
                self.artifact = self._loads[tuple(self._image)]
        else:
            return address < 0x1000
        return True

    def _answer(self) -> None:
        """The answer to the sample that ended."""
        network = self.artifact.network
        steps = [np.zeros(network.spec.n_in, np.uint8)]
        for index, word in enumerate(self._words):
            if word & END_OF_STEP:
                if index < len(self._words) - 1:
                    steps.append(np.zeros_like(steps[0]))
            else:
                steps[-1][word & 0xFFFF] += word >> 16 & 0xFF
        self._words.clear()
        self.samples += 1
        scores = run(network, np.array(steps)[:, None]).scores[0]
        self._answers.append([beat.tdata for beat in encode_result(scores)])

    # the line

    def take(self, data: bytes) -> bytes:
        """What comes back for what came in, with faults in both."""
        replies = bytearray()
        for byte in self._damaged(data):
            if byte != END:
                self._chunk.append(byte)
                continue
            if self._chunk:
                reply = self._packet(bytes(self._chunk))
                self.line_errors += reply is None
                replies += reply or b""
            self._chunk.clear()
        return self._damaged(bytes(replies))

    def tell(self, text: str) -> bytes:
        """A line of text, with faults."""
        return self._damaged(f"{text}\r\n".encode())

    def _damaged(self, data: bytes) -> bytes:
        found = bytearray()
        for byte in data:
            lost, doubled, flipped = self._rng.random(3) < (
                self._faults.lose,
                self._faults.double,
                self._faults.flip,
            )
            own = byte ^ (1 << int(self._rng.integers(8)) if flipped else 0)
            found += bytes([own]) * (0 if lost else 2 if doubled else 1)
        return bytes(found)

    def _packet(self, chunk: bytes) -> bytes | None:
        """The reply to a packet; None if it is none."""
        body = chunk.replace(bytes([ESC, ESC_END]), bytes([END])).replace(bytes([ESC, ESC_ESC]), bytes([ESC]))
        body, crc = body[:-4], body[-4:]
        if len(body) < 5 or zlib.crc32(body).to_bytes(4, "little") != crc:
            return None
        sequence, op, count = body[0], body[1], body[4]
        if op > WRITE or (op == HELLO) != (count == 0) or len(body) != 5 + 4 * count * (op == WRITE):
            return None
        if op == HELLO:
            self._remembered = sequence, _framed(bytes([sequence, REPLY, 1, 1, 0, 0, 0]))
        elif self._remembered is None or self._remembered[0] != sequence:
            self._remembered = sequence, self._executed(body)
        return self._remembered[1]

    def _executed(self, body: bytes) -> bytes:
        sequence, op, address, count = body[0], body[1], int.from_bytes(body[2:4], "little"), body[4]
        self.executed.append((op, address, count))
        words: list[int] = []
        done = 0
        for index in range(count):
            if op == READ:
                word = self.read(address)
                if word is None:
                    break
                words.append(word)
            elif not self.write(address, int.from_bytes(body[5 + 4 * index :][:4], "little")):
                break
            done += 1
        data = b"".join(word.to_bytes(4, "little") for word in words)
        return _framed(bytes([sequence, op | REPLY, done]) + data)


def _framed(body: bytes) -> bytes:
    framed = body + zlib.crc32(body).to_bytes(4, "little")
    framed = framed.replace(bytes([ESC]), bytes([ESC, ESC_ESC])).replace(bytes([END]), bytes([ESC, ESC_END]))
    return bytes([END]) + framed + bytes([END])


@contextmanager
def behind_a_terminal(model: BoardModel) -> Iterator[tuple[str, int]]:
    """Path of a serial port at which `model` is, and the file that is the board's end of it."""
    master, slave = os.openpty()
    tty.setraw(slave)
    ended, wake = os.pipe()

    def serve() -> None:
        while True:
            ready, _, _ = select.select([master, ended], [], [])
            if ended in ready:
                return
            os.write(master, model.take(os.read(master, 4096)))

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield os.ttyname(slave), master
    finally:
        os.write(wake, b"x")
        thread.join()
        for file in (master, slave, ended, wake):
            os.close(file)

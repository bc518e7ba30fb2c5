"""A board in Python, by the laws of ARCHITECTURE.md: registers of core, ear and mailbox, and its UART."""

import struct
import zlib
from collections import deque
from dataclasses import dataclass, field

import numpy as np

from fxp_model import __version__
from fxp_model.artifact import Artifact
from fxp_model.engine import Engine
from fxp_model.network import run
from fxp_model.spec import Answer
from hw import ear_registers, mailbox_registers, registers
from hw.config import HardwareConfig
from hw.mailbox_registers import CORE_BASE, EAR_BASE, EVENT_ROOM, MAILBOX_BASE
from hw.protocol import ANSWER_BEATS, END_OF_STEP
from hw.registers import Access, Register, hash_words, register_map, version_word
from hw.reload import image


class SlaveError(OSError):
    """SLVERR."""


@dataclass
class Board:
    """Registers at their addresses; answers are those of the golden model, per step of the engine.

    others : networks that can be loaded
    pace : words that the core takes between two accesses of the host
    ear : there is one, which hears nothing
    """

    artifact: Artifact
    config: HardwareConfig
    others: tuple[Artifact, ...] = ()
    pace: int = 100
    ear: bool = False
    text: list[str] = field(default_factory=list)
    """Lines that the teller told."""

    def __post_init__(self) -> None:
        spec = self.artifact.network.spec
        self.steps = spec.readout.answer is Answer.STEP
        self.size = ANSWER_BEATS if self.steps else spec.n_out + 1
        ear = ear_registers.register_map(not self.steps)
        self.maps = {
            CORE_BASE: {r.offset: r for r in register_map(spec.stage_names, self.config.reload, self.steps)},
            EAR_BASE: {r.offset: r for r in ear} if self.ear else {},
            MAILBOX_BASE: {r.offset: r for r in mailbox_registers.ALL},
        }
        self.words = {
            (CORE_BASE, "IDENTITY"): registers.IDENTITY_WORD,
            (CORE_BASE, "VERSION"): version_word(__version__),
            (EAR_BASE, "IDENTITY"): ear_registers.IDENTITY_WORD,
            (EAR_BASE, "VERSION"): version_word(__version__),
            (MAILBOX_BASE, "IDENTITY"): mailbox_registers.IDENTITY_WORD,
            (MAILBOX_BASE, "VERSION"): version_word(__version__),
            (MAILBOX_BASE, "CLOCK_HZ"): 100_000_000,
            (MAILBOX_BASE, "MODE"): 2 + (not self.ear),
        }
        self.running = self.artifact
        self.images = {}
        if self.config.reload:
            own = self.artifact.network
            for other in (self.artifact, *self.others):
                loaded = image(own, self.config, other.network, other.sha256)
                self.images[loaded.words] = other
            self.length = len(next(iter(self.images)))
        self.written: list[int] = []
        self.pending: tuple[int, ...] | None = None
        self.refused = self.bank = 0
        self.queue: deque[tuple[int, bool]] = deque()
        self._restart()
        self.within = False
        """The host has begun a sample and not ended it, whatever was reset; the ear waits for its end."""
        self.answers: deque[int] = deque()
        self.samples = 0

    def read32(self, offset: int) -> int:
        """The word, or `SlaveError`."""
        base, register = self._register(offset)
        value = self._read(base, register.name)
        self._go_on()
        return value

    def write32(self, offset: int, value: int) -> None:
        """Write, or `SlaveError`."""
        base, register = self._register(offset)
        if register.access is Access.RO:
            raise SlaveError(f"0x{offset:x} is read-only")
        assert 0 <= value < 1 << 32
        self._write(base, register.name, value)
        self._go_on()

    def _register(self, offset: int) -> tuple[int, Register]:
        base = offset & ~0xFFF
        register = self.maps.get(base, {}).get(offset & 0xFFF)
        if register is None:
            raise SlaveError(f"nothing at 0x{offset:x}")
        return base, register

    def _read(self, base: int, name: str) -> int:
        if base == MAILBOX_BASE and name == "ROOM":
            return EVENT_ROOM - len(self.queue)
        if base == MAILBOX_BASE and name == "ANSWERS":
            return -(-len(self.answers) // self.size)
        if base == MAILBOX_BASE and name == "ANSWER":
            if not self.answers:
                raise SlaveError("no answer")
            return self.answers.popleft()
        if name.startswith("ARTIFACT_HASH"):
            return hash_words(self.running.sha256)[int(name[-1])]
        if base == CORE_BASE and name == "SAMPLES":
            return self.samples
        if name == "RELOAD_STATUS":
            return (self.pending is not None) | self.refused | self.bank << 3
        if name == "RELOAD_WORDS":
            return self.length
        if name == "RELOAD_POSITION":
            return len(self.written)
        if base == EAR_BASE and name == "STATUS":
            return (self.within or self.words.get((base, "SOURCE"), 0)) << 1
        return self.words.get((base, name), 0)

    def _write(self, base: int, name: str, value: int) -> None:
        if base == MAILBOX_BASE and name in ("EVENT", "EVENT_LAST"):
            if len(self.queue) == EVENT_ROOM:
                raise SlaveError("no room")
            self.queue.append((value, name == "EVENT_LAST"))
        elif base == MAILBOX_BASE and name == "CONTROL":
            self.queue.clear()
            self.answers.clear()
        elif base == CORE_BASE and name == "CONTROL":
            if value & 1:
                self._restart()
            if value & 2:
                self.samples = 0
        elif name.startswith("RELOAD") and self.pending is not None:
            raise SlaveError("a network waits")
        elif name == "RELOAD_BEGIN":
            self.written, self.refused = [], 0
        elif name == "RELOAD_DATA":
            self.written.append(value)
        elif name == "RELOAD_COMMIT":
            crc = zlib.crc32(b"".join(word.to_bytes(4, "little") for word in self.written))
            right = len(self.written) == self.length
            self.refused = 0 if right and crc == value else 4 if right else 2
            self.pending = None if self.refused else tuple(self.written)
            self.written = []
        else:
            self.words[base, name] = value

    def _go_on(self) -> None:
        """The core takes some words, and a network that waits when no sample is in flight."""
        for _ in range(min(self.pace, len(self.queue))):
            word, last = self.queue.popleft()
            self.begun, self.within = True, not last
            network = self.running.network.spec
            address, count = word & 0xFFFF, word >> 16 & 0xFF
            if word & END_OF_STEP:
                self._step()
                self.sample.append({})
            elif address < network.n_in and 1 <= count <= network.layers[0].max_input:
                self.sample[-1][address] = self.sample[-1].get(address, 0) + count
            if last and not self.steps:
                self._answer()
            if last:
                self._restart()
        if self.pending is not None and not self.begun:
            self.running, self.pending = self.images[self.pending], None
            self.bank ^= 1

    def _restart(self) -> None:
        """The next word begins a sample."""
        self.sample: list[dict[int, int]] = [{}]
        self.begun = False
        self.stream = Engine(self.running.network, threads=1).stream() if self.steps else None

    def _counts(self, steps: list[dict[int, int]]) -> np.ndarray:
        counts = np.zeros((len(steps), 1, self.running.network.spec.n_in), dtype=np.uint8)
        for step, own in enumerate(steps):
            for address, count in own.items():
                counts[step, 0, address] = count
        return counts

    def _step(self) -> None:
        """The answer to the step that ends, if it has one."""
        answer = None if self.stream is None else self.stream.step(self._counts(self.sample[-1:])[0]).answer
        if answer is not None:
            self.answers += [int(part[0]) & 0xFFFFFFFF for part in answer]
            self.samples += 1

    def _answer(self) -> None:
        network = self.running.network
        scores = run(network, self._counts(self.sample[:-1])).scores[0]
        label = int(np.argmax(scores))
        self.answers += [int(score) & 0xFFFFFFFF for score in scores]
        self.answers.append(label)
        self.samples += 1
        rest = np.delete(scores, label)
        margin = int(scores[label] - rest.max()) if rest.size else 0
        self.text.append(f"{self.artifact.labels[label]} {scores[label]} {margin} 0.00")


class Line:
    """A UART to a board, as pyserial's ``Serial``: bytes are lost, doubled and flipped on their way.

    board : Board
    rng : generator of the faults
    faults : probability of each of the three, per byte
    """

    def __init__(self, board: Board, rng: np.random.Generator, faults: float = 0.0) -> None:
        self.board, self._rng, self.faults = board, rng, faults
        self._to_host, self._chunk = bytearray(), bytearray()
        self._last: tuple[int, bytes] | None = None
        self.requests = self.dropped = 0
        self.executed = 0
        """Reads and writes, whatever their words."""
        self.words = 0
        """That were read or written."""
        self.dead = False

    @property
    def in_waiting(self) -> int:
        return len(self._to_host)

    def read(self, size: int) -> bytes:
        data = bytes(self._to_host[:size])
        del self._to_host[:size]
        return data

    def write(self, data: bytes) -> None:
        for byte in self._carried(data):
            if byte == 0xC0:
                self._receive(bytes(self._chunk))
                self._chunk.clear()
            else:
                self._chunk.append(byte)

    def _carried(self, data: bytes) -> bytes:
        if not self.faults:
            return data
        carried = bytearray()
        kinds = self._rng.random(len(data)) / self.faults
        for byte, kind in zip(data, kinds, strict=True):
            flipped = byte ^ 1 << int(self._rng.integers(8)) if kind < 1 else byte
            carried += b"" if 1 <= kind < 2 else bytes([flipped] * (2 if 2 <= kind < 3 else 1))
        return bytes(carried)

    def _send(self, data: bytes) -> None:
        self._to_host += self._carried(data)

    def _receive(self, chunk: bytes) -> None:
        data = chunk.replace(b"\xdb\xdc", b"\xc0").replace(b"\xdb\xdd", b"\xdb")
        if not chunk or self.dead:
            return
        body = data[:-4]
        if len(data) < 9 or zlib.crc32(body) != int.from_bytes(data[-4:], "little"):
            self.dropped += 1
            return
        self.requests += 1
        sequence, op, address, count = struct.unpack("<BBHB", body[:5])
        words = struct.unpack(f"<{len(body) // 4 - 1}I", body[5:]) if len(body) % 4 == 1 else ()
        wanted = {0: 0, 1: 0, 2: count}.get(op)
        if wanted != len(words) or (op and not count) or address % 4 or (op and self._last is None):
            self.dropped += 1
            return
        if not op or self._last is None or self._last[0] != sequence:
            self._last = sequence, self._reply(sequence, op, address, count, words)
        self._send(self._last[1])
        while self.board.text:
            self._send(f"{self.board.text.pop(0)}\r\n".encode())

    def _reply(self, sequence: int, op: int, address: int, count: int, words: tuple[int, ...]) -> bytes:
        self.executed += op != 0
        done, answers = 0, []
        try:
            if op == 0:
                done, answers = 1, [1]
            for index in range(count if op else 0):
                if op == 1:
                    answers.append(self.board.read32(address))
                else:
                    self.board.write32(address, words[index])
                done += 1
                self.words += 1
        except SlaveError:
            pass
        body = struct.pack(f"<BBB{len(answers)}I", sequence, op | 0x80, done, *answers)
        data = body + zlib.crc32(body).to_bytes(4, "little")
        return b"\xc0" + data.replace(b"\xdb", b"\xdb\xdd").replace(b"\xc0", b"\xdb\xdc") + b"\xc0"

"""Registers of a board over its UART (ARCHITECTURE.md, "A device on a board"). Needs nothing but Python.

A request is sent again until its reply is there, and the device executes it once, so that bytes that are
lost, doubled or flipped cost time only. Packets are framed as in RFC 1055, with the CRC-32 of zlib.
"""

from __future__ import annotations

import struct
import time
import zlib
from collections.abc import Iterable, Sequence
from typing import Protocol

VERSION = 1
"""Of the protocol."""
HELLO, READ, WRITE = 0, 1, 2
"""Requests; the device sets bit 7 in its reply."""
REPLY = 0x80
FIRST_WORDS, MORE_WORDS, MAX_WORDS = 16, 4, 255
"""Of one packet: of the first, more after a reply, and at most; after an error the next has half as many."""
END, ESC, ESC_END, ESC_ESC = 0xC0, 0xDB, 0xDC, 0xDD
SEQUENCE = 0x7F
"""Last number of a request. It is ASCII and a reply continues with 0x80 or more, which text in UTF-8 never
does: no reply looks like a line of text."""
MAX_CHUNK = 4096
"""Longest packet or line of text; what is longer is noise."""


class Port(Protocol):
    """A serial line, as pyserial's ``Serial`` with a short time-out."""

    @property
    def in_waiting(self) -> int:
        """Bytes that can be read at once."""

    def read(self, size: int) -> bytes:
        """`size` bytes, or fewer after its own time-out, which is short."""

    def write(self, data: bytes) -> object:
        """Send all of it."""


class Refused(OSError):
    """The device answered SLVERR: there is no such register, or it has nothing, or no room.

    done : words of the access that came before
    """

    def __init__(self, message: str, done: int) -> None:
        super().__init__(message)
        self.done = done


def packet(body: bytes) -> bytes:
    """`body` with its CRC, as the bytes of a packet on the line."""
    framed = body + zlib.crc32(body).to_bytes(4, "little")
    framed = framed.replace(bytes([ESC]), bytes([ESC, ESC_ESC])).replace(bytes([END]), bytes([ESC, ESC_END]))
    return bytes([END]) + framed + bytes([END])


def body_of(chunk: bytes) -> bytes | None:
    """Inverse of `packet` for what is between two END; None if it is no packet."""
    framed, escaped = bytearray(), False
    for byte in chunk:
        if escaped:
            if byte not in (ESC_END, ESC_ESC):
                return None
            framed.append(END if byte == ESC_END else ESC)
        elif byte != ESC:
            framed.append(byte)
        escaped = byte == ESC and not escaped
    body, crc = bytes(framed[:-4]), bytes(framed[-4:])
    whole = not escaped and len(framed) > 4 and zlib.crc32(body).to_bytes(4, "little") == crc
    return body if whole else None


class UartLine:
    """`hw.driver.spikeline.Registers` at the other end of a UART, and the text that comes between packets.

    port : Port
        pyserial's ``Serial(path, baud, timeout=0.01)``, or a `Tty` (``linux_tty.py``).
    timeout_s : float
        For a reply, longer than the longest request and reply take on the line.
    tries : int
        Of a request.

    The longer a packet, the rarer it comes through a bad line, so bursts are divided: where a byte is damaged
    with probability p, they settle at about sqrt(MORE_WORDS / (2 p)) words.

    errors : replies that did not come in time, and those that were damaged
    resyncs : times that the line was greeted again, after a request without any reply
    """

    def __init__(self, port: Port, timeout_s: float = 0.5, tries: int = 20) -> None:
        self._port, self._timeout_s, self._tries = port, timeout_s, tries
        self._chunk, self._damaged = b"", False
        self._packets: list[bytes] = []
        self._lines: list[str] = []
        self._sequence = 0
        self._most_words = FIRST_WORDS  # of the next packet
        self._greeted = self._known = False  # known: the device executed the last request, and only once
        self.errors = self.resyncs = 0

    def read32(self, offset: int) -> int:
        """The word at byte `offset` of the board's map."""
        return self.read_burst(offset, 1)[0]

    def write32(self, offset: int, value: int) -> None:
        """Write the word at byte `offset`."""
        self.write_burst(offset, (value,))

    def read_burst(self, offset: int, count: int) -> list[int]:
        """`count` words, all read at one `offset`."""
        words: list[int] = []
        while len(words) < count:
            own = min(self._most_words, count - len(words))
            done, data = self._ask(READ, offset, own)
            words += struct.unpack(f"<{done}I", data)
            self._check("read", offset, done == own, len(words), count)
        return words

    def write_burst(self, offset: int, values: Iterable[int]) -> None:
        """Write `values`, all at one `offset`."""
        words, written = tuple(values), 0
        while written < len(words):
            own = words[written : written + self._most_words]
            done, _ = self._ask(WRITE, offset, len(own), own)
            written += done
            self._check("write", offset, done == len(own), written, len(words))

    def lines(self) -> list[str]:
        """Lines of text that came since the last call, without their ends."""
        while waiting := self._port.in_waiting:
            self._take(self._port.read(waiting))
        self._packets.clear()  # of a request that was given up
        lines, self._lines = self._lines, []
        return lines

    @staticmethod
    def _check(what: str, offset: int, right: bool, done: int, count: int) -> None:
        if not right:
            raise Refused(f"a {what} at 0x{offset:04x} was refused after {done} of {count} words", done)

    def _ask(self, op: int, address: int, count: int, words: Sequence[int] = ()) -> tuple[int, bytes]:
        """Words that were done, and those read, of a request that is executed once."""
        if not self._known:
            self._hello()
        return self._exchange(op, address, count, words)

    def _hello(self) -> None:
        self.resyncs += self._greeted
        self._greeted = True
        _, data = self._exchange(HELLO, 0, 0)
        version = int.from_bytes(data, "little")
        if version != VERSION:
            self._known = False
            raise OSError(f"the protocol of the line must be version {VERSION}, not {version}")

    def _exchange(self, op: int, address: int, count: int, words: Sequence[int] = ()) -> tuple[int, bytes]:
        self._sequence = self._sequence + 1 & SEQUENCE
        body = struct.pack(f"<BBHB{len(words)}I", self._sequence, op, address, count, *words)
        self._known = False  # also if this is interrupted
        for _ in range(self._tries):
            self._port.write(packet(body))
            reply = self._reply(op, count)
            if reply is not None:
                self._known = True
                self._most_words = min(MAX_WORDS, self._most_words + MORE_WORDS)
                return reply
            self.errors += 1
            self._most_words = max(1, self._most_words // 2)
        raise TimeoutError(f"no answer on the line: {self._tries} tries of {self._timeout_s:g} s")

    def _reply(self, op: int, count: int) -> tuple[int, bytes] | None:
        """Words done and those read; None after a time-out, or as soon as something damaged came."""
        end = time.monotonic() + self._timeout_s
        self._damaged = False
        over = False
        while not (self._damaged or over):
            over = time.monotonic() > end  # and then what has come meanwhile
            data = self._port.read(1)
            self._take(data + self._port.read(self._port.in_waiting) if data else b"")
            while self._packets:
                body = self._packets.pop(0)
                if len(body) < 3 or body[:2] != bytes([self._sequence, op | REPLY]):
                    continue  # to an earlier try, or an earlier request
                done, data = body[2], body[3:]
                words = {HELLO: 1, READ: done, WRITE: 0}[op]
                if done <= max(count, op == HELLO) and len(data) == 4 * words:
                    return done, data
                self._damaged = True
        return None

    def _take(self, data: bytes) -> None:
        """Divide what came into packets, lines and noise."""
        self._chunk += data
        while True:
            chunk, end, rest = self._chunk.partition(bytes([END]))
            chunk = self._without_lines(chunk)
            if not end:
                if len(chunk) > MAX_CHUNK:
                    chunk, self._damaged = b"", True
                self._chunk = chunk
                return
            self._chunk = rest
            body = body_of(chunk)
            if body is not None:
                self._packets.append(body)
            elif chunk:
                self._damaged = True

    def _without_lines(self, chunk: bytes) -> bytes:
        """What is behind the lines of text at the begin of a chunk."""
        while True:
            text, end, rest = chunk.partition(b"\r\n")
            try:
                line = text.decode()
            except UnicodeDecodeError:
                return chunk
            if not end or not line.isprintable():
                return chunk
            self._lines.append(line)
            chunk = rest

"""A host on the UART line of a board, written from the law alone (ARCHITECTURE.md, "A device on a board")."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
from cocotb.triggers import Event, FallingEdge, First, Timer

from tb.harness.scoreboard import MismatchError

END, ESC = b"\xc0", b"\xdb"
HELLO, READ, WRITE = range(3)


def framed(body: bytes) -> bytes:
    """The packet of a body."""
    whole = body + zlib.crc32(body).to_bytes(4, "little")
    return END + whole.replace(ESC, ESC + b"\xdd").replace(END, ESC + b"\xdc") + END


def unframed(frame: bytes) -> bytes | None:
    """The body of what is between two END, or None where it is no packet."""
    parts = frame.split(ESC)
    if any(part[:1] not in (b"\xdc", b"\xdd") for part in parts[1:]):
        return None
    whole = parts[0] + b"".join({0xDC: END, 0xDD: ESC}[part[0]] + part[1:] for part in parts[1:])
    body = whole[:-4]
    return body if len(whole) > 4 and zlib.crc32(body) == int.from_bytes(whole[-4:], "little") else None


def request(seq: int, op: int, address: int = 0, count: int = 0, words: Sequence[int] = ()) -> bytes:
    """The packet of a request."""
    head = bytes([seq, op]) + address.to_bytes(2, "little") + bytes([count])
    return framed(head + b"".join(word.to_bytes(4, "little") for word in words))


class Reply(NamedTuple):
    """What a board answers: words that were done, and read."""

    seq: int
    op: int
    done: int
    words: tuple[int, ...]

    @classmethod
    def of(cls, body: bytes) -> Reply:
        """From a body, of whole words."""
        assert len(body) % 4 == 3, body
        words = (int.from_bytes(body[at : at + 4], "little") for at in range(3, len(body), 4))
        return cls(body[0], body[1], body[2], tuple(words))


@dataclass
class Faults:
    """Bytes of a line that get lost, come twice, or are another."""

    rng: np.random.Generator
    share: float
    met: int = 0

    def of(self, byte: int) -> bytes:
        """What comes of a byte."""
        if self.rng.random() >= self.share:
            return bytes([byte])
        self.met += 1
        damaged = byte ^ (1 << int(self.rng.integers(8)))
        return [b"", bytes([byte, byte]), bytes([damaged])][int(self.rng.integers(3))]


@dataclass
class Hearing:
    """Sorts what comes from a board into replies and text; `faultless` lines have nothing else.

    replies : those that have come and were not taken
    text : all that was outside of packets
    """

    faultless: bool = True
    replies: list[Reply] = field(default_factory=list)
    text: bytearray = field(default_factory=bytearray)
    came: Event = field(default_factory=Event)
    _frame: bytearray = field(default_factory=bytearray)
    _inside: bool = False

    def take(self, byte: int) -> None:
        """One more byte."""
        if byte != END[0]:
            self._frame.append(byte)
            return
        frame, self._frame = bytes(self._frame), bytearray()
        body = unframed(frame)
        if self.faultless and self._inside != (body is not None):
            raise MismatchError(f"{'no packet' if self._inside else 'no text'}: {frame!r}")
        self._inside = not self._inside
        if body is not None:
            self.replies.append(Reply.of(body))
            self.came.set()
        else:
            self.text += frame

    def lines(self) -> list[str]:
        """Whole lines of text so far."""
        whole = bytes(self.text if self._inside else self.text + self._frame)
        return whole.decode().split("\r\n")[:-1]


class LineHost:
    """Asks one thing at a time, again until it is answered.

    Parameters
    ----------
    send : callable
        Sends bytes to the board.
    hearing : Hearing
        Of all that comes from it.
    patience_ns : callable of int
        How long to wait for a reply, by the number of words.
    """

    TRIES = 200

    def __init__(
        self, send: Callable[[bytes], Any], hearing: Hearing, patience_ns: Callable[[int], int]
    ) -> None:
        self._send, self.hearing, self._patience_ns = send, hearing, patience_ns
        self.repeated = 0
        self._seq = 0

    async def hello(self, seq: int) -> int:
        """The version of the protocol; the next request has the next number."""
        self._seq = seq
        reply = await self._ask(request(seq, HELLO), HELLO, 1)
        assert reply.done == 1
        return reply.words[0]

    async def read(self, address: int, count: int = 1) -> tuple[int, ...]:
        """Words read at an address, one after the other, up to the first that is refused."""
        self._seq = (self._seq + 1) % 256
        reply = await self._ask(request(self._seq, READ, address, count), READ, count)
        assert len(reply.words) == reply.done <= count
        return reply.words

    async def write(self, address: int, *words: int) -> int:
        """Write words at an address, up to the first that is refused; how many were not."""
        self._seq = (self._seq + 1) % 256
        reply = await self._ask(request(self._seq, WRITE, address, len(words), words), WRITE, len(words))
        assert not reply.words
        return reply.done

    async def _ask(self, packet: bytes, op: int, words: int) -> Reply:
        hearing = self.hearing
        for _ in range(self.TRIES):
            await self._send(packet)
            late = Timer(self._patience_ns(words), unit="ns")
            while True:
                while hearing.replies:
                    reply = hearing.replies.pop(0)
                    if (reply.seq, reply.op) == (self._seq, op | 0x80):
                        return reply
                hearing.came.clear()
                if await First(late, hearing.came.wait()) is late:
                    break
            self.repeated += 1
        raise MismatchError(f"no reply to {packet!r}")


class UartPins:
    """The pins `rx` and `tx` of a board, byte by byte.

    Parameters
    ----------
    rx, tx : handles
    bit_ns : int
    hear : callable of int
        Gets every byte at `tx`.
    """

    def __init__(self, rx: Any, tx: Any, bit_ns: int, hear: Callable[[int], None]) -> None:
        self._rx, self._tx, self._bit_ns, self._hear = rx, tx, bit_ns, hear
        rx.value = 1

    async def send(self, data: bytes) -> None:
        """Send bytes without a pause."""
        for byte in data:
            for bit in _bits(byte):
                self._rx.value = bit
                await Timer(self._bit_ns, unit="ns")

    async def listen(self) -> None:
        """For ever. A byte without its stop bit is an error of the board."""
        while True:
            await FallingEdge(self._tx)
            await Timer(self._bit_ns // 2, unit="ns")
            bits = []
            for _ in range(10):
                bits.append(int(self._tx.value))
                if len(bits) < 10:
                    await Timer(self._bit_ns, unit="ns")
            if bits[0] or not bits[9]:
                raise MismatchError(f"no byte: {bits}")
            self._hear(sum(bit << place for place, bit in enumerate(bits[1:9])))


def _bits(byte: int) -> Iterator[int]:
    yield 0
    yield from (byte >> place & 1 for place in range(8))
    yield 1

"""Bridge against a host and registers of Python: no access is made twice, and none that was not asked for.

Every read gives another word, so that one made twice or lost shows in all that follow.
"""

from __future__ import annotations

from collections import deque
from typing import Any, NamedTuple

import cocotb
import numpy as np
from amaranth.lib import wiring
from cocotb.triggers import Timer

from hw.rtl.board.bridge import Bridge
from tb.harness.block_bench import PERIOD_NS, BlockBench
from tb.harness.depth import depth
from tb.harness.drivers import BlockStream, accept, no_gaps, random_gaps
from tb.harness.line import Faults, Hearing, LineHost, framed, request
from tb.harness.monitors import watch_stream

CASES: dict[str, dict[str, Any]] = {
    "bridge_fast": {"share": 0.0, "gap": 0},
    "bridge_damaged": {"share": 0.01, "gap": 5},
    "bridge_worse": {"share": 0.03, "gap": 2},
}
REFUSED = 0.1
"""Share of accesses."""


def component(share: float, gap: int) -> wiring.Component:
    return Bridge()


class Access(NamedTuple):
    """Of the bus; a read that is refused has no word."""

    write: bool
    address: int
    word: int | None
    okay: bool


class Registers:
    """A slave of an AXI4-Lite, as slow as it likes, that logs its accesses and refuses some."""

    def __init__(self, bench: BlockBench) -> None:
        self.bench, self.dut, self.log, self.refused = bench, bench.dut, list[Access](), REFUSED
        for name in ("awready", "wready", "bvalid", "arready", "rvalid"):
            self._net(name).value = 0

    def start(self) -> None:
        """From the end of the reset on."""
        self.bench.start(self._writes())
        self.bench.start(self._reads())

    def _net(self, name: str) -> Any:
        return getattr(self.dut, f"bus__{name}")

    async def _take(self, channel: str, *payload: str) -> tuple[int, ...]:
        """A transfer of a channel, with what it holds from its offer on."""
        while not self._net(f"{channel}valid").value:
            await self.bench.edge
        offered = [int(self._net(name).value) for name in payload]
        for _ in range(int(self.bench.rng.integers(3))):
            await self.bench.edge
            assert self._net(f"{channel}valid").value, f"{channel} was withdrawn"
        self._net(f"{channel}ready").value = 1
        await self.bench.edge
        assert self._net(f"{channel}valid").value, f"{channel} was withdrawn"
        assert [int(self._net(name).value) for name in payload] == offered
        self._net(f"{channel}ready").value = 0
        await self.bench.edge
        return tuple(offered)

    async def _answer(self, channel: str, **payload: int) -> None:
        for _ in range(int(self.bench.rng.integers(3))):
            await self.bench.edge
        for name, value in payload.items():
            self._net(name).value = value
        self._net(f"{channel}valid").value = 1
        await self.bench.edge
        while not self._net(f"{channel}ready").value:
            await self.bench.edge
        self._net(f"{channel}valid").value = 0

    async def _writes(self) -> None:
        while True:
            address = cocotb.start_soon(self._take("aw", "awaddr"))
            word, strobe = await self._take("w", "wdata", "wstrb")
            assert strobe == 0xF
            okay = bool(self.bench.rng.random() >= self.refused)
            self.log.append(Access(True, (await address)[0], word, okay))
            await self._answer("b", bresp=0 if okay else 2)

    async def _reads(self) -> None:
        while True:
            (address,) = await self._take("ar", "araddr")
            okay, word = bool(self.bench.rng.random() >= self.refused), some_word(self.bench.rng)
            self.log.append(Access(False, address, word if okay else None, okay))
            await self._answer("r", rdata=word, rresp=0 if okay else 2)


def some_word(rng: np.random.Generator) -> int:
    """A word of which many bytes have a meaning in SLIP."""
    special = rng.choice([0xC0, 0xDB, 0xDC, 0xDD, 0x00], 4)
    return int.from_bytes(np.where(rng.random(4) < 0.3, special, rng.integers(0, 256, 4)).astype(np.uint8))


class Line:
    """The bytes to and from a bridge, with faults; and without them, what it really sent and dropped."""

    def __init__(self, dut: Any) -> None:
        self.bench = bench = BlockBench(dut)
        self.registers = Registers(bench)
        share, gap = bench.case["share"], bench.case["gap"]
        self.faults = Faults(bench.rng, share)
        self.hearing, self.sent, self.dropped = Hearing(faultless=not share), Hearing(), 0
        self.host = LineHost(self.send, self.hearing, self._patience_ns)
        self._gap = gap
        self.packet = b""
        """The last one."""

    async def begin(self) -> None:
        """Reset, and listen."""
        bench = self.bench
        await bench.reset(i=0, o__ready=0)
        self.registers.start()
        sink = BlockStream(bench.dut, "o")
        bench.start(watch_stream(sink, self._hear))
        bench.start(self._count())
        bench.start(accept(sink, random_gaps(bench.rng) if self._gap else no_gaps))

    def _patience_ns(self, words: int) -> int:
        """Too little at times, if there are faults."""
        hurried = self.faults.share and self.bench.rng.random() < 0.1
        return (words + 20) * (5 if hurried else 40) * PERIOD_NS

    async def send(self, data: bytes) -> None:
        self.packet = data
        for byte in data:
            for damaged in self.faults.of(byte):
                await self.put(damaged, bool(self.bench.rng.random() < self.faults.share / 4))
                if self._gap:
                    self.bench.dut.i.value = int(self.bench.rng.integers(512)) << 1
                    for _ in range(int(self.bench.rng.integers(2 * self._gap))):
                        await self.bench.edge
        self.bench.dut.i.value = 0

    def _hear(self, raw: int) -> None:
        byte, last = raw & 0xFF, raw >> 8
        before = len(self.sent.replies)
        self.sent.take(byte)
        assert last == len(self.sent.replies) - before, "a packet ends elsewhere"
        for damaged in self.faults.of(byte):
            self.hearing.take(damaged)

    async def put(self, byte: int, broken: bool = False) -> None:
        """One byte to the bridge."""
        self.bench.dut.i.value = 1 | broken << 1 | byte << 2
        await self.bench.edge

    async def _count(self) -> None:
        while True:
            await self.bench.edge
            self.dropped += int(self.bench.dut.dropped.value)

    async def wait(self, cycles: int) -> None:
        """For so many."""
        await Timer(cycles * PERIOD_NS, unit="ns")
        await self.bench.edge

    async def ask(self, count: int) -> list[Access]:
        """A random request of up to `count` accesses; those that it must have made."""
        rng = self.bench.rng
        address = int(rng.integers(1 << 16))
        if rng.random() < 0.5:
            words = await self.host.read(address, count)
            done = [Access(False, address, word, True) for word in words]
            return done + [Access(False, address, None, False)] * (len(words) < count)
        given = [some_word(rng) for _ in range(count)]
        okay = await self.host.write(address, *given)
        return [Access(True, address, word, place < okay) for place, word in enumerate(given[: okay + 1])]


@cocotb.test()
async def requests(dut: Any) -> None:
    """Random requests, of which some are sent once more when they have been answered."""
    line = Line(dut)
    await line.begin()
    rng, made = line.bench.rng, deque[Access]()
    for number in range(depth(30, 200)):
        if number % 20 == 0:
            assert await line.host.hello(int(rng.integers(256))) == 1
        count = 255 if number == 7 and not line.faults.share else int(rng.integers(1, 9))
        made += await line.ask(count)
        assert line.registers.log == list(made)
        if rng.random() < 0.3:
            await line.send(line.packet)
            await line.wait(200 + 30 * count)
            assert line.registers.log == list(made)
    assert {access.write for access in made} == {access.okay for access in made} == {False, True}
    if line.faults.share:
        assert line.host.repeated > 3
        assert line.dropped > 3
    else:
        assert (line.host.repeated, line.dropped) == (0, 0)


@cocotb.test()
async def no_requests(dut: Any) -> None:
    """What is no request is dropped and counted once, and answered by nothing."""
    line = Line(dut)
    await line.begin()
    line.faults.share = 0
    good = request(5, 2, 0x1234, 3, [1, 2, 3])
    body = bytes([5, 2, 0x34, 0x12, 3]) + bytes(range(1, 13))
    wrong = {
        "no packet": b"\xc0\x05\xc0",
        "another CRC": good[:-3] + bytes([good[-3] ^ 1]) + good[-2:],
        "no such op": framed(bytes([1, 3, 0, 0, 1])),
        "the op of a reply": framed(bytes([1, 0x81, 0, 0, 1])),
        "a read of nothing": framed(bytes([1, 1, 0, 0, 0])),
        "a write of nothing": framed(bytes([1, 2, 0, 0, 0])),
        "a greeting with a count": framed(bytes([1, 0, 0, 0, 1])),
        "a read with words": framed(bytes([1, 1, 0, 0, 1, 9, 9, 9, 9])),
        "a word too few": framed(body[:-4]),
        "a byte too few": framed(body[:-1]),
        "a byte too many": framed(body + b"\0"),
        "a word too many": framed(body + bytes(4)),
        "half a head": framed(body[:3]),
        "too many words for a count": framed(bytes([1, 2, 0, 0, 255]) + bytes(4 * 256)),
        "as many as would be counted alike": framed(bytes([1, 2, 0, 0, 3]) + bytes(4 * (3 + 256))),
        "a broken escape": good[:2] + b"\xdb\x11" + good[2:],
        "an escape at the end": good[:-1] + b"\xdb\xc0",
    }
    before = {"a write before a greeting": good, "a read before one": request(6, 1, 0x1234, 3)}
    for number, (name, packet) in enumerate((before | wrong).items()):
        if number == len(before):
            assert await line.host.hello(0) == 1
        await line.send(packet)
        await line.wait(100)
        assert line.dropped == number + 1, name
        assert not line.registers.log, name
        assert len(line.sent.replies) == (number >= len(before)), name
    wrong |= before
    # a byte without a stop bit, in or before a packet
    for place in (0, 6):
        for index, byte in enumerate(good):
            await line.put(byte, index == place)
        dut.i.value = 0
        await line.wait(100)
    assert line.dropped == len(wrong) + 2
    assert not line.registers.log
    # and more END than are needed, with a packet behind them
    await line.send(b"\xc0" * 5)
    made = await line.ask(3)
    assert line.registers.log == made != []
    assert line.dropped == len(wrong) + 2
    # a request that comes before the reply to another has left, which takes longer where nothing is refused
    line.registers.refused = 0
    await line.send(request(100, 1, 0, 9) + request(101, 1, 4, 1) + request(102, 1, 8, 1)[1:])
    await line.wait(1000)
    later = line.registers.log[len(made) :]
    assert {access.address for access in later} == {0}
    assert [reply.seq for reply in line.sent.replies] == [0, 1, 100]
    assert line.dropped == len(wrong) + 4


@cocotb.test()
async def same_number(dut: Any) -> None:
    """A number is known after a greeting, but not before, and not from a damaged request."""
    line = Line(dut)
    await line.begin()
    line.faults.share = 0
    answers: list[tuple[int, int]] = []
    for packet in (
        request(0, 1, 4, 1),  # before a greeting
        request(5, 0),
        request(0, 1, 4, 1),
        request(0, 2, 8, 1, [7]),  # the same number: the reply to the read
        request(1, 1, 12, 1)[:-2] + b"\x11\xc0",  # damaged
        request(1, 1, 16, 1),
        request(0, 1, 20, 1),  # not the last one
        request(0, 0),  # HELLO: always
        request(0, 1, 24, 1),  # the reply to HELLO
    ):
        await line.send(packet)
        await line.wait(300)
        answers.append((len(line.registers.log), len(line.sent.replies)))
    assert answers == [(0, 0), (0, 1), (1, 2), (1, 3), (1, 3), (2, 4), (3, 5), (3, 6), (3, 7)]
    assert [access.address for access in line.registers.log] == [4, 16, 20]
    assert [reply.op for reply in line.sent.replies] == [0x80, 0x81, 0x81, 0x81, 0x81, 0x80, 0x80]
    assert line.sent.replies[1] == line.sent.replies[2]
    assert line.sent.replies[5].words == line.sent.replies[6].words == (1,)

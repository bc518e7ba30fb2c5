"""Mailbox: words in and answers out against a model of both queues, which knows their room in each cycle."""

from __future__ import annotations

from collections import deque
from typing import Any

import cocotb
import numpy as np
from amaranth.lib import wiring

from fxp_model import __version__
from hw import mailbox_registers as registers
from hw.mailbox_registers import EVENT_ROOM
from hw.registers import ADDRESS_BITS, Access, Register, version_word
from hw.rtl.board.mailbox import ANSWER_ROOM, Mailbox
from tb.harness.block_bench import BlockBench
from tb.harness.depth import depth
from tb.harness.drivers import AXI_LITE_INPUTS, BlockStream, accept, random_gaps
from tb.harness.monitors import watch_stream
from tb.harness.scoreboard import MismatchError

CLOCK_HZ = 12_345_678
CASES: dict[str, dict[str, Any]] = {
    "mailbox_waits": {"words": 6, "waits": True},
    "mailbox_drops": {"words": 4, "waits": False},
    "mailbox_single": {"words": 2, "waits": False},
    "mailbox_large": {"words": 601, "waits": True},
}
OKAY, SLVERR = 0, 2


def component(words: int, waits: bool) -> wiring.Component:
    return Mailbox(words, CLOCK_HZ, waits)


class Bus:
    """One access at a time, as fast as the mailbox allows."""

    def __init__(self, bench: BlockBench) -> None:
        self._bench = bench

    def _net(self, name: str) -> Any:
        return getattr(self._bench.dut, f"bus__{name}")

    async def _until(self, *channels: str) -> None:
        """Offer these channels until they are taken."""
        left = set(channels)
        for channel in left:
            self._net(f"{channel}valid").value = 1
        while left:
            await self._bench.edge
            for channel in [channel for channel in left if self._net(f"{channel}ready").value]:
                self._net(f"{channel}valid").value = 0
                left.remove(channel)

    async def _answer(self, channel: str) -> int:
        for _ in range(int(self._bench.rng.integers(3))):
            await self._bench.edge
        self._net(f"{channel}ready").value = 1
        await self._bench.edge
        while not self._net(f"{channel}valid").value:
            await self._bench.edge
        self._net(f"{channel}ready").value = 0
        return int(self._net(f"{channel}resp").value)

    async def write(self, offset: int, word: int, strobe: int = 0xF) -> int:
        """Its answer."""
        self._net("awaddr").value, self._net("wdata").value, self._net("wstrb").value = offset, word, strobe
        await self._until("aw", "w")
        return await self._answer("b")

    async def read(self, register: Register) -> tuple[int, int]:
        """The word, and the answer."""
        self._net("araddr").value = register.offset
        await self._until("ar")
        resp = await self._answer("r")
        return int(self._net("rdata").value), resp

    async def value(self, register: Register) -> int:
        """The word, which there must be."""
        word, resp = await self.read(register)
        assert resp == OKAY, register.name
        return word


async def begin(dut: Any) -> tuple[BlockBench, Bus]:
    """Reset."""
    bench = BlockBench(dut)
    inputs = {f"bus__{name}": 0 for name in AXI_LITE_INPUTS}
    await bench.reset(**inputs, i__valid=0, o__ready=0, line_error=0)
    await bench.edge
    return bench, Bus(bench)


@cocotb.test()
async def events(dut: Any) -> None:
    """Every word for which there is room comes out, in order and with its TLAST; no other does."""
    bench, bus = await begin(dut)
    sink, rng = BlockStream(dut, "o"), bench.rng
    bench.start(watch_stream(sink, bench.see))

    async def send(count: int) -> None:
        for _ in range(count):
            word, last = int(rng.integers(1 << 32)), bool(rng.random() < 0.2)
            strobe = 0xF if rng.random() < 0.9 else int(rng.integers(16))
            register = registers.EVENT_LAST if last else registers.EVENT
            assert await bus.write(register.offset, word, strobe) == OKAY
            mask = sum(0xFF << 8 * byte for byte in range(4) if strobe >> byte & 1)
            if strobe:
                given.append(word & mask | last << 32)

    # not more than there is room for
    given = list[int]()
    while len(given) < EVENT_ROOM:
        await send(1 if rng.random() < 0.02 else min(64, EVENT_ROOM - len(given)))
        assert await bus.value(registers.ROOM) == EVENT_ROOM - len(given)
    for register in (registers.EVENT, registers.EVENT_LAST):
        assert await bus.write(register.offset, 0xBAD) == SLVERR
    assert await bus.value(registers.ROOM) == 0
    for item in given:
        bench.expect(item)
    bench.start(accept(sink, random_gaps(rng)))
    while await bus.value(registers.ROOM) < EVENT_ROOM:
        pass
    # as they come
    given = []
    await send(depth(50, 1000))
    for item in given:
        bench.expect(item)
    await bench.finish()
    assert bench.compared > EVENT_ROOM


@cocotb.test()
async def forgotten_events(dut: Any) -> None:
    """CLEAR forgets the words that wait."""
    bench, bus = await begin(dut)
    for word in range(5):
        assert await bus.write(registers.EVENT.offset, word) == OKAY
    assert await bus.write(registers.CONTROL.offset, 2) == OKAY
    assert await bus.value(registers.ROOM) == EVENT_ROOM - 5
    assert await bus.write(registers.CONTROL.offset, 1) == OKAY
    assert await bus.value(registers.ROOM) == EVENT_ROOM
    sink = BlockStream(dut, "o")
    bench.start(watch_stream(sink, bench.see))
    bench.start(accept(sink, random_gaps(bench.rng)))
    for word in (6, 7):
        assert await bus.write(registers.EVENT_LAST.offset, word) == OKAY
        bench.expect(word | 1 << 32)
    await bench.finish()


class Answers:
    """What a host may read, cycle by cycle."""

    def __init__(self, bench: BlockBench) -> None:
        self.bench, self.dut = bench, bench.dut
        self.size = bench.case["words"]
        self.depth = max(ANSWER_ROOM, 1 << (self.size - 1).bit_length())
        self.waits = bench.case["waits"]
        self.words = deque[int]()
        self.room, self.whole, self.lost, self.errors, self.read, self.stalls = self.depth, 0, 0, 0, 0, 0
        self._coming, self._keeps, self._column = list[int](), False, 0
        self._within = False
        self.asked = (0, 0)
        """The register that is being read, and how many answers waited when it was asked for."""
        bench.start(self._watch())

    async def _watch(self) -> None:
        dut = self.dut
        while True:
            await self.bench.edge
            fits = self.room >= self.size
            valid, ready = int(dut.i__valid.value), int(dut.i__ready.value)
            assert ready == (self._within or fits or not self.waits), "ready is wrong"
            self.stalls += valid and not ready
            if dut.bus__arvalid.value and dut.bus__arready.value:
                self.asked = int(dut.bus__araddr.value), self.whole
            if dut.bus__rvalid.value and dut.bus__rready.value:
                self._reads(int(dut.bus__rdata.value), int(dut.bus__rresp.value))
            if valid and ready:
                self._take(int(dut.i__payload.value), fits)
            elif not valid:
                self._within, self._coming = False, []
            self.errors += int(dut.line_error.value)
            if dut.clear.value:
                self.words.clear()
                self.room, self.whole, self.lost, self.errors = self.depth, 0, 0, 0
                self._keeps, self._column = False, 0

    def _take(self, beat: int, fits: bool) -> None:
        if not self._within:
            self._coming, self._keeps = [], fits
            self.lost += not fits
        self._coming.append(beat & 0xFFFFFFFF)
        self._within = not beat >> 32
        if not self._within and self._keeps:
            self.words += self._coming
            self.room -= self.size
            self.whole += 1

    def _reads(self, word: int, resp: int) -> None:
        offset, before = self.asked
        if offset == registers.ANSWERS.offset:
            assert before <= word <= self.whole
        if offset != registers.ANSWER.offset:
            return
        if resp != OKAY:
            assert before == 0, "there was an answer"
            assert word == 0
            return
        assert self.whole, "there is no answer"
        expected = self.words.popleft()
        if word != expected:
            raise MismatchError(f"word {self.read}: expected {expected}, got {word}")
        self.read += 1
        self._column = (self._column + 1) % self.size
        if self._column == 0:
            self.whole -= 1
            self.room += self.size


async def send_answers(bench: BlockBench, size: int, count: int, cut: bool = True) -> int:
    """Random answers without a pause within them; how many are cut off: every fifth."""
    source, rng, cuts = BlockStream(bench.dut, "i"), bench.rng, 0
    for number in range(count):
        beats = [int(rng.integers(1 << 32)) for _ in range(size)]
        beats[-1] |= 1 << 32
        if cut and number % 5 == 1:
            beats = beats[: int(rng.integers(1, size))]
            cuts += 1
        source.valid.value = 1
        for beat in beats:
            source.write(beat)
            await bench.edge
            while not source.ready.value:
                await bench.edge
        if not beats[-1] >> 32 or rng.random() < 0.3:
            source.valid.value = 0
            source.write_garbage(rng)
            for _ in range(int(rng.integers(1, 4))):
                await bench.edge
    source.valid.value = 0
    return cuts


@cocotb.test()
async def answers(dut: Any) -> None:
    """Answers faster than they are read, then read to the end; whole ones only, also where one is cut off."""
    bench, bus = await begin(dut)
    rng, model = bench.rng, Answers(bench)
    rooms = model.depth // model.size
    assert await bus.read(registers.ANSWER) == (0, SLVERR)
    assert await bus.value(registers.MODE) == 2 | model.waits
    sending = cocotb.start_soon(
        send_answers(bench, model.size, 2 * rooms + 1 + depth(120, 1200) // model.size)
    )
    while not sending.done() or model.whole:
        register = registers.ANSWERS if rng.random() < 0.1 else registers.ANSWER
        await bus.read(register)
        if rng.random() < 0.01:
            for _ in range(rooms * model.size // 4):
                await bench.edge
    assert sending.result() > 0
    assert await bus.read(registers.ANSWER) == (0, SLVERR)
    assert await bus.value(registers.ANSWERS) == 0
    assert await bus.value(registers.LOST_ANSWERS) == model.lost
    assert not model.words
    assert model.read > model.size
    assert (model.stalls > 0, model.lost > 0) == (model.waits, not model.waits)


@cocotb.test()
async def each(dut: Any) -> None:
    """One answer after the other, for which the host waits with reads in any cycle beside its own."""
    bench, bus = await begin(dut)
    model = Answers(bench)

    async def send_one() -> None:
        for _ in range(int(bench.rng.integers(20))):
            await bench.edge
        await send_answers(bench, model.size, 1)

    for number in range(max(2, 120 // model.size)):
        sending = cocotb.start_soon(send_one())
        while not sending.done() or model.whole:
            await bus.read(registers.ANSWER)
        assert model.read == (number + 1) * model.size


@cocotb.test()
async def mode(dut: Any) -> None:
    """The other mode, from the next answer on; and the lowest byte of MODE alone is written."""
    bench, bus = await begin(dut)
    model = Answers(bench)
    assert int(dut.text.value) == 1
    assert await bus.write(registers.MODE.offset, 0, 0xE) == OKAY
    assert await bus.value(registers.MODE) == 2 | model.waits
    assert await bus.write(registers.MODE.offset, 0xFFFFFFFC | (not model.waits)) == OKAY
    assert await bus.value(registers.MODE) == (not model.waits)
    assert int(dut.text.value) == 0
    model.waits = not model.waits
    rooms = model.depth // model.size
    sending = cocotb.start_soon(send_answers(bench, model.size, rooms + 3, cut=False))
    for _ in range((rooms + 5) * (model.size + 4)):
        await bench.edge
    assert sending.done() != model.waits
    assert await bus.value(registers.ANSWERS) == rooms
    while model.whole or not sending.done():
        await bus.read(registers.ANSWER)
    assert await bus.value(registers.LOST_ANSWERS) == model.lost == (0 if model.waits else 3)


@cocotb.test()
async def clear(dut: Any) -> None:
    """CLEAR at any time: what has come of an answer is forgotten, and so is the rest of it."""
    bench, bus = await begin(dut)
    model, rng = Answers(bench), bench.rng

    async def strike() -> None:
        while True:
            dut.line_error.value = int(rng.random() < 0.1)
            await bench.edge

    striking = cocotb.start_soon(strike())
    for _ in range(max(1, depth(120, 600) // model.size)):
        sending = cocotb.start_soon(send_answers(bench, model.size, int(rng.integers(1, 6))))
        for _ in range(int(rng.integers(4 * model.size))):
            await bench.edge
        if rng.random() < 0.3:
            await bus.read(registers.ANSWER)
        assert await bus.write(registers.CONTROL.offset, 1) == OKAY
        while model.whole or not sending.done():
            await bus.read(registers.ANSWER)
    for _ in range(100):
        await bench.edge
    striking.cancel()
    dut.line_error.value = 0
    assert await bus.value(registers.LOST_ANSWERS) == model.lost
    assert await bus.value(registers.LINE_ERRORS) == model.errors > 0
    assert model.read


@cocotb.test()
async def map_(dut: Any) -> None:
    """Every address: what it holds, who may be read and written."""
    bench, bus = await begin(dut)
    constants = {
        "IDENTITY": int.from_bytes(b"SPKM", "big"),
        "VERSION": version_word(__version__),
        "CLOCK_HZ": CLOCK_HZ,
        "ROOM": EVENT_ROOM,
        "MODE": 2 | bench.case["waits"],
    }
    places = {register.offset: register for register in registers.ALL}
    offsets = [*range(0, 0x80, 4), *np.random.default_rng(0).integers(0x20, 1 << ADDRESS_BITS - 2, 20) * 4]
    for offset in map(int, offsets):
        register = places.get(offset, Register("", offset, Access.RO, ""))
        word, resp = await bus.read(register)
        there = offset in places and register is not registers.ANSWER
        assert (word, resp) == (constants.get(register.name, 0), OKAY if there else SLVERR), register
        writable = register.access in (Access.RW, Access.WO)
        assert await bus.write(offset, 0, 0) == (OKAY if writable else SLVERR), register

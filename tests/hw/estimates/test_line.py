"""The cycles of an exchange on the line, against those of the RTL."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Any

import pytest
from amaranth.hdl import Elaboratable, Module, Signal
from amaranth.lib import wiring
from amaranth.sim import Simulator

from hw.driver.uart import HELLO, READ, WRITE, packet
from hw.estimates.line import exchange_cycles
from hw.mailbox_registers import CORE_BASE, EVENT, MAILBOX_BASE, ROOM
from hw.rtl.board.bridge import Bridge
from hw.rtl.board.bus import BusDecoder
from hw.rtl.board.mailbox import Mailbox
from hw.rtl.board.turns import Turns
from hw.rtl.board.uart import UartReceiver, UartTransmitter

WORDS = [1, 0xC0DB, 7]
"""One with the bytes that are escaped."""


class Line(Elaboratable):
    """What is between the pins and the registers of a mailbox."""

    def __init__(self, bit_cycles: int) -> None:
        self._bit_cycles = bit_cycles
        self.rx, self.tx = Signal(init=1), Signal(init=1)

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.submodules.receiver = receiver = UartReceiver(self._bit_cycles)
        m.submodules.transmitter = transmitter = UartTransmitter(self._bit_cycles)
        m.submodules.bridge = bridge = Bridge()
        m.submodules.turns = turns = Turns()
        m.submodules.decoder = decoder = BusDecoder((CORE_BASE, MAILBOX_BASE))
        m.submodules.mailbox = mailbox = Mailbox(6, 1_000_000, waits=True)
        m.d.comb += [receiver.rx.eq(self.rx), bridge.i.eq(receiver.o), self.tx.eq(transmitter.tx)]
        wiring.connect(m, bridge.bus, decoder.bus)
        wiring.connect(m, decoder.block1, mailbox.bus)
        wiring.connect(m, bridge.o, turns.first)
        wiring.connect(m, turns.o, transmitter.i)
        return m


def exchanged(bit_cycles: int, requests: list[bytes]) -> list[tuple[int, int]]:
    """Of each request, cycles until the second END of its reply has ended, and bytes of the reply."""
    line, found = Line(bit_cycles), []

    async def host(ctx: Any) -> None:
        for request in requests:
            await ctx.tick().repeat(3 * bit_cycles + 1)
            levels, cycle, reply = bits(request, bit_cycles), 0, b""
            while reply.count(0xC0) < 2:
                byte = []
                while len(byte) < 10 * bit_cycles:
                    ctx.set(line.rx, next(levels, 1))
                    if byte or not ctx.get(line.tx):
                        byte.append(ctx.get(line.tx))
                    await ctx.tick()
                    cycle += 1
                looks = byte[bit_cycles // 2 :: bit_cycles]
                assert (looks[0], looks[9]) == (0, 1)
                reply += bytes([sum(bit << place for place, bit in enumerate(looks[1:9]))])
            found.append((cycle, len(reply)))

    simulator = Simulator(line)
    simulator.add_clock(1e-6)
    simulator.add_testbench(host)
    simulator.run()
    return found


def bits(data: bytes, bit_cycles: int) -> Iterator[int]:
    """The line in each cycle."""
    for byte in data:
        for bit in (0, *(byte >> place & 1 for place in range(8)), 1):
            yield from [bit] * bit_cycles


@pytest.mark.parametrize("bit_cycles", [4, 5])
def test_an_exchange_takes_so_many_cycles(bit_cycles: int) -> None:
    events, room = MAILBOX_BASE + EVENT.offset, MAILBOX_BASE + ROOM.offset
    asked = [(HELLO, 0, 0, []), (READ, room, 2, []), (WRITE, events, 3, WORDS), (WRITE, events, 1, [0])]
    requests = [
        packet(struct.pack(f"<BBHB{len(words)}I", number, op, address, count, *words))
        for number, (op, address, count, words) in enumerate(asked)
    ]
    requests.append(requests[-1])
    counts = [(op == READ, op == WRITE, count) for op, _, count, _ in asked] + [(0, 0, 0)]
    found = exchanged(bit_cycles, requests)
    for request, (cycles, reply), (read, write, count) in zip(requests, found, counts, strict=True):
        reads, writes = read * count, write * count
        assert cycles == exchange_cycles(len(request), reply, bit_cycles, reads=reads, writes=writes)
    assert len(requests[2]) > 2 + 5 + 4 * 3 + 4, "a byte is escaped"

"""AxiLite under a third-party master, cocotbext-axi, with pauses on every channel."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import cocotb
import numpy as np
from amaranth.hdl import Const, Module, Mux, Signal, Value
from amaranth.lib import wiring
from amaranth.lib.wiring import In
from cocotbext.axi import AxiLiteBus, AxiLiteMaster, AxiResp

from hw.rtl.arithmetic import selected
from hw.rtl.axi_lite import AxiLite, axi_lite_signature
from tb.harness.block_bench import BlockBench
from tb.harness.drivers import AXI_LITE_INPUTS
from tb.harness.monitors import watch_stream

CASES: dict[str, dict[str, Any]] = {"full_rate": {"pause": 0.0}, "pauses": {"pause": 0.6}}
ADDRESS_BITS = 6
WRITABLE, MAPPED = 6, 7
"""Words that can be written; one more word, which holds `CONSTANT`, can only be read."""
CONSTANT = 0xC0FFEE00


class Scratch(wiring.Component):
    """Some words behind `AxiLite`."""

    def __init__(self) -> None:
        super().__init__({"bus": In(axi_lite_signature(ADDRESS_BITS))})

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.submodules.axi_lite = axi_lite = AxiLite(ADDRESS_BITS)
        wiring.connect(m, wiring.flipped(self.bus), axi_lite.bus)
        words: list[Value] = [Signal(32, name=f"word_{index}") for index in range(WRITABLE)]
        mask = axi_lite.write_mask
        for index, word in enumerate(words):
            with m.If(axi_lite.write & (axi_lite.write_word == index)):
                m.d.sync += word.eq(word & ~mask | axi_lite.write_data & mask)
        words.append(Const(CONSTANT, 32))
        m.d.comb += [
            axi_lite.write_ok.eq(axi_lite.write_word < WRITABLE),
            axi_lite.read_ok.eq(axi_lite.read_word < MAPPED),
        ]
        found = Mux(axi_lite.read_ok, selected(words, axi_lite.read_word), 0xBAD)
        m.d.sync += axi_lite.read_data.eq(found)
        return m


def component(pause: float) -> wiring.Component:
    return Scratch()


class Channel:
    """`Stream` of the responses of one channel, for `watch_stream`."""

    def __init__(self, dut: Any, channel: str, payload: tuple[str, ...]) -> None:
        self.clock = dut.clk
        self.valid, self.ready = (getattr(dut, f"bus__{channel}{name}") for name in ("valid", "ready"))
        self._payload = [getattr(dut, f"bus__{name}") for name in payload]

    def read(self) -> tuple[int, ...]:
        return tuple(int(net.value) for net in self._payload)

    def write(self, item: tuple[int, ...]) -> None:
        raise NotImplementedError

    def write_garbage(self, rng: np.random.Generator) -> None:
        raise NotImplementedError


def _pauses(rng: np.random.Generator, share: float) -> Iterator[bool]:
    while True:
        yield bool(rng.random() < share)


@cocotb.test()
async def accesses(dut: Any) -> None:
    """Bytes written are bytes read, whatever the order of address and data; the rest is SLVERR."""
    bench = BlockBench(dut)
    rng, pause = bench.rng, bench.case["pause"]
    await bench.reset(**{f"bus__{name}": 0 for name in AXI_LITE_INPUTS})
    master = AxiLiteMaster(AxiLiteBus.from_prefix(dut, "bus_"), dut.clk, dut.rst)
    sides = master.write_if, master.read_if
    channels = (sides[0].aw_channel, sides[0].w_channel, sides[0].b_channel)
    for channel in (*channels, sides[1].ar_channel, sides[1].r_channel):
        channel.set_pause_generator(_pauses(rng, pause))
    answers: list[object] = []
    bench.start(watch_stream(Channel(dut, "b", ("bresp",)), answers.append))
    bench.start(watch_stream(Channel(dut, "r", ("rdata", "rresp")), answers.append))

    memory = (
        bytearray(4 * WRITABLE) + CONSTANT.to_bytes(4, "little") + bytes((1 << ADDRESS_BITS) - 4 * MAPPED)
    )
    written = 0

    async def write(start: int, content: bytes) -> None:
        nonlocal written
        answer = await master.write(start, content)
        legal = start + len(content) <= 4 * WRITABLE
        bench.expect(("write", start, AxiResp.OKAY if legal else AxiResp.SLVERR))
        bench.see(("write", start, answer.resp))
        # of a burst, the words with legal addresses are written
        stop = min(start + len(content), 4 * WRITABLE)
        memory[start : max(start, stop)] = content[: max(0, stop - start)]
        written += legal

    async def read(start: int, length: int) -> None:
        answer = await master.read(start, length)
        legal = start + length <= 4 * MAPPED
        bench.expect(("read", start, memory[start : start + length].hex()))
        bench.see(("read", start, answer.data.hex()))
        bench.expect(AxiResp.OKAY if legal else AxiResp.SLVERR)
        bench.see(answer.resp)

    for _ in range(400):
        start = int(rng.integers(1 << ADDRESS_BITS))
        length = min(int(rng.integers(1, 9)), (1 << ADDRESS_BITS) - start)
        if rng.random() < 0.5:
            await write(start, rng.bytes(length))
        else:
            await read(start, length)

    # both directions concurrently, on different words
    reads = cocotb.start_soon(_repeat(60, lambda: read(int(rng.integers(12, 24)), 4)))
    await _repeat(60, lambda: write(int(rng.integers(9)), rng.bytes(4)))
    await reads
    await read(0, 1 << ADDRESS_BITS)
    await bench.finish()
    assert written > 50
    assert len(answers) > 400


async def _repeat(times: int, access: Any) -> None:
    for _ in range(times):
        await access()

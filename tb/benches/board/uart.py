"""UartReceiver and UartTransmitter: cycles of each bit, rates that differ, disturbances, broken bytes."""

from __future__ import annotations

from typing import Any

import cocotb
from amaranth.hdl import Module
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out
from cocotb.triggers import Timer

from hw.rtl.board.uart import RECEIVED, UartReceiver, UartTransmitter
from tb.harness.block_bench import PERIOD_NS, BlockBench
from tb.harness.drivers import BlockStream, drive, random_gaps
from tb.harness.monitors import watch_stream

CASES: dict[str, dict[str, Any]] = {
    "uart_fastest": {"cycles": 4, "deviations": [-0.02, 0, 0.02], "disturbed": False},
    "uart_odd": {"cycles": 7, "deviations": [-0.03, 0.03], "disturbed": False},
    "uart_slower": {"cycles": 25, "deviations": [-0.04, 0, 0.04], "disturbed": True},
}
BYTES = 60


class Pair(wiring.Component):
    """Both ends, each by itself."""

    def __init__(self, cycles: int) -> None:
        self._cycles = cycles
        super().__init__(
            {"rx": In(1, init=1), "o": Out(RECEIVED), "i": In(stream.Signature(8)), "tx": Out(1, init=1)}
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.submodules.receiver = receiver = UartReceiver(self._cycles)
        m.submodules.transmitter = transmitter = UartTransmitter(self._cycles)
        m.d.comb += [receiver.rx.eq(self.rx), self.o.eq(receiver.o), self.tx.eq(transmitter.tx)]
        wiring.connect(m, wiring.flipped(self.i), transmitter.i)
        return m


def component(cycles: int, deviations: list[float], disturbed: bool) -> wiring.Component:
    return Pair(cycles)


def bits_of(byte: int, stop: int = 1) -> list[int]:
    return [0, *(byte >> place & 1 for place in range(8)), stop]


@cocotb.test()
async def sends(dut: Any) -> None:
    """Each bit lasts its cycles, and the line is at rest between bytes."""
    bench = BlockBench(dut)
    cycles, line = bench.case["cycles"], list[int]()
    await bench.reset(i__valid=0, rx=1)

    async def watch() -> None:
        while True:
            await bench.edge
            line.append(int(dut.tx.value))

    data = [*bench.rng.integers(0, 256, BYTES).tolist(), 0, 255]
    source = BlockStream(dut, "i")
    bench.start(watch())
    bench.start(watch_stream(source, bench.expect))
    await drive(source, data, random_gaps(bench.rng), bench.rng)
    for _ in range(11 * cycles):
        await bench.edge
    at = 0
    while 0 in line[at:]:
        start = line.index(0, at)
        at = start + 10 * cycles
        held = [set(line[start + bit * cycles :][:cycles]) for bit in range(10)]
        assert all(len(levels) == 1 for levels in held), f"a bit changes behind cycle {start}"
        (*_, stop) = bits = [levels.pop() for levels in held]
        assert stop
        bench.see(sum(bit << place for place, bit in enumerate(bits[1:9])))
    await bench.finish()
    assert bench.compared == len(data)


@cocotb.test()
async def receives(dut: Any) -> None:
    """Bytes at any phase to the clock; those without a stop bit are given as broken."""
    bench = BlockBench(dut)
    rng, cycles = bench.rng, bench.case["cycles"]
    await bench.reset(i__valid=0, rx=1)

    async def watch() -> None:
        while True:
            await bench.edge
            raw = int(dut.o.value)
            if raw & 1:
                bench.see((raw >> 1 & 1, raw >> 2))

    async def hold(level: int, bits: float) -> None:
        dut.rx.value = level
        await Timer(max(1, round(bits * bit_ps)), unit="ps")

    async def send(byte: int, stop: int = 1) -> None:
        """The bits of a byte, in one of which the line is wrong for less than two cycles."""
        disturbed = int(rng.integers(1, 9)) if bench.case["disturbed"] else 0
        for place, bit in enumerate(bits_of(byte, stop)):
            if disturbed and place == disturbed:
                before = 0.4 + 0.15 * rng.random()
                await hold(bit, before)
                await hold(1 - bit, 0.9 / cycles)
                await hold(bit, 1 - before - 0.9 / cycles)
            else:
                await hold(bit, 1)
        bench.expect((1 - stop, byte))

    bench.start(watch())
    for deviation in bench.case["deviations"]:
        bit_ps = cycles * PERIOD_NS * 1000 * (1 + deviation)
        for byte in rng.integers(0, 256, BYTES).tolist():
            await send(byte)
            await hold(1, float(rng.choice([0, 0, 0.3, 7.7])))
        # too short for a start bit
        await hold(1, 2)
        await hold(0, 1 / cycles)
        await hold(1, 12)
        # without a stop bit; and a line that stays low, once
        await send(int(rng.integers(256)), stop=0)
        await hold(1, 1)
        await send(0, stop=0)
        await hold(0, 20)
        await hold(1, 1)
        await send(0x5A)
        await hold(1, 2)
    await bench.finish()
    assert bench.compared == (BYTES + 3) * len(bench.case["deviations"])

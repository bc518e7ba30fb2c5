"""BusDecoder: every access reaches its block, as it was, and its answer comes back; others are refused."""

from __future__ import annotations

from typing import Any

import cocotb
from amaranth.lib import wiring

from hw.registers import ADDRESS_BITS
from hw.rtl.board.bus import BUS_BITS, BusDecoder
from tb.harness.block_bench import BlockBench
from tb.harness.depth import depth

BASES = {"bus_all": [0x0000, 0x1000, 0x2000], "bus_without_an_ear": [0x0000, 0x2000], "bus_odd": [0xF000]}
CASES: dict[str, dict[str, Any]] = {name: {"bases": bases} for name, bases in BASES.items()}
OKAY, SLVERR = 0, 2


def component(bases: list[int]) -> wiring.Component:
    return BusDecoder(bases)


class Side:
    """The channels of an AXI4-Lite, whoever has the other end."""

    def __init__(self, bench: BlockBench, prefix: str) -> None:
        self.bench, self.prefix = bench, prefix

    def net(self, name: str) -> Any:
        return getattr(self.bench.dut, f"{self.prefix}__{name}")

    async def pause(self) -> None:
        """A few cycles, or none."""
        for _ in range(int(self.bench.rng.choice([0, 0, 1, 5]))):
            await self.bench.edge

    async def give(self, channel: str, **payload: int) -> None:
        """A transfer from here."""
        await self.pause()
        for name, value in payload.items():
            self.net(name).value = value
        self.net(f"{channel}valid").value = 1
        await self.bench.edge
        while not self.net(f"{channel}ready").value:
            await self.bench.edge
        self.net(f"{channel}valid").value = 0
        for name, value in payload.items():
            self.net(name).value = value ^ 1

    async def take(self, channel: str, *payload: str) -> tuple[int, ...]:
        """A transfer from the other end, as it was offered."""
        while not self.net(f"{channel}valid").value:
            await self.bench.edge
        offered = tuple(int(self.net(name).value) for name in payload)
        await self.pause()
        self.net(f"{channel}ready").value = 1
        await self.bench.edge
        while not self.net(f"{channel}valid").value:
            await self.bench.edge
        self.net(f"{channel}ready").value = 0
        assert tuple(int(self.net(name).value) for name in payload) == offered
        await self.bench.edge
        return offered


class Block(Side):
    """A block that logs what it is asked."""

    def __init__(self, bench: BlockBench, index: int) -> None:
        super().__init__(bench, f"block{index}")
        self.log: list[tuple[int, ...]] = []
        for name in ("awready", "wready", "bvalid", "arready", "rvalid"):
            self.net(name).value = 0

    async def writes(self) -> None:
        """Answers depend on what is written."""
        while True:
            address = cocotb.start_soon(self.take("aw", "awaddr"))
            word, strobe = await self.take("w", "wdata", "wstrb")
            (place,) = await address
            self.log.append((place, word, strobe))
            await self.give("b", bresp=answer_of(word))

    async def reads(self) -> None:
        """So do words on addresses."""
        while True:
            (place,) = await self.take("ar", "araddr")
            self.log.append((place,))
            await self.give("r", rdata=word_of(self.prefix, place), rresp=answer_of(place >> 2))


def answer_of(number: int) -> int:
    return SLVERR if number % 3 == 0 else OKAY


def word_of(block: str, place: int) -> int:
    return place * 0x10001 ^ int(block[-1]) << 30


@cocotb.test()
async def accesses(dut: Any) -> None:
    """Writes and reads at once, each direction one after the other."""
    bench = BlockBench(dut)
    rng, bases = bench.rng, bench.case["bases"]
    master = Side(bench, "bus")
    blocks = {base: Block(bench, index) for index, base in enumerate(bases)}
    inputs = ("awaddr", "awvalid", "wdata", "wstrb", "wvalid", "bready", "araddr", "arvalid", "rready")
    await bench.reset(**{f"bus__{name}": 0 for name in inputs})
    for block in blocks.values():
        bench.start(block.writes())
        bench.start(block.reads())
    made: dict[str, list[tuple[int, ...]]] = {"writes": [], "reads": []}
    refused = 0

    def some_address() -> int:
        """Mostly of a block."""
        low = int(rng.integers(1 << ADDRESS_BITS))
        base = rng.choice(bases) if rng.random() < 0.7 else rng.integers(1 << BUS_BITS - ADDRESS_BITS) << 12
        return int(base) | low

    async def write() -> None:
        nonlocal refused
        address, word, strobe = some_address(), int(rng.integers(1 << 32)), int(rng.integers(16))
        transfers = [("aw", {"awaddr": address}), ("w", {"wdata": word, "wstrb": strobe})]
        tasks = [cocotb.start_soon(master.give(channel, **payload)) for channel, payload in transfers]
        (answer,) = await master.take("b", "bresp")
        for task in tasks:
            await task
        base, place = address & ~0xFFF, address & 0xFFF
        if base in blocks:
            made["writes"].append((base, place, word, strobe))
        refused += base not in blocks
        assert answer == (answer_of(word) if base in blocks else SLVERR)

    async def read() -> None:
        nonlocal refused
        address = some_address()
        given = cocotb.start_soon(master.give("ar", araddr=address))
        word, answer = await master.take("r", "rdata", "rresp")
        await given
        base, place = address & ~0xFFF, address & 0xFFF
        if base not in blocks:
            refused += 1
            assert (word, answer) == (0, SLVERR)
            return
        made["reads"].append((base, place))
        assert (word, answer) == (word_of(blocks[base].prefix, place), answer_of(place >> 2))

    async def many(access: Any) -> None:
        for _ in range(depth(60, 1000)):
            await access()

    reading = cocotb.start_soon(many(read))
    await many(write)
    await reading
    for base, block in blocks.items():
        for length, kind in ((3, "writes"), (1, "reads")):
            mine = [access[1:] for access in made[kind] if access[0] == base]
            assert [access for access in block.log if len(access) == length] == mine
            assert mine
    assert refused > 5

"""The mailbox beside a core: its own registers answer, others are reached through it, the rest is refused."""

from functools import partial

import pytest
from amaranth.hdl import ClockDomain, ClockSignal, Module
from amaranth.sim import Simulator, SimulatorContext

from hw.mailbox_registers import CLOCK_HZ, EVENT_LAST, MAILBOX_BASE
from hw.protocol import WORD_KEEP
from hw.rtl.axi_lite import OKAY, SLVERR
from hw.rtl.board.hub import Hub

HZ = 12_345_678


async def settled(ctx: SimulatorContext, signal) -> None:
    for _ in range(100):
        if ctx.get(signal):
            return
        await ctx.tick("bench")
    raise AssertionError(f"{signal.name} stays low")


async def write(ctx: SimulatorContext, bus, address: int, value: int) -> int:
    for name, own in {"awaddr": address, "wdata": value, "wstrb": 15, "awvalid": 1, "wvalid": 1}.items():
        ctx.set(getattr(bus, name), own)
    ctx.set(bus.bready, 0)
    await settled(ctx, bus.awready)
    await ctx.tick("bench")
    ctx.set(bus.awvalid, 0)
    ctx.set(bus.wvalid, 0)
    await settled(ctx, bus.bvalid)
    response = ctx.get(bus.bresp)
    ctx.set(bus.bready, 1)
    await ctx.tick("bench")
    return response


async def read(ctx: SimulatorContext, bus, address: int) -> tuple[int, int]:
    ctx.set(bus.araddr, address)
    ctx.set(bus.arvalid, 1)
    ctx.set(bus.rready, 0)
    await settled(ctx, bus.arready)
    await ctx.tick("bench")
    ctx.set(bus.arvalid, 0)
    await settled(ctx, bus.rvalid)
    result = ctx.get(bus.rdata), ctx.get(bus.rresp)
    ctx.set(bus.rready, 1)
    await ctx.tick("bench")
    return result


async def answering(ctx: SimulatorContext, block, seen: list) -> None:
    """A block of registers that takes any access and reads as its address."""
    for name in ("awready", "wready", "arready", "bvalid"):
        ctx.set(getattr(block, name), 1)
    async for *_, written, address, value, asked, place in ctx.tick("bench").sample(
        block.awvalid, block.awaddr, block.wdata, block.arvalid, block.araddr
    ):
        if written:
            seen.append(("write", address, value))
        ctx.set(block.rvalid, asked)
        if asked:
            seen.append(("read", place))
            ctx.set(block.rdata, place)


@pytest.mark.parametrize(("slots", "ear"), [(1, False), (2, True)])
def test_a_hub_reaches_its_blocks(slots: int, ear: bool) -> None:
    hub = Hub(4, slots, ear, HZ)
    blocks = {0x0000: hub.m_axil_core, **({0x1000: hub.m_axil_ear} if ear else {})}
    seen: dict[int, list] = {base: [] for base in blocks}

    async def bench(ctx: SimulatorContext) -> None:
        ctx.set(hub.aresetn, 1)
        await ctx.tick("bench").repeat(4)
        bus = hub.s_axil
        assert await read(ctx, bus, MAILBOX_BASE + CLOCK_HZ.offset) == (HZ, OKAY)
        assert await write(ctx, bus, MAILBOX_BASE + EVENT_LAST.offset, 0x8000_0001) == OKAY
        await settled(ctx, hub.m_axis_tvalid)
        assert (ctx.get(hub.m_axis_tdata), ctx.get(hub.m_axis_tlast)) == (0x8000_0001, 1)
        if slots > 1:
            assert ctx.get(hub.m_axis_tkeep) == WORD_KEEP
        for base, own in seen.items():
            assert await write(ctx, bus, base + 0xABC, 77 + base) == OKAY
            assert await read(ctx, bus, base + 0x123 * 4) == (0x123 * 4, OKAY)
            assert {("write", 0xABC, 77 + base), ("read", 0x123 * 4)} == set(own)
        for base in (0x1000, 0x3000):
            if base not in blocks:
                assert (await read(ctx, bus, base))[1] == SLVERR
                assert await write(ctx, bus, base, 0) == SLVERR

    m = Module()
    m.domains.bench = ClockDomain(reset_less=True)
    m.submodules.hub = hub
    m.d.comb += hub.aclk.eq(ClockSignal("bench"))
    simulator = Simulator(m)
    simulator.add_clock(1e-8, domain="bench")
    simulator.add_testbench(bench)
    for base, block in blocks.items():
        simulator.add_testbench(partial(answering, block=block, seen=seen[base]), background=True)
    simulator.run()

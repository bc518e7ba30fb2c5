"""Drivers of the benches: reset, the input stream, the output's ready, and the registers."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from itertools import cycle
from typing import Any, Protocol, TypeVar

import numpy as np
from cocotb.triggers import RisingEdge

from fxp_model.ear.gain import PCM
from hw.protocol import Beat
from hw.registers import Register

T = TypeVar("T")
Gaps = Callable[[], int]
"""Idle cycles before the next beat, or length of the next phase of a ready."""


def no_gaps() -> int:
    """Full rate."""
    return 0


def random_gaps(rng: np.random.Generator) -> Gaps:
    """Bursts at full rate, short gaps, and occasionally a long one."""
    gaps = cycle(rng.choice([0, 1, 2, 3, 60], p=[0.7, 0.13, 0.1, 0.06, 0.01], size=1009).tolist())
    return lambda: next(gaps)


class Stream(Protocol[T]):
    """A stream of `T` at the pins of a DUT, as drivers and monitors use it."""

    clock: Any
    valid: Any
    ready: Any

    def write(self, item: T) -> None:
        """Put `item` on the payload."""

    def read(self) -> T:
        """The current payload."""

    def write_garbage(self, rng: np.random.Generator) -> None:
        """Put a random value on the payload, as an idle source may."""


class Axis:
    """`Stream` of AXI4-Stream beats: the nets ``<prefix>_tdata`` and so on.

    dut : handle
    prefix : str
    slots : int
        Words per beat; with more than one there is a ``tkeep``.
    """

    def __init__(self, dut: Any, prefix: str, slots: int = 1) -> None:
        self._slots = slots
        self.clock = dut.aclk
        self.valid = getattr(dut, f"{prefix}_tvalid")
        self.ready = getattr(dut, f"{prefix}_tready")
        self._tdata = getattr(dut, f"{prefix}_tdata")
        self._tlast = getattr(dut, f"{prefix}_tlast")
        self._tkeep = getattr(dut, f"{prefix}_tkeep") if slots > 1 else None

    def write(self, item: Beat) -> None:
        self._tdata.value = item.tdata
        self._tlast.value = int(item.tlast)
        if self._tkeep is not None:
            self._tkeep.value = item.tkeep

    def read(self) -> Beat:
        beat = Beat(int(self._tdata.value), bool(self._tlast.value))
        return beat if self._tkeep is None else beat._replace(tkeep=int(self._tkeep.value))

    def write_garbage(self, rng: np.random.Generator) -> None:
        tdata, tkeep = int.from_bytes(rng.bytes(4 * self._slots)), int(rng.integers(1 << 4 * self._slots))
        self.write(Beat(tdata, bool(rng.integers(2)), tkeep))


class PcmAxis:
    """`Stream` of 16-bit PCM, raw codes at ``s_axis_pcm``."""

    def __init__(self, dut: Any, clock: Any) -> None:
        self.clock = clock
        self.valid, self.ready = dut.s_axis_pcm_tvalid, dut.s_axis_pcm_tready
        self._tdata = dut.s_axis_pcm_tdata

    def write(self, item: int) -> None:
        self._tdata.value = item

    def read(self) -> int:
        return int(self._tdata.value)

    def write_garbage(self, rng: np.random.Generator) -> None:
        self.write(int(rng.integers(1 << PCM.width)))


class BlockStream:
    """`Stream` of an Amaranth component: raw payloads on ``<name>__payload``."""

    def __init__(self, dut: Any, name: str) -> None:
        self.clock = dut.clk
        self.valid = getattr(dut, f"{name}__valid")
        self.ready = getattr(dut, f"{name}__ready")
        self._payload = getattr(dut, f"{name}__payload")

    def write(self, item: int) -> None:
        self._payload.value = item

    def read(self) -> int:
        return int(self._payload.value)

    def write_garbage(self, rng: np.random.Generator) -> None:
        self.write(int.from_bytes(rng.bytes(len(self._payload))) & ((1 << len(self._payload)) - 1))


AXI_LITE_INPUTS = ("awaddr", "awvalid", "wdata", "wstrb", "wvalid", "bready", "araddr", "arvalid", "rready")


class Host(Protocol):
    """Reads and writes the registers of a core."""

    async def read(self, register: Register) -> int:
        """Its content."""

    async def write(self, register: Register, word: int) -> None:
        """Write all of it."""


class AxiLite:
    """`Host` at an AXI4-Lite that makes one access at a time, and none during reset."""

    def __init__(self, dut: Any, prefix: str = "s_axil") -> None:
        self._dut, self._prefix = dut, prefix
        for name in AXI_LITE_INPUTS:
            self._net(name).value = 0

    async def read(self, register: Register) -> int:
        await self._transfer("ar", araddr=register.offset)
        return await self._answer("r", "rdata")

    async def write(self, register: Register, word: int, strobe: int = 0xF) -> None:
        """Write the bytes of `word` that `strobe` has a bit for."""
        await self.address(register)
        await self.put(word, strobe)

    async def address(self, register: Register) -> None:
        """Send the address of the next `put`."""
        await self._transfer("aw", awaddr=register.offset)

    async def put(self, word: int, strobe: int = 0xF) -> None:
        """Write `word` to the address sent; if the core is ready, it is transferred in this cycle."""
        await self._transfer("w", wdata=word, wstrb=strobe)
        await self._answer("b", "bresp")

    def _net(self, name: str) -> Any:
        return getattr(self._dut, f"{self._prefix}_{name}")

    async def _transfer(self, channel: str, **payload: int) -> None:
        edge = RisingEdge(self._dut.aclk)
        for name, value in payload.items():
            self._net(name).value = value
        self._net(f"{channel}valid").value = 1
        await edge
        while not self._net(f"{channel}ready").value:
            await edge
        self._net(f"{channel}valid").value = 0

    async def _answer(self, channel: str, payload: str) -> int:
        edge = RisingEdge(self._dut.aclk)
        self._net(f"{channel}ready").value = 1
        await edge
        while not self._net(f"{channel}valid").value:
            await edge
        self._net(f"{channel}ready").value = 0
        assert int(self._net(f"{channel}resp").value) == 0, f"{channel}resp"
        return int(self._net(payload).value)


async def reset(dut: Any, cycles: int = 3) -> None:
    """Hold the synchronous reset for `cycles`, with the streams at rest."""
    dut.aresetn.value = 0
    dut.s_axis_tvalid.value = 0
    dut.m_axis_tready.value = 0
    for _ in range(cycles):
        await RisingEdge(dut.aclk)
    dut.aresetn.value = 1


async def drive(stream: Stream[T], items: Iterable[T], gaps: Gaps, rng: np.random.Generator) -> None:
    """Offer `items` one after the other, each until it is taken, with garbage on the idle stream."""
    edge = RisingEdge(stream.clock)
    for item in items:
        idle = gaps()
        if idle:
            stream.valid.value = 0
            stream.write_garbage(rng)
            for _ in range(idle):
                await edge
        stream.write(item)
        stream.valid.value = 1
        await edge
        while not stream.ready.value:
            await edge
    stream.valid.value = 0


async def accept(stream: Stream[T], gaps: Gaps) -> None:
    """Repeat: stall for `gaps()` cycles, then be ready for one cycle."""
    edge = RisingEdge(stream.clock)
    stream.ready.value = 1
    while True:
        refused = gaps()
        if refused:
            stream.ready.value = 0
            for _ in range(refused):
                await edge
            stream.ready.value = 1
        await edge


async def accept_runs(stream: Stream[T], length: int, gaps: Gaps) -> None:
    """Repeat: stall for `gaps()` cycles, then take `length` items without a pause."""
    edge = RisingEdge(stream.clock)
    while True:
        stream.ready.value = 0
        for _ in range(gaps()):
            await edge
        stream.ready.value = 1
        taken = 0
        while taken < length:
            await edge
            taken += bool(stream.valid.value)


async def accept_late(stream: Stream[T], gaps: Gaps) -> None:
    """Be ready only when an item is already valid: valid must not wait for ready."""
    edge = RisingEdge(stream.clock)
    stream.ready.value = 0
    while True:
        await edge
        if stream.valid.value and not stream.ready.value:
            for _ in range(gaps()):
                await edge
            stream.ready.value = 1
        else:
            stream.ready.value = 0

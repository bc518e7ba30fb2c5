"""The bus of a board: one master, several blocks of registers."""

from __future__ import annotations

from collections.abc import Sequence

from amaranth.hdl import Cat, Module, Mux, Signal, Value
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from hw.registers import ADDRESS_BITS
from hw.rtl.arithmetic import any_of
from hw.rtl.axi_lite import SLVERR, axi_lite_signature

BUS_BITS = 16
"""Bits of an address."""


class BusDecoder(wiring.Component):
    """Gives each AXI4-Lite access of a master to the block whose addresses begin at `bases`.

    An access is taken whole, then given, then answered: a few cycles each, and no combinational path from
    one side to the other. Writes and reads do not wait for each other. Where there is no block, the answer
    is SLVERR.

    Latency: an access takes 2 cycles more than its block does.
    Throughput: the next one is taken in the cycle behind an answer.

    Parameters
    ----------
    bases : sequence of int
        Multiples of 4 KiB, the size of a block.

    Members
    -------
    bus : In(axi_lite_signature(BUS_BITS))
    block0, block1, .. : Out(axi_lite_signature(ADDRESS_BITS))
        In the order of `bases`.
    """

    def __init__(self, bases: Sequence[int]) -> None:
        self._bases = tuple(bases)
        blocks = {f"block{i}": Out(axi_lite_signature(ADDRESS_BITS)) for i in range(len(self._bases))}
        super().__init__({"bus": In(axi_lite_signature(BUS_BITS)), **blocks})

    def elaborate(self, platform: object) -> Module:
        m = Module()
        bus, blocks = self.bus, [getattr(self, f"block{i}") for i in range(len(self._bases))]

        # A write: address and data, in any order | to its block | the answer.
        address, data, strobe = Signal(BUS_BITS), Signal(32), Signal(4)
        addressed, filled, given = Signal(), Signal(name="filled"), Signal(2, name="given")
        whole, chosen = addressed & filled, self._chosen(address)
        m.d.comb += [bus.awready.eq(~addressed & ~bus.bvalid), bus.wready.eq(~filled & ~bus.bvalid)]
        with m.If(bus.awvalid & bus.awready):
            m.d.sync += [address.eq(bus.awaddr), addressed.eq(1)]
        with m.If(bus.wvalid & bus.wready):
            m.d.sync += [data.eq(bus.wdata), strobe.eq(bus.wstrb), filled.eq(1)]
        for block, mine in zip(blocks, chosen, strict=True):
            m.d.comb += [
                block.awaddr.eq(address),
                block.awvalid.eq(whole & mine & ~given[0]),
                block.wdata.eq(data),
                block.wstrb.eq(strobe),
                block.wvalid.eq(whole & mine & ~given[1]),
                block.bready.eq(whole & mine),
            ]
        with m.If(whole & (any_of(chosen, [block.bvalid for block in blocks]) | ~chosen.any())):
            m.d.sync += [addressed.eq(0), filled.eq(0), given.eq(0), bus.bvalid.eq(1)]
            m.d.sync += bus.bresp.eq(_answer(chosen, [block.bresp for block in blocks]))
        with m.Elif(whole):
            taken = (
                any_of(chosen, [getattr(block, f"{name}ready") for block in blocks]) for name in ("aw", "w")
            )
            m.d.sync += given.eq(given | Cat(taken))
        with m.If(bus.bvalid & bus.bready):
            m.d.sync += bus.bvalid.eq(0)

        # A read.
        place, asked, passed = Signal(BUS_BITS), Signal(), Signal(name="passed")
        wanted = self._chosen(place)
        m.d.comb += bus.arready.eq(~asked & ~bus.rvalid)
        with m.If(bus.arvalid & bus.arready):
            m.d.sync += [place.eq(bus.araddr), asked.eq(1)]
        for block, mine in zip(blocks, wanted, strict=True):
            m.d.comb += [
                block.araddr.eq(place),
                block.arvalid.eq(asked & mine & ~passed),
                block.rready.eq(asked & mine),
            ]
        with m.If(asked & (any_of(wanted, [block.rvalid for block in blocks]) | ~wanted.any())):
            m.d.sync += [asked.eq(0), passed.eq(0), bus.rvalid.eq(1)]
            m.d.sync += [
                bus.rdata.eq(any_of(wanted, [block.rdata for block in blocks])),
                bus.rresp.eq(_answer(wanted, [block.rresp for block in blocks])),
            ]
        with m.Elif(asked):
            m.d.sync += passed.eq(passed | any_of(wanted, [block.arready for block in blocks]))
        with m.If(bus.rvalid & bus.rready):
            m.d.sync += bus.rvalid.eq(0)
        return m

    def _chosen(self, address: Signal) -> Value:
        """The block of an address, one bit for each."""
        return Cat(address[ADDRESS_BITS:] == base >> ADDRESS_BITS for base in self._bases)


def _answer(chosen: Value, answers: Sequence[Value]) -> Value:
    return any_of(chosen, answers) | Mux(chosen.any(), 0, SLVERR)

"""The AXI4-Lite interface of the registers."""

from __future__ import annotations

from amaranth.hdl import Cat, Module, Mux, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

OKAY, SLVERR = 0, 2
READ_CYCLES = 3
"""Cycles from a read word's address to its content; registers all over the device drive the multiplexer."""


def axi_lite_signature(address_bits: int) -> wiring.Signature:
    """AXI4-Lite with 32 bits of data, as its master sees it; without AxPROT, which a slave may ignore."""
    return wiring.Signature(
        {
            "awaddr": Out(address_bits),
            "awvalid": Out(1),
            "awready": In(1),
            "wdata": Out(32),
            "wstrb": Out(4),
            "wvalid": Out(1),
            "wready": In(1),
            "bresp": In(2),
            "bvalid": In(1),
            "bready": Out(1),
            "araddr": Out(address_bits),
            "arvalid": Out(1),
            "arready": In(1),
            "rdata": In(32),
            "rresp": In(2),
            "rvalid": In(1),
            "rready": Out(1),
        }
    )


class AxiLite(wiring.Component):
    """Turns AXI4-Lite transfers into single-cycle accesses.

    Each direction holds one address, one data word and one response, and every output of the
    bus is a register: small and free of combinational paths, with a transfer every few cycles.
    Address and data of a write may come in any order. Writes and reads do not wait for each other.

    Latency: a write acts in the cycle after the later of its two transfers and is answered in the next one; a
    read is answered five cycles after its transfer.
    Throughput: a write every 2 cycles and a read every 6.

    Parameters
    ----------
    address_bits : int
        The two lowest are ignored: a register is a word.

    Members
    -------
    bus : In(axi_lite_signature)
    write : Out(1)
        Write the bits `write_mask` of `write_data` to the word `write_word`.
    write_word : Out(address_bits - 2)
    write_data, write_mask : Out(32)
    write_ok : In(1)
        The word exists and may be written; valid in the same cycle.
    read_word : Out(address_bits - 2)
    read_data : In(32)
        Content of the word, `READ_CYCLES` later.
    read_ok : In(1)
        The word exists; equally late.
    """

    def __init__(self, address_bits: int) -> None:
        super().__init__(
            {
                "bus": In(axi_lite_signature(address_bits)),
                "write": Out(1),
                "write_word": Out(address_bits - 2),
                "write_data": Out(32),
                "write_mask": Out(32),
                "write_ok": In(1),
                "read_word": Out(address_bits - 2),
                "read_data": In(32),
                "read_ok": In(1),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        bus = self.bus

        # Each channel is a register and a full flag. `ready` is another register, the inverse of the
        # flag except during reset, when nothing is accepted.
        strobe = Signal(4, reset_less=True)
        addressed, filled = Signal(), Signal(name="filled")
        m.d.comb += [
            self.write.eq(addressed & filled & ~bus.bvalid),
            self.write_mask.eq(Cat(bit.replicate(8) for bit in strobe)),
        ]
        with m.If(bus.awvalid & bus.awready):
            m.d.sync += [self.write_word.eq(bus.awaddr[2:]), addressed.eq(1), bus.awready.eq(0)]
        with m.Elif(self.write | ~addressed):
            m.d.sync += [addressed.eq(0), bus.awready.eq(1)]
        with m.If(bus.wvalid & bus.wready):
            m.d.sync += [self.write_data.eq(bus.wdata), strobe.eq(bus.wstrb), filled.eq(1), bus.wready.eq(0)]
        with m.Elif(self.write | ~filled):
            m.d.sync += [filled.eq(0), bus.wready.eq(1)]
        with m.If(self.write):
            m.d.sync += [bus.bvalid.eq(1), bus.bresp.eq(Mux(self.write_ok, OKAY, SLVERR))]
        with m.Elif(bus.bready):
            m.d.sync += bus.bvalid.eq(0)

        asked, looking, looked = Signal(), Signal(READ_CYCLES), Signal(name="looked")
        m.d.comb += looked.eq(looking[-1])
        m.d.sync += looking.eq(Cat(asked & ~looking.any(), looking))
        with m.If(bus.arvalid & bus.arready):
            m.d.sync += [self.read_word.eq(bus.araddr[2:]), asked.eq(1), bus.arready.eq(0)]
        with m.Elif(looked):
            m.d.sync += [asked.eq(0), bus.rvalid.eq(1)]
        with m.Elif(~asked & (bus.rready | ~bus.rvalid)):
            m.d.sync += [bus.rvalid.eq(0), bus.arready.eq(1)]
        with m.If(looked):  # separate from the handshakes, so that no input enables these registers
            m.d.sync += [
                bus.rdata.eq(Mux(self.read_ok, self.read_data, 0)),
                bus.rresp.eq(Mux(self.read_ok, OKAY, SLVERR)),
            ]
        return m

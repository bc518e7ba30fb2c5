"""AXI4-Lite: the protocol's rules, and every access once."""

from __future__ import annotations

from amaranth.hdl import Cat, Mux, Signal

from hw.rtl.axi_lite import OKAY, READ_CYCLES, SLVERR, AxiLite
from tb.formal.monitor import Monitor, Property
from tb.formal.rules import stays
from tb.harness.planted import Bug


def axi_lite() -> Monitor:
    """Any master that keeps the rules; registers that answer anything."""
    f = Monitor()
    m, dut = f.m, f.component(AxiLite(4))
    bus = dut.bus
    f.assume(stays(f, bus.awvalid, bus.awready, bus.awaddr))
    f.assume(stays(f, bus.wvalid, bus.wready, Cat(bus.wdata, bus.wstrb)))
    f.assume(stays(f, bus.arvalid, bus.arready, bus.araddr))
    f.claim(stays(f, bus.bvalid, bus.bready, bus.bresp))
    f.claim(stays(f, bus.rvalid, bus.rready, Cat(bus.rdata, bus.rresp)))

    # a write takes one address and one word, acts once, and is then answered once
    address, word, answer = Signal(), Signal(name="word"), Signal(name="answer")
    where, what, which = (
        Signal(width, reset_less=True, name=name)
        for width, name in ((2, "where"), (32, "what"), (4, "which"))
    )
    result = Signal(2)
    with m.If(bus.awvalid & bus.awready):
        m.d.sync += [address.eq(1), where.eq(bus.awaddr[2:])]
    with m.Elif(dut.write):
        m.d.sync += address.eq(0)
    with m.If(bus.wvalid & bus.wready):
        m.d.sync += [word.eq(1), what.eq(bus.wdata), which.eq(bus.wstrb)]
    with m.Elif(dut.write):
        m.d.sync += word.eq(0)
    with m.If(dut.write):
        m.d.sync += [answer.eq(1), result.eq(Mux(dut.write_ok, OKAY, SLVERR))]
    with m.Elif(bus.bready):
        m.d.sync += answer.eq(0)
    f.claim(~(bus.awready & address) & ~(bus.wready & word))
    f.claim(dut.write == (address & word & ~answer))
    mask = Cat(bit.replicate(8) for bit in which)
    f.claim(~dut.write | (Cat(dut.write_word, dut.write_data, dut.write_mask) == Cat(where, what, mask)))
    f.claim(bus.bvalid == answer)
    f.claim(~bus.bvalid | (bus.bresp == result))

    # a read is answered once, with what was there `READ_CYCLES` after its address
    asked = [bus.arvalid & bus.arready]
    for _ in range(READ_CYCLES + 1):
        asked.append(f.before(asked[-1]))
    owed, given, from_word = Signal(), Signal(name="given"), Signal(2)
    content, response = Signal(32), Signal(2, name="response")
    with m.If(asked[0]):
        m.d.sync += [owed.eq(1), from_word.eq(bus.araddr[2:])]
    with m.Elif(bus.rvalid & bus.rready):
        m.d.sync += owed.eq(0)
    with m.If(asked[-1]):
        m.d.sync += [
            given.eq(1),
            content.eq(Mux(dut.read_ok, dut.read_data, 0)),
            response.eq(Mux(dut.read_ok, OKAY, SLVERR)),
        ]
    with m.Elif(bus.rready):
        m.d.sync += given.eq(0)
    f.claim(~(bus.arready & owed))
    f.claim(~owed | (dut.read_word == from_word))
    f.claim(bus.rvalid == given)
    f.claim(~bus.rvalid | (Cat(bus.rdata, bus.rresp) == Cat(content, response)))
    return f


PROPERTIES = {
    "axi_lite": Property(
        "AXI4-Lite's rules; every write acts once, with its own address, word and strobes; one answer each",
        axi_lite,
        Bug("axi_lite.py", "addressed & filled & ~bus.bvalid", "addressed & filled"),
    ),
}

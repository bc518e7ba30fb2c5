"""AXI4-Lite and the registers behind it: the protocol's rules, and every access once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from amaranth.hdl import Cat, Module, Mux, Signal, Value
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from hw.registers import Access, Register
from hw.rtl.axi_lite import OKAY, READ_CYCLES, SLVERR, AxiLite, axi_lite_signature
from hw.rtl.register_file import answer, written
from tb.formal.monitor import Monitor, Property
from tb.formal.rules import stays
from tb.harness.planted import Bug

ADDRESS_BITS = 5
"""Of `Registers`, whose last two words are nobody's."""
FILE = (
    Register("ONE", 0x00, Access.RO, "what the host only reads"),
    Register("OTHER", 0x04, Access.RW, "what it writes, too"),
    Register("LAST", 0x14, Access.RW, "the same, behind a hole of three words"),
)


class Registers(wiring.Component):
    """The registers of `FILE`, with any contents, and which of them is written."""

    def __init__(self) -> None:
        contents = {f"content_{index}": In(32) for index in range(len(FILE))}
        super().__init__({"bus": In(axi_lite_signature(ADDRESS_BITS)), **contents, "written": Out(len(FILE))})

    @property
    def contents(self) -> list[Signal]:
        """Of each register."""
        return [getattr(self, f"content_{index}") for index in range(len(FILE))]

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.submodules.axi_lite = axi_lite = AxiLite(ADDRESS_BITS)
        wiring.connect(m, wiring.flipped(self.bus), axi_lite.bus)
        names = (register.name for register in FILE)
        m.d.comb += [
            axi_lite.write_ok.eq(answer(m, axi_lite, FILE, dict(zip(names, self.contents, strict=True)))),
            self.written.eq(Cat(written(axi_lite, register) for register in FILE)),
        ]
        return m


@dataclass(frozen=True)
class Write:
    """What acts in a cycle, if any does; and what the host is told, which is the monitor's to say."""

    acts: Value
    word: Signal
    data: Signal
    strobe: Signal
    ok: Signal


@dataclass(frozen=True)
class Read:
    """The word of a read, while it is owed; and what is answered in its last cycle, the monitor's to say."""

    owed: Signal
    word: Signal
    data: Signal
    ok: Signal


def master(f: Monitor, bus: wiring.PureInterface) -> None:
    """Any that keeps the rules; the bus keeps its own."""
    f.assume(stays(f, bus.awvalid, bus.awready, bus.awaddr))
    f.assume(stays(f, bus.wvalid, bus.wready, Cat(bus.wdata, bus.wstrb)))
    f.assume(stays(f, bus.arvalid, bus.arready, bus.araddr))
    f.claim(stays(f, bus.bvalid, bus.bready, bus.bresp))
    f.claim(stays(f, bus.rvalid, bus.rready, Cat(bus.rdata, bus.rresp)))


def writes(f: Monitor, bus: wiring.PureInterface) -> Write:
    """A write takes one address and one word, acts once, and is then answered once."""
    m = f.m
    address, word, answered, ok = (Signal(name=name) for name in ("address", "word", "answered", "write_ok"))
    where, what, which = (
        Signal(len(value), reset_less=True, name=name)
        for value, name in ((bus.awaddr[2:], "where"), (bus.wdata, "what"), (bus.wstrb, "which"))
    )
    acts, result = address & word & ~answered, Signal(2)
    with m.If(bus.awvalid & bus.awready):
        m.d.sync += [address.eq(1), where.eq(bus.awaddr[2:])]
    with m.Elif(acts):
        m.d.sync += address.eq(0)
    with m.If(bus.wvalid & bus.wready):
        m.d.sync += [word.eq(1), what.eq(bus.wdata), which.eq(bus.wstrb)]
    with m.Elif(acts):
        m.d.sync += word.eq(0)
    with m.If(acts):
        m.d.sync += [answered.eq(1), result.eq(Mux(ok, OKAY, SLVERR))]
    with m.Elif(bus.bready):
        m.d.sync += answered.eq(0)
    f.claim(~(bus.awready & address) & ~(bus.wready & word))
    f.claim(bus.bvalid == answered)
    f.claim(~bus.bvalid | (bus.bresp == result))
    return Write(acts, where, what, which, ok)


def reads(f: Monitor, bus: wiring.PureInterface) -> Read:
    """A read is answered once, with what was there `READ_CYCLES` after its address."""
    m = f.m
    asked = [bus.arvalid & bus.arready]
    for _ in range(READ_CYCLES + 1):
        asked.append(f.before(asked[-1]))
    owed, given, ok = Signal(), Signal(name="given"), Signal(name="read_ok")
    word, data = Signal(len(bus.araddr) - 2, name="asked_word"), Signal(32, name="data")
    content, response = Signal(32), Signal(2, name="response")
    with m.If(asked[0]):
        m.d.sync += [owed.eq(1), word.eq(bus.araddr[2:])]
    with m.Elif(bus.rvalid & bus.rready):
        m.d.sync += owed.eq(0)
    with m.If(asked[-1]):
        m.d.sync += [given.eq(1), content.eq(Mux(ok, data, 0)), response.eq(Mux(ok, OKAY, SLVERR))]
    with m.Elif(bus.rready):
        m.d.sync += given.eq(0)
    f.claim(~(bus.arready & owed))
    f.claim(bus.rvalid == given)
    f.claim(~bus.rvalid | (Cat(bus.rdata, bus.rresp) == Cat(content, response)))
    return Read(owed, word, data, ok)


def axi_lite() -> Monitor:
    """Any master that keeps the rules; registers that answer anything."""
    f = Monitor()
    m, dut = f.m, f.component(AxiLite(4))
    master(f, dut.bus)
    write, read = writes(f, dut.bus), reads(f, dut.bus)
    m.d.comb += [write.ok.eq(dut.write_ok), read.ok.eq(dut.read_ok), read.data.eq(dut.read_data)]
    f.claim(dut.write == write.acts)
    mask = Cat(bit.replicate(8) for bit in write.strobe)
    f.claim(
        ~dut.write
        | (Cat(dut.write_word, dut.write_data, dut.write_mask) == Cat(write.word, write.data, mask))
    )
    f.claim(~read.owed | (dut.read_word == read.word))
    return f


def register_file() -> Monitor:
    """The same before registers whose contents change in every cycle."""
    f = Monitor()
    m, dut = f.m, f.component(Registers())
    master(f, dut.bus)
    write, read = writes(f, dut.bus), reads(f, dut.bus)
    content = Signal(32, name="content_of_word")
    with m.Switch(read.word):
        for register, own in zip(FILE, dut.contents, strict=True):
            with m.Case(register.offset // 4):
                m.d.comb += content.eq(own)
    m.d.comb += [
        write.ok.eq(_is_one(write.word, [own for own in FILE if own.access is not Access.RO])),
        read.ok.eq(_is_one(read.word, FILE)),
        read.data.eq(f.before(f.before(content))),
    ]
    acts = write.acts & write.strobe.any()
    f.claim(dut.written == Cat(acts & _is_one(write.word, [own]) for own in FILE))
    return f


def _is_one(word: Value, registers: Sequence[Register]) -> Value:
    """Whether it is the address of one of them."""
    return Cat(word == own.offset // 4 for own in registers).any()


PROPERTIES = {
    "axi_lite": Property(
        "AXI4-Lite's rules; every write acts once, with its own address, word and strobes; one answer each",
        axi_lite,
        Bug("axi_lite.py", "addressed & filled & ~bus.bvalid", "addressed & filled"),
    ),
    "register_file": Property(
        "a read gives the content of its register of two cycles before; holes and read-only ones are refused",
        register_file,
        Bug("register_file.py", "near, place[NEAR_BITS:]", "near, place[1:]"),
    ),
}

"""From packets of a UART line to accesses of a bus."""

from __future__ import annotations

from amaranth.hdl import Cat, Const, Module, Mux, Signal
from amaranth.lib import memory, stream, wiring
from amaranth.lib.wiring import In, Out

from hw.rtl.axi_lite import OKAY, axi_lite_signature
from hw.rtl.board.bus import BUS_BITS
from hw.rtl.board.packets import ANSWERED, REPLY, SENT, Op, PacketReceiver, PacketSender
from hw.rtl.board.uart import RECEIVED

PROTOCOL = 1
"""Version of the protocol, which is the answer to HELLO."""


class Bridge(wiring.Component):
    """Carries out the requests of a host, one at a time (ARCHITECTURE.md, "A device on a board").

    A request is repeated by the host until it is answered, and carried out once: its reply stays here, so
    that a repetition is answered without an access. Words of requests and of replies are in the two halves
    of one memory, as a damaged request may write into its half at any time.

    Latency: an access begins 3 cycles after the end of a request, the next one 2 cycles after its answer.
    Throughput: one request at a time; what comes before the reply has been sent is dropped.

    Members
    -------
    i : In(RECEIVED)
    o : Out stream of SENT
        A packet is not interrupted by bytes of its own, but may wait.
    bus : Out(axi_lite_signature)
    dropped : Out(1)
        A packet was damaged.
    """

    def __init__(self) -> None:
        super().__init__(
            {
                "i": In(RECEIVED),
                "o": Out(stream.Signature(SENT)),
                "bus": Out(axi_lite_signature(BUS_BITS)),
                "dropped": Out(1),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.submodules.receiver = receiver = PacketReceiver()
        m.submodules.sender = sender = PacketSender()
        m.submodules.words = words = memory.Memory(shape=32, depth=512, init=[])
        write, read = words.write_port(), words.read_port()
        bus, request = self.bus, receiver.request
        wiring.connect(m, sender.o, wiring.flipped(self.o))

        # Words of a request are in the lower half, those of a reply in the upper one.
        sends, accesses, known, reply = Signal(), Signal(), Signal(), Signal(ANSWERED)
        writes, answered, okay = Signal(), Signal(), Signal()
        m.d.comb += [
            receiver.i.eq(self.i),
            receiver.hold.eq(1),
            self.dropped.eq(receiver.dropped),
            sender.answered.eq(reply),
            sender.words.eq(Mux(reply.op == REPLY | Op.WRITE, 0, reply.done)),
            sender.word.eq(read.data),
            read.addr.eq(Mux(sends, Cat(sender.place, Const(1, 1)), reply.done)),
            write.en.eq(receiver.word.valid),
            write.addr.eq(receiver.word.place),
            write.data.eq(receiver.word.data),
        ]
        with m.FSM():
            with m.State("WAIT"):
                m.d.comb += receiver.hold.eq(0)
                with m.If(receiver.arrived):
                    m.next = "BEGIN"
            with m.State("BEGIN"):
                with m.If(known & (request.seq == reply.seq) & (request.op != Op.HELLO)):
                    m.next = "SEND"
                with m.Else():
                    m.d.sync += [known.eq(1), reply.seq.eq(request.seq), reply.op.eq(REPLY | request.op)]
                    with m.If(request.op == Op.HELLO):
                        m.d.comb += [write.en.eq(1), write.addr.eq(1 << 8), write.data.eq(PROTOCOL)]
                        m.d.sync += reply.done.eq(1)
                        m.next = "SEND"
                    with m.Else():
                        m.d.sync += reply.done.eq(0)
                        m.next = "FETCH"
            with m.State("FETCH"):
                m.next = "ACCESS"
            with m.State("ACCESS"):
                m.d.comb += accesses.eq(1)
                with m.If(answered & okay):
                    m.d.comb += [
                        write.en.eq(request.op == Op.READ),
                        write.addr.eq(Cat(reply.done, Const(1, 1))),
                        write.data.eq(bus.rdata),
                    ]
                    m.d.sync += reply.done.eq(reply.done + 1)
                with m.If(answered):
                    m.next = "FETCH"
                    with m.If(~okay | (reply.done + 1 == request.count)):
                        m.next = "SEND"
            with m.State("SEND"):
                m.d.comb += [sends.eq(1), sender.start.eq(1)]
                m.next = "SENDING"
            with m.State("SENDING"):
                m.d.comb += sends.eq(1)
                with m.If(~sender.busy):
                    m.next = "WAIT"

        given = Signal(2)
        taken = Cat(bus.awvalid & bus.awready, bus.wvalid & bus.wready)
        with m.If(writes):
            m.d.comb += [answered.eq(accesses & bus.bvalid), okay.eq(bus.bresp == OKAY)]
            m.d.sync += given.eq(Mux(answered, 0, given | taken))
        with m.Else():
            m.d.comb += [answered.eq(accesses & bus.rvalid), okay.eq(bus.rresp == OKAY)]
            m.d.sync += given.eq(Mux(answered, 0, given | (bus.arvalid & bus.arready)))
        m.d.comb += [
            writes.eq(request.op == Op.WRITE),
            bus.awaddr.eq(request.address),
            bus.awvalid.eq(accesses & writes & ~given[0]),
            bus.wdata.eq(read.data),
            bus.wstrb.eq(0xF),
            bus.wvalid.eq(accesses & writes & ~given[1]),
            bus.bready.eq(accesses),
            bus.araddr.eq(request.address),
            bus.arvalid.eq(accesses & ~writes & ~given[0]),
            bus.rready.eq(accesses),
        ]
        return m

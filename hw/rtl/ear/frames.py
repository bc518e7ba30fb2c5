"""From the counts of frames to a stream of events."""

from __future__ import annotations

from amaranth.hdl import Cat, Module, Mux, Signal, Value
from amaranth.lib import memory, stream, wiring
from amaranth.lib.wiring import In, Out

from fxp_model.ear.spec import EarSpec
from fxp_model.ear.trigger import TriggerSpec
from hw.rtl.ear.neurons import counts_layout
from hw.rtl.ear.trigger import decision_layout, preroll_limit
from hw.rtl.events import event_layout, index_shape


class FrameEvents(wiring.Component):
    """Keeps the counts of the last frames in RAM, and sends those of which the trigger says so.

    A ring of banks, two more than frames of pre-roll, of which there are none without a trigger. Frames that
    are to be sent follow each other in it, as no sample begins while one of the sample before waits, but with
    the next frame. When the counts of a frame come and its bank is still to be sent, the frame is dropped.

    Throughput: a channel per cycle, whatever its count, and a frame every `channels` + 2 cycles. Latency: the
    marker of a frame is offered `channels` + 2 cycles after the decision.

    Parameters
    ----------
    spec : EarSpec
    trigger : TriggerSpec or None

    Members
    -------
    counts : In(counts_layout)
    ends : In(1)
        Behind the counts of a frame.
    arrived : Out(1)
        At once: the frame was not dropped; it is for the trigger to decide.
    dropped : Out(1)
        At once: the frame was dropped.
    decision : In(decision_layout)
        On the frame that arrived last, before the next one comes.
    waits : Out(1)
        A frame is to be sent, or being sent.
    o : Out stream of `event_layout`
        Events of a frame, of rising address, and its marker.
    """

    def __init__(self, spec: EarSpec, trigger: TriggerSpec | None) -> None:
        self._spec, self._banks = spec, preroll_limit(trigger) + 2
        super().__init__(
            {
                "counts": In(counts_layout(spec)),
                "ends": In(1),
                "arrived": Out(1),
                "dropped": Out(1),
                "decision": In(decision_layout(trigger)),
                "waits": Out(1),
                "o": Out(stream.Signature(event_layout(spec.channels, spec.count_bits))),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        channels, banks, counts = self._spec.channels, self._banks, self.counts
        channel_bits = index_shape(channels).width
        m.submodules.ring = ring = memory.Memory(
            shape=self._spec.count_bits, depth=banks << channel_bits, init=[]
        )
        write, read = ring.write_port(), ring.read_port()

        # A frame is told by its age: 1 of the one that arrived last, and `banks` of the one whose bank is the
        # next to be written. Frames from `oldest` on are to be sent; `lasts` says which of them end a sample.
        written = Signal(range(banks))
        oldest, waiting = Signal(range(banks + 1)), Signal(range(banks + 1))
        lasts = Signal(banks, reset_less=True)
        drops, dropping, sent = Signal(), Signal(), Signal()
        decision = self.decision
        sends = Signal()
        m.d.comb += [
            self.waits.eq(waiting != 0),
            drops.eq(Mux(counts.channel == 0, self.waits & (oldest == banks), dropping)),
            write.en.eq(counts.valid & ~drops),
            write.addr.eq(Cat(counts.channel, written)),
            write.data.eq(counts.count),
            self.arrived.eq(self.ends & ~dropping),
            self.dropped.eq(self.ends & dropping),
            sends.eq(decision.valid & decision.sends),
        ]
        with m.If(counts.valid):
            m.d.sync += dropping.eq(drops)
        with m.If(decision.valid):
            m.d.sync += [
                written.eq(Mux(written == banks - 1, 0, written + 1)),
                lasts.eq(Cat(decision.sends & decision.last, lasts)),
            ]
        with m.If(self.waits):
            m.d.sync += oldest.eq(oldest + decision.valid - sent)
        with m.Elif(decision.valid):
            m.d.sync += oldest.eq(decision.before + 1)
        m.d.sync += waiting.eq(waiting + Mux(sends, decision.before + 1, 0) - sent)
        bank = written - oldest
        self._send(m, read, Mux(bank < 0, bank + banks, bank), Cat(0, lasts).bit_select(oldest, 1), sent)
        return m

    def _send(self, m: Module, read: memory.ReadPort, bank: Value, last: Value, sent: Signal) -> None:
        """Read `bank` channel by channel, and then comes the marker; `sent` when that is transferred."""
        channels, payload = self._spec.channels, self.o.payload
        channel = Signal(range(channels + 2))  # that is read; `channels` is the marker
        reads, there, moves = Signal(), Signal(), Signal()
        address, marker = Signal.like(payload.address), Signal()
        m.d.comb += [
            reads.eq(self.waits & (channel != channels + 1)),
            self.o.valid.eq(there & (marker | read.data.any())),
            payload.marker.eq(marker),
            payload.last.eq(marker & last),
            payload.address.eq(address),
            moves.eq(~self.o.valid | self.o.ready),
            sent.eq(there & marker & self.o.ready),
            read.en.eq(moves),
            read.addr.eq(Cat(channel[: len(address)], bank)),
        ]
        if self._spec.count_bits > 1:
            m.d.comb += payload.count.eq(read.data)
        with m.If(moves):
            m.d.sync += [there.eq(reads), address.eq(channel), marker.eq(channel == channels)]
        with m.If(sent):
            m.d.sync += channel.eq(0)
        with m.Elif(moves & reads):
            m.d.sync += channel.eq(channel + 1)

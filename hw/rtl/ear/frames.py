"""From the counts of frames to a stream of events."""

from __future__ import annotations

from amaranth.hdl import Cat, Module, Mux, Signal, Value
from amaranth.lib import memory, stream, wiring
from amaranth.lib.wiring import In, Out

from fxp_model.ear.spec import EarSpec
from fxp_model.ear.trigger import TriggerSpec
from hw.rtl.ear.neurons import counts_layout
from hw.rtl.ear.trigger import decision_layout
from hw.rtl.events import event_layout, index_shape


class FrameEvents(wiring.Component):
    """Keeps the counts of the last frames in RAM, and sends those of which the trigger says so.

    A ring of banks, two more than frames of pre-roll. Frames that are to be sent follow each other in it, as
    no sample begins while one of the sample before waits, but with the next frame. When the counts of a frame
    come and its bank is still to be sent, the frame is dropped.

    Throughput: a channel per cycle, whatever its count, and a frame every `channels` + 2 cycles. Latency: the
    marker of a frame is offered `channels` + 2 cycles after the decision.

    Parameters
    ----------
    spec : EarSpec
    trigger : TriggerSpec

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

    def __init__(self, spec: EarSpec, trigger: TriggerSpec) -> None:
        self._spec, self._banks = spec, trigger.preroll_limit + 2
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

        # Frames from bank `oldest` on are to be sent; `lasts` says of each bank whether it ends a sample.
        newest, oldest = Signal(range(banks)), Signal(range(banks))
        waiting = Signal(range(banks + 1))
        lasts = Signal(banks, reset_less=True)
        drops, dropping, sent = Signal(), Signal(), Signal()
        decision = self.decision
        m.d.comb += [
            self.waits.eq(waiting != 0),
            drops.eq(Mux(counts.channel == 0, self.waits & (newest == oldest), dropping)),
            write.en.eq(counts.valid & ~drops),
            write.addr.eq(Cat(counts.channel, newest)),
            write.data.eq(counts.count),
            self.arrived.eq(self.ends & ~dropping),
            self.dropped.eq(self.ends & dropping),
        ]
        with m.If(counts.valid):
            m.d.sync += dropping.eq(drops)
        with m.If(sent):
            m.d.sync += oldest.eq(self._after(oldest))
        with m.If(decision.valid):
            m.d.sync += [
                newest.eq(self._after(newest)),
                lasts.bit_select(newest, 1).eq(decision.sends & decision.last),
            ]
        with m.If(decision.valid & decision.sends & ~self.waits):
            first = newest - decision.before
            m.d.sync += oldest.eq(Mux(first < 0, first + banks, first))
        new = Mux(decision.valid & decision.sends, decision.before + 1, 0)
        m.d.sync += waiting.eq(waiting + new - sent)
        self._send(m, read, oldest, lasts.bit_select(oldest, 1), sent)
        return m

    def _after(self, bank: Signal) -> Value:
        """The bank that follows."""
        return Mux(bank == self._banks - 1, 0, bank + 1)

    def _send(self, m: Module, read: memory.ReadPort, bank: Signal, last: Value, sent: Signal) -> None:
        """Read `bank` channel by channel, and then comes the marker; `sent` when that is transferred."""
        channels, o = self._spec.channels, self.o
        channel = Signal(range(channels + 1))
        closed, there, moves = Signal(), Signal(), Signal()
        payload = o.payload
        address, marker = Signal.like(payload.address), Signal()
        m.d.comb += [
            o.valid.eq(there & (marker | read.data.any())),
            payload.marker.eq(marker),
            payload.last.eq(marker & last),
            payload.address.eq(address),
            moves.eq(~o.valid | o.ready),
            sent.eq(there & marker & o.ready),
            read.en.eq(moves),
            read.addr.eq(Cat(channel[: len(address)], bank)),
        ]
        if self._spec.count_bits > 1:
            m.d.comb += payload.count.eq(read.data)
        with m.If(moves):
            m.d.sync += [
                there.eq(self.waits & ~closed),
                address.eq(channel),
                marker.eq(channel == channels),
            ]
            with m.If(self.waits & ~closed):
                m.d.sync += channel.eq(channel + 1)
                with m.If(channel == channels):
                    m.d.sync += closed.eq(1)
        with m.If(sent):
            m.d.sync += [closed.eq(0), channel.eq(0)]

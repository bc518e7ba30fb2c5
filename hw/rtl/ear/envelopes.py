"""The envelope of every channel: what is positive, added up over a millisecond."""

from __future__ import annotations

from amaranth.hdl import Cat, Module, Mux, Signal, unsigned
from amaranth.lib import memory, stream, wiring
from amaranth.lib.wiring import In, Out

from fxp_model.ear.spec import EarSpec
from hw.rtl.arithmetic import lanes_of, selected
from hw.rtl.ear.schedule import Schedule


class Envelopes(wiring.Component):
    """Adds up a row of channels per cycle, and sends the sums of a millisecond that is complete.

    The first sample of a millisecond takes the place of the old sums, so that nothing is cleared. The last
    one writes its sums to a second memory, too, which is read by the stream alone: both memories have one
    port to read and one to write. That sample must not begin while there is something to send.

    Throughput: a channel per cycle.

    Parameters
    ----------
    spec : EarSpec
    schedule : Schedule

    Members
    -------
    nearing, done : In(schedule.row_layout())
        Which row has states in the next cycle, and in this one.
    states : In(lanes * state_bits)
        Of the row that is `done`, two's complement.
    sending : Out(1)
        There is something to send.
    o : Out stream of unsigned(envelope_bits)
        Channel 0 first.
    """

    def __init__(self, spec: EarSpec, schedule: Schedule) -> None:
        self._spec, self._schedule = spec, schedule
        super().__init__(
            {
                "nearing": In(schedule.row_layout()),
                "done": In(schedule.row_layout()),
                "states": In(schedule.lanes * spec.state_bits),
                "sending": Out(1),
                "o": Out(stream.Signature(unsigned(spec.envelope_bits))),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        bits, lanes = self._spec.envelope_bits, self._schedule.lanes
        depth = self._schedule.groups * self._schedule.rows
        m.submodules.sums = sums = memory.Memory(shape=unsigned(lanes * bits), depth=depth, init=[])
        m.submodules.sent = sent = memory.Memory(shape=unsigned(lanes * bits), depth=depth, init=[])
        old, new, copy = sums.read_port(), sums.write_port(), sent.write_port()

        states = lanes_of(self.states, self._spec.state_bits)
        olds = [old.data[lane * bits : (lane + 1) * bits] for lane in range(lanes)]
        totals = [
            (Mux(self.done.opening, 0, total) + Mux(state < 0, 0, state.as_unsigned()))[:bits]
            for total, state in zip(olds, states, strict=True)
        ]
        m.d.comb += [
            old.en.eq(self.nearing.valid),
            old.addr.eq(self.nearing.row),
            new.en.eq(self.done.valid & self.done.last),
            copy.en.eq(new.en & self.done.closing),
        ]
        for port in (new, copy):
            m.d.comb += [port.addr.eq(self.done.row), port.data.eq(Cat(totals))]

        # The memory is read at the channel of the next cycle, so that its answer is the channel of this one.
        read = sent.read_port()
        channel = Signal(range(self._spec.channels))
        following = Signal(range(self._spec.channels))
        lane_bits = lanes.bit_length() - 1
        final = channel == self._spec.channels - 1
        m.d.comb += [
            self.o.payload.eq(selected([read.data[lane * bits :][:bits] for lane in range(lanes)], channel)),
            following.eq(channel),
            read.addr.eq(following[lane_bits:]),
            read.en.eq(~copy.en),
        ]
        m.d.sync += [channel.eq(following), self.o.valid.eq(self.sending)]
        with m.If(self.o.valid & self.o.ready):
            m.d.comb += following.eq(Mux(final, 0, channel + 1))
            with m.If(final):
                m.d.sync += [self.sending.eq(0), self.o.valid.eq(0)]
        with m.If(copy.en & self.done.final):
            m.d.sync += self.sending.eq(1)
        return m

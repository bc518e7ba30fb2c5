"""From the envelopes of the ear's filters to the counts of a frame."""

from __future__ import annotations

from amaranth.hdl import Module, Mux, Signal, Value, signed, unsigned
from amaranth.lib import data, memory, stream, wiring
from amaranth.lib.wiring import In, Out

from fxp_model.ear.spec import FRAME_MS, EarSpec
from fxp_model.fixed import signed_width
from hw.rtl.ear.level import SlowLevel
from hw.rtl.ear.logarithm import coarse, coarse_layout, drive, is_zero, log2, log_shape
from hw.rtl.events import index_shape


def counts_layout(spec: EarSpec) -> data.StructLayout:
    """The count of a channel in the frame that ends.

    ``valid``    there is one in this cycle
    ``channel``  0 .. channels - 1, in this order
    ``count``    0 .. max_count
    """
    return data.StructLayout({"valid": 1, "channel": index_shape(spec.channels), "count": spec.count_bits})


class EarNeurons(wiring.Component):
    """Logarithm, level, compression and neurons (NUMERICS.md sections 12 to 14), channel by channel.

    Four places in a row: the envelope as its highest byte, its octaves above the level, its drive, and the
    neuron, which spikes by `spike_limit` comparisons and subtractions, one per cycle; all move on with the
    neuron. The energy of a frame goes the same way behind the last channel, and the next frame waits for the
    level. Potential, raised threshold and count of a channel are one word of RAM, and 0 is taken for them in
    the first millisecond after a reset or of a frame: nothing is ever cleared.

    Throughput: a channel every `spike_limit` cycles. Cycles: `hw.estimates.ear`. For benches, plain
    nets of what is written: `probe_valid`, `probe_potential`, `probe_raised` and `probe_count`.

    Parameters
    ----------
    spec : EarSpec

    Members
    -------
    i : In stream of unsigned(envelope_bits)
        Envelopes of a millisecond, channel 0 to the last; ten milliseconds are a frame.
    first : In(1)
        With the envelope of channel 0: a frame begins. It does in the first millisecond after a reset. Counts
        and energy of a frame that is not complete are forgotten.
    counts : Out(counts_layout)
        They wait for nobody.
    ends : Out(1)
        The counts of a frame are all given.
    loudness : Out
        Logarithm of its energy, `log_shape`, until that of the next one.
    level : Out
        See `SlowLevel`.
    """

    def __init__(self, spec: EarSpec) -> None:
        self._spec = spec
        code = log_shape(spec)
        # a channel, or the energy; the ms is the first after a reset, or the first or the last of a frame
        self._tag = data.StructLayout(
            {
                "valid": 1,
                "energy": 1,
                "channel": index_shape(spec.channels),
                "fresh": 1,
                "first": 1,
                "last": 1,
            }
        )
        super().__init__(
            {
                "i": In(stream.Signature(unsigned(spec.envelope_bits))),
                "first": In(1),
                "counts": Out(counts_layout(spec)),
                "ends": Out(1),
                "loudness": Out(code),
                "level": Out(code.width + spec.level_shift),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        spec = self._spec
        m.submodules.slow_level = level = SlowLevel(spec)
        m.d.comb += self.level.eq(level.level)

        moves = Signal()  # the neuron is done, or there is none
        tags = [Signal(self._tag, name=f"tag_{place}") for place in range(3)]
        number = Signal(coarse_layout(spec), reset_less=True)
        zero = Signal(reset_less=True)
        driven = Signal(range(spec.max_drive + 1), reset_less=True)
        entering, envelope = self._take(m, moves, level.done)
        logarithm = Signal(log_shape(spec))
        offset = self._offset(m, moves, entering.channel)
        octaves = (logarithm + (offset - level.level[spec.level_shift :]))[
            spec.compression_shift :
        ].as_signed()
        compressed = Signal(octaves.shape(), reset_less=True)
        m.d.comb += [logarithm.eq(log2(spec, number)), level.loudness.eq(self.loudness)]
        with m.If(moves):
            m.d.sync += [
                *(after.eq(before) for before, after in zip([entering, *tags], tags, strict=False)),
                number.eq(coarse(spec, envelope)),
                compressed.eq(octaves),
                zero.eq(is_zero(spec, number)),
                driven.eq(Mux(zero, 0, drive(spec, compressed))),
            ]
            with m.If(tags[0].energy):
                m.d.sync += self.loudness.eq(logarithm)
        m.d.sync += [level.start.eq(moves & tags[0].energy), self.ends.eq(moves & tags[2].energy)]
        self._fire(m, moves, tags[1].channel, tags[2], driven)
        return m

    def _take(self, m: Module, moves: Signal, followed: Signal) -> tuple[data.View, Value]:
        """What comes next, and what that is: an envelope, or the energy behind the last one of a frame."""
        spec, i = self._spec, self.i
        tag = Signal(self._tag)
        channel = Signal(index_shape(spec.channels))
        ms, next_ms = Signal(range(FRAME_MS)), Signal(range(FRAME_MS))
        fresh, first = Signal(init=1), Signal()
        energy = Signal(spec.energy_bits, reset_less=True)
        closing, following = Signal(), Signal()
        begins, final = Signal(), Signal()
        m.d.comb += [
            begins.eq(channel == 0),
            final.eq(channel == spec.channels - 1),
            next_ms.eq(Mux(~begins, ms, Mux(self.first, 0, ms + 1))),
            i.ready.eq(moves & ~closing & ~following),
            tag.valid.eq(i.valid & i.ready),
            tag.energy.eq(closing),
            tag.channel.eq(channel),
            tag.fresh.eq(fresh),
            tag.first.eq(Mux(begins, self.first, first)),
            tag.last.eq(next_ms == FRAME_MS - 1),
        ]
        with m.If(tag.valid):
            m.d.sync += [
                channel.eq(Mux(final, 0, channel + 1)),
                ms.eq(next_ms),
                fresh.eq(fresh & ~final),
                first.eq(tag.first),
                energy.eq(Mux(begins & self.first, 0, energy) + i.payload),
                closing.eq(final & tag.last),
            ]
        with m.Elif(moves & closing):
            m.d.sync += [closing.eq(0), following.eq(1)]
        with m.If(followed):
            m.d.sync += following.eq(0)
        return tag, Mux(closing, energy, i.payload)

    def _offset(self, m: Module, moves: Signal, channel: Value) -> Value:
        """The offset of a `channel` that enters, beside it in the first place."""
        offsets = self._spec.offset
        shape = signed(signed_width(min(offsets), max(offsets)))
        m.submodules.offsets = rom = memory.Memory(shape=shape, depth=len(offsets), init=offsets)
        read = rom.read_port()
        m.d.comb += [read.en.eq(moves), read.addr.eq(channel)]
        return read.data

    def _fire(self, m: Module, moves: Signal, coming: Value, tag: data.View, driven: Signal) -> None:
        """The neuron of `tag`, and its spikes one by one; the channel behind it is `coming`."""
        spec = self._spec
        state = data.StructLayout(
            {
                "potential": range(spec.max_potential + 1),
                "raised": range(max(1, spec.max_raised) + 1),
                "count": spec.count_bits,
            }
        )
        m.submodules.states = states = memory.Memory(shape=state, depth=spec.channels, init=[])
        read, write = states.read_port(), states.write_port()
        old, new = read.data, write.data
        # As many cycles are left for this neuron.
        left = Signal(range(spec.spike_limit + 1))
        own = Signal(self._tag, reset_less=True)
        now = Signal(state, reset_less=True)
        limit = Signal(range(spec.threshold + spec.max_raised + 1), reset_less=True)
        potential, raised = Signal.like(old.potential), Signal.like(old.raised)
        spikes = Signal()
        m.d.comb += [
            moves.eq(left <= 1),
            read.en.eq(moves),
            read.addr.eq(coming),
            potential.eq(Mux(tag.fresh, 0, old.potential)),
            raised.eq(Mux(tag.fresh, 0, old.raised)),
            spikes.eq(now.potential >= limit),
            new.potential.eq(now.potential - Mux(spikes, limit, 0)),
            new.raised.eq(now.raised + Mux(spikes, spec.adaptation, 0)),
            new.count.eq(now.count + (spikes & ~now.count.all())),
            write.addr.eq(own.channel),
            write.en.eq(left == 1),
        ]
        m.d.sync += now.eq(new)
        with m.If(moves):
            m.d.sync += [
                left.eq(Mux(tag.valid, spec.spike_limit, 0)),
                own.eq(tag),
                now.potential.eq(potential + driven - _part(potential, spec.leak_shift)),
                now.raised.eq(raised - _part(raised, spec.recovery_shift)),
                now.count.eq(Mux(tag.first, 0, old.count)),
                limit.eq(raised + spec.threshold),
            ]
        with m.Else():
            m.d.sync += left.eq(left - 1)
        m.d.comb += [
            self.counts.valid.eq(write.en & own.last),
            self.counts.channel.eq(own.channel),
            self.counts.count.eq(new.count),
        ]
        probe_valid = Signal()
        probe_potential, probe_raised, probe_count = (
            Signal(len(field), name=f"probe_{name}")
            for name, field in (("potential", new.potential), ("raised", new.raised), ("count", new.count))
        )
        m.d.comb += [
            probe_valid.eq(write.en),
            probe_potential.eq(new.potential),
            probe_raised.eq(new.raised),
            probe_count.eq(new.count),
        ]


def _part(value: Value, shift: int) -> Value:
    """ceil(value / 2**shift)."""
    return value[shift:] + value[:shift].any()

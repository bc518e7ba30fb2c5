"""PCM of any usual rate at 16 kHz."""

from __future__ import annotations

from amaranth.hdl import Cat, Module, Mux, Signal, signed
from amaranth.lib import memory, stream, wiring
from amaranth.lib.wiring import In, Out

from fxp_model.ear.gain import PCM
from fxp_model.ear.resampler import TAP_BITS, ResamplerSpec
from fxp_model.fixed import Overflow, Rounding
from hw.rtl.arithmetic import fitted, rounded
from hw.rtl.banks import RAM_STYLE
from hw.rtl.events import index_shape


def resampler_cycles(spec: ResamplerSpec, inputs: int, outputs: int) -> int:
    """Cycles for which a `Resampler` works on so many inputs and outputs, when nothing holds it up.

    One for an input, K + `Resampler.LATENCY` for an output. A stream of `spec.rate_hz` needs a clock of at
    least `resampler_cycles(spec, spec.rate_hz, 16_000)` Hz.
    """
    return inputs + outputs * (spec.taps_per_phase + Resampler.LATENCY)


class Resampler(wiring.Component):
    """Polyphase filter with one multiplier (NUMERICS.md section 15).

    The last inputs are in a ring in block RAM, the first half of the symmetric taps in another. An output
    takes a cycle per tap, so memory and time are as small as one multiplier allows, and both grow with K.

    Latency: an output is offered K + `LATENCY` cycles after the input that completes it, or after the
    transfer of the output before it, whichever is later. Throughput: `resampler_cycles`.

    Parameters
    ----------
    spec : ResamplerSpec

    Members
    -------
    i : In stream of signed(16)
        At the rate of the spec. Not taken while an output is made or waits.
    o : Out stream of signed(16)
        At 16 kHz.
    """

    LATENCY = 3
    """Cycles of an output beyond one per tap: read, multiply and add; the transfer is in the last one."""

    def __init__(self, spec: ResamplerSpec) -> None:
        self._spec = spec
        signature = stream.Signature(signed(PCM.width))
        super().__init__({"i": In(signature), "o": Out(signature)})

    def elaborate(self, platform: object) -> Module:
        m = Module()
        spec = self._spec
        taps_per_phase, up, down, n_taps = spec.taps_per_phase, spec.up, spec.down, spec.n_taps

        depth = 1 << index_shape(taps_per_phase).width
        m.submodules.ring = ring = memory.Memory(
            shape=signed(PCM.width), depth=depth, init=[], attrs={RAM_STYLE: "block"}
        )
        m.submodules.taps = taps = memory.Memory(
            shape=signed(TAP_BITS),
            depth=max(2, len(spec.half)),
            init=list(spec.half),
            attrs={RAM_STYLE: "block"},
        )
        write, sample, coefficient = ring.write_port(), ring.read_port(), taps.read_port()

        # `position` is that of the next output, in phases from the next input; while one is made, from the
        # newest. The output is due when no later input comes before it.
        position = Signal(range(max(up, down)))
        following = Signal(range(up + down))
        newest = Signal(range(depth))
        known = Signal(range(taps_per_phase + 1))
        busy, taken, sent = Signal(), Signal(), Signal()
        m.d.comb += [
            self.i.ready.eq(~busy),
            taken.eq(self.i.valid & self.i.ready),
            sent.eq(self.o.valid & self.o.ready),
            following.eq(Mux(busy, position + down, position)),
            write.addr.eq(newest + 1),
            write.data.eq(self.i.payload),
            write.en.eq(taken),
        ]
        with m.If(taken):
            m.d.sync += newest.eq(newest + 1)
            with m.If(known != taps_per_phase):
                m.d.sync += known.eq(known + 1)

        # A cycle per tap, from the newest input back; those before the first are not added, whatever the
        # ring holds. Issue the addresses | read | multiply | add.
        tap = Signal(range(n_taps))
        place = Signal.like(newest)
        age = Signal(range(taps_per_phase))
        due, issuing, reading, multiplied = Signal(), Signal(), Signal(name="reading"), Signal()
        in_use = Signal(2)
        product = Signal(signed(PCM.width + TAP_BITS), reset_less=True)
        total = Signal(signed(spec.sum_bits), reset_less=True)
        m.d.comb += [
            due.eq((taken | sent) & (following < up)),
            sample.addr.eq(place),
            coefficient.addr.eq(Mux(tap < len(spec.half), tap, n_taps - 1 - tap)),
        ]
        with m.If(taken | sent):
            m.d.sync += [busy.eq(due), position.eq(Mux(due, following, following - up))]
        with m.If(due):
            m.d.sync += [issuing.eq(1), tap.eq(following), place.eq(newest + taken), age.eq(0), total.eq(0)]
        with m.Elif(issuing):
            m.d.sync += [tap.eq(tap + up), place.eq(place - 1), age.eq(age + 1)]
            with m.If(age == taps_per_phase - 1):
                m.d.sync += issuing.eq(0)
        m.d.sync += [
            reading.eq(issuing),
            multiplied.eq(reading),
            in_use.eq(Cat(age < known, in_use)),
            product.eq(sample.data * coefficient.data),
        ]
        with m.If(multiplied & in_use[-1]):
            m.d.sync += total.eq(total + product)

        nearest = rounded(total, spec.frac_bits, PCM, Rounding.RND)
        m.d.comb += [
            self.o.valid.eq(busy & ~issuing & ~reading & ~multiplied),
            self.o.payload.eq(fitted(nearest, PCM, Overflow.SAT)),
        ]
        return m

"""From a microphone's 24 bits to 16-bit PCM, with gain."""

from __future__ import annotations

from amaranth.hdl import Cat, Const, Module, Mux, Signal, signed
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from fxp_model.ear.gain import MAX_GAIN, PCM, SAMPLE
from fxp_model.fixed import Overflow, Rounding
from hw.rtl.arithmetic import beyond, fitted, rounded


class Gain(wiring.Component):
    """Shifts a sample to the left, rounds it and clamps it (NUMERICS.md section 15).

    One bit per cycle: samples are hundreds of cycles apart, and a shifter for all gains at once would be the
    larger part of the block.

    Latency `gain` + 1 cycles, throughput one sample every `cycles` = `gain` + 2.

    Members
    -------
    i : In stream of signed(24)
    gain : In(4)
        In bits; it holds for the samples that are taken from then on.
    o : Out stream of signed(16)
    clipped : Out(1)
        The sample that is transferred at `o` had no code: for a `hw.rtl.counter.Counter`.
    """

    def __init__(self) -> None:
        super().__init__(
            {
                "i": In(stream.Signature(signed(SAMPLE.width))),
                "gain": In(range(MAX_GAIN + 1)),
                "o": Out(stream.Signature(signed(PCM.width))),
                "clipped": Out(1),
            }
        )

    @staticmethod
    def cycles(gain: int) -> int:
        """From a sample that it takes to the next one."""
        return gain + 2

    def elaborate(self, platform: object) -> Module:
        m = Module()

        # With one bit more than a sample, a shift that changes the sign is of a sample that will be clipped;
        # the sign is kept and says where.
        full, left = Signal(), Signal.like(self.gain)
        value = Signal(signed(SAMPLE.width + 1), reset_less=True)
        too_large = Signal(reset_less=True)
        m.d.comb += self.i.ready.eq(~full)
        with m.If(~full):
            m.d.sync += [full.eq(self.i.valid), value.eq(self.i.payload), left.eq(self.gain), too_large.eq(0)]
        with m.Elif(left.any()):
            m.d.sync += [
                left.eq(left - 1),
                value.eq(Cat(Const(0, 1), value[:-2], value[-1])),
                too_large.eq(too_large | (value[-1] ^ value[-2])),
            ]
        with m.Elif(self.o.ready):
            m.d.sync += full.eq(0)

        nearest = rounded(value, SAMPLE.frac_bits, PCM, Rounding.RND)
        end = Mux(value[-1], Const(PCM.min_raw, signed(PCM.width)), Const(PCM.max_raw, signed(PCM.width)))
        m.d.comb += [
            self.o.valid.eq(full & ~left.any()),
            self.o.payload.eq(Mux(too_large, end, fitted(nearest, PCM, Overflow.SAT))),
            self.clipped.eq(self.o.valid & self.o.ready & (too_large | beyond(nearest, PCM))),
        ]
        return m

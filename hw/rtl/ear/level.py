"""The slow level of the ear."""

from __future__ import annotations

from amaranth.hdl import Cat, Const, Module, Mux, Signal, signed
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from fxp_model.ear.spec import EarSpec
from hw.rtl.ear.logarithm import log_shape


class SlowLevel(wiring.Component):
    """Follows the loudness of frames (NUMERICS.md section 14).

    One bit of the division by the age per cycle: there is one frame in ten milliseconds.

    Latency: `done` follows `start` by ``level_shift + 1`` cycles, whatever the frame.

    Parameters
    ----------
    spec : EarSpec

    Members
    -------
    start : In(1)
        A frame has ended; none before the one before is done.
    loudness : In
        Logarithm of its energy, `log_shape`.
    level : Out
        Fraction ``log_frac_bits + level_shift``. It is the new one in the cycle after `done`.
    done : Out(1)
    """

    def __init__(self, spec: EarSpec) -> None:
        self._spec = spec
        code = log_shape(spec)
        super().__init__(
            {
                "start": In(1),
                "loudness": In(code),
                "level": Out(code.width + spec.level_shift),
                "done": Out(1),
            }
        )

    @staticmethod
    def cycles(spec: EarSpec) -> int:
        """From `start` to `done`, both included."""
        return spec.level_shift + 2

    def elaborate(self, platform: object) -> Module:
        m = Module()
        spec, shift, bits = self._spec, self._spec.level_shift, self._spec.log_frac_bits
        floor = spec.level_floor << bits
        level = Signal(len(self.level), init=spec.level_start << bits + shift)
        age = Signal(range((1 << shift) + 1))
        m.d.comb += self.level.eq(level)

        # The distance is shifted along with a copy of the age, until that is 1. The level is held above its
        # floor whatever the frame: a loud one takes it nowhere below, as the first of these sets it.
        distance = Signal(signed(max(len(level), spec.level_fall.bit_length()) + 1), reset_less=True)
        divisor = Signal.like(age, reset_less=True)
        left = Signal(range(shift + 2))
        loud, older, moved = Signal(), Signal.like(age), Signal(signed(len(distance) + 1))
        m.d.comb += [
            loud.eq((self.loudness >= floor) & (self.loudness + spec.level_range >= level[shift:])),
            older.eq(Mux(age[shift], age, age + 1)),
            moved.eq(level + distance),
            self.done.eq(left == 1),
        ]
        with m.If(self.start):
            m.d.sync += left.eq(shift + 1)
            with m.If(loud):
                m.d.sync += [
                    age.eq(older),
                    divisor.eq(older),
                    distance.eq(Cat(Const(0, shift), self.loudness) - level),
                ]
            with m.Else():
                m.d.sync += [divisor.eq(1), distance.eq(-spec.level_fall)]
        with m.Elif(left != 0):
            m.d.sync += left.eq(left - 1)
            with m.If(self.done):
                m.d.sync += level.eq(Mux(moved < floor << shift, floor << shift, moved))
            with m.Elif(divisor[1:].any()):
                m.d.sync += [divisor.eq(divisor >> 1), distance.eq(distance >> 1)]
        return m

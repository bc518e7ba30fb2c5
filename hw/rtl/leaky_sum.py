"""The arithmetic of a leaky state: what is kept of it and its inputs, summed exactly, then rounded."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from amaranth.hdl import Cat, Const, Module, Mux, Signal, Value, signed

from fxp_model.fixed import Rounding, signed_width
from fxp_model.spec import ExactSum, Leak
from hw.rtl.arithmetic import rounded, rounding_up, scaled, sign_extended, times, times_count


def rounding_term(total: ExactSum) -> int:
    """What is added to an exact sum so that truncation rounds it, where that does not depend on the sum.

    Half an lsb for halves up, just less for halves down; 0 for the other modes.
    """
    half = 1 << total.rounded_bits >> 1
    return {Rounding.RND: half, Rounding.RND_MIN_INF: max(half - 1, 0)}.get(total.rounding, 0)


@dataclass(frozen=True)
class LeakySum:
    """share * state + inputs, in a lane: leak and feed | sum | round.

    Parameters
    ----------
    name : str
        Prefix of its registers.
    leak : Leak
    total : ExactSum
    added : int
        `rounding_term`, if the inputs contain it, else 0.
    use_dsp : bool
        A share of a neuron's own is multiplied by a multiplier, and not by adders.
    """

    name: str
    leak: Leak
    total: ExactSum
    added: int
    use_dsp: bool

    @property
    def bits(self) -> int:
        """Width of the sum."""
        return signed_width(*(limit + self.added for limit in self.total.range))

    @property
    def rounding(self) -> Rounding:
        """What is left to do of the rounding."""
        return Rounding.TRN if self.added else self.total.rounding

    def rounded(
        self,
        m: Module,
        lane: int,
        first: Value,
        state: Value,
        share: Value | int,
        feed: Sequence[Value],
        terms: Sequence[Value],
    ) -> Value:
        """The sum in lsb of the state, two cycles after `state`, `share` and the terms `feed`.

        `terms` come a cycle later than those; all are of the fraction of the sum. `first` makes the state 0.
        """
        # Zeroing behind the product uses the reset of a register; before it, a gate per bit.
        bits = len(state) + self.leak.share_format.width
        kept = Signal(signed(bits), name=f"{self.name}kept_{lane}", reset_less=True)
        m.d.sync += kept.eq(Mux(first, 0, self._product(state, share)))
        fed = []
        if feed:
            value = sum(feed[1:], feed[0])
            fed = [Signal(signed(len(value)), name=f"{self.name}fed_{lane}", reset_less=True)]
            m.d.sync += fed[0].eq(value)
        code, *up = self._kept(kept)
        total = Signal(signed(self.bits), name=f"{self.name}total_{lane}", reset_less=True)
        m.d.sync += total.eq(sum([*fed, *terms, *up], code))
        return rounded(total, self.total.frac_bits, self.total.target, self.rounding)

    def _product(self, state: Value, share: Value | int) -> Value:
        if isinstance(share, int):
            return times(state, share)
        return state * share if self.use_dsp else times_count(state, share)

    def _kept(self, kept: Value) -> list[Value]:
        """Terms of the product `kept`: if it is rounded by itself, a code, and whether it is one more."""
        leak, places = self.leak, self.total.frac_bits - self.leak.frac_bits
        if leak.rounding is None or not leak.shift:
            return [scaled(kept, places)]
        kept = sign_extended(kept, leak.shift + 1)
        code = scaled(kept[leak.shift :].as_signed(), places)
        if leak.rounding is Rounding.TRN:
            return [code]
        up = Cat(rounding_up(kept, leak.shift, leak.rounding), Const(0, 1)).as_signed()
        return [code, scaled(up, places)]

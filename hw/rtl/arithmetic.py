"""Combinational arithmetic on two's complement words (NUMERICS.md sections 2 and 3)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import reduce
from operator import or_

from amaranth.hdl import Cat, Const, Mux, Value, signed

from fxp_model.fixed import Overflow, QFormat, Rounding


def lanes_of(word: Value, width: int) -> list[Value]:
    """The signed lanes of `width` bits in `word`, lowest first."""
    return [word[low : low + width].as_signed() for low in range(0, len(word), width)]


def pack(codes: Sequence[int], width: int) -> int:
    """One memory word of `codes`, each in `width` bits of two's complement, the first in the low bits."""
    mask = (1 << width) - 1
    return sum((int(code) & mask) << (width * lane) for lane, code in enumerate(codes))


def selected(items: Sequence[Value], index: Value) -> Value:
    """The item at `index`, as a tree of two-way multiplexers; any item when `index` is beyond the last."""
    if len(items) == 1:
        return items[0]
    half = 1 << ((len(items) - 1).bit_length() - 1)
    low, high = items[:half], items[half:]
    return Mux(index[half.bit_length() - 1], selected(high, index), selected(low, index))


def any_of(chosen: Value, items: Iterable[Value | int]) -> Value:
    """The item whose bit is set in the one-hot `chosen`; 0 when none is."""
    return reduce(or_, (Mux(bit, item, 0) for bit, item in zip(chosen, items, strict=True)))


def lowest_of(bits: Value) -> tuple[Value, Value]:
    """The lowest bit that is set, and the others."""
    lowest = (bits & -bits)[: len(bits)]
    return lowest, bits & ~lowest


def parities(bits: Value) -> list[Value]:
    """For each bit, and for the end, whether an odd number of the bits below it is set."""
    if len(bits) == 1:
        return [Const(0, 1), bits]
    half = (len(bits) + 1) // 2
    low, high = parities(bits[:half]), parities(bits[half:])
    return low[:-1] + [low[-1] ^ odd for odd in high]


def scaled(value: Value, shift: int) -> Value:
    """`value` * 2**shift, exact, for a `shift` of 0 or more."""
    return Cat(Const(0, shift), value).as_signed() if shift else value


def times(value: Value, factor: int) -> Value:
    """`value` * `factor` for a constant `factor` of 0 or more, as sums and differences of shifts.

    The signed digits of the factor are those of the non-adjacent form, in which two of three digits are 0
    on average. So a constant factor takes no multiplier.
    """
    terms = []
    for place in range(factor.bit_length() + 1):
        if factor >> place & 1:
            digit = 2 - (factor >> place & 3)
            factor -= digit << place
            terms.append(scaled(value, place) if digit > 0 else -scaled(value, place))
    return sum(terms[1:], terms[0]) if terms else Const(0, signed(len(value)))


def times_count(value: Value, count: Value) -> Value:
    """`value` * `count` for an unsigned `count` of any width, with adders only.

    Each two bits of the count select 0, 1, 2 or 3 times the value: one addition forms 3 * value, and one term
    is added for every two bits.
    """
    multiples = [Const(0, signed(1)), value, scaled(value, 1), value + scaled(value, 1)]
    terms = []
    for place in range(0, len(count), 2):
        digit = count[place : place + 2]
        terms.append(scaled(selected(multiples[: 1 << len(digit)], digit), place))
    return sum(terms[1:], terms[0])


def sign_extended(value: Value, width: int) -> Value:
    """`value` in at least `width` bits."""
    return value if len(value) >= width else Cat(value, value[-1].replicate(width - len(value))).as_signed()


def rounding_up(raw: Value, shift: int, rounding: Rounding) -> Value:
    """Whether `rounding` takes the code above `raw` >> `shift`, for a `shift` of 1 .. len(raw) - 1."""
    half, negative = raw[shift - 1], raw[-1]
    below = raw[: shift - 1].any() if shift > 1 else None

    def half_if(*others: Value) -> Value:
        """Half an lsb or more, and any of the `others` or of the bits below it."""
        return half & reduce(or_, others if below is None else (below, *others))

    match rounding:
        case Rounding.TRN:
            return Const(0, 1)
        case Rounding.TRN_ZERO:
            return negative & raw[:shift].any()
        case Rounding.RND:
            return half
        case Rounding.RND_ZERO:
            return half_if(negative)
        case Rounding.RND_INF:
            return half_if(~negative)
        case Rounding.RND_MIN_INF:
            return half_if(Const(0, 1))
        case Rounding.RND_CONV:
            return half_if(raw[shift])


def rounded(raw: Value, frac_bits: int, target: QFormat, rounding: Rounding) -> Value:
    """`raw` in lsb of `target`: the first half of `fxp_model.fixed.requantize`, at most an increment."""
    shift = frac_bits - target.frac_bits
    if shift <= 0:
        return scaled(raw, -shift)
    raw = sign_extended(raw, shift + 1)
    kept = raw[shift:].as_signed()
    return kept if rounding is Rounding.TRN else kept + rounding_up(raw, shift, rounding)


def beyond(value: Value, target: QFormat, overflow: Overflow = Overflow.SAT) -> Value:
    """Whether `overflow` leaves no code of the signed format `target` for the integer `value`."""
    value = sign_extended(value, target.width)
    above = value[target.width - 1 :]
    outside = above.any() & ~above.all()
    if target.lowest(overflow) == target.min_raw:
        return outside
    return outside | (value[: target.width] == 1 << target.width - 1)


def fitted(value: Value, target: QFormat, overflow: Overflow) -> Value:
    """The code of the signed format `target` for the integer `value`: the second half of `requantize`."""
    low = sign_extended(value, target.width)[: target.width].as_signed()
    lowest = target.lowest(overflow)
    if overflow is Overflow.WRAP or (len(value) <= target.width and lowest == target.min_raw):
        return low
    shape = signed(target.width)
    clamped: Value = Const(0, shape)
    if overflow is not Overflow.SAT_ZERO:
        clamped = Mux(value[-1], Const(lowest, shape), Const(target.max_raw, shape))
    return Mux(beyond(value, target, overflow), clamped, low)

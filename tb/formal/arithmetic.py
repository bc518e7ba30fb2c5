"""Rounding, clamping and products, for every code."""

from __future__ import annotations

from functools import partial

from amaranth.hdl import Const, Mux, Value

from fxp_model.fixed import Overflow, QFormat, Rounding
from hw.rtl.arithmetic import beyond, fitted, rounded, scaled, times, times_count
from tb.formal.monitor import Monitor, Property
from tb.harness.planted import Bug

SUMS = (
    (28, 18, QFormat(True, 6, 10)),
    (26, 16, QFormat(True, 8, 8)),
    (9, 4, QFormat(True, 3, 3)),
    (6, 2, QFormat(True, 4, 3)),
)
"""Sums, their fraction, and membranes: those of the bundled networks; shifts by one place, right and left."""
BETAS = ((16, 230), (16, 192), (9, 255), (9, 1), (9, 0))
"""Bits of a membrane, and factors: those of the bundled networks, and the ends."""


def _any(f: Monitor, width: int, name: str) -> Value:
    """An arbitrary code, from a register: the solvers want a circuit that has one."""
    return f.before(f.free(width, f"{name}_{width}").as_signed(), True)


def requantise(rounding: Rounding) -> Monitor:
    """NUMERICS.md section 3, by inequalities."""
    f = Monitor()
    for width, frac_bits, target in SUMS:
        raw = _any(f, width, "raw")
        q, shift = rounded(raw, frac_bits, target, rounding), frac_bits - target.frac_bits
        if shift <= 0:
            f.claim(q == raw * (1 << -shift))
        else:
            f.claim(_nearest(raw, q, raw - scaled(q, shift), 1 << shift, rounding))
            if rounding is Rounding.RND:
                f.claim(q == rounded(raw + (1 << shift >> 1), frac_bits, target, Rounding.TRN))
        for overflow in (Overflow.SAT, Overflow.SAT_SYM, Overflow.SAT_ZERO):
            low, high = target.lowest(overflow), target.max_raw
            ends = (0, 0) if overflow is Overflow.SAT_ZERO else (low, high)
            f.claim(beyond(q, target, overflow) == ((q > high) | (q < low)))
            f.claim(fitted(q, target, overflow) == Mux(q > high, ends[1], Mux(q < low, ends[0], q)))
        wrapped = fitted(q, target, Overflow.WRAP)
        f.claim((wrapped >= target.min_raw) & (wrapped <= target.max_raw))
        f.claim((q - wrapped)[: target.width] == 0)
    return f


def _nearest(raw: Value, q: Value, error: Value, lsb: int, rounding: Rounding) -> Value:
    """Whether q is the code for `raw` = q * lsb + error, by the ends of the interval that error may be in."""
    half, negative = lsb >> 1, raw < 0
    down, up = (error >= 0) & (error < lsb), (error > -lsb) & (error <= 0)
    half_up, half_down = (error >= -half) & (error < half), (error > -half) & (error <= half)
    match rounding:
        case Rounding.TRN:
            return down
        case Rounding.TRN_ZERO:
            return Mux(negative, up, down)
        case Rounding.RND:
            return half_up
        case Rounding.RND_ZERO:
            return Mux(negative, half_up, half_down)
        case Rounding.RND_INF:
            return Mux(negative, half_down, half_up)
        case Rounding.RND_MIN_INF:
            return half_down
        case Rounding.RND_CONV:
            tie = (error == half) | (error == -half)
            return (half_up | half_down) & ~(tie & q[0])


def products() -> Monitor:
    """The leak by a constant factor; a weight by a count."""
    f = Monitor()
    for width, beta in BETAS:
        v = _any(f, width, f"v_{beta}")
        terms = [v << place for place in range(8) if beta >> place & 1]
        f.claim(times(v, beta) == sum(terms, Const(0, 1)))
    for width, bits in ((8, 3), (4, 4), (3, 1)):
        weight, count = _any(f, width, "weight"), _any(f, bits, f"count_{width}").as_unsigned()
        terms = [Mux(count[place], weight << place, 0) for place in range(bits)]
        f.claim(times_count(weight, count) == sum(terms, Const(0, 1)))
    return f


def _rounds(claim: str, rounding: Rounding, right: str, wrong: str) -> Property:
    """The property that `requantise` states of one mode, and a bug."""
    return Property(claim, partial(requantise, rounding), Bug("arithmetic.py", right, wrong))


_CODE = "raw = sign_extended(raw, shift + 1)\n    kept = raw[shift:]"

PROPERTIES = {
    "truncate": _rounds(
        "requantisation by truncation, with every mode of overflow, is its definition",
        *(Rounding.TRN, "above.any() & ~above.all()", "above.any()"),
    ),
    "truncate_to_zero": _rounds(
        "the same towards zero",
        *(Rounding.TRN_ZERO, "return negative & raw[:shift].any()", "return raw[:shift].any()"),
    ),
    "round": _rounds(
        "the same to nearest, halves up; half an lsb in the bias is the same",
        *(Rounding.RND, _CODE + ".as_signed()", _CODE),
    ),
    "round_to_zero": _rounds(
        "the same to nearest, halves towards zero",
        *(Rounding.RND_ZERO, "half_if(negative)", "half_if(~negative)"),
    ),
    "round_away": _rounds(
        "the same to nearest, halves away from zero",
        *(Rounding.RND_INF, "half_if(~negative)", "half_if(Const(1, 1))"),
    ),
    "round_down": _rounds(
        "the same to nearest, halves towards minus infinity",
        *(Rounding.RND_MIN_INF, "return half_if(Const(0, 1))", "return half"),
    ),
    "round_to_even": _rounds(
        "the same to nearest, halves to even",
        *(Rounding.RND_CONV, "return half_if(raw[shift])", "return half_if(~raw[shift])"),
    ),
    "products": Property(
        "the leak's factors and the counts multiply exactly",
        products,
        Bug("arithmetic.py", "factor -= digit << place", "factor -= digit >> place"),
    ),
}

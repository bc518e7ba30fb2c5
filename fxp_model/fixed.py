"""Fixed-point formats and the one requantisation (NUMERICS.md sections 1 to 3).

The semantics are those of ``ap_fixed<W, I, Q, O>`` (AMD UG1399, "Arbitrary Precision
Fixed-Point Data Types"), with every mode of it but ``AP_WRAP_SM``.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fxp_model.checks import integers
from fxp_model.errors import InputError, shown

MAX_WIDTH = 32
"""Widest format, in bits; exact sums stay below 2**62 and fit an int64."""
MAX_FRAC_BITS = 48
"""Largest magnitude of `QFormat.frac_bits`."""
MAX_SHIFT = 62
"""Largest shift of `requantize`, and log2 of the largest magnitude of a code in it."""


class Rounding(StrEnum):
    """What happens to the bits below the new lsb (``AP_TRN``, ``AP_RND``, ...)."""

    TRN = "TRN"
    """Towards minus infinity (truncate the two's complement)."""
    TRN_ZERO = "TRN_ZERO"
    """Towards zero."""
    RND = "RND"
    """To nearest, halves towards plus infinity."""
    RND_ZERO = "RND_ZERO"
    """To nearest, halves towards zero."""
    RND_INF = "RND_INF"
    """To nearest, halves away from zero."""
    RND_MIN_INF = "RND_MIN_INF"
    """To nearest, halves towards minus infinity."""
    RND_CONV = "RND_CONV"
    """To nearest, halves to the even code."""


class Overflow(StrEnum):
    """What happens to a code outside the format (``AP_WRAP``, ``AP_SAT``, ...)."""

    WRAP = "WRAP"
    """Keep the low bits (modulo 2**width)."""
    SAT = "SAT"
    """Clamp to the nearest code of the format."""
    SAT_ZERO = "SAT_ZERO"
    """Zero."""
    SAT_SYM = "SAT_SYM"
    """Clamp to the nearest of -max .. max, so that the lowest code of a signed format is not used."""


@dataclass(frozen=True)
class QFormat:
    """A fixed-point format: real = raw * 2**-frac_bits, raw an integer of `width` bits.

    Parameters
    ----------
    signed : bool
        Two's complement when true.
    int_bits : int
        Bits left of the binary point, the sign included (``I`` of ``ap_fixed<W, I>``).
        May be negative or exceed the width, as there.
    frac_bits : int
        Bits right of the binary point; the lsb is worth 2**-frac_bits.

    Raises
    ------
    InputError
        If the width is not in 1..32 or the fraction not in -48..48.
    """

    signed: bool
    int_bits: int
    frac_bits: int

    def __post_init__(self) -> None:
        for field in ("int_bits", "frac_bits"):
            value = getattr(self, field)
            if not isinstance(value, int) or isinstance(value, bool):
                raise InputError(f"{field} of a format must be an integer, not {shown(value)}")
        if not isinstance(self.signed, bool):
            raise InputError(f"signed of a format must be true or false, not {shown(self.signed)}")
        if not 1 <= self.width <= MAX_WIDTH:
            raise InputError(f"width of {self} must be 1..{MAX_WIDTH} bits, not {self.width}")
        if abs(self.frac_bits) > MAX_FRAC_BITS:
            raise InputError(
                f"frac_bits of {self} must be -{MAX_FRAC_BITS}..{MAX_FRAC_BITS}, not {self.frac_bits}"
            )

    @property
    def width(self) -> int:
        """Bits of a code."""
        return self.int_bits + self.frac_bits

    @property
    def min_raw(self) -> int:
        """Lowest code."""
        return -(1 << (self.width - 1)) if self.signed else 0

    @property
    def max_raw(self) -> int:
        """Highest code."""
        return (1 << (self.width - int(self.signed))) - 1

    @property
    def lsb(self) -> float:
        """Real value of one code step, 2**-frac_bits."""
        return 2.0**-self.frac_bits

    def to_real(self, raw: ArrayLike) -> NDArray[np.float64]:
        """Real values of the codes `raw`, exact (a code has at most 32 bits)."""
        return np.ldexp(np.asarray(raw, dtype=np.float64), -self.frac_bits)

    def from_real(
        self,
        real: ArrayLike,
        rounding: Rounding = Rounding.RND,
        overflow: Overflow = Overflow.SAT,
    ) -> NDArray[np.int64]:
        """Codes of the finite reals `real`, by the given rounding and overflow modes.

        Raises
        ------
        InputError
            If a value is not finite, or its scaled magnitude is 2**53 or more.
        """
        rounding, overflow = _modes(rounding, overflow)
        try:
            values = np.asarray(real, dtype=np.float64)
        except (ValueError, TypeError):
            raise InputError(f"value for {self} must be real numbers, not {real!r}") from None
        with np.errstate(over="ignore"):
            scaled = np.ldexp(values, self.frac_bits)
        if not np.all(np.abs(scaled) < 2.0**53):
            worst = scaled.ravel()[np.argmax(~(np.abs(scaled.ravel()) < 2.0**53))]
            raise InputError(f"value for {self} must be finite and below 2**53 lsb, not {worst} lsb")
        floor = np.floor(scaled)
        rest = scaled - floor
        half, below = rest >= 0.5, (rest != 0) & (rest != 0.5)
        return self._fit(_rounded(floor.astype(np.int64), half, below, scaled < 0, rounding), overflow)

    def check(self, name: str, raw: NDArray[np.int64]) -> None:
        """Raise `InputError`, naming `name`, unless every code of `raw` is in range."""
        wrong = (raw < self.min_raw) | (raw > self.max_raw)
        if np.any(wrong):
            where = tuple(int(i) for i in np.argwhere(wrong)[0])
            raise InputError(
                f"{name}{list(where) if where else ''} must be {self.min_raw}..{self.max_raw} ({self}), "
                f"not {int(raw[where])}"
            )

    def lowest(self, overflow: Overflow) -> int:
        """Lowest code that `overflow` leaves: with ``SAT_SYM``, -max of a signed format above 1 bit."""
        symmetric = overflow is Overflow.SAT_SYM and self.signed and self.width > 1
        return -self.max_raw if symmetric else self.min_raw

    def _fit(self, raw: NDArray[np.int64], overflow: Overflow) -> NDArray[np.int64]:
        if overflow is Overflow.WRAP:
            low = raw & ((1 << self.width) - 1)
            return low - ((low > self.max_raw).astype(np.int64) << self.width)
        clamped = np.clip(raw, self.lowest(overflow), self.max_raw)
        return np.where(clamped == raw, raw, 0) if overflow is Overflow.SAT_ZERO else clamped

    @classmethod
    def from_string(cls, text: str) -> QFormat:
        """The format that `text` names, without modes: ``ap_fixed<8,2>``, ``ufixed<8,0>``, ``ap_int<4>``.

        Raises
        ------
        InputError
            If `text` is not a precision, or names modes, which a format does not have (`parse_precision`).

        >>> QFormat.from_string("ap_ufixed<8,0>") == QFormat.from_string(" ufixed< 8 , 0 > ")
        True
        """
        fmt, modes = _parse(text)
        if modes:
            raise InputError(f"format must have no rounding or overflow mode: {shown(text)}")
        return fmt

    def to_hls4ml(self, rounding: Rounding | None = None, overflow: Overflow | None = None) -> str:
        """The precision in the notation of hls4ml and C++, with modes if both are given.

        >>> QFormat(True, 6, 10).to_hls4ml(), QFormat(True, 6, 10).to_hls4ml(Rounding.RND, Overflow.SAT)
        ('ap_fixed<16,6>', 'ap_fixed<16,6,AP_RND,AP_SAT>')
        """
        if (rounding is None) != (overflow is None):
            raise InputError("rounding and overflow of a precision must both be given, or neither")
        modes = "" if rounding is None else f",AP_{Rounding(rounding)},AP_{Overflow(str(overflow))}"
        return f"ap_{'' if self.signed else 'u'}fixed<{self.width},{self.int_bits}{modes}>"

    def to_dict(self) -> dict[str, Any]:
        """JSON form."""
        return {"signed": self.signed, "int_bits": self.int_bits, "frac_bits": self.frac_bits}

    def __str__(self) -> str:
        return f"{'' if self.signed else 'u'}fixed<{self.width},{self.int_bits}>"


def parse_precision(text: str) -> tuple[QFormat, Rounding, Overflow]:
    """Format and modes of a precision such as ``ap_fixed<16,6,AP_RND,AP_SAT>``.

    ``ap_`` and ``AP_`` may be left out, and so may the modes: they are ``TRN`` and ``WRAP`` then,
    as in C++.

    Raises
    ------
    InputError
        If `text` is not such a precision, or has a mode that Spikeline does not support.

    >>> parse_precision("ap_fixed<16,6,RND,SAT>")[1:]
    (<Rounding.RND: 'RND'>, <Overflow.SAT: 'SAT'>)
    """
    fmt, modes = _parse(text)
    rounding, overflow = (modes + ["TRN", "WRAP"][len(modes) :])[:2]
    for what, mode, kind in (("rounding", rounding, Rounding), ("overflow", overflow, Overflow)):
        if mode not in list(kind):
            raise InputError(f"{what} of {shown(text)} must be one of {', '.join(kind)}, not {mode}")
    return fmt, Rounding(rounding), Overflow(overflow)


_PRECISION = re.compile(r"(?:ap_)?(u?)(fixed|int)<(\d{1,4})(?:,(-?\d{1,4}))?((?:,[A-Z_]+){0,2})>")


def _parse(text: str) -> tuple[QFormat, list[str]]:
    """Format, and modes without their ``AP_``, of the precision `text`."""
    found = _PRECISION.fullmatch(re.sub(r"\s", "", text)) if isinstance(text, str) else None
    if found is None or (found[2] == "int") != (found[4] is None) or (found[2] == "int" and found[5]):
        raise InputError(f"precision must be like ap_fixed<16,6>, not {shown(text)}")
    width = int(found[3])
    int_bits = width if found[4] is None else int(found[4])
    modes = [mode.removeprefix("AP_") for mode in found[5].split(",")[1:]]
    return QFormat(signed=not found[1], int_bits=int_bits, frac_bits=width - int_bits), modes


def requantize(
    raw: ArrayLike, frac_bits: int, target: QFormat, rounding: Rounding, overflow: Overflow
) -> NDArray[np.int64]:
    """Convert exact codes of fraction `frac_bits` to `target`: round first, then fit.

    ``out = fit(round(raw * 2**(target.frac_bits - frac_bits)))`` (NUMERICS.md section 3).

    Parameters
    ----------
    raw : array_like of integers
        Exact codes, real = raw * 2**-frac_bits, of magnitude 2**62 at most.
    frac_bits : int
        Fraction of `raw`.
    target : QFormat
        Format of the result.
    rounding, overflow
        Modes, as in ``ap_fixed``.

    Returns
    -------
    ndarray of int64
        Codes of `target`.

    Raises
    ------
    InputError
        If `raw` is not of an integer type, the fractions are more than 62 bits apart, or
        the magnitude of a code, shifted to the left if it must be, exceeds 2**62.
    """
    codes = integers("raw", raw)
    rounding, overflow = _modes(rounding, overflow)
    shift = frac_bits - target.frac_bits
    if abs(shift) > MAX_SHIFT:
        raise InputError(f"requantize to {target} must shift by at most {MAX_SHIFT} bits, not {shift}")
    limit = (1 << MAX_SHIFT) >> max(-shift, 0)
    wrong = (codes < -limit) | (codes > limit)
    if np.any(wrong):
        raise InputError(f"code to requantize to {target} must be within +-{limit}, not {codes[wrong][0]}")
    codes = codes.astype(np.int64)
    rounded = round_shifted(codes, shift, rounding) if shift > 0 else codes << -shift
    return target._fit(rounded, overflow)


def round_shifted(codes: ArrayLike, shift: int, rounding: Rounding) -> NDArray[np.int64]:
    """The int64 `codes` * 2**-shift, rounded to integers; `shift` is 0 or more."""
    codes = np.asarray(codes, dtype=np.int64)
    if shift == 0:
        return codes
    half = codes >> (shift - 1) & 1 == 1
    below = codes & ((1 << (shift - 1)) - 1) != 0
    return _rounded(codes >> shift, half, below, codes < 0, rounding)


def _rounded(
    floor: NDArray[np.int64],
    half: NDArray[np.bool_],
    below: NDArray[np.bool_],
    negative: NDArray[np.bool_],
    rounding: Rounding,
) -> NDArray[np.int64]:
    """Codes `floor` rounded: `half` is the first dropped bit, `below` any later one."""
    match rounding:
        case Rounding.TRN:
            return floor
        case Rounding.TRN_ZERO:
            up = negative & (half | below)
        case Rounding.RND:
            up = half
        case Rounding.RND_ZERO:
            up = half & (below | negative)
        case Rounding.RND_INF:
            up = half & (below | ~negative)
        case Rounding.RND_MIN_INF:
            up = half & below
        case Rounding.RND_CONV:
            up = half & (below | (floor & 1 == 1))
    return floor + up


def _modes(rounding: Rounding, overflow: Overflow) -> tuple[Rounding, Overflow]:
    """Both modes; `InputError` for an unknown name."""
    for what, mode, kind in (("rounding", rounding, Rounding), ("overflow", overflow, Overflow)):
        if mode not in list(kind):
            raise InputError(f"{what} must be one of {', '.join(kind)}, not {mode!r}")
    return Rounding(rounding), Overflow(overflow)


def signed_width(low: int, high: int) -> int:
    """Bits of the narrowest two's complement word that holds every integer of low..high.

    >>> signed_width(-128, 127), signed_width(-129, 0), signed_width(0, 0)
    (8, 9, 1)
    """
    return max((low if low >= 0 else ~low).bit_length(), (high if high >= 0 else ~high).bit_length()) + 1

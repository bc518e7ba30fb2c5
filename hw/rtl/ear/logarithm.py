"""Logarithms, in two halves for two cycles, and powers of two in gates (NUMERICS.md section 12)."""

from __future__ import annotations

from amaranth.hdl import Cat, Const, Mux, Shape, Value, unsigned
from amaranth.lib import data

from fxp_model.ear.logarithm import log_table, power_table
from fxp_model.ear.spec import MAX_LOG, EarSpec
from hw.rtl.arithmetic import selected

_BYTE, _PLACE = 8, 3
"""Bits of a byte, and of the place of a bit in it or of a byte in a number."""


def log_shape(spec: EarSpec) -> Shape:
    """Shape of a logarithm of a sum."""
    return unsigned((MAX_LOG - 1).bit_length() + spec.log_frac_bits)


def coarse_layout(spec: EarSpec) -> data.StructLayout:
    """A number below 2**64 as its highest byte that is not 0.

    ``bits``   that byte, and `log_frac_bits` bits below it
    ``place``  of the byte
    """
    return data.StructLayout({"bits": spec.log_frac_bits + _BYTE, "place": _PLACE})


def coarse(spec: EarSpec, number: Value) -> Value:
    """Bits of the `coarse_layout` of an unsigned `number`."""
    fraction = spec.log_frac_bits
    padded = Cat(Const(0, fraction), number, Const(0, -len(number) % _BYTE))
    found = Cat(padded[: fraction + _BYTE], Const(0, _PLACE))
    for place in range(1, -(-len(number) // _BYTE)):
        bits = padded[place * _BYTE :][: fraction + _BYTE]
        found = Mux(bits[fraction:].any(), Cat(bits, Const(place, _PLACE)), found)
    return found


def is_zero(spec: EarSpec, number: data.View) -> Value:
    """Whether 0 is what `number`, of `coarse_layout`, stands for."""
    return ~number.bits[spec.log_frac_bits :].any()


def log2(spec: EarSpec, number: data.View) -> Value:
    """Logarithm of what `number`, of `coarse_layout`, stands for; of 0 as of 1."""
    fraction = spec.log_frac_bits
    found = Cat(number.bits[:fraction], Const(0, _PLACE))
    for place in range(1, _BYTE):
        mantissa = number.bits[place:][:fraction]
        found = Mux(number.bits[fraction + place], Cat(mantissa, Const(place, _PLACE)), found)
    codes = [Const(code, fraction) for code in log_table(fraction)]
    return Cat(selected(codes, found[:fraction]), found[fraction:], number.place)


def drive(spec: EarSpec, octaves: Value) -> Value:
    """2**octaves as a drive that saturates, for signed `octaves` of fraction `log_frac_bits`."""
    bits, top = spec.log_frac_bits, spec.drive_int_bits - 1
    table = power_table(bits, spec.drive_frac_bits)
    width = spec.drive_frac_bits + spec.drive_int_bits
    power = selected([Const(code << top, width + 1) for code in table], octaves[:bits])
    # The largest shift to the left is wired, and what is too much of it goes to the right.
    right = (top - octaves[bits:].as_signed()).as_signed()
    shifts = right[: width.bit_length()]
    shifted = power >> shifts
    beyond = right[len(shifts) :].any()
    full = shifted[width] & ~beyond | right[-1]
    return Mux(full, spec.max_drive, Mux(beyond, 0, shifted[:width]))

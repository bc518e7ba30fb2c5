"""LUT RAM that replaces the shift registers which an ECP5 lacks: how much of it (`hw.flows.shift_rams`)."""

DEPTH, ADDRESS_BITS = 16, 4
"""Words of a LUT RAM, and bits of their address."""


def segments(length: int) -> int:
    """RAM bits, of `DEPTH` places each, that replace a shift register of `length` flip-flops."""
    return max(0, length - 1) // DEPTH

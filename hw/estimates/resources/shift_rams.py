"""Shift registers of an ECP5, which has none, in LUT RAM: how much they take (`hw.flows.shift_rams`)."""

DEPTH, ADDRESS_BITS = 16, 4
"""Words of a LUT RAM, and bits of their address."""


def segments(length: int) -> int:
    """How many bits of RAM, of `DEPTH` places each, a shift register of `length` flip-flops takes."""
    return max(0, length - 1) // DEPTH

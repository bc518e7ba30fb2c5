"""Cycles of a request on the line of a board, and of its reply (ARCHITECTURE.md, "A device on a board")."""

from __future__ import annotations

READ_CYCLES, WRITE_CYCLES = 9, 6
"""Of an access, through bridge and decoder to a register and back."""
_FRAME_BITS = 10
"""Of a byte: a start bit, eight bits, a stop bit."""
_BETWEEN = 7
"""Cycles from the middle of a request's last stop bit to the first bit of the reply, without the accesses."""


def exchange_cycles(request: int, reply: int, bit_cycles: int, *, reads: int = 0, writes: int = 0) -> int:
    """Cycles of an exchange, exactly: from the first start bit of a request to the end of its reply.

    With c = `bit_cycles`, the stop bit of the last byte of the request is looked at in its middle, then the
    accesses are made, and each byte of the reply takes a cycle more than its bits:

        10 c request - c + floor((c - 1) / 2) + 7 + 9 reads + 6 writes + (10 c + 1) reply

    It holds where the bytes of the request follow each other at once, no line of text is being sent, and no
    access is refused, nor waits for the core.

    Parameters
    ----------
    request, reply : int
        Bytes on the line, those of the frame and of escapes included (`hw.driver.uart.packet`).
    bit_cycles : int
        `hw.rtl.board.uart.cycles_per_bit`.
    reads, writes : int
        Accesses that the request asks for; none where it is a repetition.
    """
    line = _FRAME_BITS * bit_cycles
    accesses = READ_CYCLES * reads + WRITE_CYCLES * writes
    return line * request - bit_cycles + (bit_cycles - 1) // 2 + _BETWEEN + accesses + (line + 1) * reply

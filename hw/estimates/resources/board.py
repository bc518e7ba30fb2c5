"""Contents of what is around a core on a board: UART, packets, bus, mailbox, text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import gcd

from hw.estimates.resources.parts import Fabric, Parts, index_bits
from hw.mailbox_registers import EVENT_ROOM
from hw.rtl.board.board import BAUD
from hw.rtl.board.mailbox import ANSWER_ROOM
from hw.rtl.board.teller import LINES, name_bytes
from hw.rtl.board.uart import cycles_per_bit

HUB = ("decoder", "mailbox")
"""The blocks that are in a `Hub`, too."""
_ROM_BITS = {"xilinx7": 64, "ecp5": 16}
"""Bits of a table in one LUT."""


def board_parts(
    fabric: Fabric, luts: Mapping[str, float], labels: Sequence[str], ear: bool, clock_hz: int
) -> dict[str, Parts]:
    """The blocks of a `BoardDevice` with classes `labels`, except its LEDs, by instance.

    Flip-flops and memories are counted: classes and clock add a few bits to a number that is as measured.
    `luts` are the logic of each block, which hardly depends on either; those of ``decoder`` are for a core,
    of ``decoder.ear`` with an ear.
    """
    bit = index_bits(cycles_per_bit(clock_hz, BAUD))
    ff = {"receiver": 19 + bit, "transmitter": 13 + bit, "bridge": 262, "decoder": 112, "turns": 2}
    blocks = {name: Parts(luts=luts[name], ff=count) for name, count in ff.items()}
    if ear:
        blocks["decoder"].luts = luts["decoder.ear"]
    blocks["bridge"].memory(fabric, 32, 512)
    blocks["mailbox"] = _mailbox(fabric, len(labels) + 1)
    blocks["mailbox"].luts = luts["mailbox"]
    blocks["teller"] = _teller(fabric, labels, clock_hz)
    blocks["teller"].luts += luts["teller"]
    return blocks


def _mailbox(fabric: Fabric, size: int) -> Parts:
    """Answers have `size` words."""
    room = max(ANSWER_ROOM, 1 << (size - 1).bit_length())
    # Words that are free; the beginning of the next answer, and places to write and read; answers that wait;
    # the place within one.
    counters = room.bit_length() + 3 * index_bits(room) + (room // size).bit_length() + index_bits(size)
    parts = Parts(ff=442 + counters)
    parts.memory(fabric, 33, EVENT_ROOM)
    parts.memory(fabric, 32, room)
    return parts


def _teller(fabric: Fabric, labels: Sequence[str], clock_hz: int) -> Parts:
    stride = 1 << max(map(len, name_bytes(labels))).bit_length()
    parts = Parts(ff=216 + index_bits(clock_hz // gcd(100, clock_hz)) + index_bits(stride))
    parts.memory(fabric, 96 + index_bits(len(labels)), LINES)
    names = parts.memory(fabric, 8, stride * len(labels), writes=0)
    if names.logic:  # with the register behind it
        parts.luts += 8 * stride * len(labels) / _ROM_BITS[fabric.name]
        parts.ff += 8
    return parts

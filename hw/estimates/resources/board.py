"""Contents of what is around a core on a board: UART, packets, bus, mailbox, text."""

from __future__ import annotations

from collections.abc import Sequence
from math import gcd

from hw.estimates.resources.parts import Fabric, Parts, index_bits
from hw.estimates.resources.prices import EarPrices
from hw.mailbox_registers import EVENT_ROOM
from hw.protocol import ANSWER_BEATS
from hw.rtl.board.board import BAUD
from hw.rtl.board.mailbox import ANSWER_ROOM
from hw.rtl.board.teller import LINES, name_bytes
from hw.rtl.board.uart import cycles_per_bit

HUB = ("decoder", "mailbox")
"""The blocks that are in a `Hub`, too."""
_ROM_BITS = {"xilinx7": 32, "ecp5": 16}
"""Bits of the table of names for each LUT, as measured."""


def board_parts(
    fabric: Fabric,
    prices: EarPrices,
    labels: Sequence[str],
    ear: bool,
    clock_hz: int,
    *,
    steps: bool = False,
) -> dict[str, Parts]:
    """The blocks of a `BoardDevice` with classes `labels`, except its LEDs, by instance.

    With `steps`, those of a network that answers per step.

    Memories are counted, and so are the flip-flops and tables that classes and clock add to those of a block,
    which `prices` has by its name; ``decoder.ear`` is the decoder with an ear, ``teller.steps`` tells words.
    """
    names = {"decoder": "decoder.ear" if ear else "decoder", "teller": "teller.steps" if steps else "teller"}
    blocks = {
        name: Parts(luts=prices.luts[names.get(name, name)], ff=int(prices.ff[names.get(name, name)]))
        for name in ("receiver", "transmitter", "bridge", "turns", "decoder", "mailbox", "teller")
    }
    for name in ("receiver", "transmitter"):
        blocks[name].ff += index_bits(cycles_per_bit(clock_hz, BAUD))
    blocks["bridge"].memory(fabric, 32, 512)
    _mailbox(fabric, blocks["mailbox"], ANSWER_BEATS if steps else len(labels) + 1)
    _teller(fabric, blocks["teller"], labels, clock_hz)
    return blocks


def _mailbox(fabric: Fabric, parts: Parts, size: int) -> None:
    """Answers have `size` words."""
    room = max(ANSWER_ROOM, 1 << (size - 1).bit_length())
    # Words that are free; the beginning of the next answer, and places to write and read; answers that wait;
    # the place within one.
    parts.ff += room.bit_length() + 3 * index_bits(room) + (room // size).bit_length() + index_bits(size)
    parts.memory(fabric, 33, EVENT_ROOM)
    parts.memory(fabric, 32, room)


def _teller(fabric: Fabric, parts: Parts, labels: Sequence[str], clock_hz: int) -> None:
    stride = 1 << max(map(len, name_bytes(labels))).bit_length()
    parts.ff += index_bits(clock_hz // gcd(100, clock_hz)) + index_bits(stride)
    parts.memory(fabric, 96 + index_bits(len(labels)), LINES)
    names = parts.memory(fabric, 8, stride * len(labels), writes=0)
    if names.logic:  # with the register behind it
        parts.luts += 8 * stride * len(labels) / _ROM_BITS[fabric.name]
        parts.ff += 8

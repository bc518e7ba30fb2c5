"""Replacement of parameters at run time: memories with two banks, and the words written to them."""

from __future__ import annotations

from collections.abc import Sequence
from enum import IntEnum

from amaranth.hdl import Cat, Module, Mux, unsigned
from amaranth.lib import data, memory, wiring
from amaranth.lib.wiring import Out

from hw.rtl.events import index_shape

RAM_STYLE = "ram_style"
"""Attribute that selects the kind of RAM for a memory in yosys and Vivado."""
WORD = 32
"""Bits of a word from the host."""


class Part(IntEnum):
    """Part of a stage that a word belongs to. Tables of a kernel are numbered from `TABLE`."""

    WEIGHT = 0
    BIAS = 1
    V_TH = 2
    RECURRENT = 3
    HASH = 4
    """Of the artifact; belongs to no stage."""
    TABLE = 5
    """The first of them; the number of tables is not fixed, so the other parts are numbered from the end."""
    FORWARD = 60
    """Delays of its spikes on their way to the next stage."""
    ALPHA = 61
    BETA = 62
    DELAY = 63
    """Of its recurrence."""


LOAD = data.StructLayout({"valid": 1, "stage": 8, "part": 6, "row": 24, "piece": 12, "data": WORD})
"""A word for the memory of `part` of `stage`: the `piece`-th lowest 32 bits of the memory word `row`.

Every memory uses as many low bits of `row` and `piece` as it needs.
"""

RELOAD = wiring.Signature({"load": Out(LOAD), "bank": Out(1)})
"""Words to be written to the bank that is not in use, and the number of the bank in use."""


def pieces(width: int) -> int:
    """Words from the host for a memory word of `width` bits."""
    return -(-width // WORD)


def parameter_memory(
    width: int, rows: Sequence[int], reload: bool, style: str | None = None
) -> memory.Memory:
    """Memory that holds `rows` of `width` bits; if it can be reloaded, in the lower of two banks.

    `style` is its `RAM_STYLE`, such as ``block``.

    Then the bank is the highest bit of the address, and a word of several pieces is filled up to whole ones.
    """
    depth = max(2, len(rows))
    if reload:
        width = width if pieces(width) == 1 else WORD * pieces(width)
        depth = 2 << index_shape(len(rows)).width
    attrs = {} if style is None else {RAM_STYLE: style}
    return memory.Memory(shape=unsigned(width), depth=depth, init=rows, attrs=attrs)


def connect_reload(m: Module, parameters: memory.Memory, reload: wiring.PureInterface, part: int) -> None:
    """Let the words of `part` be written to a `parameter_memory`, in the bank that is not in use."""
    count = pieces(parameters.shape.width)
    write = parameters.write_port(granularity=WORD if count > 1 else None)
    load = reload.load
    piece = load.piece[: index_shape(count).width]
    m.d.comb += [
        write.addr.eq(Cat(load.row[: len(write.addr) - 1], ~reload.bank)),
        write.data.eq(load.data.replicate(count)),
        write.en.eq(Mux(load.valid & (load.part == part), Cat(piece == i for i in range(count)), 0)),
    ]

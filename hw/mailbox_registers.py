"""The register map of a board's mailbox, by which events go in and answers come out without DMA.

RTL, benches and the table in ARCHITECTURE.md are made from it or checked against it, as from `hw.registers`.
"""

from __future__ import annotations

from collections.abc import Iterator

from hw.registers import VERSION, Access, Field, Register, rows

CORE_BASE, EAR_BASE, MAILBOX_BASE = 0x0000, 0x1000, 0x2000
"""Addresses of the registers of core, ear and mailbox on the bus of a board."""
IDENTITY_WORD = int.from_bytes(b"SPKM", "big")
EVENT_ROOM = 1024
"""Words that wait for the core at most."""

IDENTITY = Register("IDENTITY", 0x00, Access.RO, f"0x{IDENTITY_WORD:08x}, `SPKM`")
CLOCK_HZ = Register("CLOCK_HZ", 0x08, Access.RO, "clock of the device in Hz")
CONTROL = Register(
    "CONTROL",
    0x0C,
    Access.WO,
    "actions",
    (Field("CLEAR", 0, 1, "forgets words and answers that wait, and sets the counters to 0"),),
)
MODE = Register(
    "MODE",
    0x10,
    Access.RW,
    "what is done with an answer",
    (
        Field("WAIT", 0, 1, "without room for it the core waits; otherwise it is dropped"),
        Field("TEXT", 1, 1, "a line of text is sent for it"),
    ),
)
ROOM = Register("ROOM", 0x14, Access.RO, f"words for which there is room, up to {EVENT_ROOM}")
EVENT = Register("EVENT", 0x18, Access.WO, "a word for `s_axis`; SLVERR without room")
EVENT_LAST = Register("EVENT_LAST", 0x1C, Access.WO, "the same with TLAST")
ANSWERS = Register("ANSWERS", 0x20, Access.RO, "answers that wait; one that is read in part still does")
ANSWER = Register(
    "ANSWER", 0x24, Access.RO, "the next word of an answer, which a read takes; SLVERR where none waits"
)
LOST_ANSWERS = Register("LOST_ANSWERS", 0x28, Access.RO, "answers that were dropped without room")
LINE_ERRORS = Register("LINE_ERRORS", 0x2C, Access.RO, "packets that the UART dropped; 0 without one")

ALL = (
    IDENTITY,
    VERSION,
    CLOCK_HZ,
    CONTROL,
    MODE,
    ROOM,
    EVENT,
    EVENT_LAST,
    ANSWERS,
    ANSWER,
    LOST_ANSWERS,
    LINE_ERRORS,
)
"""All, by ascending offset."""


def table() -> Iterator[str]:
    """Lines of the table in ARCHITECTURE.md."""
    return rows(ALL)

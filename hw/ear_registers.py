"""The register map of the ear in front of a core, on an AXI4-Lite of its own.

RTL, benches and the table in ARCHITECTURE.md are made from it or checked against it, as from `hw.registers`.
"""

from __future__ import annotations

from collections.abc import Iterator

from hw.registers import VERSION, Access, Field, Register, rows

IDENTITY_WORD = int.from_bytes(b"SPKE", "big")

IDENTITY = Register("IDENTITY", 0x00, Access.RO, f"0x{IDENTITY_WORD:08x}, `SPKE`")
STATUS = Register(
    "STATUS",
    0x08,
    Access.RO,
    "current state",
    (
        Field("ABSENT", 0, 1, "there is no microphone: its line is at one level"),
        Field("HOST", 1, 1, "samples come from `s_axis`, and not from the ear"),
    ),
)
CONTROL = Register(
    "CONTROL", 0x0C, Access.WO, "actions", (Field("CLEAR", 0, 1, "sets `PEAK` and the counters to 0"),)
)
SOURCE = Register(
    "SOURCE",
    0x10,
    Access.RW,
    "source of samples",
    (Field("HOST", 0, 1, "from `s_axis`, and not from the ear, as soon as neither is within a sample"),),
)
GAIN = Register("GAIN", 0x14, Access.RW, "gain", (Field("BITS", 0, 4, "gain in bits, 6.02 dB each"),))
MUTE = Register("MUTE", 0x18, Access.RW, "mute", (Field("MUTE", 0, 1, "the ear hears silence"),))
TRIGGER_LEVELS = Register(
    "TRIGGER_LEVELS",
    0x20,
    Access.RW,
    "levels above the floor, in 2**-log_frac_bits octaves",
    (Field("RISE", 0, 12, "least of a loud frame"), Field("FALL", 16, 12, "a frame below it is quiet")),
)
TRIGGER_START = Register(
    "TRIGGER_START",
    0x24,
    Access.RW,
    "beginning of a sample",
    (
        Field("FREE", 0, 1, "every frame is sent"),
        Field("ONSET", 4, 4, "loud frames that begin a sample; 0 as 1"),
        Field("PREROLL", 8, 6, "frames before these; above what there is room for, as many as that"),
    ),
)
TRIGGER_LENGTHS = Register(
    "TRIGGER_LENGTHS",
    0x28,
    Access.RW,
    "frames",
    (Field("DURATION", 0, 12, "of a sample; 0 as 1"), Field("HOLD", 16, 12, "behind a sample")),
)
LEVEL = Register("LEVEL", 0x40, Access.RO, "slow level, of fraction log_frac_bits + level_shift")
FLOOR = Register("FLOOR", 0x44, Access.RO, "floor of the trigger, of fraction log_frac_bits + floor_shift")
LOUDNESS = Register("LOUDNESS", 0x48, Access.RO, "loudness of the last frame, of fraction log_frac_bits")
PEAK = Register("PEAK", 0x4C, Access.RO, "largest magnitude of a sample behind the gain")
FRAMES = Register("FRAMES", 0x50, Access.RO, "frames that ended")
CLIPPED = Register("CLIPPED", 0x54, Access.RO, "samples that the gain clipped")
OVERRUNS = Register("OVERRUNS", 0x58, Access.RO, "frames that lost a sample, as the clock is too slow")
DROPPED_FRAMES = Register("DROPPED_FRAMES", 0x5C, Access.RO, "frames for whose events there was no room")

TRIGGERING = (TRIGGER_LEVELS, TRIGGER_START, TRIGGER_LENGTHS, FLOOR)
"""Registers of a trigger, which a device with answers per step has not."""
SETTINGS = (SOURCE, GAIN, MUTE, TRIGGER_LEVELS, TRIGGER_START, TRIGGER_LENGTHS)
"""Registers that a host reads and writes."""
ALL = (
    IDENTITY,
    VERSION,
    STATUS,
    CONTROL,
    *SETTINGS,
    LEVEL,
    FLOOR,
    LOUDNESS,
    PEAK,
    FRAMES,
    CLIPPED,
    OVERRUNS,
    DROPPED_FRAMES,
)
"""All, by ascending offset."""


def register_map(triggers: bool) -> tuple[Register, ...]:
    """All registers of an ear, by ascending offset; those of a trigger only if there is one."""
    return tuple(register for register in ALL if triggers or register not in TRIGGERING)


def table() -> Iterator[str]:
    """Lines of the table in ARCHITECTURE.md."""
    return rows(ALL)

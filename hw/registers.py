"""The register map of a core on AXI4-Lite: the one place where names, offsets and bits are written down.

RTL, benches, the manifest and the table in ARCHITECTURE.md are made from it or checked against it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

ADDRESS_BITS = 12
"""A core occupies 4 KiB, the smallest block that an AXI interconnect maps."""
IDENTITY_WORD = int.from_bytes(b"SPKL", "big")
HASH_WORDS = 8
NO_HASH = "0" * 64
"""SHA-256 of a core that was not made from an artifact."""


class Access(StrEnum):
    """Access that a host has to a register; any other is answered with SLVERR and changes nothing."""

    RO = "ro"
    """Read."""
    RW = "rw"
    """Read and write."""
    W1C = "w1c"
    """Read; a bit written as 1 becomes 0."""
    WO = "wo"
    """Write: a bit written as 1 acts once. Reads as 0."""


@dataclass(frozen=True)
class Field:
    """Bits `low` .. `low` + `width` - 1 of a register."""

    name: str
    low: int
    width: int
    meaning: str

    @property
    def mask(self) -> int:
        """Mask of its bits in the register."""
        return (1 << self.width) - 1 << self.low


@dataclass(frozen=True)
class Register:
    """32 bits at byte `offset`; if it has `fields`, bits outside of them read as 0."""

    name: str
    offset: int
    access: Access
    meaning: str
    fields: tuple[Field, ...] = ()

    def __getitem__(self, field: str) -> Field:
        """The field of this name."""
        return next(f for f in self.fields if f.name == field)


IDENTITY = Register("IDENTITY", 0x00, Access.RO, f"0x{IDENTITY_WORD:08x}, `SPKL`")
VERSION = Register(
    "VERSION",
    0x04,
    Access.RO,
    "version of Spikeline",
    (
        Field("MAJOR", 24, 8, "major version of Spikeline"),
        Field("MINOR", 16, 8, "minor version"),
        Field("PATCH", 0, 16, "patch version"),
    ),
)
STATUS = Register(
    "STATUS",
    0x08,
    Access.RO,
    "current state",
    (
        Field("BUSY", 0, 1, "a sample is in flight, or with answers per step a step"),
        Field("IRQ", 1, 1, "level of `irq`"),
    ),
)
CONTROL = Register(
    "CONTROL",
    0x0C,
    Access.WO,
    "actions",
    (
        Field("SOFT_RESET", 0, 1, "resets the core for one cycle, but not these registers"),
        Field("CLEAR", 1, 1, "sets the counters, from `SAMPLES` to the last stage, to 0"),
    ),
)
IRQ_ENABLE = Register(
    "IRQ_ENABLE",
    0x10,
    Access.RW,
    "enabled causes of `irq`",
    (Field("SAMPLE", 0, 1, "IRQ_STATUS SAMPLE raises `irq`"),),
)
IRQ_STATUS = Register(
    "IRQ_STATUS",
    0x14,
    Access.W1C,
    "pending causes of `irq`",
    (Field("SAMPLE", 0, 1, "a sample has ended, or an answer per step, since this bit was cleared"),),
)
ARTIFACT_HASH = tuple(
    Register(
        f"ARTIFACT_HASH{word}",
        0x20 + 4 * word,
        Access.RO,
        f"digits {8 * word}..{8 * word + 7} of the artifact's SHA-256",
    )
    for word in range(HASH_WORDS)
)
SAMPLES = Register(
    "SAMPLES", 0x40, Access.RO, "completed samples, or answers per step: their TLAST beat left `m_axis`"
)
LAST_SAMPLE_CYCLES = Register(
    "LAST_SAMPLE_CYCLES",
    0x44,
    Access.RO,
    "cycles of the last completed sample, or answer per step, modulo 2**32",
)
DROPPED_BEATS = Register("DROPPED_BEATS", 0x48, Access.RO, "words whose event was dropped")
STALLS_IN = Register("STALLS_IN", 0x4C, Access.RO, "cycles in which a beat waited at `s_axis`")
STALLS_OUT = Register("STALLS_OUT", 0x50, Access.RO, "cycles in which a beat waited at `m_axis`")

RELOAD_STATUS = Register(
    "RELOAD_STATUS",
    0x54,
    Access.RO,
    "state of a reload",
    (
        Field("PENDING", 0, 1, "committed, waiting for the samples in flight"),
        Field("WRONG_LENGTH", 1, 1, "the last commit was refused: words missing, or too many"),
        Field("WRONG_CRC", 2, 1, "the last commit was refused: the CRC-32 differs"),
        Field("BANK", 3, 1, "bank of the memories in use"),
    ),
)
RELOAD_WORDS = Register("RELOAD_WORDS", 0x58, Access.RO, "words of a whole network")
RELOAD_POSITION = Register("RELOAD_POSITION", 0x5C, Access.RO, "words written so far")
RELOAD_BEGIN = Register(
    "RELOAD_BEGIN", 0x60, Access.WO, "restart", (Field("BEGIN", 0, 1, "discards the words written so far"),)
)
RELOAD_DATA = Register("RELOAD_DATA", 0x64, Access.WO, "the next word of the network")
RELOAD_COMMIT = Register(
    "RELOAD_COMMIT", 0x68, Access.WO, "CRC-32 of the words: commits them, if length and CRC are right"
)

DETECT_MARGIN = Register("DETECT_MARGIN", 0x6C, Access.RW, "of the detector, in lsb of the scores")
DETECT_HOLD = Register(
    "DETECT_HOLD", 0x70, Access.RW, "of the detector", (Field("HOLD", 0, 8, "answers in a row, 1..255"),)
)
DETECT_REFRACTORY = Register(
    "DETECT_REFRACTORY",
    0x74,
    Access.RW,
    "of the detector",
    (Field("REFRACTORY", 0, 16, "answers after a word that are not heard"),),
)
DETECT_SILENT = Register(
    "DETECT_SILENT",
    0x78,
    Access.RW,
    "of the detector",
    (
        Field("SILENT", 0, 16, "class that means none of the words"),
        Field("NONE", 16, 1, "there is no such class"),
    ),
)
DETECTED = Register(
    "DETECTED",
    0x7C,
    Access.RO,
    "of the detector",
    (
        Field("WORD", 0, 16, "class of the last word that was said"),
        Field("COUNT", 16, 16, "words said, modulo 2**16"),
    ),
)
DETECTING = (DETECT_MARGIN, DETECT_HOLD, DETECT_REFRACTORY, DETECT_SILENT, DETECTED)
"""Registers of a core with answers per step: the detector of NUMERICS.md section 18."""

RELOADING = (RELOAD_STATUS, RELOAD_WORDS, RELOAD_POSITION, RELOAD_BEGIN, RELOAD_DATA, RELOAD_COMMIT)
"""Registers of a core that can be reloaded."""

COMMON = (
    IDENTITY,
    VERSION,
    STATUS,
    CONTROL,
    IRQ_ENABLE,
    IRQ_STATUS,
    *ARTIFACT_HASH,
    SAMPLES,
    LAST_SAMPLE_CYCLES,
    DROPPED_BEATS,
    STALLS_IN,
    STALLS_OUT,
)
"""Registers of every core."""

STAGE_BASE, STAGE_STRIDE = 0x80, 0x10
PER_STAGE = (
    (
        "EVENTS",
        "events accepted by its synapses; for the first stage, words, or active channels behind delays",
    ),
    ("SPIKES", "spikes of its neurons; 0 where they do not fire"),
    ("SATURATIONS", "membranes that Q changed as they were out of range; 0 where overflow is `WRAP`"),
)
"""Counters of each stage; blocks of `STAGE_STRIDE` bytes, starting at `STAGE_BASE`."""


def stage_registers(stage: str, index: int) -> tuple[Register, ...]:
    """The counters of the stage `index`, named `stage`."""
    base = STAGE_BASE + STAGE_STRIDE * index
    return tuple(
        Register(f"{stage.upper()}_{name}", base + 4 * place, Access.RO, meaning)
        for place, (name, meaning) in enumerate(PER_STAGE)
    )


def register_map(stage_names: Sequence[str], reload: bool, detects: bool = False) -> tuple[Register, ...]:
    """All registers of a core of these stages, by ascending offset; those of a reload only with `reload`.

    Those of the detector only if it `detects`, as with answers per step.

    Raises
    ------
    ValueError
        If there are more stages than fit the address space.
    """
    most = ((1 << ADDRESS_BITS) - STAGE_BASE) // STAGE_STRIDE
    if len(stage_names) > most:
        raise ValueError(f"a core must have at most {most} stages, not {len(stage_names)}")
    blocks = (stage_registers(name, index) for index, name in enumerate(stage_names))
    some = (*COMMON, *(RELOADING if reload else ()), *(DETECTING if detects else ()))
    return (*some, *(register for block in blocks for register in block))


def version_word(version: str) -> int:
    """VERSION of a package version such as ``1.2.3`` or ``1.2.3.dev4``; only three numbers are used.

    >>> hex(version_word("1.2.3"))
    '0x1020003'
    """
    numbers = [int(part) for part in version.split(".")[:3]]
    return sum(number << field.low for number, field in zip(numbers, VERSION.fields, strict=True))


def hash_words(sha256: str) -> tuple[int, ...]:
    """ARTIFACT_HASH of a SHA-256 in hexadecimal."""
    return tuple(int(sha256[8 * word : 8 * word + 8], 16) for word in range(HASH_WORDS))


def table() -> Iterator[str]:
    """Lines of the table in ARCHITECTURE.md."""
    yield from rows((*COMMON, *RELOADING, *DETECTING))
    for register in stage_registers("<stage>", 0):
        yield f"| {_place(register)} | {register.meaning} |"


def rows(registers: Sequence[Register]) -> Iterator[str]:
    """Lines of a table of `registers`, with its head."""
    yield "| offset | register | access | meaning |"
    yield "|---|---|---|---|"
    for register in registers:
        fields = "; ".join(f"{_bits(f)} {f.name}: {f.meaning}" for f in register.fields)
        yield f"| {_place(register)} | {fields or register.meaning} |"


def _place(register: Register) -> str:
    return f"`0x{register.offset:02x}` | `{register.name}` | {register.access}"


def _bits(field: Field) -> str:
    high = field.low + field.width - 1
    return f"[{field.low}]" if field.width == 1 else f"[{high}:{field.low}]"

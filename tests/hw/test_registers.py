"""The register map: self-consistent, and as in ARCHITECTURE.md."""

import doctest
from itertools import pairwise
from pathlib import Path

import pytest

from hw import registers
from hw.registers import (
    ADDRESS_BITS,
    STAGE_BASE,
    Access,
    hash_words,
    register_map,
    table,
    version_word,
)

ARCHITECTURE = Path(registers.__file__).with_name("ARCHITECTURE.md")
MAP = register_map(("layer0", "layer1", "readout"), reload=True)


def test_registers_do_not_overlap() -> None:
    assert all(before.offset < after.offset for before, after in pairwise(MAP))
    assert all(register.offset % 4 == 0 for register in MAP)
    assert max(register.offset for register in registers.RELOADING) < STAGE_BASE
    assert len({register.name for register in MAP}) == len(MAP)


@pytest.mark.parametrize("register", [r for r in MAP if r.fields], ids=lambda r: r.name)
def test_fields_do_not_overlap(register: registers.Register) -> None:
    masks = [field.mask for field in register.fields]
    assert sum(masks) < 1 << 32
    for index, mask in enumerate(masks):
        assert mask > 0
        assert all(mask & other == 0 for other in masks[:index])
    assert [register[field.name] for field in register.fields] == list(register.fields)


def test_names_of_the_counters_of_a_stage() -> None:
    named = {register.name: register for register in MAP}
    assert named["LAYER0_EVENTS"].offset == 0x80
    assert named["READOUT_SATURATIONS"].offset == 0xA8
    assert named["LAYER1_SPIKES"].access is Access.RO


def test_as_many_stages_as_there_are_addresses() -> None:
    most = register_map([f"layer{index}" for index in range(248)], reload=False)
    assert most[-1].offset < 1 << ADDRESS_BITS
    with pytest.raises(ValueError, match=r"^a core must have at most 248 stages, not 249$"):
        register_map([f"layer{index}" for index in range(249)], reload=False)


def test_versions_and_hashes_as_words() -> None:
    assert version_word("0.1.0") == 0x00010000
    assert version_word("12.3.456.dev7") == 0x0C0301C8
    words = hash_words("0123456789abcdef" * 4)
    assert [f"{word:08x}" for word in words] == ["01234567", "89abcdef"] * 4
    assert doctest.testmod(registers).failed == 0


def test_the_table_of_the_architecture_is_this_map() -> None:
    assert "\n".join(table()) + "\n\n" in ARCHITECTURE.read_text(encoding="utf-8")

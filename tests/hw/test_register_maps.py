"""The register maps of the ear and of the mailbox: self-consistent, and as in ARCHITECTURE.md."""

from itertools import pairwise
from pathlib import Path
from types import ModuleType

import pytest

from hw import ear_registers, mailbox_registers, registers
from hw.registers import Access, Register

ARCHITECTURE = Path(registers.__file__).with_name("ARCHITECTURE.md")
MAPS = ear_registers, mailbox_registers


@pytest.mark.parametrize("own", MAPS)
def test_registers_do_not_overlap(own: ModuleType) -> None:
    assert all(before.offset < after.offset for before, after in pairwise(own.ALL))
    assert all(register.offset % 4 == 0 for register in own.ALL)
    assert len({register.name for register in own.ALL}) == len(own.ALL)


def test_the_settings_of_the_ear_are_what_a_host_writes() -> None:
    written = [register for register in ear_registers.ALL if register.access is Access.RW]
    assert written == list(ear_registers.SETTINGS)


def test_without_a_trigger_the_others_stay_where_they_are() -> None:
    assert ear_registers.register_map(True) == ear_registers.ALL
    left = ear_registers.register_map(False)
    assert [*left] == [own for own in ear_registers.ALL if own not in ear_registers.TRIGGERING]
    assert {own.name for own in ear_registers.TRIGGERING} == {
        own.name for own in ear_registers.ALL if own.name.startswith(("TRIGGER_", "FLOOR"))
    }


@pytest.mark.parametrize("register", [r for own in MAPS for r in own.ALL if r.fields], ids=lambda r: r.name)
def test_fields_do_not_overlap(register: Register) -> None:
    masks = [field.mask for field in register.fields]
    assert sum(masks) < 1 << 32
    for index, mask in enumerate(masks):
        assert all(mask & other == 0 for other in masks[:index])


@pytest.mark.parametrize("own", MAPS)
def test_the_table_of_the_architecture_is_this_map(own: ModuleType) -> None:
    assert "\n".join(own.table()) + "\n\n" in ARCHITECTURE.read_text(encoding="utf-8")

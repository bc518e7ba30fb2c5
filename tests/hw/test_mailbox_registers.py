"""The register map of the mailbox: self-consistent, and as in ARCHITECTURE.md."""

from itertools import pairwise
from pathlib import Path

import pytest

from hw import mailbox_registers
from hw.mailbox_registers import ALL, table
from hw.registers import Register

ARCHITECTURE = Path(mailbox_registers.__file__).with_name("ARCHITECTURE.md")


def test_registers_do_not_overlap() -> None:
    assert all(before.offset < after.offset for before, after in pairwise(ALL))
    assert all(register.offset % 4 == 0 for register in ALL)
    assert len({register.name for register in ALL}) == len(ALL)


@pytest.mark.parametrize("register", [r for r in ALL if r.fields], ids=lambda r: r.name)
def test_fields_do_not_overlap(register: Register) -> None:
    masks = [field.mask for field in register.fields]
    assert sum(masks) < 1 << 32
    for index, mask in enumerate(masks):
        assert all(mask & other == 0 for other in masks[:index])


def test_the_table_of_the_architecture_is_this_map() -> None:
    assert "\n".join(table()) + "\n\n" in ARCHITECTURE.read_text(encoding="utf-8")

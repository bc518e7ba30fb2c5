"""Registers in memory: each at its place, 32 bits at a time."""

import struct
from pathlib import Path

from hw.driver.uio import Uio


def test_words_are_at_their_places(tmp_path: Path) -> None:
    device = tmp_path / "uio0"
    device.write_bytes(struct.pack("<1024I", *range(1024)))
    registers = Uio(device, 4096)
    assert [registers.read32(offset) for offset in (0, 4, 0xFFC)] == [0, 1, 1023]
    registers.write32(0x14, 0xC0DBDCDD)
    assert registers.read32(0x14) == 0xC0DBDCDD
    assert device.read_bytes() == struct.pack("<1024I", *range(5), 0xC0DBDCDD, *range(6, 1024))

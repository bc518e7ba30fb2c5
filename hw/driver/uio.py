"""Registers of a memory-mapped device under Linux, through ``/dev/uioN``. Needs nothing but numpy."""

from __future__ import annotations

import mmap
import os
from pathlib import Path

import numpy as np


class Uio:
    """`hw.driver.spikeline.Registers` in the first memory of a UIO device.

    On most buses SLVERR ends the process (SIGBUS); `Spikeline` makes no access that a device refuses.

    Parameters
    ----------
    path : path
        Such as ``/dev/uio0``.
    size : int, optional
        Bytes of the memory; by default what the kernel says of it.
    """

    def __init__(self, path: str | os.PathLike[str], size: int | None = None) -> None:
        if size is None:
            told = Path(f"/sys/class/uio/{Path(path).name}/maps/map0/size")
            size = int(told.read_text(encoding="ascii"), 16)
        device = os.open(path, os.O_RDWR | os.O_SYNC)
        try:
            self._memory = mmap.mmap(device, size)
        finally:
            os.close(device)
        self._words = np.frombuffer(self._memory, dtype="<u4")  # an access is one of 32 bits

    def read32(self, offset: int) -> int:
        """The word at byte `offset`."""
        return int(self._words[offset // 4])

    def write32(self, offset: int, value: int) -> None:
        """Write the word at byte `offset`."""
        self._words[offset // 4] = value

"""A serial device of Linux by its path, for a `UartLine`. Needs nothing but Python."""

from __future__ import annotations

import fcntl
import os
import select
import struct
import termios
import tty


class Tty:
    """`hw.driver.uart.Port` of a serial device or a pseudo-terminal, 8N1, without flow control."""

    def __init__(self, path: str | os.PathLike[str], baud: int = 1_000_000, wait_s: float = 0.01) -> None:
        speed = getattr(termios, f"B{baud}", None)
        if speed is None:
            raise ValueError(f"baud must be one that this system knows, not {baud}")
        self._wait_s = wait_s
        self._file = os.open(path, os.O_RDWR | os.O_NOCTTY)
        try:
            tty.setraw(self._file)
            settings = termios.tcgetattr(self._file)
            settings[2] |= termios.CLOCAL | termios.CREAD
            settings[2] &= ~(termios.CSTOPB | termios.CRTSCTS)
            settings[4] = settings[5] = speed
            termios.tcsetattr(self._file, termios.TCSANOW, settings)
        except (termios.error, OSError):
            self.close()
            raise

    @property
    def in_waiting(self) -> int:
        """Bytes that can be read at once."""
        return int(struct.unpack("i", fcntl.ioctl(self._file, termios.FIONREAD, b"\0" * 4))[0])

    def read(self, size: int) -> bytes:
        """At most `size` bytes; none if none come in `wait_s`."""
        if not size or not select.select([self._file], [], [], self._wait_s)[0]:
            return b""
        return os.read(self._file, size)

    def write(self, data: bytes) -> None:
        """Send all of it."""
        while data:
            data = data[os.write(self._file, data) :]

    def close(self) -> None:
        """Close the device."""
        os.close(self._file)

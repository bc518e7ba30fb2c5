"""The model of a board at a serial port."""

from __future__ import annotations

import os
import select
import threading
import tty
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np

from tests.hw.driver.board_model import Board, Line


@contextmanager
def at_a_port(board: Board, faults: float = 0.0, line: type[Line] = Line) -> Iterator[str]:
    """Path of a pseudo-terminal at whose other end the board's line is."""
    master, slave = os.openpty()
    tty.setraw(slave)
    ended, end = os.pipe()
    far = line(board, np.random.default_rng(0), faults)

    def serve() -> None:
        while ended not in select.select([master, ended], [], [])[0]:
            far.write(os.read(master, 4096))
            os.write(master, far.read(far.in_waiting))

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield os.ttyname(slave)
    finally:
        os.write(end, b"end")
        thread.join()
        for file in (master, slave, ended, end):
            os.close(file)

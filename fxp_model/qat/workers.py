"""Worker processes of a long job: they end with it, and their errors are raised by it."""

from __future__ import annotations

import multiprocessing
import signal
from collections.abc import Callable
from multiprocessing.connection import Connection, wait
from multiprocessing.synchronize import Event

from fxp_model.cli import ENDING
from fxp_model.errors import InputError

POLL_S = 1.0

Work = Callable[[Callable[[], bool]], object]
"""The work of a worker; its argument is a function that returns true when it should save and stop."""


def run_workers(work: Work, number: int, meanwhile: Callable[[], object]) -> bool:
    """Run `work` in `number` processes; returns whether all of them finished.

    Before this function raises anything, a signal included, all workers are stopped and joined.

    Parameters
    ----------
    work : callable
        Can be pickled.
    number : int
    meanwhile : callable
        Called every `POLL_S` seconds.

    Raises
    ------
    InputError, OSError, MemoryError
        What a worker raised.
    """
    context = multiprocessing.get_context("spawn")
    stop = context.Event()
    ends = [context.Pipe(duplex=False) for _ in range(number)]
    processes = [context.Process(target=_process, args=(work, stop, told)) for _, told in ends]
    try:
        # workers inherit the block, and so leave a signal to this process, which stops them
        before = signal.pthread_sigmask(signal.SIG_BLOCK, ENDING)
        try:
            for process in processes:
                process.start()
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)
        while any(process.is_alive() for process in processes):
            wait([process.sentinel for process in processes if process.is_alive()], POLL_S)
            meanwhile()
    finally:
        stop.set()
        for process in processes:
            if process.pid is not None:
                process.join()
    for heard, _ in ends:
        if heard.poll():
            raise heard.recv()
    return all(process.exitcode == 0 for process in processes)


def _process(work: Work, stop: Event, told: Connection) -> None:
    parent = multiprocessing.parent_process()
    assert parent is not None
    try:
        work(lambda: stop.is_set() or not parent.is_alive())
    except (InputError, OSError, MemoryError) as error:
        stop.set()
        told.send(error)

"""Bounds of time and memory for reading a user's files, and what a refusal must be."""

from __future__ import annotations

import faulthandler
import re
import resource
import signal
import tracemalloc
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from fxp_model.tables import TEXT

MOST_SECONDS = 10
"""Of processor time."""
LONGEST_WAIT_S = 900
"""After which a process that waits, or hangs outside of Python, is ended."""
MOST_NATIVE = 512 << 20
"""Bytes of address space that libraries may take beside Python and numpy: threads, arenas of malloc."""
LONGEST = 2000
"""Characters of a message."""


@contextmanager
def bounded(most_bytes: int) -> Iterator[None]:
    """The block must stay within the memory and time limits.

    What Python and numpy allocate is counted, and at most `most_bytes`; whatever else is allocated, as by
    HDF5 or libsndfile, fails beyond `MOST_NATIVE` more. A wait, and a hang outside of Python, end the process
    with a traceback.
    """

    def too_long(*_: object) -> None:
        raise AssertionError(f"longer than {MOST_SECONDS} s")

    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0])
    limits = resource.getrlimit(resource.RLIMIT_AS)
    handler = signal.signal(signal.SIGPROF, too_long)
    signal.setitimer(signal.ITIMER_PROF, MOST_SECONDS)
    faulthandler.dump_traceback_later(LONGEST_WAIT_S, exit=True)
    tracemalloc.start(1)
    most = pages * resource.getpagesize() + most_bytes + MOST_NATIVE
    resource.setrlimit(resource.RLIMIT_AS, (most, limits[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, limits)
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        faulthandler.cancel_dump_traceback_later()
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, handler)
    assert peak < most_bytes, f"{peak} bytes were allocated"


def check_message(error: Exception, named: str) -> None:
    """Assert that an error is one line of limited length, in which the expression `named` is found."""
    message = str(error)
    assert re.search(named, message), f"no name of the file: {message}"
    assert len(message) < LONGEST, f"too long: {len(message)} characters"
    assert TEXT.holds(message), f"not one line of text: {message!r}"
    exhausted = re.search("to allocate|memory allocation|out of memory", message)
    assert not exhausted, "as much memory was to be taken"

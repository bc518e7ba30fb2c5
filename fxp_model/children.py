"""The processes that this one began."""

from __future__ import annotations

from contextlib import suppress


def end_children() -> None:
    """End the processes that this one began, and those that these began, as Ctrl-C in a terminal does."""
    import psutil  # here, for few runs come to this

    for child in psutil.Process().children(recursive=True):
        with suppress(psutil.NoSuchProcess):
            child.terminate()

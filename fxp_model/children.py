"""The child processes of this one."""

from __future__ import annotations

from contextlib import suppress


def end_children() -> None:
    """End all child processes, and their children, as Ctrl-C in a terminal does."""
    import psutil  # here, as it is seldom needed

    for child in psutil.Process().children(recursive=True):
        with suppress(psutil.NoSuchProcess):
            child.terminate()

"""Caches of tools that run as separate processes: an unwritable cache is not an error."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from fxp_model.errors import InputError
from fxp_model.files import check_file_target


@contextmanager
def tool_environment() -> Iterator[dict[str, str]]:
    """The environment for a tool, with the user's caches if they are writable.

    Else, for example without a home directory, they are in a temporary folder for the duration of the block.
    """
    with tempfile.TemporaryDirectory(prefix="spikeline-") as folder:
        yield dict(os.environ) if _can_be_written() else {**os.environ, "XDG_CACHE_HOME": folder}


def _can_be_written() -> bool:
    try:
        caches = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
        check_file_target(caches / ".probe")
    except (InputError, RuntimeError):  # the second: there is no home directory
        return False
    return caches.is_absolute()  # else the tools do not use it

"""Files that are either whole or absent: written under a temporary name, then moved."""

from __future__ import annotations

import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from fxp_model.errors import InputError


@contextmanager
def replacing(path: Path | str) -> Iterator[Path]:
    """Give a temporary path beside `path`, and move it there when the block ends well.

    The block creates a file or a folder at the temporary path. A file replaces
    what was at `path`; a folder may replace an earlier folder. When the block
    raises, the temporary is removed and `path` is as it was. A link is followed.

    Raises
    ------
    InputError
        If `path` is the working folder, or a folder above it.
    """
    path = Path(path).resolve()
    if path.is_dir() and Path.cwd().is_relative_to(path):
        raise InputError(f"{path} is the working folder or above it; name another place")
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}.tmp")
    try:
        yield temporary
        if temporary.is_dir() and path.is_dir():
            retired = temporary.with_suffix(".old")
            path.rename(retired)
            try:
                temporary.rename(path)
            except BaseException:
                retired.rename(path)
                raise
            shutil.rmtree(retired)
        else:
            temporary.replace(path)
    finally:
        if temporary.is_dir():
            shutil.rmtree(temporary)
        else:
            temporary.unlink(missing_ok=True)

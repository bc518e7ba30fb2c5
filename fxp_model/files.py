"""Files that are written completely or not at all, and user files that are read with a size limit."""

from __future__ import annotations

import json
import math
import os
import secrets
import shutil
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, NoReturn, TypeVar

from fxp_model.errors import InputError, shown

JSON_BYTES = 64 << 20
"""Default limit on the size of a JSON text."""
JSON_DEPTH = 100
"""Deepest nesting of a JSON text: processing it needs no deep stack."""
_PART_BYTES = 1 << 20
_DIGITS = 20
"""Longest integer in JSON, sign included: that of 64 bits."""

_Kind = TypeVar("_Kind", dict[str, Any], list[Any])
_NAMES = {dict: "an object", list: "an array"}


@contextmanager
def replacing(path: Path | str) -> Iterator[Path]:
    """Yield a path to write a file at, and move the file to `path` when the block succeeds.

    A regular file is written beside `path` and moved there: it replaces an earlier one and keeps its mode;
    when the block raises, `path` is unchanged and no folder was created. Anything else, such
    as a pipe, a device or ``/dev/stdout``, is never replaced: the bytes are written to it as a stream.
    A link is followed.

    Raises
    ------
    InputError
        If `path` is a folder, or a file that is read-only.
    OSError
        If it cannot be written; names `path`.
    """
    path = _followed(Path(path))
    if _is_stream(path):
        with tempfile.TemporaryDirectory(prefix="spikeline-") as folder, _told_as(path, Path(folder)):
            temporary = Path(folder) / "bytes"
            yield temporary
            with temporary.open("rb") as source, os.fdopen(_opened(path), "wb") as node:
                shutil.copyfileobj(source, node)
        return
    before = check_file_target(path)
    temporary = path.with_name(f".{secrets.token_hex(8)}.tmp")
    with _told_as(path, temporary), made_folder(path.parent):
        try:
            yield temporary
            if before is not None:
                _keep_owner(temporary, before)
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)


def check_file_target(path: Path | str) -> os.stat_result | None:
    """`InputError` unless `replacing` may write `path`; returns what is there now, or None."""
    path = _followed(Path(path))
    try:
        before = path.stat()
    except (FileNotFoundError, NotADirectoryError):
        above = next(parent for parent in path.parents if os.path.lexists(parent))
        if not above.is_dir():
            raise InputError(f"{path} cannot be written: {above} is not a folder") from None
        if not os.access(above, os.W_OK | os.X_OK):
            raise InputError(f"{path} cannot be written: folder {above} is read-only") from None
        return None
    if stat.S_ISDIR(before.st_mode):
        raise InputError(f"{path} is a folder; name a file")
    if not before.st_mode & 0o222 or not os.access(path, os.W_OK):
        raise InputError(f"{path} is read-only; name another file")
    return before


@contextmanager
def made_folder(path: Path) -> Iterator[None]:
    """Create `path` and its parents; when the block raises, the new folders that are empty are removed."""
    made = [folder for folder in (path, *path.parents) if not folder.exists()]
    path.mkdir(parents=True, exist_ok=True)
    try:
        yield
    except BaseException:
        with suppress(OSError):
            for folder in made:
                folder.rmdir()
        raise


def write_text(path: Path, text: str) -> None:
    """Write `text` in UTF-8 in any locale; use `replacing` where it must not be incomplete."""
    path.write_text(text, encoding="utf-8")


def is_file(path: Path) -> bool:
    """Whether `path` is a regular file; False for a name that no file can have."""
    try:
        return stat.S_ISREG(path.stat().st_mode)
    except (OSError, ValueError):
        return False


def is_there(path: Path) -> bool:
    """Whether the file `path` exists; `InputError` if it is something else, such as a pipe."""
    if os.path.lexists(path) and not is_file(path):
        raise InputError(f"{path}: must be a file")
    return is_file(path)


def read_bytes(path: Path | str, limit: int) -> bytes:
    """All bytes of a file, pipe or device.

    Raises
    ------
    InputError
        If it cannot be read, or holds more than `limit` bytes.
    """
    try:
        with Path(path).open("rb") as file:
            parts, left = [], limit + 1
            while left and (part := file.read(min(left, _PART_BYTES))):
                parts.append(part)
                left -= len(part)
    except OSError as error:
        raise InputError(f"{path}: {error.strerror}") from None
    if not left:
        raise InputError(f"{path}: must hold at most {limit} bytes")
    return b"".join(parts)


def read_text(path: Path | str, limit: int = JSON_BYTES) -> str:
    """A text in UTF-8, with or without a byte order mark; `InputError` as `read_bytes`, or if it is not."""
    return _decoded(read_bytes(path, limit), str(path))


def read_json(path: Path | str, kind: type[_Kind], limit: int = JSON_BYTES) -> _Kind:
    """The JSON object (`kind` dict) or array (list) in a file.

    Raises
    ------
    InputError
        As `read_text`; or if it is not JSON, or not of `kind`, or has a number beyond 64 bits,
        or is nested deeper than `JSON_DEPTH`.
    """
    return parse_json(read_bytes(path, limit), str(path), kind)


def parse_json(content: bytes | str, name: str, kind: type[_Kind]) -> _Kind:
    """Like `read_json`, for the content of a file; errors call it `name`."""
    text = content if isinstance(content, str) else _decoded(content, name)
    try:
        value = json.loads(text, parse_constant=_no_number, parse_int=_integer, parse_float=_real)
        deep = _is_deeper(value, JSON_DEPTH)
    except RecursionError:
        deep = True
    except ValueError as error:
        raise InputError(f"{name} is not JSON: {error}") from None
    if deep:
        raise InputError(f"{name} must be JSON nested at most {JSON_DEPTH} deep")
    if not isinstance(value, kind):
        raise InputError(f"{name} must hold {_NAMES[kind]}, not {shown(value)}")
    return value


def read_json_lines(path: Path, what: str = "rows") -> list[tuple[str, dict[str, Any]]]:
    """The objects of a file of JSON lines, each with the name that errors call it.

    Raises
    ------
    InputError
        Naming the line, if it is not an object; or if the file holds no `what`.
    """
    rows = []
    for number, line in enumerate(read_text(path).splitlines(), start=1):
        name = f"{path} line {number}"
        rows.append((name, parse_json(line, name, dict)))
    if not rows:
        raise InputError(f"{path} holds no {what}")
    return rows


def json_text(value: Any) -> str:
    """`value` as JSON that every reader accepts: ASCII, without NaN or infinities."""
    return json.dumps(value, indent=2, allow_nan=False) + "\n"


def _decoded(content: bytes, name: str) -> str:
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(f"{name}: must be text in UTF-8: {error.reason} at byte {error.start}") from None


def _no_number(name: str) -> NoReturn:
    raise ValueError(f"{name} is not a JSON number")


def _integer(text: str) -> int:
    if len(text) > _DIGITS:
        raise ValueError(f"an integer must have at most {_DIGITS} digits, not {len(text)}")
    return int(text)


def _real(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(f"{shown(text)} is too large for a number")
    return value


def _is_deeper(value: Any, limit: int) -> bool:
    """Whether objects and arrays are nested more than `limit` deep."""
    level = [value]
    for _ in range(limit):
        level = [
            item
            for own in level
            if isinstance(own, dict | list)
            for item in (own.values() if isinstance(own, dict) else own)
        ]
        if not level:
            return False
    return any(isinstance(own, dict | list) for own in level)


def _followed(path: Path) -> Path:
    """`path` with its links resolved, except those to a descriptor of this process."""
    for _ in range(40):
        if _descriptor(path) is not None or not path.is_symlink():
            break
        path = path.parent / path.readlink()
    else:
        raise InputError(f"{path}: too many links")
    if _descriptor(path) is not None or not path.name:
        return path
    return Path(os.path.realpath(path.parent)) / path.name


def _descriptor(path: Path) -> int | None:
    """Number of the descriptor that `path` denotes, as ``/dev/fd/1`` does."""
    if path.name.isdecimal() and os.path.realpath(path.parent) == f"/proc/{os.getpid()}/fd":
        return int(path.name)
    return None


def _is_stream(path: Path) -> bool:
    """Whether `path` exists and is neither a regular file nor a folder."""
    try:
        mode = path.stat().st_mode
    except OSError:
        return False
    return _descriptor(path) is not None or not (stat.S_ISREG(mode) or stat.S_ISDIR(mode))


def _opened(path: Path) -> int:
    """A descriptor to write to the stream `path`."""
    number = _descriptor(path)
    return os.open(path, os.O_WRONLY) if number is None else os.dup(number)


@contextmanager
def _told_as(path: Path, temporary: Path) -> Iterator[None]:
    """Make an `OSError` that names `temporary`, or nothing (full disk), name `path`."""
    try:
        yield
    except OSError as error:
        if error.filename is None or Path(os.fsdecode(error.filename)).is_relative_to(temporary):
            raise OSError(error.errno, error.strerror, str(path)) from None
        raise


def _keep_owner(path: Path, before: os.stat_result) -> None:
    path.chmod(stat.S_IMODE(before.st_mode))
    with suppress(PermissionError):
        os.chown(path, before.st_uid, before.st_gid)

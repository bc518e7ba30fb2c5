"""Output folders of a tool: writing one again replaces and removes only the tool's own files.

``SHA256SUMS`` in such a folder lists what the tool wrote, in the format of ``sha256sum -c``. A file that is
not listed belongs to the user, and so does one that was changed: the first is kept, the second is
not overwritten.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from filelock import lock_descriptor

from fxp_model.errors import InputError
from fxp_model.files import is_there, read_bytes, read_json, read_text, write_text
from fxp_model.printable import printable

SUMS = "SHA256SUMS"
_NEW, _READY = ".spikeline-new", ".spikeline-ready"
"""Subfolders: of files being written, and of complete files still to be moved."""
_FILE_BYTES = 1 << 31


@dataclass(frozen=True)
class FolderKind:
    """A kind of folder that a tool writes.

    name : for messages, such as ``build``
    mark : file that identifies such a folder: a JSON object with the field ``format``
    format : value of that field
    """

    name: str
    mark: str
    format: str

    def check(self, path: Path | str) -> None:
        """`InputError` unless `writing` may write `path`: absent, an empty folder, or an unchanged earlier
        one.

        If an earlier run was killed while moving its files, they are moved first.
        """
        path = Path(path)
        if os.path.lexists(path):
            with owned(path):
                self._check(path)
        else:
            _check_parent(path)

    def _check(self, path: Path) -> None:
        """`check` of an existing folder of this kind, under its lock."""
        if not os.access(path, os.W_OK | os.X_OK):
            raise InputError(f"{path} cannot be written: it is read-only")
        if (path / _READY).is_dir():
            _move(path)
        if all(own.name == _NEW for own in path.iterdir()):
            return
        if not self.made(path):
            raise InputError(f"{path} holds files and is not an earlier {self.name}; name another folder")
        for name, digest in read_sums(path).items():
            if os.path.lexists(path / name) and not _is_intact(path, name, digest):
                raise InputError(
                    f"{path / name} was changed since the earlier {self.name} wrote it; move it away, or "
                    "name another folder"
                )

    def made(self, path: Path) -> bool:
        """Whether the folder is of this kind, by its list and its mark."""
        try:
            return (
                self.mark in read_sums(path)
                and read_json(member(path, self.mark), dict).get("format") == self.format
            )
        except InputError:
            return False

    @contextmanager
    def writing(self, path: Path | str) -> Iterator[Path]:
        """Yield a folder to write files in, and move them to `path` when the block succeeds.

        They replace those of an earlier run, whose other files are removed; all else in `path` stays. The
        folder is locked meanwhile. When the block raises, `path` is unchanged.

        Raises
        ------
        InputError
            As `check`; if another process is writing it; if a user's file has the name of a new one.
        """
        path = Path(path)
        if not os.path.lexists(path):
            _check_parent(path)
        with owned(path):
            self._check(path)
            new = path / _NEW
            shutil.rmtree(new, ignore_errors=True)  # left by a run that was killed
            new.mkdir()
            try:
                yield new
                made = sorted(file for file in new.rglob("*") if not file.is_dir())
                names = [file.relative_to(new).as_posix() for file in made if file != new / SUMS]
                write_sums(new, {name: _digest(new / name) for name in names})
                self._check(path)
                before = read_sums(path) if (path / SUMS).exists() else {}
                for name in names:
                    _check_free(path, name, before)
                new.rename(path / _READY)
                _move(path)
            finally:
                shutil.rmtree(new, ignore_errors=True)

    def others(self, path: Path) -> list[str]:
        """Names of the files in `path` that are not in its list: the user's, or those of other tools."""
        listed = {SUMS, *read_sums(path)}
        names = (file.relative_to(path).as_posix() for file in path.rglob("*") if not file.is_dir())
        return sorted(name for name in names if name not in listed)


@contextmanager
def owned(path: Path | str) -> Iterator[None]:
    """Create the folder `path` if missing, and hold a lock on it against other processes that use this
    function.

    Raises
    ------
    InputError
        If another process has the lock, or it is not a folder.
    """
    path = Path(path)
    if path.exists() and not path.is_dir():
        raise InputError(f"{path} is not a folder; name another")
    missing = [folder for folder in (path, *path.parents) if not folder.exists()]
    descriptor = _locked(path)
    try:
        yield
    except BaseException:
        with suppress(OSError):
            for folder in missing:  # while locked: what another process puts there stays
                folder.rmdir()
        raise
    finally:
        os.close(descriptor)


def _locked(path: Path) -> int:
    """Descriptor of the folder, created if missing, that holds the lock."""
    while True:
        path.mkdir(parents=True, exist_ok=True)
        try:
            descriptor = os.open(path, os.O_RDONLY)
        except FileNotFoundError:
            continue  # removed by the process that had created it
        if not lock_descriptor(descriptor, blocking=False):
            os.close(descriptor)
            raise InputError(f"{path} is in use by another process; wait for it, or name another folder")
        with suppress(FileNotFoundError):
            if os.path.samestat(os.fstat(descriptor), path.stat()):
                return descriptor
        os.close(descriptor)


def shortened(names: Sequence[str], shown: int = 3) -> str:
    """The first of `names`, and the number of others."""
    more = len(names) - shown
    return ", ".join(names[:shown]) + (f" and {more} more" if more > 0 else "")


def member(folder: Path, name: str) -> Path:
    """The file `name` of a folder, or where it would be; `InputError` if it is no file, such as a pipe."""
    file = folder / name
    is_there(file)
    return file


def read_sums(folder: Path) -> dict[str, str]:
    """Digest of each file listed in ``SHA256SUMS`` in `folder`.

    Raises
    ------
    InputError
        If it is missing, a line is not a digest and a name inside the folder, or a name occurs twice.
    """
    file = member(folder, SUMS)
    sums: dict[str, str] = {}
    for number, line in enumerate(read_text(file).removesuffix("\n").split("\n"), start=1):
        digest, _, name = line.partition("  ")
        if not re.fullmatch("[0-9a-f]{64}", digest) or not _is_inside(name) or name in sums:
            raise InputError(f"{file} line {number}: must be a digest and the name of a file, each name once")
        sums[name] = digest
    return sums


def write_sums(folder: Path, sums: dict[str, str]) -> None:
    """Inverse of `read_sums`."""
    write_text(folder / SUMS, "".join(f"{sums[name]}  {name}\n" for name in sorted(sums)))


def _check_parent(path: Path) -> None:
    above = next(parent for parent in path.absolute().parents if os.path.lexists(parent))
    if not above.is_dir():
        raise InputError(f"{path} cannot be made: {above} is not a folder")
    if not os.access(above, os.W_OK | os.X_OK):
        raise InputError(f"{path} cannot be made: folder {above} is read-only")


def _is_inside(name: str) -> bool:
    parts = PurePosixPath(name).parts
    inside = bool(parts) and ".." not in parts and not name.startswith("/")
    return inside and name != SUMS and printable(name) == name


def _digest(file: Path) -> str:
    return hashlib.sha256(read_bytes(file, _FILE_BYTES)).hexdigest()


def _is_intact(folder: Path, name: str, digest: str) -> bool:
    """Whether it is a regular file within `folder`, not through a link, and has this digest."""
    file = folder / name
    if file.is_symlink() or not file.is_file() or file.resolve() != folder.resolve() / name:
        return False
    return _digest(file) == digest


def _check_free(folder: Path, name: str, before: dict[str, str]) -> None:
    """`InputError` if something of the user's is in the place of the file `name`."""
    place = PurePosixPath(name)
    for part in place.parents[:-1]:
        above = folder / part
        if os.path.lexists(above) and (above.is_symlink() or not above.is_dir()) and str(part) not in before:
            raise InputError(f"{above} is in the way of {name}; move it away, or name another folder")
    there = folder / name
    own = (
        there.is_dir()
        and not there.is_symlink()
        and all(file.is_dir() or file.relative_to(folder).as_posix() in before for file in there.rglob("*"))
    )
    if os.path.lexists(there) and name not in before and not own:
        raise InputError(f"{there} was not written by the earlier run; move it away, or name another folder")


def _move(folder: Path) -> None:
    """Move the finished files into place, then the list. If interrupted, the next run completes it."""
    ready = folder / _READY
    if (ready / SUMS).exists():  # else only the removal remains
        now = read_sums(ready)
        before = read_sums(folder) if (folder / SUMS).exists() else {}
        for name in before.keys() - now.keys():
            if _is_intact(folder, name, before[name]):
                (folder / name).unlink()
                _remove_empty(folder, name)
        for name in now:
            if (ready / name).exists():
                (folder / name).parent.mkdir(parents=True, exist_ok=True)
                (ready / name).replace(folder / name)
        (ready / SUMS).replace(folder / SUMS)
    shutil.rmtree(ready)


def _remove_empty(folder: Path, name: str) -> None:
    for part in PurePosixPath(name).parents[:-1]:
        if any((folder / part).iterdir()):
            return
        (folder / part).rmdir()

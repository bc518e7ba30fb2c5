"""A folder of a user's files, and a damaged one: files, names and what is there instead of files."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from hypothesis import strategies as st

from tests.robustness.fuzz.archives import changed_archive, changed_state_dict
from tests.robustness.fuzz.hdf5_files import changed_hdf5
from tests.robustness.fuzz.json_texts import changed_json_file, changed_json_lines
from tests.robustness.fuzz.raw import changed_bytes
from tests.robustness.fuzz.sounds import changed_flac, changed_wav
from tests.robustness.fuzz.texts import changed_text
from tests.robustness.fuzz.values import NAMES


@dataclass(frozen=True)
class Node:
    """What is no file: a ``folder``, a ``pipe``, a ``link`` to or a ``second`` name of `target`."""

    kind: str
    target: str = ""


class Files(dict[str, "bytes | Node"]):
    """What a folder holds, by path within it; shown without the bytes."""

    def __repr__(self) -> str:
        own = (f"{name!r}: {own if isinstance(own, Node) else len(own)}" for name, own in self.items())
        return f"{{{', '.join(own)}}}"


_FORMATS: dict[str, Callable[[bytes], st.SearchStrategy[bytes]]] = {
    ".json": changed_json_file,
    ".jsonl": changed_json_lines,
    ".npz": changed_archive,
    ".pt": changed_state_dict,
    ".h5": changed_hdf5,
    ".nir": changed_hdf5,
    ".net": changed_hdf5,
    ".wav": changed_wav,
    ".flac": changed_flac,
}
"""Changes of structure, by suffix; those of text for all others."""
_NEW = ("new.wav", "val.csv", "validation_list.txt", "new", "classes.txt", "encoder.json")
_NEW += ("shd_test.h5", "test.npz")


def read_files(folder: Path) -> Files:
    """The files of a folder."""
    files = (path for path in sorted(folder.rglob("*")) if path.is_file())
    return Files({path.relative_to(folder).as_posix(): path.read_bytes() for path in files})


def write_files(folder: Path, files: Files) -> None:
    """Inverse of `read_files`, of nodes too; a name that is not possible is left out."""
    folder.mkdir()
    for name, own in files.items():
        path = folder / name
        with suppress(OSError, ValueError):
            path.parent.mkdir(parents=True, exist_ok=True)
            if isinstance(own, bytes):
                path.write_bytes(own)
            elif own.kind == "folder":
                path.mkdir()
            elif own.kind == "pipe":
                os.mkfifo(path)
            elif own.kind == "link":
                path.symlink_to(own.target)
            else:
                path.hardlink_to(folder / own.target)


def contents(folder: Path) -> dict[Path, tuple[int, int, bytes | None]]:
    """Everything in a folder, of any kind: mode, inode, and the bytes of a file."""
    found = {}
    for path in sorted(folder.rglob("*")):
        status = path.lstat()
        content = path.read_bytes() if path.is_file() and not path.is_symlink() else None
        found[path] = (status.st_mode, status.st_ino, content)
    return found


@st.composite
def damaged(draw: st.DrawFn, files: Files, nodes: bool = False) -> Files:
    """`files` with one or two changed; with `nodes`, also renamed, or replaced by what is no file."""
    changed = Files(files)
    names = draw(st.lists(st.sampled_from(sorted(files)), min_size=1, max_size=2, unique=True))
    for name in names:
        own = changed[name]
        assert isinstance(own, bytes)
        way = draw(st.sampled_from(("format",) * 4 + ("bytes",) + ("node", "name") * nodes))
        if way == "format":
            changed[name] = draw(_FORMATS.get(PurePosixPath(name).suffix, changed_text)(own))
        elif way == "bytes":
            changed[name] = draw(changed_bytes(own))
        elif way == "name":
            del changed[name]
            suffix = draw(st.sampled_from((PurePosixPath(name).suffix, "", ".mp3", ".WAV")))
            changed[_beside(name, draw(st.sampled_from(NAMES)) + suffix)] = own
        else:
            if draw(st.booleans()):
                name = _beside(name, draw(st.sampled_from(_NEW)))
            changed.pop(name, None)
            other = draw(st.sampled_from(sorted(files)))
            up = "../" * name.count("/")
            targets = (up + other, PurePosixPath(name).name, "absent", "..", "/dev/null", "/dev/zero", "/")
            kind = draw(st.sampled_from(("folder", "pipe", "link", "link", "link", "second", "away")))
            if kind != "away":
                changed[name] = Node(kind, other if kind == "second" else draw(st.sampled_from(targets)))
    return changed


def _beside(name: str, other: str) -> str:
    return f"{name.rpartition('/')[0]}/{other}".removeprefix("/")

"""Silent errors of a data set: refused, or reported if they may be intended."""

from __future__ import annotations

import hashlib
import os
import re
import unicodedata
from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple, TypeVar

from fxp_model.data.audio import MAX_BYTES
from fxp_model.data.dataset import Clip, SpeechDataset
from fxp_model.data.notice import notice
from fxp_model.errors import InputError
from fxp_model.files import read_bytes
from fxp_model.tables import TEXT

_SOUND = re.compile(
    r"[^.].*\.(wav|flac|3gp|aac|aif|aifc|aiff|amr|ape|au|bwf|caf|gsm|m4a|mp3|nist|oga|ogg|opus|pcm|raw|rf64|snd|"
    r"spx|sph|voc|w64|wave|webm|wma|wv)",
    re.IGNORECASE | re.DOTALL,
)
"""Extensions of audio files, supported or not."""
_MIDDLE = 64
"""Bytes in the middle of two files that are compared before all of them."""

_Item = TypeVar("_Item")


class _Placed(NamedTuple):
    """A clip in a split."""

    split: str
    clip: Clip

    def apart(self, others: list[_Placed]) -> _Placed | None:
        """The first of `others` in another split or class."""
        place = self.split, self.clip.label
        return next((other for other in others if (other.split, other.clip.label) != place), None)


def check_classes(where: object, names: Sequence[str]) -> None:
    """`InputError` unless class names are visible and distinct; a notice if they differ in case only."""
    for name in names:
        TEXT.check(f"{where}: class", name)
        unseen = "".join(char for char in name if unicodedata.category(char) == "Cf" or char.isspace())
        if name != name.strip(unseen):
            raise InputError(f"{where}: class must begin and end with a visible character, not {name!a}")
    for one, other, *_ in equal([names], lambda name: unicodedata.normalize("NFC", name)):
        raise InputError(f"{where}: classes must differ in more than their Unicode form: {one!a}, {other!a}")
    for one, other, *_ in equal([names], lambda name: unicodedata.normalize("NFKC", name).casefold()):
        notice(f"{where}: classes differ in case only: {one!r}, {other!r}")


def check_clips(folder: Path, dataset: SpeechDataset) -> None:
    """Refuse a file in two splits or classes, under any name; report files that are equal.

    Raises
    ------
    InputError
        Names both clips.
    """
    placed = [_Placed(split, clip) for split, clips in dataset.splits.items() for clip in clips]

    def of(key: Callable[[Path], Hashable]) -> Callable[[_Placed], Hashable]:
        return lambda placed: key(folder / placed.clip.name)

    def told(one: _Placed, other: _Placed) -> str:
        both = (f"{p.clip.name!r} ({p.split}, {dataset.classes[p.clip.label]!r})" for p in (one, other))
        return " and ".join(both)

    same = list(equal([placed], of(_identity)))
    for first, *others in same:
        if (other := first.apart(others)) is not None:
            raise InputError(f"{folder}: a file must be in one split and class, not {told(first, other)}")
    if same:
        notice(f"{folder}: {len(same)} clips occur more than once, such as {told(*same[0][:2])}")
    groups: Iterable[list[_Placed]] = [placed]
    for key in (_size, _middle, _digest):
        groups = equal(groups, of(key))
    copies = [(first, other) for first, *others in groups if (other := first.apart(others)) is not None]
    if copies:
        notice(f"{folder}: {len(copies)} clips are in two splits or classes, such as {told(*copies[0])}")


def check_unread(folder: Path, files: dict[str, list[str]]) -> None:
    """Report audio files that are ignored; refuse a class that would be ignored entirely.

    Parameters
    ----------
    files : dict
        Names of the audio files of each class folder.

    Raises
    ------
    InputError
        A class folder has audio files, but none that can be read.
    """
    left = [file.name for file in folder.iterdir() if _SOUND.fullmatch(file.name) and file.is_file()]
    for name, read in files.items():
        unread = [file for file in _sound_below(folder / name) if file not in read]
        if unread and not read:
            raise InputError(
                f"{folder}: class {name!r} must have wav or flac files in its own folder, not only such as "
                f"{min(unread)!r}; convert or move them, or name the folder _{name}"
            )
        left += [f"{name}/{file}" for file in unread]
    if left:
        notice(f"{folder}: {len(left)} audio files are ignored, such as {min(left)!r}")
    if empty := sorted(name for name, read in files.items() if not read):
        notice(f"{folder}: folders without audio files are not classes: {', '.join(map(repr, empty))}")


def equal(groups: Iterable[Sequence[_Item]], key: Callable[[_Item], Hashable]) -> Iterator[list[_Item]]:
    """The items of each group that have a `key` in common with others of it."""
    for group in groups:
        members = defaultdict(list)
        for item in group:
            members[key(item)].append(item)
        yield from (alike for alike in members.values() if len(alike) > 1)


def _identity(path: Path) -> tuple[int, int]:
    """A key that is the same under every name of a file, through symbolic and hard links."""
    found = path.stat()
    return found.st_dev, found.st_ino


def _size(path: Path) -> int:
    return path.stat().st_size


def _middle(path: Path) -> bytes:
    with path.open("rb") as file:
        file.seek(_size(path) // 2)
        return file.read(_MIDDLE)


def _digest(path: Path) -> bytes:
    return hashlib.sha256(read_bytes(path, MAX_BYTES)).digest()


def _sound_below(folder: Path) -> Iterator[str]:
    """Names of audio files in `folder` and its subfolders."""
    for place, folders, files in os.walk(folder):
        folders[:] = [name for name in folders if name[0] not in "_."]
        yield from (str(Path(place, file).relative_to(folder)) for file in files if _SOUND.fullmatch(file))

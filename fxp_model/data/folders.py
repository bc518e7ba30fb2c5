"""Speech on disk: folders with split tables, and a folder per class."""

from __future__ import annotations

import csv
import io
import re
from collections import defaultdict
from pathlib import Path, PurePosixPath

from fxp_model.data.audio import SUFFIXES
from fxp_model.data.checks import check_classes, check_clips, check_unread
from fxp_model.data.dataset import Clip, FileSource, SpeechDataset, seeded
from fxp_model.errors import InputError
from fxp_model.files import is_file, is_there, read_text
from fxp_model.folders import shortened
from fxp_model.tables import TEXT

SPLITS = ("train", "val", "test")
HEADER = ["file", "class"]
LISTS = {"val": "validation_list.txt", "test": "testing_list.txt"}
"""Split lists of Speech Commands; clips in no list are for training."""
HELD_OUT_SHARE = 0.1
"""Share of speakers, or of each class, that a seeded split assigns to val, and to test."""

_SPEAKER = re.compile(r"(.+)_(?:nohash|NO)_\d+")
"""Clip names that include the speaker, in the (Arabic) Speech Commands data sets."""


def open_folder(path: Path | str, seed: int = 0) -> SpeechDataset:
    """The data set in a folder; the layout is recognised by its contents.

    1. ``train.csv``, ``val.csv`` or ``test.csv``: each line below the header ``file,class`` is a
       clip of that split, `file` relative to the folder.
    2. Else a folder per class, with wav and flac files in it; names that start with ``_`` or ``.``
       are ignored. ``validation_list.txt`` and ``testing_list.txt``, if present, name the
       clips of val and test, ``class/file`` per line, and all others are for training. Without
       lists, a tenth of the speakers goes to val and a tenth to test; when file names
       (``<speaker>_nohash_<n>``) identify fewer than three speakers, a tenth of each class.

    Classes are sorted by name.

    Parameters
    ----------
    path : path
        The folder.
    seed : int
        Seed of the split if no file defines one.

    Raises
    ------
    InputError
        The folder is in neither layout, a table or list is malformed or names a missing file or
        an unknown class, or a class is too small to be split; names file, line and value. Also if a file,
        under any name, is in two splits or classes, a class folder has only unsupported audio files, or a
        class name is invisible or looks like another. What may be intended, such as equal files, is a
        `notice`.
    """
    folder = Path(path)
    if not folder.is_dir():
        raise InputError(f"{folder}: data set must be a folder")
    tables = _tables_in(folder)
    dataset = _from_tables(folder, tables) if tables else _from_class_folders(folder, seed)
    check_clips(folder, dataset)
    return dataset


def speech_in(folder: Path) -> str | None:
    """Name of a table of a split in `folder`, or of a clip of a class, if there is one."""
    for path in _tables_in(folder).values():
        return path.name
    found = (f"{child.name}/{file}" for child in _class_folders(folder) for file in _sound_files(child))
    return next(found, None)


def _tables_in(folder: Path) -> dict[str, Path]:
    paths = {split: folder / f"{split}.csv" for split in SPLITS}
    return {split: path for split, path in paths.items() if is_there(path)}


def _class_folders(folder: Path) -> list[Path]:
    return [child for child in sorted(folder.iterdir()) if child.is_dir() and child.name[0] not in "_."]


def _from_tables(folder: Path, paths: dict[str, Path]) -> SpeechDataset:
    tables = {split: _table(path) for split, path in paths.items()}
    known = next(iter(tables.values()))
    classes = tuple(sorted({name for _, _, name in known}))
    check_classes(next(iter(paths.values())), classes)
    splits = {}
    for split, rows in tables.items():
        clips = []
        for line, file, name in rows:
            where = f"{paths[split]} line {line}"
            if name not in classes:
                raise InputError(f"{where}: class must be one of {shortened(classes, 40)}, not {name!r}")
            TEXT.check(f"{where}: file", file)
            if not is_file(folder / file):
                raise InputError(f"{where}: no such file: {file}")
            clips.append(_clip(folder, file, classes.index(name)))
        splits[split] = tuple(clips)
    return SpeechDataset(folder.resolve().name, classes, splits)


def _table(path: Path) -> list[tuple[int, str, str]]:
    """Line number, file and class of each row."""
    rows = []
    reader = csv.reader(io.StringIO(read_text(path), newline=None), strict=True)
    try:
        if (header := next(reader, [])) != HEADER:
            raise InputError(f"{path} line 1: header must be {','.join(HEADER)}, not {','.join(header)!r}")
        for row in reader:
            if len(row) != len(HEADER) or not all(row):
                raise InputError(
                    f"{path} line {reader.line_num}: must hold a file and a class, not {','.join(row)!r}"
                )
            rows.append((reader.line_num, row[0], row[1]))
    except csv.Error as error:
        raise InputError(f"{path} line {reader.line_num}: not csv ({error})") from None
    if not rows:
        raise InputError(f"{path}: must name at least 1 file, not 0")
    return rows


def _from_class_folders(folder: Path, seed: int) -> SpeechDataset:
    files = {child.name: _sound_files(child) for child in _class_folders(folder)}
    check_unread(folder, files)
    classes = tuple(name for name, members in files.items() if members)
    check_classes(folder, classes)
    if not classes:
        wanted = (
            f"{', '.join(f'{split}.csv' for split in SPLITS)} or a folder per class with wav or flac files"
        )
        raise InputError(f"{folder}: data set must hold {wanted}, the HDF5 files of SHD or SSC, or npz files")
    clips = [
        _clip(folder, f"{name}/{file}", label) for label, name in enumerate(classes) for file in files[name]
    ]
    lists = {split: folder / name for split, name in LISTS.items() if is_there(folder / name)}
    if lists:
        split_of = _listed(lists, clips)
    elif len({clip.speaker for clip in clips} - {None}) >= len(SPLITS) and all(c.speaker for c in clips):
        split_of = _by_speaker(clips, seed)
    else:
        split_of = _by_class(folder, classes, clips, seed)
    splits = {
        split: tuple(clip for clip in clips if split_of.get(clip.name, "train") == split) for split in SPLITS
    }
    splits = {split: members for split, members in splits.items() if members}
    trained = {clip.label for clip in splits.get("train", ())}
    for label, name in enumerate(classes):
        if label not in trained:
            raise InputError(f"{folder}: class {name!r} must have at least 1 training clip, not 0")
    return SpeechDataset(folder.resolve().name, classes, splits)


def _sound_files(folder: Path) -> list[str]:
    names = sorted(
        file.name for file in folder.iterdir() if file.suffix.lower() in SUFFIXES and file.name[0] != "."
    )
    for name in names:
        TEXT.check(f"{folder}: file", name)
        if not is_file(folder / name):
            raise InputError(f"{folder / name}: must be a file")
    return names


def _listed(lists: dict[str, Path], clips: list[Clip]) -> dict[str, str]:
    """Split of each clip that a list names."""
    names = {clip.name for clip in clips}
    split_of: dict[str, str] = {}
    for split, path in lists.items():
        for line, entry in enumerate(read_text(path).splitlines(), start=1):
            if entry not in names:
                raise InputError(f"{path} line {line}: no such clip: {entry!r}")
            if split_of.setdefault(entry, split) != split:
                raise InputError(f"{path} line {line}: already in {LISTS[split_of[entry]]}: {entry!r}")
    return split_of


def _by_speaker(clips: list[Clip], seed: int) -> dict[str, str]:
    speakers = sorted({str(clip.speaker) for clip in clips})
    drawn = _draw(speakers, seed)
    return {clip.name: drawn[str(clip.speaker)] for clip in clips}


def _by_class(folder: Path, classes: tuple[str, ...], clips: list[Clip], seed: int) -> dict[str, str]:
    members = defaultdict(list)
    for clip in clips:
        members[clip.label].append(clip.name)
    split_of: dict[str, str] = {}
    for label, names in members.items():
        if len(names) < len(SPLITS):
            raise InputError(
                f"{folder}: class {classes[label]!r} must have at least {len(SPLITS)} clips to be split, "
                f"not {len(names)}"
            )
        split_of |= _draw(names, seed + label)
    return split_of


def _draw(names: list[str], seed: int) -> dict[str, str]:
    """val and test for `HELD_OUT_SHARE` of `names` each, at least one."""
    held_out = max(1, round(HELD_OUT_SHARE * len(names)))
    order = seeded(seed).permutation(len(names))
    split_of = dict.fromkeys(names, "train")
    for split, part in (("val", order[:held_out]), ("test", order[held_out : 2 * held_out])):
        split_of |= {names[index]: split for index in part}
    return split_of


def _clip(folder: Path, file: str, label: int) -> Clip:
    told = _SPEAKER.fullmatch(PurePosixPath(file).stem)
    return Clip(file, label, told[1] if told else None, FileSource(folder / file))

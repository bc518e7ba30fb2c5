"""What reads a folder of files."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tests.robustness.fuzz.folders import Files

GIVEN = "given-files"
"""Name of the folder of the damaged files."""


@dataclass(frozen=True)
class Reader:
    """How the files of a folder are read.

    sound : folders that it reads
    use : reads one; raises `InputError` if it is none, and asserts that what it read is whole
    finish : the last change to damaged files, so that later checks are reached
    nodes : names and kinds of files may be changed, too
    most_bytes : of memory
    times : cases of it, where others have 1
    named : what a refusal has in it, as an expression: the file's path where the reader knows it
    """

    sound: tuple[Files, ...]
    use: Callable[[Path], object]
    finish: Callable[[Files], Files] = lambda files: files
    nodes: bool = False
    most_bytes: int = 48 << 20
    times: int = 1
    named: str = GIVEN


Maker = Callable[[Path], Reader]
"""Makes a reader; has an empty folder of its own to make files in."""

"""Damaged files: each is read, or refused in one line that names it, in bounds; nothing else is written."""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Callable
from mmap import mmap
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fxp_model.errors import InputError
from tb.harness.depth import FULL, depth
from tests.robustness import bounds
from tests.robustness.bounds import bounded, check_message
from tests.robustness.fuzz import data, exchange, tables
from tests.robustness.fuzz.folders import Files, contents, damaged, write_files
from tests.robustness.fuzz.reader import GIVEN, Reader

pytestmark = pytest.mark.slow

READERS = tables.READERS | data.READERS | exchange.READERS
CASES = depth(12, 360)
WHOLES = (b"", b"\0" * 99, b"\xff", b"[]", b"{}", '{"a": 1}'.encode("utf-16"))
"""Contents of a whole file that are of no kind."""


def ends(reader: Reader, files: Files, folder: Path) -> str:
    """Whether `files`, written in `folder`, are ``read`` or ``refused``."""
    shutil.rmtree(folder, ignore_errors=True)  # stays after a failure
    write_files(folder, files)
    before = contents(folder)
    try:
        with bounded(reader.most_bytes):
            reader.use(folder)
    except InputError as error:
        check_message(error, reader.named)
        end = "refused"
    else:
        end = "read"
    assert contents(folder) == before, "something was written"
    return end


@pytest.mark.timeout(3600)
@pytest.mark.parametrize("name", READERS)
def test_a_damaged_file_is_read_or_refused_in_one_line(name: str, tmp_path: Path) -> None:
    (tmp_path / "own").mkdir()
    reader, folder = READERS[name](tmp_path / "own"), tmp_path / GIVEN
    for sound in reader.sound:
        write_files(folder, sound)
        reader.use(folder)  # compiles what is compiled once
        assert ends(reader, sound, folder) == "read"
        shutil.rmtree(folder)
    for file in reader.sound[0]:
        for content in WHOLES:
            ends(reader, Files({**reader.sound[0], file: content}), folder)
    counts: Counter[str] = Counter()
    cases = CASES * reader.times

    @settings(max_examples=cases, suppress_health_check=list(HealthCheck))
    @given(st.sampled_from(reader.sound).flatmap(lambda sound: damaged(sound, reader.nodes)))
    def check(files: Files) -> None:
        counts[ends(reader, reader.finish(files), folder)] += 1

    check()
    assert counts.total() >= cases
    assert counts["refused"] > (cases // 10 if FULL else 0)
    assert counts["read"] > cases // 50 or not FULL


def _refuse(message: str) -> Callable[[Path], object]:
    def use(folder: Path) -> None:
        raise InputError(f"{folder}: {message}")

    return use


def _nameless(folder: Path) -> None:
    raise InputError("damaged")


def _spin(folder: Path) -> None:
    while True:
        pass


FLAWS: dict[str, tuple[Callable[[Path], object], type[Exception], str]] = {
    "another error": (lambda folder: {}["field"], KeyError, "field"),
    "two lines": (_refuse("a\nb"), AssertionError, "not one line"),
    "no name": (_nameless, AssertionError, "no name"),
    "long": (_refuse("x" * 3000), AssertionError, "too long"),
    "unprintable": (_refuse("\x1b"), AssertionError, "one line"),
    "out of memory": (_refuse("Unable to allocate 8 EiB"), AssertionError, "as much memory"),
    "arrays": (lambda folder: np.zeros(64 << 20, np.uint8), AssertionError, "bytes were allocated"),
    "memory of libraries": (lambda folder: mmap(-1, 2 << 30), OSError, "Cannot allocate memory"),
    "a hang": (_spin, AssertionError, "longer than"),
    "a file beside": (lambda folder: (folder / "new").touch(), AssertionError, "was written"),
    "a file": (lambda folder: (folder / "file").write_bytes(b"other"), AssertionError, "was written"),
}
"""What a reader does wrong, and how it is found."""


@pytest.mark.parametrize("flaw", FLAWS)
def test_a_reader_with_a_flaw_is_found(flaw: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bounds, "MOST_SECONDS", 0.1)
    files = Files({"file": b"content"})
    assert ends(Reader((files,), _refuse("damaged")), files, tmp_path / GIVEN) == "refused"
    use, error, told = FLAWS[flaw]
    with pytest.raises(error, match=told):
        ends(Reader((files,), use), files, tmp_path / GIVEN)

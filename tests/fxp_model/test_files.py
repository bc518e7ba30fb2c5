"""Files are complete or absent, streams stay streams, and user files are read with a size limit."""

import json
import os
import re
import stat
import threading
from pathlib import Path

import pytest

from fxp_model.errors import InputError
from fxp_model.files import (
    check_file_target,
    json_text,
    parse_json,
    read_bytes,
    read_json,
    read_text,
    replacing,
    write_text,
)


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def put(target, text="new"):
    with replacing(target) as path:
        write_text(path, text)


def test_a_file_appears_whole(tmp_path):
    target = tmp_path / "new" / "deep" / "report.txt"
    with replacing(target) as path:
        write_text(path, "half")
        assert not target.exists()
        write_text(path, "whole")
    assert read_text(target) == "whole"
    assert names(target.parent) == ["report.txt"]


def test_a_file_is_replaced_and_keeps_its_mode(tmp_path):
    target = tmp_path / "report.txt"
    target.write_text("old", encoding="utf-8")
    target.chmod(0o640)
    put(str(target))
    assert read_text(target) == "new"
    assert stat.S_IMODE(target.stat().st_mode) == 0o640
    assert names(tmp_path) == ["report.txt"]


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt])
@pytest.mark.parametrize("place", ["old.txt", "new.txt", "deep/er/new.txt"])
def test_an_error_leaves_what_was_there(tmp_path, error, place):
    (tmp_path / "old.txt").write_text("old", encoding="utf-8")

    def interrupted():
        with replacing(tmp_path / place) as path:
            write_text(path, "part")
            raise error

    with pytest.raises(error):
        interrupted()
    assert names(tmp_path) == ["old.txt"]
    assert read_text(tmp_path / "old.txt") == "old"


def test_an_error_before_anything_is_written_leaves_nothing(tmp_path):
    def early():
        with replacing(tmp_path / "out"):
            raise RuntimeError

    with pytest.raises(RuntimeError):
        early()
    assert names(tmp_path) == []


def test_what_is_read_only_is_not_replaced(tmp_path):
    target = tmp_path / "report.txt"
    target.write_text("old", encoding="utf-8")
    target.chmod(0o444)
    with pytest.raises(InputError, match=rf"^{re.escape(str(target))} is read-only; name another file$"):
        put(target)
    assert read_text(target) == "old"


def test_a_folder_is_no_file(tmp_path):
    with pytest.raises(InputError, match=rf"^{re.escape(str(tmp_path))} is a folder; name a file$"):
        put(tmp_path)
    assert names(tmp_path) == []


def test_a_link_is_followed_and_stays(tmp_path):
    (tmp_path / "there").mkdir()
    link = tmp_path / "link"
    link.symlink_to("there/report.txt")
    for text in ("first", "second"):
        put(link, text)
        assert link.is_symlink()
        assert read_text(tmp_path / "there" / "report.txt") == text
    assert names(tmp_path / "there") == ["report.txt"]


def test_links_in_a_circle_are_told(tmp_path):
    (tmp_path / "a").symlink_to("b")
    (tmp_path / "b").symlink_to("a")
    with pytest.raises(InputError, match=r"a: too many links$|b: too many links$"):
        put(tmp_path / "a")


def test_a_pipe_is_written_into_and_stays(tmp_path):
    node = tmp_path / "pipe"
    os.mkfifo(node)
    read = []
    reader = threading.Thread(target=lambda: read.append(node.read_text(encoding="utf-8")))
    reader.start()
    put(node, "through")
    reader.join(10)
    assert read == ["through"]
    assert node.is_fifo()
    assert names(tmp_path) == ["pipe"]


def test_a_device_is_written_into_and_stays(tmp_path):
    put("/dev/null")
    assert stat.S_ISCHR(Path("/dev/null").stat().st_mode)
    if os.getuid() == 0:  # a device of our own, as only root can create one
        node = tmp_path / "null"
        os.mknod(node, 0o666 | stat.S_IFCHR, os.makedev(1, 3))
        put(node)
        assert stat.S_ISCHR(node.stat().st_mode)
        assert names(tmp_path) == ["null"]


@pytest.mark.parametrize("link", [False, True])
def test_a_descriptor_is_written_into_where_it_stands(tmp_path, link):
    """As ``/dev/stdout`` and the shell's ``>(command)`` are."""
    descriptor = os.open(tmp_path / "log", os.O_WRONLY | os.O_CREAT)
    target = f"/dev/fd/{descriptor}"
    if link:
        (tmp_path / "link").symlink_to(target)
        target = tmp_path / "link"
    os.write(descriptor, b"before ")
    put(target, "between ")
    os.write(descriptor, b"after")
    os.close(descriptor)
    assert read_text(tmp_path / "log") == "before between after"


def test_an_error_leaves_a_stream_alone(tmp_path):
    node = tmp_path / "pipe"
    os.mkfifo(node)

    def interrupted():
        with replacing(node) as path:
            write_text(path, "part")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        interrupted()  # opening the pipe would block until there is a reader
    assert names(tmp_path) == ["pipe"]


def test_a_full_device_is_named():
    with pytest.raises(OSError, match=r"\[Errno 28\].*'/dev/full'"):
        put("/dev/full")


def test_an_error_of_the_temporary_file_names_the_target(tmp_path):
    target = tmp_path / "report.txt"

    def fails():
        with replacing(target) as path:
            (path / "impossible").touch()

    with pytest.raises(OSError, match=rf"{re.escape(repr(str(target)))}$"):
        fails()


@pytest.mark.parametrize("above", ["file", "file/more"])
def test_a_place_below_a_file_is_refused_before_the_work(tmp_path, above):
    (tmp_path / "file").touch()
    message = rf"cannot be written: {re.escape(str(tmp_path / 'file'))} is not a folder$"
    with pytest.raises((InputError, OSError), match=message):
        check_file_target(tmp_path / above / "report.txt")


def test_a_file_target_that_can_be_written_passes(tmp_path):
    (tmp_path / "old").touch()
    for place in ("old", "new", "deep/er/new"):
        check_file_target(tmp_path / place)
    assert names(tmp_path) == ["old"]


# -- reading -------------------------------------------------------------------------------------


def test_text_is_utf_8_with_or_without_a_mark(tmp_path):
    file = tmp_path / "t"
    for content in ("zwölf".encode(), b"\xef\xbb\xbf" + "zwölf".encode()):
        file.write_bytes(content)
        assert read_text(file) == "zwölf"
    for content in ("zwölf".encode("latin-1"), '{"a": 1}'.encode("utf-16")):
        file.write_bytes(content)
        with pytest.raises(
            InputError, match=rf"^{re.escape(str(file))}: must be text in UTF-8: .+ at byte \d+$"
        ):
            read_text(file)


def test_no_more_than_the_limit_is_read(tmp_path):
    file = tmp_path / "t"
    file.write_bytes(b"12345")
    assert read_bytes(file, 5) == b"12345"
    for source, limit in ((file, 4), ("/dev/zero", 1000)):
        with pytest.raises(InputError, match=rf"^{source}: must hold at most {limit} bytes$"):
            read_bytes(source, limit)
    with pytest.raises(InputError, match=r"nowhere: No such file or directory$"):
        read_bytes(tmp_path / "nowhere", 5)


def test_json_comes_back():
    value = {"a": [1, 2.5, None, "ü"], "b": {}}
    assert parse_json(json_text(value), "x", dict) == value
    assert json_text(value).isascii()
    assert parse_json("[1]", "x", list) == [1]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[" * 100_000, "must be JSON nested at most 100 deep"),
        ('{"a": NaN}', "is not JSON: NaN is not a JSON number"),
        ('{"a": -Infinity}', "is not JSON: -Infinity is not a JSON number"),
        ('{"a": ' + "9" * 5000 + "}", r"is not JSON: .*"),
        ("{", r"is not JSON: .*"),
        ("", r"is not JSON: .*"),
        ("[1]", r"must hold an object, not \[1\]"),
        (json.dumps("x" * 99), r"must hold an object, not 'x{27}\.\.\.x{28}\'"),
    ],
)
def test_what_is_no_json_object_is_told(tmp_path, text, message):
    file = tmp_path / "t.json"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(InputError, match=rf"^{re.escape(str(file))} {message}$"):
        read_json(file, dict)


def test_what_json_cannot_say_is_not_written():
    with pytest.raises(ValueError, match="Out of range"):
        json_text({"a": float("inf")})

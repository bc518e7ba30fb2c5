"""Files are whole or absent; scripts end with one line and the right status."""

import json
import sys

import pytest

from fxp_model import cli
from fxp_model.errors import InputError
from fxp_model.files import replacing


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_a_file_appears_whole(tmp_path):
    target = tmp_path / "new" / "deep" / "report.txt"
    with replacing(target) as path:
        path.write_text("half", encoding="utf-8")
        assert not target.exists()
        path.write_text("whole", encoding="utf-8")
    assert target.read_text(encoding="utf-8") == "whole"
    assert names(target.parent) == ["report.txt"]


def test_a_file_is_replaced(tmp_path):
    target = tmp_path / "report.txt"
    target.write_text("old", encoding="utf-8")
    with replacing(str(target)) as path:
        path.write_text("new", encoding="utf-8")
        assert target.read_text(encoding="utf-8") == "old"
    assert target.read_text(encoding="utf-8") == "new"
    assert names(tmp_path) == ["report.txt"]


def test_a_folder_is_replaced_whole(tmp_path):
    target = tmp_path / "out"
    target.mkdir()
    (target / "stale.txt").write_text("old", encoding="utf-8")
    with replacing(target) as path:
        path.mkdir()
        (path / "fresh.txt").write_text("new", encoding="utf-8")
        assert names(target) == ["stale.txt"]
    assert names(target) == ["fresh.txt"]
    assert names(tmp_path) == ["out"]


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt])
@pytest.mark.parametrize("folder", [False, True])
def test_an_error_leaves_what_was_there(tmp_path, error, folder):
    target = tmp_path / "out"
    target.mkdir()
    (target / "old.txt").write_text("old", encoding="utf-8")

    def interrupted(place):
        with replacing(place) as path:
            if folder:
                path.mkdir()
                (path / "part").write_text("part", encoding="utf-8")
            else:
                path.write_text("part", encoding="utf-8")
            raise error

    for place in (target, target / "old.txt", target / "new.txt"):
        with pytest.raises(error):
            interrupted(place)
    assert names(tmp_path) == ["out"]
    assert names(target) == ["old.txt"]
    assert (target / "old.txt").read_text(encoding="utf-8") == "old"


def test_an_error_before_anything_is_written_leaves_nothing(tmp_path):
    def early():
        with replacing(tmp_path / "out"):
            raise RuntimeError

    with pytest.raises(RuntimeError):
        early()
    assert names(tmp_path) == []


def test_a_failed_move_puts_the_old_folder_back(tmp_path, monkeypatch):
    target = tmp_path / "out"
    target.mkdir()
    (target / "old.txt").write_text("old", encoding="utf-8")
    rename = type(target).rename

    def fails_for_the_new(self, place):
        if self.name.endswith(".tmp"):
            raise PermissionError(13, "Permission denied", str(self))
        return rename(self, place)

    def replace():
        with replacing(target) as path:
            path.mkdir()

    monkeypatch.setattr(type(target), "rename", fails_for_the_new)
    with pytest.raises(PermissionError):
        replace()
    assert names(tmp_path) == ["out"]
    assert names(target) == ["old.txt"]


@pytest.mark.parametrize("status", [0, 1])
def test_a_script_ends_with_the_status_of_main(status, capsys):
    with pytest.raises(SystemExit) as end:
        cli.run(lambda: status)
    assert end.value.code == status
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("error", "status", "line"),
    [
        (InputError("clips must be 1 or more, not 0"), 2, "clips must be 1 or more, not 0"),
        (FileNotFoundError(2, "No such file or directory", "a.wav"), 2, "a.wav: No such file or directory"),
        (KeyboardInterrupt(), 130, "interrupted"),
    ],
)
def test_an_error_of_the_user_is_one_line(error, status, line, capsys, monkeypatch):
    def main():
        raise error

    monkeypatch.setattr(sys, "argv", ["scripts/evaluate.py", "--x"])
    with pytest.raises(SystemExit) as end:
        cli.run(main)
    assert end.value.code == status
    assert capsys.readouterr() == ("", f"evaluate.py: {line}\n")


@pytest.mark.parametrize(
    "error", [RuntimeError("bug"), ValueError("bug"), BrokenPipeError(32, "Broken pipe")]
)
def test_an_error_of_the_program_keeps_its_traceback(error):
    def main():
        raise error

    with pytest.raises(type(error)):
        cli.run(main)


def test_json_goes_to_standard_output_or_to_a_file(tmp_path, capsys):
    value = {"accuracy": 0.5, "clips": [1, 2], "artifact": None}
    cli.write_json("-", value)
    printed = capsys.readouterr().out
    assert json.loads(printed) == value
    target = tmp_path / "deep" / "result.json"
    cli.write_json(str(target), value)
    assert target.read_text(encoding="utf-8") == printed
    assert names(target.parent) == ["result.json"]


def test_json_to_a_folder_is_an_error_of_the_user(tmp_path, capsys):
    with pytest.raises(SystemExit) as end:
        cli.run(lambda: cli.write_json(str(tmp_path), {}) or 0)
    assert end.value.code == 2
    assert capsys.readouterr().err.endswith(f": {tmp_path}: Is a directory\n")
    assert names(tmp_path) == []


def test_the_working_folder_is_not_replaced(tmp_path, monkeypatch):
    inner = tmp_path / "inner"
    inner.mkdir()
    monkeypatch.chdir(inner)
    for place in (".", tmp_path):
        with (
            pytest.raises(InputError, match=r"^.* is the working folder or above it; name another place$"),
            replacing(place),
        ):
            pass
    assert list(tmp_path.rglob("*")) == [inner]


def test_a_link_to_a_folder_is_followed(tmp_path):
    folder, link = tmp_path / "folder", tmp_path / "link"
    folder.mkdir()
    link.symlink_to(folder)
    with replacing(link) as temporary:
        temporary.mkdir()
        (temporary / "new").touch()
    assert link.is_symlink()
    assert [path.name for path in folder.iterdir()] == ["new"]
    assert {path.name for path in tmp_path.iterdir()} == {"folder", "link"}

"""An output folder is written again: what a user added or changed there is never lost."""

import multiprocessing
import re

import pytest

from fxp_model import folders
from fxp_model.errors import InputError
from fxp_model.files import json_text, read_text, write_text
from fxp_model.folders import SUMS, FolderKind, owned, read_sums, shortened

KIND = FolderKind("build", "manifest.json", "test-build")
FIRST = {"a.txt": "1", "vectors/x.hex": "2", "vectors/y.hex": "3"}


def make(out, files=FIRST, kind=KIND):
    with kind.writing(out) as folder:
        write_text(folder / kind.mark, json_text({"format": kind.format}))
        for name, text in files.items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            write_text(folder / name, text)


def content(folder):
    """Text of every file; checks that the folder holds nothing hidden."""
    return {
        path.relative_to(folder).as_posix(): read_text(path)
        for path in folder.rglob("*")
        if path.is_file() and path.name not in (SUMS, KIND.mark)
    }


@pytest.fixture
def out(tmp_path):
    make(tmp_path / "out")
    return tmp_path / "out"


def test_a_folder_appears_with_a_list_of_its_files(out):
    assert content(out) == FIRST
    assert set(read_sums(out)) == {*FIRST, KIND.mark}
    assert sorted(path.name for path in out.iterdir()) == [SUMS, "a.txt", "manifest.json", "vectors"]


def test_what_it_wrote_before_is_replaced_or_removed(out):
    make(out, {"b.txt": "4", "vectors/x.hex": "5"})
    assert content(out) == {"b.txt": "4", "vectors/x.hex": "5"}
    make(out, {"vectors": "now a file"})
    assert content(out) == {"vectors": "now a file"}
    make(out, {"vectors/x.hex": "and a folder again"})
    assert content(out) == {"vectors/x.hex": "and a folder again"}


def test_what_a_user_put_there_stays(out):
    mine = {"notes.txt": "mine", "vectors/mine.hex": "mine", ".git/HEAD": "ref", "deep/er/report.rpt": "slow"}
    for name, text in mine.items():
        (out / name).parent.mkdir(parents=True, exist_ok=True)
        write_text(out / name, text)
    (out / "dangling").symlink_to("nowhere")
    (out / "empty").mkdir()
    assert KIND.others(out) == sorted([*mine, "dangling"])
    make(out, {"b.txt": "4"})
    assert content(out) == {"b.txt": "4", **mine}
    assert (out / "dangling").is_symlink()
    assert (out / "empty").is_dir()
    assert KIND.others(out) == sorted([*mine, "dangling"])


def test_what_a_user_changed_is_not_replaced(out):
    write_text(out / "a.txt", "edited")
    message = (
        rf"^{re.escape(str(out))}/a\.txt was changed since the earlier build wrote it; move it away, or "
    )
    for attempt in (lambda: KIND.check(out), lambda: make(out)):
        with pytest.raises(InputError, match=message):
            attempt()
    assert content(out) == {**FIRST, "a.txt": "edited"}
    (out / "a.txt").unlink()
    make(out)
    assert content(out) == FIRST


@pytest.mark.parametrize("name", ["a.txt", "vectors/x.hex"])
def test_what_a_user_linked_is_not_replaced(out, tmp_path, name):
    real = tmp_path / "elsewhere"
    target = out / name.split("/")[0]
    target.rename(real)
    target.symlink_to(real)
    before = content(tmp_path)
    with pytest.raises(InputError, match="was changed since the earlier build wrote it"):
        make(out)
    assert content(tmp_path) == before


def test_a_file_of_the_user_with_a_name_that_is_made_now_is_not_replaced(out):
    for name, way in (("b.txt", "b.txt"), ("new", "new/x.txt")):
        write_text(out / name, "mine")
        before = content(out)
        with pytest.raises(
            InputError, match=rf"^{re.escape(str(out / name))} (was not written|is in the way)"
        ):
            make(out, {**FIRST, way: "5"})
        assert content(out) == before
        (out / name).unlink()


@pytest.mark.parametrize(
    "files",
    [
        {"manifest.json": "{}"},
        {"manifest.json": '{"name": "app", "icons": []}', ".git/HEAD": "ref"},
        {"manifest.json": '{"format": "test-build"}'},
        {"manifest.json": '{"format": "test-build"}', SUMS: ""},
        {"manifest.json": "[1]", SUMS: f"{'0' * 64}  manifest.json\n"},
        {"manifest.json": '{"format": "other"}', SUMS: f"{'0' * 64}  manifest.json\n"},
        {"notes.txt": "years of work"},
    ],
)
def test_a_folder_of_something_else_is_left_alone(tmp_path, files):
    web = tmp_path / "web"
    for name, text in files.items():
        (web / name).parent.mkdir(parents=True, exist_ok=True)
        write_text(web / name, text)
    message = rf"^{re.escape(str(web))} holds files and is not an earlier build; name another folder$"
    for attempt in (lambda: KIND.check(web), lambda: make(web)):
        with pytest.raises(InputError, match=message):
            attempt()
    assert {p.relative_to(web).as_posix(): read_text(p) for p in web.rglob("*") if p.is_file()} == files


def test_a_folder_of_another_kind_is_left_alone(out):
    other = FolderKind("project", "manifest.json", "test-project")
    with pytest.raises(InputError, match="holds files and is not an earlier project"):
        make(out, kind=other)
    assert content(out) == FIRST


@pytest.mark.parametrize("name", ["../victim", "/tmp/victim", "a/../../victim", SUMS])
def test_a_forged_list_reaches_nothing_outside(out, tmp_path, name):
    write_text(tmp_path / "victim", "mine")
    write_text(out / SUMS, read_text(out / SUMS) + f"{'0' * 64}  {name}\n")
    with pytest.raises(InputError, match="holds files and is not an earlier build"):
        make(out)
    assert read_text(tmp_path / "victim") == "mine"


def test_an_empty_folder_is_filled_also_the_working_one(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    make(".")
    make(".")
    assert content(tmp_path) == FIRST


def test_a_link_to_a_folder_is_followed(tmp_path):
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")
    make(tmp_path / "link")
    make(tmp_path / "link")
    assert (tmp_path / "link").is_symlink()
    assert content(tmp_path / "real") == FIRST


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt])
def test_an_error_leaves_what_was_there(out, tmp_path, error):
    def interrupted(place):
        with KIND.writing(place) as folder:
            write_text(folder / "a.txt", "half")
            raise error

    for place in (out, tmp_path / "new" / "deep"):
        with pytest.raises(error):
            interrupted(place)
    assert content(out) == FIRST
    assert [path.name for path in tmp_path.iterdir()] == ["out"]
    assert sorted(path.name for path in out.iterdir()) == [SUMS, "a.txt", "manifest.json", "vectors"]


@pytest.mark.parametrize("moves", range(4))
def test_a_run_that_was_killed_while_it_moved_its_files_is_finished_by_the_next(out, monkeypatch, moves):
    second = {"a.txt": "new", "b.txt": "4"}
    replace, left = type(out).replace, [moves]

    class Killed(BaseException):
        pass

    def dies(self, target):
        if left[0] == 0:
            raise Killed
        left[0] -= 1
        return replace(self, target)

    monkeypatch.setattr(type(out), "replace", dies)
    with pytest.raises(Killed):
        make(out, second)
    monkeypatch.undo()
    write_text(out / "mine.txt", "mine")
    KIND.check(out)
    assert content(out) == {**second, "mine.txt": "mine"}
    assert sorted(path.name for path in out.iterdir()) == [
        SUMS,
        "a.txt",
        "b.txt",
        "manifest.json",
        "mine.txt",
    ]
    make(out)
    assert content(out) == {**FIRST, "mine.txt": "mine"}


def test_what_a_killed_run_left_half_written_goes(tmp_path):
    out = tmp_path / "out"
    (out / folders._NEW).mkdir(parents=True)
    write_text(out / folders._NEW / "a.txt", "half")
    make(out, {"b.txt": "4"})
    assert content(out) == {"b.txt": "4"}


def test_what_is_no_folder_or_cannot_be_made_is_refused_before_the_work(tmp_path):
    write_text(tmp_path / "file", "mine")
    for place, message in (
        ("file", "file is not a folder; name another$"),
        ("file/out", r"out cannot be made: .*file is not a folder$"),
    ):
        with pytest.raises(InputError, match=message):
            KIND.check(tmp_path / place)
    assert read_text(tmp_path / "file") == "mine"


# -- one at a time --------------------------------------------------------------------------------


def test_a_folder_that_is_in_use_is_refused(out):
    message = rf"^{re.escape(str(out))} is in use by another process; wait for it, or name another folder$"
    with owned(out):
        for attempt in (lambda: make(out, {"b.txt": "4"}), lambda: owned(out).__enter__()):
            with pytest.raises(InputError, match=message):
                attempt()
    assert content(out) == FIRST
    make(out, {"b.txt": "4"})
    assert content(out) == {"b.txt": "4"}


def _makes(out, number, barrier, told):
    barrier.wait()
    for attempt in range(20):
        try:
            make(out, {f"{number}.txt": str(attempt), "both.txt": f"{number}"})
            told.put("made")
        except InputError as error:
            told.put(str(error))


def test_two_writers_of_one_folder_leave_the_work_of_one_whole(tmp_path):
    out, context = tmp_path / "out", multiprocessing.get_context("fork")
    barrier, told = context.Barrier(2), context.Queue()
    writers = [context.Process(target=_makes, args=(out, number, barrier, told)) for number in (1, 2)]
    for writer in writers:
        writer.start()
    said = [told.get(timeout=60) for _ in range(40)]
    for writer in writers:
        writer.join()
    assert "made" in said
    assert all(line == "made" or "is in use by another process" in line for line in said)
    (last,) = {read_text(out / "both.txt")}
    assert set(content(out)) == {f"{last}.txt", "both.txt"}
    assert [path.name for path in tmp_path.iterdir()] == ["out"]
    KIND.check(out)


def test_owning_a_new_folder_makes_it_and_an_error_takes_it_back(tmp_path):
    def fails():
        with owned(tmp_path / "a" / "b"):
            assert (tmp_path / "a" / "b").is_dir()
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fails()
    assert not any(tmp_path.iterdir())
    with owned(tmp_path / "a"):
        pass
    assert [path.name for path in tmp_path.iterdir()] == ["a"]


def test_many_names_are_shortened():
    assert shortened(["a", "b", "c"]) == "a, b, c"
    assert shortened(["a", "b", "c", "d", "e"]) == "a, b, c and 2 more"

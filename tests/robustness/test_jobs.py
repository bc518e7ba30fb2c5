"""Long jobs: one at a time per folder, results of one setting only, and no user file is overwritten."""

import json
import sqlite3
import sys

import numpy as np
import optuna
import pytest

from fxp_model.artifact import load_artifact
from fxp_model.errors import InputError
from fxp_model.files import read_text, write_text
from fxp_model.folders import owned
from fxp_model.pretrained import DEFAULT
from fxp_model.qat import search as searching
from fxp_model.qat.search import Search, begin, rows, search
from fxp_model.qat.session import train_artifact
from fxp_model.qat.sweep import Sweep, exported, run_sweep, train_one
from fxp_model.qat.systems import systems
from fxp_model.qat.tasks import Task, TaskList, shared_storage, store_in
from fxp_model.qat.template import Shape, network_spec
from fxp_model.qat.train import LOG, Frames, Recipe, Training, training_folder
from fxp_model.qat.workers import run_workers
from fxp_model.results.figures import draw
from scripts import fit_resources, prove
from tb.harness.runner import BenchFailure, Workspace
from tests.fxp_model.qat.task_workers import die, fail_first, never, noting

IN_USE = r"is in use by another process; wait for it, or name another folder$"


def frames(clips, seed=0):
    rng = np.random.default_rng(seed)
    return Frames(rng.poisson(0.5, (6, clips, 10)).astype(np.uint8), np.arange(clips) % 3, np.full(clips, 6))


def training(folder, epochs=2):
    spec = network_spec(Shape(hidden=(4,), max_delay=7), 10, 3)
    return Training(spec, Recipe(epochs=epochs, batch=8), folder)


def contents(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}


# -- one job in a folder ---------------------------------------------------------------------------


def test_a_training_is_refused_where_another_one_runs(tmp_path):
    with training_folder(tmp_path / "run"), pytest.raises(InputError, match=IN_USE):
        train_artifact("synthetic", tmp_path / "run", Shape(), Recipe(), resume=True, command="")


@pytest.mark.parametrize("name", ["log.csv", "notes.txt"])
def test_a_training_is_refused_in_a_folder_of_the_user(tmp_path, name):
    (tmp_path / name).write_text("mine", encoding="utf-8")
    message = "holds files and is not an earlier training; name another folder$"
    with pytest.raises(InputError, match=message):
        train_artifact("synthetic", tmp_path, Shape(), Recipe(), command="")
    assert contents(tmp_path) == {name: b"mine"}


def test_a_log_of_the_user_is_not_written_over_by_a_training_that_goes_on(tmp_path):
    training(tmp_path).run(frames(12), frames(6))
    training(tmp_path).resume()  # with its own log it does
    log = tmp_path / LOG
    whole = read_text(log)
    log.write_bytes("".join(whole.splitlines(keepends=True)[:-1]).encode())
    training(tmp_path).resume()  # and with one that is an epoch behind, as after being killed
    write_text(log, whole + "# looks good")
    with pytest.raises(InputError, match=r"log.csv is not the log of .*checkpoint.npz; move it away"):
        training(tmp_path).resume()


def test_a_task_of_a_sweep_and_a_trial_of_a_search_own_their_folders(tmp_path):
    system = systems(Recipe(epochs=1, batch=8))["none"]
    sweep = Sweep("", tmp_path, {"none": system}, frames(12), frames(6), ("a", "b", "c"))
    with owned(tmp_path / "none-0"), pytest.raises(InputError, match=IN_USE):
        train_one(sweep, never, Task("none", 0), None, print)
    with owned(tmp_path / "trial-0"), pytest.raises(InputError, match=IN_USE):
        search(searched(tmp_path), 1, never)


def test_two_proofs_do_not_share_a_folder(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["prove.py", "--forms", "golden", "--out", str(tmp_path)])
    with owned(tmp_path), pytest.raises(InputError, match=IN_USE):
        prove.main()


def test_two_runs_do_not_append_to_one_file_of_rows(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["fit_resources.py", "--results", str(tmp_path / "rows.jsonl")])
    with owned(tmp_path), pytest.raises(InputError, match=IN_USE):
        fit_resources.main()


def test_a_row_that_cannot_be_written_leaves_those_that_are_there(tmp_path, monkeypatch):
    file = tmp_path / "rows.jsonl"
    before = "".join(fit_resources.RESULTS.read_text(encoding="utf-8").splitlines(keepends=True)[:2])
    file.write_text(before, encoding="utf-8")
    monkeypatch.setattr(fit_resources, "through", lambda *_: {"lut": float})  # no JSON, as half a row is none
    with pytest.raises(TypeError):
        fit_resources.synthesise(file, ["ecp5"], 1)
    assert contents(tmp_path) == {"rows.jsonl": before.encode()}


def simulation(folder, error=None):
    with Workspace.of_run(folder) as workspace:
        (workspace.runs / "waves").touch()
        if error is not None:
            raise error
    return workspace


def test_a_simulation_stays_only_where_a_bench_failed(tmp_path):
    for error in (KeyboardInterrupt, OSError):
        with pytest.raises(error):
            simulation(tmp_path / "cosim", error)
        assert not (tmp_path / "cosim").exists()
    simulation(tmp_path)
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(BenchFailure, match=r"^spikes differ \(kept in .*/run-\w+\)$"):
        simulation(tmp_path, BenchFailure("spikes differ"))
    assert [path.name for path in tmp_path.glob("run-*/*")] == ["waves"]


# -- results of one setting ------------------------------------------------------------------------


def costs(network, clips):
    return 0.5, 2.0


def searched(folder, **other):
    made = {
        "store": store_in(folder, "search.db"),
        "folder": folder,
        "train": frames(12),
        "val": frames(6),
        "classes": ("a", "b", "c"),
        "recipe": Recipe(epochs=2, batch=8),
        "costs": costs,
        "costs_of": {"part": "LFE5U-85F", "preset": "balanced", "clock_mhz": 100.0},
    }
    return Search(**made | other)


def test_a_search_goes_on_with_its_own_setting_only(tmp_path):
    begin(searched(tmp_path))
    study = searching._study(store_in(tmp_path, "search.db"))
    study.add_trial(optuna.create_trial(values=[0, 0, 0]))
    begin(searched(tmp_path))
    about = searched(tmp_path).costs_of
    for other, difference in (
        ({"train": frames(12, 1)}, r"frames '\w+', not '\w+'"),
        ({"classes": ("a", "b", "d")}, r"classes \['a', 'b', 'c'\], not \['a', 'b', 'd'\]"),
        ({"costs_of": about | {"part": "LFE5U-25F"}}, "part 'LFE5U-85F', not 'LFE5U-25F'"),
        ({"costs_of": about | {"preset": "fast"}}, "preset 'balanced', not 'fast'"),
        ({"costs_of": about | {"clock_mhz": 50.0}}, r"clock_mhz 100\.0, not 50\.0"),
        ({"recipe": Recipe(epochs=3, batch=8)}, "epochs 2, not 3"),
    ):
        message = f"^the search is in the store with {difference}: name another folder or store$"
        with pytest.raises(InputError, match=message):
            begin(searched(tmp_path, **other))
        with pytest.raises(InputError, match=message):
            search(searched(tmp_path, **other), 1, never)


def test_a_stopped_trial_goes_on_from_its_checkpoint(tmp_path):
    asked = []

    def stopped():
        asked.append(None)
        return len(asked) > 5  # within the first training: two batches an epoch

    search(searched(tmp_path), 1, stopped)
    assert rows(store_in(tmp_path, "search.db")) == []
    checkpoint = (tmp_path / "trial-0" / "checkpoint.npz").stat().st_mtime_ns
    search(searched(tmp_path), 1, never)
    (row,) = rows(store_in(tmp_path, "search.db"))
    assert (row["trial"], row["area"], row["latency"], row["best"]) == (0, 0.5, 2.0, True)
    assert [path.name for path in tmp_path.glob("trial-*")] == ["trial-0"]
    assert (tmp_path / "trial-0" / "checkpoint.npz").stat().st_mtime_ns > checkpoint


@pytest.mark.parametrize(
    "name", ["a b", "a%20b", "a?b", "a?mode=ro", "a#b", "a{b}", "{}", "a:b@c", "ä", "a&b=c;", "a\nb", "a'\"b"]
)
def test_a_database_is_in_the_folder_whatever_that_is_called(tmp_path, name):
    folder = tmp_path / name
    folder.mkdir()
    (tmp_path / "a b").mkdir(exist_ok=True)
    shared_storage(store_in(folder, "tasks.db")).engine.dispose()
    assert [path.relative_to(tmp_path) for path in tmp_path.rglob("*.db")] == [
        (folder / "tasks.db").relative_to(tmp_path)
    ]


def test_a_folder_that_is_no_text_has_no_database(tmp_path):
    with pytest.raises(InputError, match=r"the name of a folder with a database must be UTF-8$"):
        store_in(tmp_path / "a\udce4", "tasks.db")


@pytest.mark.parametrize("content", [b"notes\n", b"x" * 5000])
def test_a_file_that_is_no_database_is_refused(tmp_path, content):
    (tmp_path / "tasks.db").write_bytes(content)
    with pytest.raises(InputError, match=r"^store .*tasks\.db: .*not a database$"):
        TaskList(store_in(tmp_path, "tasks.db"))
    assert contents(tmp_path) == {"tasks.db": content}


def test_results_that_the_store_does_not_have_are_not_written_over(tmp_path):
    sweep = Sweep(store_in(tmp_path, "tasks.db"), tmp_path, {}, frames(12), frames(6), ("a", "b", "c"))
    results = tmp_path / "results.jsonl"
    todo = TaskList(sweep.store)
    todo.add(Task("a", 0), {})
    todo.work(lambda *given: noting(tmp_path / "notes", *given), never)
    for text, message in (
        (json.dumps({"system": "a", "seed": 1}), "holds results that the store lacks; move it away"),
        ("mine", "is not JSON"),
    ):
        write_text(results, text)
        with pytest.raises(InputError, match=message):
            run_sweep(sweep, [], 0)
        assert read_text(results) == text
    write_text(results, json.dumps(todo.rows()[0]) + "\n")
    run_sweep(sweep, [], 0)
    assert len(read_text(results).splitlines()) == 1


# -- checked before the work ---------------------------------------------------------------------


def test_what_is_exported_is_looked_at_before_the_work(tmp_path):
    (tmp_path / "conv").mkdir()
    (tmp_path / "conv" / "mine.txt").touch()
    with pytest.raises(InputError, match="conv holds files and is not an earlier artifact"):
        exported(systems(Recipe()), tmp_path)


def test_figures_do_not_replace_files_of_the_user(tmp_path):
    (tmp_path / "raster.svg").write_text("mine", encoding="utf-8")
    with pytest.raises(InputError, match="holds files and is not an earlier folder of figures"):
        draw(tmp_path, [], load_artifact(DEFAULT))
    assert contents(tmp_path) == {"raster.svg": b"mine"}


# -- workers ---------------------------------------------------------------------------------------


def test_what_a_worker_raises_stops_all_and_is_raised_here(tmp_path):
    claimed = sqlite3.connect(tmp_path / "first.db")
    claimed.execute("create table first (one integer unique)")
    claimed.commit()
    with pytest.raises(OSError, match=r"^\[Errno 28\] No space left on device: 'checkpoint.npz'$"):
        run_workers(fail_first(str(tmp_path / "first.db")), 2, lambda: None)


def test_a_worker_that_dies_is_noticed():
    assert not run_workers(die, 1, lambda: None)

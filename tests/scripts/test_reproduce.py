"""The sweep of trainings: distributed, resumed, with failures reported; its table and its figures."""

import json
import math
import multiprocessing
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from functools import partial
from itertools import product
from xml.etree import ElementTree

import numpy as np
import pytest
from scipy.stats import ttest_rel

from fxp_model.artifact import load_artifact
from fxp_model.ear.spec import EarSpec
from fxp_model.errors import InputError
from fxp_model.pretrained import DEFAULT
from fxp_model.qat import workers
from fxp_model.qat.hearing import in_noise
from fxp_model.qat.sweep import RESULTS, Sweep, export, load, opened, run_sweep, spike_rate, train_one
from fxp_model.qat.systems import System, systems
from fxp_model.qat.tasks import Stopped, Task, TaskList
from fxp_model.qat.template import network_spec
from fxp_model.qat.train import Frames, Recipe, Training, frames_sha256
from fxp_model.results.figures import draw
from fxp_model.results.rows import read_rows
from fxp_model.results.summary import markdown, paired_p_value, summarise
from tests import sounds
from tests.calls import call
from tests.fxp_model.qat.task_workers import never, noting, work_forever, work_noting
from tests.paths import ROOT

pytestmark = pytest.mark.slow

SPAWN = multiprocessing.get_context("spawn")
SVG = "{http://www.w3.org/2000/svg}"


def store(folder):
    return f"sqlite:///{folder / 'tasks.db'}"


# the list of tasks


def test_two_workers_lose_no_task_and_do_none_twice(tmp_path):
    todo, notes = TaskList(store(tmp_path)), tmp_path / "notes"
    tasks = [Task("a", seed) for seed in range(60)]
    for task in tasks:
        todo.add(task, {})
    together = SPAWN.Barrier(2)
    workers = [SPAWN.Process(target=work_noting, args=(store(tmp_path), notes, together)) for _ in range(2)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert [worker.exitcode for worker in workers] == [0, 0]
    assert sorted(notes.read_text(encoding="utf-8").splitlines()) == sorted(
        f"a {task.seed}" for task in tasks
    )
    assert [row["seed"] for row in todo.rows()] == list(range(60))


def test_a_task_that_two_machines_put_on_the_list_is_done_once(tmp_path):
    todo, notes = TaskList(store(tmp_path)), tmp_path / "notes"
    for _ in range(2):
        todo._enqueue({"task": ["a", 0], "setting": {}, "after": None})
    todo.work(partial(noting, notes), never)
    assert notes.read_text(encoding="utf-8") == "a 0\n"


def test_what_is_done_is_not_done_again(tmp_path):
    notes = tmp_path / "notes"
    for _ in range(2):
        todo = TaskList(store(tmp_path))
        todo.add(Task("a", 0), {"epochs": 3})
        todo.work(partial(noting, notes), never)
    assert notes.read_text(encoding="utf-8") == "a 0\n"


def test_another_setting_of_the_same_task_is_refused(tmp_path):
    todo = TaskList(store(tmp_path))
    todo.add(Task("a", 0), {"epochs": 3})
    with pytest.raises(
        InputError, match=r"^a of seed 0 is in the store with epochs 3, not 4: name another folder or store$"
    ):
        todo.add(Task("a", 0), {"epochs": 4})


def test_a_task_waits_for_the_one_it_needs_and_gets_its_row(tmp_path):
    todo, notes = TaskList(store(tmp_path)), tmp_path / "notes"
    todo.add(Task("b", 0), {}, after=Task("a", 0))
    todo.add(Task("a", 0), {})
    todo.work(partial(noting, notes), never)
    assert notes.read_text(encoding="utf-8") == "a 0\nb 0\n"
    assert [row["source"] for row in todo.rows()] == [None, "a"]


def test_a_failed_task_is_named_and_the_others_are_done(tmp_path):
    def train(task, source, report):
        if task.system == "bad":
            raise InputError("loss is not finite")
        return noting(tmp_path / "notes", task, source, report)

    todo = TaskList(store(tmp_path))
    for name in ("bad", "good"):
        todo.add(Task(name, 0), {})
    todo.work(train, never)
    assert todo.failures() == {Task("bad", 0): "loss is not finite"}
    assert [row["system"] for row in todo.rows()] == ["good"]
    todo.add(Task("bad", 0), {})  # another try
    todo.work(partial(noting, tmp_path / "notes"), never)
    assert todo.failures() == {}


def test_a_stopped_task_goes_back_to_the_list(tmp_path):
    asked = []

    def train(task, source, report):
        report(4, 0.5)
        asked.append(task)
        raise Stopped

    todo = TaskList(store(tmp_path))
    todo.add(Task("a", 0), {})
    todo.work(train, lambda: bool(asked))
    assert asked == [Task("a", 0)]
    assert todo.rows() == []
    todo.work(partial(noting, tmp_path / "notes"), never)
    assert len(todo.rows()) == 1


def test_what_a_killed_worker_had_is_done_by_another(tmp_path):
    todo, begun = TaskList(store(tmp_path), heartbeat_s=1), tmp_path / "begun"
    todo.add(Task("a", 0), {})
    worker = SPAWN.Process(target=work_forever, args=(store(tmp_path), begun))
    worker.start()
    while not begun.exists():
        assert worker.is_alive()
        time.sleep(0.05)
    os.kill(worker.pid, signal.SIGKILL)
    worker.join()
    todo.work(partial(noting, tmp_path / "notes"), never)
    assert (tmp_path / "notes").read_text(encoding="utf-8") == "a 0\n"


def test_what_a_worker_had_that_died_before_its_first_heartbeat_is_done(tmp_path):
    todo = TaskList(store(tmp_path), heartbeat_s=1)
    todo.add(Task("a", 0), {})
    with pytest.warns(UserWarning, match="Heartbeat"):
        todo._study.ask()
    late = time.monotonic() + 60
    todo.work(partial(noting, tmp_path / "notes"), lambda: time.monotonic() > late)
    assert (tmp_path / "notes").read_text(encoding="utf-8") == "a 0\n"


def test_a_store_that_cannot_be_used_is_named(tmp_path):
    url = f"sqlite:///{tmp_path}/nowhere/tasks.db"
    with pytest.raises(InputError, match=rf"^store {url}: .*unable to open database file$"):
        TaskList(url)


# trainings


def frames(samples):
    """Four classes, each with spikes in a channel of its own."""
    rng = np.random.default_rng(samples)
    labels = np.arange(samples) % 4
    counts = rng.poisson(0.2, (12, samples, 10))
    counts[:, np.arange(samples), labels] += 3
    return Frames(counts.astype(np.uint8), labels, np.full(samples, 12))


def small(name, **recipe):
    system = systems(Recipe(epochs=4, batch=8))[name]
    shape = replace(system.shape, hidden=(6, 6), max_delay=15)
    return replace(system, shape=shape, recipe=replace(system.recipe, **recipe))


def sweep_of(folder, *chosen: System):
    table = {system.name: system for system in chosen}
    return Sweep(store(folder), folder, table, frames(32), frames(16), ("a", "b", "c", "d"))


def ignore(epoch, val):
    """Ignore a report."""


def test_a_sweep_is_interrupted_goes_on_and_tells_what_failed(tmp_path, monkeypatch):
    bad = replace(small("none", learning_rate=1e6), name="bad")
    sweep = sweep_of(tmp_path, small("conv"), small("conv-delay-mean"), small("dense-float"), bad)

    def interrupt(*_):
        if next(tmp_path.glob("*/log.csv"), None) is not None:
            raise KeyboardInterrupt
        time.sleep(0.05)

    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    with monkeypatch.context() as patch:
        patch.setattr(workers, "wait", interrupt)
        with pytest.raises(KeyboardInterrupt):
            run_sweep(sweep, [0], workers=1)
    assert len(read_lines(tmp_path)) < 3
    failed = run_sweep(sweep, [0], workers=2)
    assert list(failed) == [Task("bad", 0)]
    assert failed[Task("bad", 0)].startswith("loss or every gradient is not finite in epoch ")
    rows = {row["system"]: row for row in read_rows(tmp_path / RESULTS)}
    assert list(rows) == ["conv", "conv-delay-mean", "dense-float"]
    assert all(len(row["curve"]) == 4 and max(row["curve"]) == row["val"] for row in rows.values())
    assert {row["threads"] for row in rows.values()} == {1}
    means = [math.floor(np.mean(layer) + 0.5) for layer in rows["conv"]["delays_after"]]
    assert rows["conv-delay-mean"]["delays_after"] == [[mean] * 6 for mean in means]
    counts = {row["system"]: (row["weight_bits"], row["recurrent_parameters"]) for row in rows.values()}
    assert counts == {"conv": (8, 5 + 6), "conv-delay-mean": (8, 5 + 6), "dense-float": (None, 6 * 6 + 6)}


def test_what_was_trained_elsewhere_is_not_trained_again(tmp_path):
    taught = small("conv-taught", epochs=1)
    there = sweep_of(tmp_path / "there", small("conv"), small("dense-float", epochs=1), taught)
    assert run_sweep(there, [0], workers=2) == {}
    rows = read_rows(tmp_path / "there" / RESULTS)
    assert [row["system"] for row in rows] == ["conv", "dense-float", "conv-taught"]
    here = replace(there, store=store(tmp_path), folder=tmp_path / "here")
    assert run_sweep(here, [0], workers=1, known=rows) == {}
    assert read_rows(tmp_path / "here" / RESULTS) == rows
    assert not (tmp_path / "here" / "conv-0").exists()

    # a teacher network must exist
    again = replace(there, store=store(tmp_path / "there") + "2", folder=tmp_path / "again")
    assert run_sweep(again, [0], workers=1, known=rows[:2]) == {}
    assert [path.parent.name for path in sorted((tmp_path / "again").glob("*/log.csv"))] == [
        "conv-taught-0",
        "dense-float-0",
    ]
    changed = [{**rows[0], "setting": {**rows[0]["setting"], "kernel_size": 3}}]
    with pytest.raises(
        InputError, match=r"^conv of seed 0 is known with kernel_size 3, not 5: name another "
    ):
        run_sweep(replace(here, store=store(tmp_path) + "3"), [0], workers=1, known=changed)


def read_lines(folder):
    return [json.loads(line) for line in (folder / RESULTS).read_text(encoding="utf-8").splitlines()]


def test_a_stopped_training_goes_on_from_its_checkpoint_to_the_same_row(tmp_path):
    whole = train_one(sweep_of(tmp_path / "whole", small("conv")), never, Task("conv", 3), None, ignore)
    halved = sweep_of(tmp_path / "halved", small("conv"))
    done = []
    with pytest.raises(Stopped):
        train_one(
            halved, lambda: len(done) == 2, Task("conv", 3), None, lambda epoch, val: done.append(epoch)
        )
    row = train_one(halved, never, Task("conv", 3), None, lambda epoch, val: done.append(epoch))
    assert done == [0, 1, 1, 2, 3]  # the last epoch of the checkpoint is reported again
    for name in whole.keys() - {"date", "seconds_of_last_run"}:
        assert row[name] == whole[name], name
    assert whole["delays_before"] != whole["delays_after"]


def every(n, clips):
    return Frames(np.ascontiguousarray(clips.counts[:, ::n]), clips.labels[::n], clips.lengths[::n])


def test_the_best_seed_becomes_an_artifact(tmp_path):
    chosen = [small("dense-float", epochs=1), small("conv-taught", epochs=1)]
    table = {system.name: system for system in chosen}
    dataset, encoder = opened("synthetic")
    train, val, classes = load(dataset, encoder)
    sweep = Sweep(store(tmp_path), tmp_path, table, every(8, train), every(8, val), classes)
    todo = TaskList(sweep.store)
    for system, seed in product(chosen, (0, 1)):
        todo.add(Task(system.name, seed), {}, system.after and Task(system.after, seed))
    todo.work(partial(train_one, sweep, never), never)
    written = export(sweep, tmp_path / "best", dataset, encoder, "as asked")
    assert written == [tmp_path / "best" / "conv-taught"]
    artifact = load_artifact(tmp_path / "best" / "conv-taught")
    best = max((row for row in todo.rows() if row["system"] == "conv-taught"), key=lambda row: row["val"])
    assert artifact.metrics["val"]["accuracy"] == best["val"]
    assert artifact.provenance["seed"] == best["seed"]
    delays = [params.delay_steps.tolist() for params in artifact.network.params[:2]]
    assert delays == best["delays_after"]
    assert "    as asked\n" in (tmp_path / "best" / "conv-taught" / "README.md").read_text(encoding="utf-8")


def test_a_sweep_hears_with_another_ear_in_noise(tmp_path):
    data, noise, out = (tmp_path / name for name in ("data", "noise", "out"))
    data.mkdir()
    noise.mkdir()
    own = ("--systems", "none", "--seeds", "0", "--epochs", "1", "--workers", "1", "--channels", "8")
    heard = ("--noise", str(sounds.noise(noise)), "--copies", "2")
    done = call(
        *("reproduce.py", "--data", str(sounds.spoken(data)), "--out", str(out), *own, *heard),
        *("--export", str(tmp_path / "best")),
    )
    assert done.returncode == 0, done.stderr
    artifact = load_artifact(tmp_path / "best" / "none")
    assert artifact.encoder == json.loads(json.dumps(EarSpec.design(channels=8).to_dict()))
    dataset, encoder = opened(str(data), {"channels": 8})
    train, val, _ = load(dataset, encoder, in_noise(noise, 2, ()))
    assert train.copies == 2
    assert artifact.provenance["data"]["frames_sha256"] == frames_sha256(train, val)


def test_delays_of_an_untrained_system_are_missed_by_name(tmp_path):
    sweep = sweep_of(tmp_path, small("conv-delay-mean"))
    with pytest.raises(InputError, match=r"^conv with the same seed must be trained first$"):
        train_one(sweep, never, Task("conv-delay-mean", 0), None, ignore)


@pytest.mark.parametrize("name", ["conv", "dense-float"])
def test_the_spike_rate_is_that_of_the_trace(tmp_path, name):
    system, clips = small(name), frames(9)
    clips = replace(clips, lengths=np.array([12, 5, 12, 12, 7, 12, 5, 12, 12]))
    training = Training(network_spec(system.shape, 10, 4), system.recipe, tmp_path)
    module = training.module.eval()
    rate = spike_rate(module, clips, batch=2)
    assert 0 < rate < 1
    if system.recipe.quantized:
        spikes = 0
        for clip, length in enumerate(clips.lengths):
            trace = module.trace(clips.counts[:length, clip : clip + 1])
            spikes += sum(int(layer.spikes.sum()) for layer in trace.layers)
        assert rate == spikes / (12 * clips.lengths.sum())


def test_every_system_builds_and_its_parameters_are_those_of_the_paper():
    table = systems(Recipe())
    per_layer = {
        name: {layer.recurrent_parameters for layer in network_spec(system.shape, 140, 20).layers}
        for name, system in table.items()
    }
    assert per_layer["dense-float"] == {65_792}
    assert per_layer["conv-k3"] == {259}
    assert per_layer["conv"] == per_layer["conv-4bit"] == per_layer["conv-delay-1"] == {261}
    assert per_layer["none"] == {0}
    assert per_layer["conv-last"] == {0, 261}
    assert all(name == system.name for name, system in table.items())
    assert {name for name, system in table.items() if not system.recipe.quantized} == {
        name for name in table if name.endswith("-float")
    }
    assert all(system.after in {None, *table} for system in table.values())


# table and figures


def row(system, seed, val, bits=8, kernel=5, parameters=261, layers=2):
    delays = [[1, 2, 30]] * layers
    return {
        "system": system,
        "seed": seed,
        "about": "tried",
        "weight_bits": bits,
        "kernel": kernel,
        "recurrent_parameters": parameters,
        "recurrent_layers": layers,
        "val": val,
        "spikes_per_neuron_step": 0.05 + seed / 100,
        "delays_before": delays,
        "delays_after": [[0, 5, 40]] * layers,
        "setting": {"weight_bits": bits or 8, "kernel_size": kernel, "quantized": bits is not None},
    }


ROWS = [
    *(row("conv", seed, val) for seed, val in enumerate((0.93, 0.95, 0.97))),
    *(row("dense-float", seed, val, None, None, 65_792) for seed, val in enumerate((0.92, 0.93, 0.94))),
    row("conv-4bit", 1, 0.9, bits=4),
    row("none", 7, 0.8, kernel=None, parameters=0, layers=0),
]


def written(folder, rows):
    path = folder / "rows.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def test_the_summary_has_the_numbers_worked_out_by_hand():
    conv, dense, four, none = summarise(ROWS)
    assert (conv["system"], conv["weight_bits"], conv["kernel"]) == ("conv", 8, 5)
    assert (conv["recurrent_parameters"], conv["seeds"]) == (261, [0, 1, 2])
    assert conv["val_mean"] == pytest.approx(0.95)
    assert conv["val_std"] == pytest.approx(0.02)  # sqrt((0.02**2 + 0 + 0.02**2) / 2)
    assert conv["spikes_per_neuron_step"] == pytest.approx(0.06)
    # differences 0.01, 0.02, 0.03: t = 0.02 / (0.01 / sqrt(3)), and with 2 degrees p = 1 - t / sqrt(2 + t**2)
    expected = {"delta": pytest.approx(0.02), "p_value": pytest.approx(1 - math.sqrt(12 / 14)), "pairs": 3}
    assert conv["against"]["dense-float"] == expected
    assert (dense["weight_bits"], dense["kernel"], dense["recurrent_parameters"]) == (None, None, 65_792)
    nothing = {"delta": None, "p_value": None, "pairs": 0}
    assert dense["against"] == {"dense-last-float": nothing, "dense-float": nothing}
    assert four["val_std"] is None
    assert four["against"]["dense-float"] == {"delta": pytest.approx(-0.03), "p_value": None, "pairs": 1}
    assert (none["seeds"], none["against"]["dense-float"]) == ([7], nothing)


def test_the_p_value_is_scipys_and_absent_where_nothing_varies():
    a, b = [0.91, 0.94, 0.95, 0.9], [0.9, 0.95, 0.92, 0.93]
    assert paired_p_value(a, b) == ttest_rel(a, b).pvalue
    assert paired_p_value([0.5], [0.4]) is None
    assert paired_p_value([0.5, 0.25], [0.25, 0.0]) is None


def test_the_table_is_markdown():
    lines = markdown(summarise(ROWS)).splitlines()
    assert lines[2] == (
        "| conv | tried | 8 bit | 5 | 2 x 261 | 3 | 95.00 ± 2.00 |  | +2.00 (p 0.074, n 3) | 0.060 |"
    )
    assert lines[5] == "| none | tried | 8 bit |  | 0 | 1 | 80.00 |  |  | 0.120 |"
    assert {line.count("|") for line in lines} == {11}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", r"rows.jsonl holds no rows$"),
        ("{", r"rows.jsonl line 1 is not JSON: "),
        ("[]", r"rows.jsonl line 1 must hold an object, not \[\]$"),
        (json.dumps({**ROWS[0], "val": 1}) + "\n{}", r"rows.jsonl line 2: system is missing$"),
        (f"{json.dumps(ROWS[0])}\n" * 2, r"rows.jsonl line 2: conv of seed 0 occurs twice$"),
    ],
)
def test_a_damaged_file_of_results_is_refused_by_line(tmp_path, text, message):
    path = tmp_path / "rows.jsonl"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(InputError, match=message):
        read_rows(path)


def test_figures_are_svg_with_the_names_of_the_systems_and_equal_each_time(tmp_path):
    artifact = load_artifact(DEFAULT)
    drawn = draw(tmp_path / "one", ROWS, artifact)
    assert {path.name for path in drawn} == {"parameters.svg", "raster.svg", "delays.svg", "bits.svg"}
    text = {path.name: texts(path) for path in drawn}
    assert {"conv", "conv-4bit", "dense-float", "none", "recurrent parameters"} <= text["parameters.svg"]
    assert {"conv", "conv-4bit", "2", "bits of a weight"} - {"2"} <= text["bits.svg"]
    assert "dense-float" not in text["bits.svg"]
    assert {"recurrent layer 0", "recurrent layer 1", "conv, seed 0"} <= text["delays.svg"]
    assert {"input channel", "neuron, layer 0", "neuron, layer 1"} <= text["raster.svg"]
    for path in draw(tmp_path / "two", ROWS, artifact):
        assert path.read_bytes() == (tmp_path / "one" / path.name).read_bytes()


def texts(path):
    root = ElementTree.parse(path).getroot()
    assert root.tag == f"{SVG}svg"
    return {"".join(element.itertext()).strip() for element in root.iter(f"{SVG}text")}


def test_the_script_prints_and_draws_without_torch(tmp_path):
    command = [sys.executable, "-X", "importtime", "scripts/reproduce.py", "--summary", "--json", "-"]
    command += ["--results", str(written(tmp_path, ROWS)), "--figures", str(tmp_path / "figures")]
    done = subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, encoding="utf-8", timeout=120, check=True
    )
    assert json.loads(done.stdout) == summarise(ROWS)
    assert len(list((tmp_path / "figures").glob("*.svg"))) == 4
    assert "| torch" not in done.stderr

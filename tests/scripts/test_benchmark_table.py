"""Stored networks of published benchmarks load and compute what their rows say; a test set is read once."""

import json

import numpy as np
import pytest

from fxp_model.artifact import load_artifact, save_artifact
from fxp_model.errors import InputError
from fxp_model.network import run
from fxp_model.spec import RecurrenceKind
from scripts import benchmark_table
from tests.calls import call
from tests.paths import ROOT

ROWS = benchmark_table.read_rows(benchmark_table.ROWS)
KEPT = [row for row in ROWS if "stimulus_scores_sha256" in row]


def test_each_network_has_one_row_of_a_benchmark_and_each_stored_one_is_in_the_table():
    assert len({(row["network"], row["benchmark"]) for row in ROWS}) == len(ROWS)
    artifacts = {(row["network"], row["artifact_sha256"]) for row in ROWS}
    assert len({name for name, _ in artifacts}) == len({sha for _, sha in artifacts}) == len(artifacts)
    assert len({(row["artifact_sha256"], row["predictions_sha256"]) for row in ROWS}) == len(artifacts)
    stored = {path.name for path in benchmark_table.NETWORKS.iterdir()}
    assert stored == {row["network"] for row in KEPT}
    assert len(stored) >= 1


@pytest.mark.parametrize("row", KEPT, ids=lambda row: row["network"])
def test_a_stored_network_still_says_what_it_says(row):
    artifact = load_artifact(benchmark_table.NETWORKS / row["network"])
    assert artifact.sha256 == row["kept_sha256"]
    assert benchmark_table.stimulus_sha256(artifact) == row["stimulus_scores_sha256"]
    assert benchmark_table.parameters(artifact.network) == row["parameters"]
    assert artifact.metrics["val"]["accuracy"] == row["val"]
    assert artifact.metrics["val"]["clips"] == row["val_clips"]
    assert artifact.provenance["command"] == row["command"]
    assert artifact.provenance["epochs"] == row["epochs"]
    assert artifact.provenance["seconds_of_last_run"] == row["seconds"]
    assert f"--data runs/{artifact.provenance['data']['name']} " in row["command"]
    kinds = {layer.recurrence.kind for layer in artifact.network.spec.layers if layer.recurrence is not None}
    assert kinds <= {RecurrenceKind.CONV}
    assert {stage.weight.width for stage in artifact.network.spec.stages} == {row["weight_bits"]} == {8}


def test_the_targets_are_reached():
    """Those of issue 21."""
    least = {"FSDD, official split": 0.98, "permuted sequential MNIST": 0.95}
    found = {row["benchmark"]: row["test"] for row in ROWS if row["benchmark"] in least}
    assert found.keys() == least.keys()
    for name, test in found.items():
        assert test >= least[name]


@pytest.fixture
def benchmark(tmp_path, monkeypatch):
    """A results folder, a data set with a test split, and an artifact for it."""
    monkeypatch.setattr(benchmark_table, "RESULTS", tmp_path)
    monkeypatch.setattr(benchmark_table, "ROWS", tmp_path / "benchmarks.jsonl")
    monkeypatch.setattr(benchmark_table, "NETWORKS", tmp_path / "networks")
    template = load_artifact(ROOT / "scripts" / "results" / "networks" / KEPT[0]["network"])
    spec = template.network.spec
    rng = np.random.default_rng(0)
    counts = rng.integers(0, 2, (6, 9, spec.n_in))
    data = tmp_path / "data"
    data.mkdir()
    (data / "classes.txt").write_text("\n".join(template.labels) + "\n", encoding="utf-8")
    np.savez(data / "test.npz", counts=counts, labels=np.arange(6))
    save_artifact(
        tmp_path / "mine",
        network=template.network,
        labels=template.labels,
        encoder={
            "name": "counts",
            "version": 1,
            "channels": spec.n_in,
            "count_bits": spec.layers[0].input_bits,
        },
        provenance=template.provenance,
        metrics=template.metrics,
        stimulus=counts.transpose(1, 0, 2).astype(np.uint8),
    )
    return tmp_path / "mine", data, counts.transpose(1, 0, 2)


def test_a_network_is_measured_once_and_stored_without_clips(benchmark, tmp_path):
    path, data, counts = benchmark
    benchmark_table.add_row(path, str(data), "tiny", "a few words", True)
    (row,) = benchmark_table.read_rows(tmp_path / "benchmarks.jsonl")
    artifact = load_artifact(path)
    right = run(artifact.network, counts).scores.argmax(1) == np.arange(6)
    assert row["test"] == right.mean()
    assert row["test_clips"] == 6
    kept = load_artifact(tmp_path / "networks" / "mine")
    assert kept.stimulus.shape == (9, 2, counts.shape[2])
    assert kept.stimulus.max() <= counts.max()
    assert not np.array_equal(kept.stimulus, counts[:, :2])
    assert benchmark_table.stimulus_sha256(kept) == row["stimulus_scores_sha256"]
    with pytest.raises(InputError, match=r"^.*mine was measured: benchmarks\.jsonl has a row of mine$"):
        benchmark_table.add_row(path, str(data), "tiny", "another", False)
    benchmark_table.add_row(path, str(data), "tiny, otherwise counted", "another", False)
    save_artifact(
        tmp_path / "again" / "mine",
        network=artifact.network, labels=artifact.labels, encoder=artifact.encoder,
        provenance=artifact.provenance | {"seed": 7}, metrics=artifact.metrics, stimulus=artifact.stimulus,
    )  # fmt: skip
    with pytest.raises(InputError, match=r"^.*mine was measured: benchmarks\.jsonl has a row of mine$"):
        benchmark_table.add_row(tmp_path / "again" / "mine", str(data), "another benchmark", "", False)
    (tmp_path / "networks" / "mine").rename(tmp_path / "other")
    with pytest.raises(InputError, match=r"^.*other was measured: benchmarks\.jsonl has a row of mine$"):
        benchmark_table.add_row(tmp_path / "other", str(data), "tiny", "another", False)
    assert len(benchmark_table.read_rows(tmp_path / "benchmarks.jsonl")) == 2


def resaved(path, **changes):
    artifact = load_artifact(path)
    fields = ("network", "labels", "encoder", "provenance", "metrics", "stimulus")
    save_artifact(path, **({name: getattr(artifact, name) for name in fields} | changes))


def test_what_a_row_needs_is_checked_before_the_test_set_is_read(benchmark, monkeypatch):
    path, data, _ = benchmark
    monkeypatch.setattr(benchmark_table, "measured", None)
    provenance = load_artifact(path).provenance
    for changes, told in (
        ({"metrics": {}}, "artifact mine: val_clips must be an integer"),
        ({"provenance": provenance | {"epochs": None}}, "artifact mine: epochs must be an integer"),
        ({"provenance": {"epochs": 1}}, "artifact mine: seconds must be a number"),
    ):
        resaved(path, **({"metrics": {"val": {"clips": 1, "accuracy": 1.0}}} | changes))
        with pytest.raises(InputError, match=told):
            benchmark_table.add_row(path, str(data), "tiny", "a few words", True)
    resaved(path, provenance=provenance)
    taken = benchmark_table.NETWORKS / "mine"
    taken.mkdir(parents=True)
    (taken / "own.txt").write_text("", encoding="utf-8")
    with pytest.raises(InputError, match="holds files and is not an earlier artifact"):
        benchmark_table.add_row(path, str(data), "tiny", "a few words", True)


def test_a_test_set_that_was_read_has_its_row(benchmark, monkeypatch):
    """Also where the network cannot be stored then."""
    path, data, _ = benchmark

    def full(*_):
        raise OSError("disk full")

    monkeypatch.setattr(benchmark_table, "keep", full)
    with pytest.raises(OSError, match="disk full"):
        benchmark_table.add_row(path, str(data), "tiny", "a few words", True)
    with pytest.raises(InputError, match="mine was measured"):
        benchmark_table.add_row(path, str(data), "tiny", "a few words", True)


def test_a_silent_stimulus_is_drawn_as_one(benchmark):
    path, _, _ = benchmark
    resaved(path, stimulus=np.zeros_like(load_artifact(path).stimulus))
    assert not benchmark_table.drawn(load_artifact(path)).any()


def test_several_networks_of_a_benchmark_are_its_folds():
    row = KEPT[0]
    folds = [row | {"benchmark": "folds", "test": test, "network": str(test)} for test in (0.5, 0.75, 1.0)]
    line = benchmark_table.table(folds).splitlines()[-1]
    assert line.startswith("| folds | 3 networks | ")
    assert f"| {3 * row['test_clips']:,} | 75.00 (50.0 .. 100.0) |" in line
    *same, other = benchmark_table.table(
        [*folds, row | {"benchmark": "folds", "about": "wider"}]
    ).splitlines()
    assert same[-1] == line
    assert other.startswith(f"| folds | `{row['network']}` | wider |")


def test_refusals(tmp_path):
    path = tmp_path / "rows.jsonl"
    path.write_text(json.dumps(KEPT[0] | {"test": 1.5}) + "\n", encoding="utf-8")
    with pytest.raises(InputError, match=r"rows\.jsonl line 1: test must be a number of 0\.\.1, not 1\.5$"):
        benchmark_table.read_rows(path)
    path.write_text("", encoding="utf-8")
    with pytest.raises(InputError, match=r"rows\.jsonl holds no row of a network$"):
        benchmark_table.read_rows(path)
    told = call("benchmark_table.py", "--artifact", str(tmp_path))
    assert told.returncode == 2
    assert told.stderr.strip().endswith("--artifact requires --data")

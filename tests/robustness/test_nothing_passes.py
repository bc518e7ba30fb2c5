"""Checks of equality, accuracy or bounds fail if there is nothing to check."""

from __future__ import annotations

import importlib
import json
import re
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from fxp_model.archives import packed
from fxp_model.artifact import Artifact, load_artifact, save_artifact
from fxp_model.data.dataset import SpeechDataset
from fxp_model.errors import InputError
from fxp_model.evaluation import evaluate
from fxp_model.network import Network, run
from fxp_model.random_networks import conv_network, random_counts
from fxp_model.results.rows import read_rows
from fxp_model.trace import ReadoutTrace, Trace
from hw.config import HardwareConfig
from hw.estimates.resources import measured
from hw.hls.report import read_report
from hw.parts import PARTS
from hw.report.builds import Build
from hw.report.compare import compare_text, differing
from hw.report.costs import placed
from hw.vectors import write_vectors
from tb.harness.cosim import cosimulate
from tb.harness.network_bench import NetworkBench
from tb.harness.runner import Workspace
from tb.harness.scoreboard import MismatchError
from tests.hw.hls.test_report import XML
from tests.hw.vivado.test_vivado import UTILIZATION, read
from tests.paths import ROOT
from tests.robustness.artifacts import resign

NETWORK = conv_network(1)
N_IN = NETWORK.spec.n_in


@pytest.fixture
def artifact(tmp_path: Path) -> Artifact:
    rng = np.random.default_rng(0)
    return save_artifact(
        tmp_path / "artifact",
        network=NETWORK,
        labels=tuple(map(str, range(NETWORK.spec.n_out))),
        encoder=None,
        provenance={},
        metrics={},
        stimulus=random_counts(rng, NETWORK.spec, 5, 2).astype(np.uint8),
    )


def script(monkeypatch: pytest.MonkeyPatch, name: str) -> Any:
    """A script as a module."""
    monkeypatch.syspath_prepend(ROOT / "scripts")
    return importlib.import_module(name)


# -- equality -----------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", [(5, 0, N_IN), (0, 2, N_IN), (0, 0, N_IN)])
def test_an_artifact_without_clips_or_steps_is_none(
    artifact: Artifact, tmp_path: Path, shape: tuple[int, ...]
) -> None:
    folder = tmp_path / "artifact"
    empty = np.zeros(shape, np.uint8)
    (folder / "stimulus.npz").write_bytes(packed({"counts": empty}))
    resign(folder)
    shown = re.escape(str(shape))
    with pytest.raises(InputError, match=rf"stimulus\.npz: input must have shape \(T >= 1, B >= 1.*{shown}$"):
        load_artifact(folder)
    with pytest.raises(InputError, match=rf"^stimulus must be of 1 step of 1 clip at least, .*{shown}$"):
        replace(artifact, stimulus=empty)


def test_runs_of_nothing_are_not_compared() -> None:
    nothing = run(NETWORK, np.zeros((3, 0, N_IN), int))
    with pytest.raises(ValueError, match=r"^layer0\.i_syn: shape \(3, 0, \d+\) holds nothing to compare$"):
        nothing.first_mismatch(nothing)


def test_a_proof_and_a_simulation_need_clips(
    artifact: Artifact, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    prove = script(monkeypatch, "prove")
    with pytest.raises(InputError, match=r"^clips to compare must be at least 1, not 0$"):
        prove.differing([], artifact, lambda counts: run(NETWORK, counts))
    counts, lengths = np.zeros((3, 0, N_IN), np.uint8), np.zeros(0, int)
    config = HardwareConfig.uniform(NETWORK.spec)
    workspace = Workspace(tmp_path / "builds", tmp_path / "runs")
    with pytest.raises(InputError, match=r"^clips to simulate must be at least 1, not 0$"):
        cosimulate(tmp_path / "artifact", config, counts, lengths, 0, "icarus", workspace)
    assert not workspace.builds.exists()


def test_a_bench_that_saw_no_sample_fails() -> None:
    bench = NetworkBench.__new__(NetworkBench)
    bench.decoder = SimpleNamespace(samples=[])  # type: ignore[assignment]
    bench.per_step = False
    with pytest.raises(MismatchError, match=r"^no sample was compared$"):
        bench.check().send(None)


def test_golden_vectors_without_samples_are_not_written(tmp_path: Path) -> None:
    trace = Trace((), ReadoutTrace(*[np.zeros((0, 3), int)] * 3))
    with pytest.raises(InputError, match=r"^golden vectors must have at least 1 sample, not 0$"):
        write_vectors(tmp_path / "vectors", "core", [], trace, [], 1)
    assert not (tmp_path / "vectors").exists()


def test_networks_that_do_nothing_are_not_shown_to_be_equal() -> None:
    bench = pytest.importorskip("fxp_model.qat.bench")
    silent = tuple(replace(own, weight=0 * own.weight, bias=0 * own.bias) for own in NETWORK.params)
    network = Network(NETWORK.spec, silent)
    subject = SimpleNamespace(network=network, trace=run(network, np.zeros((4, 2, N_IN), np.uint8)))
    with pytest.raises(InputError, match=r"^the clips must cause spikes in layer0, not 0$"):
        bench.check(subject, subject)
    assert bench._shared(np.zeros((2, 2), bool), np.zeros((2, 2), bool)) is None


def test_builds_without_a_known_figure_in_common_are_not_equal() -> None:
    a, b = Build("a", "HLS", {"lut": None, "ff": 3}), Build("b", "HLS", {"lut": None, "ff": None})
    for compare in (differing, compare_text):
        with pytest.raises(InputError, match=r"^a and b must have at least 1 figure in common, not 0$"):
            compare(a, b)


# -- accuracy and bounds ------------------------------------------------------------------------


def test_there_is_no_accuracy_of_nothing() -> None:
    none = np.zeros(0, np.int64)
    with pytest.raises(InputError, match=r"^accuracy needs at least 1 sample, not 0$"):
        evaluate(run, NETWORK, np.zeros((3, 0, N_IN), np.uint8), none, none)


def test_a_split_without_clips_is_none() -> None:
    with pytest.raises(InputError, match=r"^words: split val must have at least 1 clip, not 0$"):
        SpeechDataset("words", ("a",), {"val": ()}).split("val")


def test_a_model_that_nothing_checked_has_no_error(tmp_path: Path) -> None:
    file = tmp_path / "rows.jsonl"
    file.write_text("", encoding="utf-8")
    with pytest.raises(InputError, match=rf"^{re.escape(str(file))} holds no row of a synthesised core$"):
        measured.read_rows(file)
    with pytest.raises(InputError, match=r"^cores to compare must be at least 1, not 0$"):
        measured.errors([])
    rows = measured.read_rows(ROOT / "scripts" / "results" / "resources.jsonl")
    fitted = [row for row in rows if row.name == "f02"]
    with pytest.raises(InputError, match=r"^held-out cores of \w+ must be at least 1, not 0: "):
        measured.errors(fitted)


def test_results_without_rows_are_none(tmp_path: Path) -> None:
    file = tmp_path / "rows.jsonl"
    file.write_text("", encoding="utf-8")
    with pytest.raises(InputError, match=r" holds no rows$"):
        read_rows(file)


def test_an_exploration_has_a_front(artifact: Artifact) -> None:
    config = HardwareConfig.uniform(NETWORK.spec)
    found = {"part": next(iter(PARTS)), "clock_mhz": 100.0, "artifact": artifact.name, "front": []}
    with pytest.raises(InputError, match=r": front must be an array of 1 or more values, each an object, "):
        placed(found, artifact, config, 1.0)


def test_a_clock_is_of_a_run(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    table = script(monkeypatch, "hardware_table")
    sound = json.loads((table.RESULTS / "tiny-lfe5u25f.json").read_text(encoding="utf-8"))
    file = tmp_path / "a.json"
    file.write_text(json.dumps({**sound, "fmax_mhz": []}), encoding="utf-8")
    with pytest.raises(InputError, match=r": fmax_mhz must be an array of 1 or more values, each "):
        table.read_result(file)


def test_a_report_of_no_cells_is_no_result(tmp_path: Path) -> None:
    empty = re.sub(
        r"(?m)^(\|\s*(?:Slice LUTs|LUT as|Register as|  LUT as)[^|]*\|\s*)\d+", r"\g<1>0", UTILIZATION
    )
    assert empty != UTILIZATION
    with pytest.raises(InputError, match=r": the design must have cells, not 0: all of it was removed$"):
        read(tmp_path, utilization=empty)


def test_a_synthesis_without_a_figure_is_no_report(tmp_path: Path) -> None:
    place = tmp_path / "core_prj" / "solution1" / "syn" / "report"
    place.mkdir(parents=True)
    (tmp_path / "project.tcl").write_text('set project_name "core"\n', encoding="utf-8")
    head, resources, rest = re.split(r"(?s)(<Resources>.*?</Resources>)", XML)
    text = head + re.sub(r"\d+(?=</)", "undef", resources) + rest
    (place / "core_csynth.xml").write_text(text, encoding="utf-8")
    with pytest.raises(InputError, match=r": AreaEstimates/Resources must have figures of LUT, "):
        read_report(tmp_path)

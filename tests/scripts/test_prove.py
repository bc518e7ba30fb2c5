"""All implementations in one command: a line for each, and status 0 only if all are equal."""

import importlib.util
import json
import sys
from dataclasses import replace

import numpy as np
import pytest

from fxp_model import network as golden
from fxp_model.artifact import save_artifact
from tb.harness.stimulus import random_network, random_samples
from tests.hw.hls import units as hls_units
from tests.paths import ROOT

pytestmark = pytest.mark.slow

if (missing := hls_units.missing_tool()) is not None:
    pytest.skip(missing, allow_module_level=True)

STEPS = 6


@pytest.fixture(scope="module")
def prove():
    spec = importlib.util.spec_from_file_location("prove", ROOT / "scripts" / "prove.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    network = random_network(5, 6)
    samples = random_samples(np.random.default_rng(0), network.spec, 3, STEPS)
    path = tmp_path_factory.mktemp("artifact") / "small"
    save_artifact(
        path,
        network=network,
        labels=tuple(map(str, range(network.spec.n_out))),
        encoder=None,
        provenance={},
        metrics={},
        stimulus=hls_units.same_length(samples, STEPS).astype(np.uint8),
    )
    return path


def call(prove, monkeypatch, folder, tmp_path, *arguments):
    options = ["--artifact", str(folder), "--out", str(tmp_path / "out"), *arguments]
    monkeypatch.setattr(sys, "argv", ["prove.py", *options])
    return prove.main()


def test_every_form_is_there(prove):
    assert list(prove.FORMS) == ["torch", "golden", "engine", "rtl-verilator", "rtl-icarus", "hls"]


def test_equal_forms_are_a_line_each_and_status_0(prove, monkeypatch, capsys, folder, tmp_path):
    forms = ["torch", "golden", "engine", "hls"]
    status = call(prove, monkeypatch, folder, tmp_path, "--clips", "3", "--forms", *forms)
    assert capsys.readouterr().out.splitlines() == [f"{form:15}equal" for form in forms]
    assert status == 0


def test_clips_of_other_lengths_get_projects_of_their_own(prove, monkeypatch, folder, tmp_path):
    stimulus = golden.check_counts(
        prove.load_artifact(folder).network.spec, prove.load_artifact(folder).stimulus
    )
    clips = [stimulus[:steps, :1] for steps in (4, STEPS)]
    monkeypatch.setattr(prove, "chosen_clips", lambda *arguments: iter(clips))
    assert call(prove, monkeypatch, folder, tmp_path, "--forms", "hls") == 0
    assert {path.name for path in (tmp_path / "out").iterdir()} == {"hls-4", f"hls-{STEPS}"}


def test_one_other_integer_is_named_and_status_1(prove, monkeypatch, capsys, folder, tmp_path):
    def wrong(network, counts):
        trace = golden.run(network, counts)
        v_mem = trace.readout.v_mem.copy()
        v_mem[2, 0, 0] += 1
        return replace(trace, readout=replace(trace.readout, v_mem=v_mem))

    monkeypatch.setattr("fxp_model.qat.evaluate.run", wrong)
    status = call(prove, monkeypatch, folder, tmp_path, "--forms", "torch", "golden", "--json", "-")
    forms = json.loads(capsys.readouterr().out)["forms"]
    assert status == 1
    assert forms["torch"]["result"].startswith("clip 0: readout.v_mem: sample 0 step 2 neuron 0: expected ")
    assert forms["golden"]["result"] == "equal"


def test_a_form_that_cannot_run_is_no_proof(prove, monkeypatch, capsys, folder, tmp_path):
    monkeypatch.setattr("tb.harness.runner.missing_tool", lambda sim: f"{sim} is not installed")
    assert call(prove, monkeypatch, folder, tmp_path, "--forms", "rtl-icarus") == 1
    assert capsys.readouterr().out == "rtl-icarus     not run: icarus is not installed\n"

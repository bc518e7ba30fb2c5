"""`scripts/latency.py`: the golden model's events through the formula, for every preset."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from fxp_model.artifact import load_artifact, save_artifact
from fxp_model.data import frames_for
from fxp_model.network import Network, run
from fxp_model.pretrained import DEFAULT
from hw.config import PRESETS, HardwareConfig
from hw.estimates.latency import clip_cycles, event_counts, lower_bound
from tests.calls import call

pytestmark = pytest.mark.slow

soundfile = pytest.importorskip("soundfile")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A clip of noise, of a length of its own, for each class of the bundled network."""
    folder = tmp_path_factory.mktemp("noise")
    rng = np.random.default_rng(0)
    labels = load_artifact(DEFAULT).labels
    for label in labels:
        soundfile.write(folder / f"{label}.wav", rng.normal(0, 0.1, rng.integers(1600, 4800)), 16000)
    rows = "".join(f"{label}.wav,{label}\n" for label in labels)
    (folder / "val.csv").write_text(f"file,class\n{rows}", encoding="utf-8")
    return folder


@pytest.mark.parametrize("preset", PRESETS)
def test_the_script_gives_the_cycles_of_the_golden_model(folder: Path, preset: str) -> None:
    done = call("latency.py", "--data", str(folder), "--preset", preset, "--json", "-")
    assert done.returncode == 0, done.stderr
    summary = json.loads(done.stdout)
    artifact = load_artifact(DEFAULT)
    spec = artifact.network.spec
    config = HardwareConfig.uniform(spec, preset=preset)
    frames = frames_for(artifact, folder, "val")
    cycles, bounds, events = [], [], []
    for clip, length in enumerate(frames.lengths):
        counts = frames.counts[:length, clip : clip + 1]
        own = event_counts(artifact.network, run(artifact.network, counts), counts)
        cycles += clip_cycles(spec, config, own, [length]).tolist()
        bounds += lower_bound(spec, config, own, [length]).tolist()
        events.append([int(count.sum()) for count in own])
    assert len(set(frames.lengths)) > 1
    assert summary["clips"] == 20
    assert summary["cycles_mean"] == pytest.approx(np.mean(cycles))
    assert summary["cycles_max"] == max(cycles)
    assert summary["lower_bound_mean"] == pytest.approx(np.mean(bounds))
    assert summary["lower_bound_mean"] < summary["dependency_bound_mean"] < summary["cycles_mean"]
    assert list(summary["events_mean"].values()) == pytest.approx(np.mean(events, axis=0).tolist())
    assert HardwareConfig.from_dict(summary["hardware"]) == config


def test_the_same_spikes_go_through_a_core_of_another_recurrence(folder: Path) -> None:
    def summary(recurrence: str) -> dict:
        options = ("--recurrence", recurrence, "--preset", "fast", "--json", "-")
        done = call("latency.py", "--data", str(folder), *options)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    conv, none, dense = (summary(recurrence) for recurrence in ("conv", "none", "dense"))
    # noise keeps the first layer busy, so its clips may take equally long either way
    assert conv["cycles_mean"] == none["cycles_mean"] <= dense["cycles_mean"]
    spikes = conv["events_mean"][
        "layer1"
    ]  # the spikes of layer0; those of the last steps stay in their lines
    assert 0 < dense["events_mean"]["layer0.recurrent"] <= spikes


def test_the_events_before_delays_of_the_inputs_have_a_line(folder: Path, tmp_path: Path) -> None:
    artifact = load_artifact(DEFAULT)
    spec, params = artifact.network.spec, artifact.network.params
    delay_steps = np.arange(spec.n_in) % 8
    network = Network(
        replace(spec, layers=(replace(spec.layers[0], max_input_delay=7), *spec.layers[1:])),
        (replace(params[0], input_delay_steps=delay_steps), *params[1:]),
    )
    save_artifact(
        tmp_path / "delayed",
        network=network,
        labels=artifact.labels,
        encoder=artifact.encoder,
        provenance={},
        metrics={},
        stimulus=artifact.stimulus,
    )
    arguments = ("--artifact", str(tmp_path / "delayed"), "--data", str(folder), "--json", "-")
    done = call("latency.py", *arguments)
    assert done.returncode == 0, done.stderr
    events = json.loads(done.stdout)["events_mean"]
    assert list(events) == [*spec.stage_names, "input_delays"]
    assert 0 < events["layer0"] < events["input_delays"]  # events of the last steps stay in the lines


def test_the_script_draws_a_histogram(folder: Path) -> None:
    done = call("latency.py", "--data", str(folder))
    assert done.returncode == 0, done.stderr
    bars = [line for line in done.stdout.splitlines() if "#" in line]
    assert sum(int(line.split()[-1]) for line in done.stdout.splitlines()[-12:]) == 20
    assert max(line.count("#") for line in bars) == 50

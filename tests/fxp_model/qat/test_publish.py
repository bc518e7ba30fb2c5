"""The bundled artifacts match their model cards, and torch evaluates them as the golden model does."""

import re

import numpy as np
import pytest

from fxp_model.artifact import load_artifact
from fxp_model.data.scene_frames import NONE
from fxp_model.network import run
from fxp_model.pretrained import DEFAULT, bundled, find
from fxp_model.qat import evaluate
from fxp_model.qat.publish import delay_table
from fxp_model.spec import Answer, ReadoutMode, RecurrenceKind

pytestmark = pytest.mark.slow

SPARSE, FOUR_BITS = (f"{DEFAULT.name}-{kind}" for kind in ("sparse", "4bit"))
SMALL = "asc20-64ch-256x256-k5"
STREAM = "asc20-stream-64ch-256x256-k5"
STREAMS = (STREAM, f"{STREAM}-4bit")
"""Those with answers per step."""


@pytest.fixture(scope="module", params=bundled())
def artifact(request):
    return load_artifact(find(request.param))


@pytest.fixture
def card(artifact):
    return (find(artifact.name) / "README.md").read_text(encoding="utf-8")


@pytest.fixture
def channels(artifact):
    return 64 if artifact.name in (SMALL, *STREAMS) else 140


def test_a_default_a_sparse_a_narrow_a_small_one_and_two_for_streams_are_bundled():
    assert bundled() == sorted([DEFAULT.name, SPARSE, FOUR_BITS, SMALL, *STREAMS])


def test_torch_equals_the_golden_model_on_its_stimulus(artifact, channels):
    expected = run(artifact.network, artifact.stimulus)
    assert expected.first_mismatch(evaluate.run(artifact.network, artifact.stimulus)) is None
    assert artifact.stimulus.shape == (100, 4, channels)
    least = 0.005 if artifact.name == SPARSE else 0.01
    assert all(least < layer.spikes.mean() < 0.3 for layer in expected.layers)


def test_it_is_the_network_it_should_be(artifact, channels):
    spec = artifact.network.spec
    classes = 21 if artifact.name in STREAMS else 20
    assert [spec.n_in, *(stage.n_out for stage in spec.stages)] == [channels, 256, 256, classes]
    if artifact.name in STREAMS:
        assert (spec.readout.mode, spec.readout.answer) == (ReadoutMode.LAST, Answer.STEP)
        assert artifact.labels[-1] == NONE
    else:
        assert (spec.readout.mode, spec.readout.answer) == (ReadoutMode.SUM, Answer.SAMPLE)
    bits = 4 if artifact.name.endswith("-4bit") else 8
    for stage in spec.stages:
        assert stage.weight.width == bits
        assert stage.membrane.width == 16
    for layer, params in zip(spec.layers, artifact.network.params, strict=False):
        assert layer.recurrence is not None
        assert layer.recurrence.kind is RecurrenceKind.CONV
        assert layer.recurrence.kernel_size == 5
        assert layer.recurrence.weight.width == bits
        assert layer.recurrence.max_delay == 63
        assert len(np.unique(params.delay_steps)) > 20
    assert spec.layers[0].input_bits == 4
    assert len(artifact.labels) == classes


def test_its_measured_accuracy_is_enough(artifact):
    assert artifact.metrics["val"]["clips"] == (2160 if artifact.name in STREAMS else 1200)
    assert artifact.metrics["val"]["accuracy"] >= 0.93


def test_the_others_are_within_a_point_of_the_default_and_the_sparse_one_fires_half_as_much():
    default, sparse, narrow, small = (
        load_artifact(find(n)).metrics["val"] for n in (DEFAULT.name, SPARSE, FOUR_BITS, SMALL)
    )
    assert small["accuracy"] >= default["accuracy"] - 0.01
    assert narrow["accuracy"] >= default["accuracy"] - 0.01
    assert sparse["accuracy"] >= default["accuracy"] - 0.01
    assert sparse["spikes_per_clip"] <= default["spikes_per_clip"] / 2


def test_the_card_says_what_the_artifact_says(artifact, card):
    val = artifact.metrics["val"]
    assert re.findall(r"accuracy (0\.\d{4})(?: over \d+ steps)?$", card, re.MULTILINE) == [
        f"{val['accuracy']:.4f}"
    ]
    for name, count in val["events_per_step"].items():
        assert f"| {name} | {count} |" in card
    for name, rate in val["spikes_per_neuron_step"].items():
        assert f"{name} {rate}" in card
    assert f"spikes per clip, all hidden layers: {val['spikes_per_clip']}\n" in card
    assert f"    {artifact.provenance['command']}\n" in card
    assert f"Seed {artifact.provenance['seed']};" in card
    assert artifact.provenance["data"]["frames_sha256"] in card
    for name, version in artifact.provenance["versions"].items():
        assert f"{name} {version}" in card
    table = "".join(f"    {line}\n" for line in delay_table(artifact.network).splitlines())
    assert table in card
    assert "CC BY 4.0" in card
    for name in (*artifact.labels, "synthetic clips"):
        assert name in card

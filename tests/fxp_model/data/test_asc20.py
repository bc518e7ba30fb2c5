"""Real speech: 20 words of the Arabic Speech Commands, if present at the given path."""

import os
from pathlib import Path

import numpy as np
import pytest

from fxp_model.artifact import load_artifact
from fxp_model.data import encode_file, open_dataset
from fxp_model.ear.spec import EarSpec
from fxp_model.network import run
from fxp_model.pretrained import DEFAULT
from fxp_model.qat import evaluate
from tests.paths import ROOT

FOLDER = Path(os.environ.get("SPIKELINE_ASC20") or ROOT.parent / "shared" / "data" / "asc20")

pytestmark = pytest.mark.skipif(
    not (FOLDER / "train.csv").is_file(),
    reason="no asc20 data set: name its folder in SPIKELINE_ASC20, or put it at ../shared/data/asc20",
)


@pytest.fixture(scope="module")
def dataset():
    return open_dataset(FOLDER)


def test_splits_hold_20_words_of_disjoint_speakers(dataset):
    assert len(dataset.classes) == 20
    train, val = ({clip.speaker for clip in dataset.split(split)} for split in ("train", "val"))
    assert (len(train), len(val)) == (18, 6)
    assert None not in train | val
    assert not train & val


def test_activity_is_what_the_hardware_is_meant_for(dataset):
    ear, levels, heard = EarSpec.design(), {}, []
    for clip in dataset.split("val")[::6]:
        audio = clip.source.audio(clip.source.content())
        counts, levels[clip.speaker] = ear.encode_after(*audio, levels.get(clip.speaker))
        heard.append(counts)
    assert len(levels) == 6
    counts = np.stack(heard)
    assert counts.shape == (200, 100, 140)
    assert 0.2 < np.mean(counts > 0) < 0.3
    assert 8 < counts.max() <= 15


def test_default_artifact_hears_words_and_torch_equals_the_golden_model(dataset):
    artifact = load_artifact(DEFAULT)
    assert dataset.classes == artifact.labels
    # 29 shares no factor with the clips of a word: every word and speaker comes up
    clips = dataset.split("val")[::29]
    assert len(clips) == 42
    assert {clip.label for clip in clips} == set(range(20))
    assert len({clip.speaker for clip in clips}) == 6
    encoder = EarSpec.from_dict(artifact.encoder)
    counts = np.stack([encode_file(FOLDER / clip.name, encoder) for clip in clips], axis=1)
    trace = run(artifact.network, counts)
    assert trace.first_mismatch(evaluate.run(artifact.network, counts)) is None
    assert np.mean(trace.classes == [clip.label for clip in clips]) >= 0.85

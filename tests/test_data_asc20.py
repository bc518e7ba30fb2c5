"""Real speech: 20 words of the Arabic Speech Commands, read by path where they are present."""

import os
from pathlib import Path

import numpy as np
import pytest

from fxp_model.data import CochlearEncoder, encode_file, open_dataset

FOLDER = Path(os.environ.get("SPIKELINE_ASC20") or Path(__file__).parents[2] / "shared" / "data" / "asc20")

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
    clips = dataset.split("val")[::37]
    counts = np.stack([encode_file(FOLDER / clip.name, CochlearEncoder()) for clip in clips])
    assert counts.shape == (33, 100, 140)
    assert 0.2 < np.mean(counts > 0) < 0.3
    assert 8 < counts.max() <= 15

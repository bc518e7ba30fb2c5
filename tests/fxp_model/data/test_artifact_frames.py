"""Frames for an artifact: its encoder and classes must fit."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from fxp_model.artifact import load_artifact
from fxp_model.data import frames_for
from fxp_model.data.audio import read_audio
from fxp_model.ear.spec import EarSpec
from fxp_model.errors import InputError
from fxp_model.pretrained import DEFAULT

soundfile = pytest.importorskip("soundfile")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    labels = load_artifact(DEFAULT).labels
    rows = []
    for label in labels:
        soundfile.write(
            tmp_path / f"{label}.wav", np.random.default_rng(len(label)).normal(0, 0.1, 1600), 16000
        )
        rows.append(f"{label}.wav,{label}")
    (tmp_path / "val.csv").write_text("\n".join(["file,class", *rows, ""]), encoding="utf-8")
    return tmp_path


def test_frames_are_the_encoders(folder: Path) -> None:
    artifact = load_artifact(DEFAULT)
    frames = frames_for(artifact, folder, "val")
    assert artifact.encoder is not None
    encoder = EarSpec.from_dict(artifact.encoder)
    for index, label in enumerate(artifact.labels):
        expected = encoder.encode(*read_audio(folder / f"{label}.wav"))
        assert np.array_equal(frames.counts[:, index], expected)
        assert frames.labels[index] == index


def test_frames_are_those_of_an_ear(folder: Path) -> None:
    artifact = load_artifact(DEFAULT)
    encoder = EarSpec.design(sections=1)
    stored = json.loads(json.dumps(encoder.to_dict()))
    frames = frames_for(replace(artifact, encoder=stored), folder, "val")
    for index, label in enumerate(artifact.labels):
        expected = encoder.encode(*read_audio(folder / f"{label}.wav"))
        assert np.array_equal(frames.counts[:, index], expected)
    small = EarSpec.design(channels=64).to_dict()
    with pytest.raises(InputError, match=r": channels of the encoder must be 140, not 64$"):
        frames_for(replace(artifact, encoder=small), folder, "val")
    with pytest.raises(InputError, match=r"^encoder version must be 1, not 2$"):
        frames_for(replace(artifact, encoder=stored | {"version": 2}), folder, "val")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"encoder": None}, r"^artifact asc20-256x256-k5 has no encoder: it takes neither sound nor spikes$"),
        (
            {"ear": {"channels": 64}},
            r"^artifact asc20-256x256-k5: channels of the encoder must be 140, not 64$",
        ),
        (
            {"ear": {"count_bits": 5}},
            r"^artifact asc20-256x256-k5: count_bits of the encoder must be 4, not 5$",
        ),
        ({"labels": ("a",)}, r"^classes of .* must be those of the artifact \(a\), not close, .*$"),
    ],
)
def test_what_does_not_fit_is_refused(folder: Path, changes: dict, message: str) -> None:
    artifact = load_artifact(DEFAULT)
    assert artifact.encoder is not None
    if (own := changes.pop("ear", None)) is not None:
        changes["encoder"] = EarSpec.design(**own).to_dict()
    changed = replace(artifact, **changes)
    with pytest.raises(InputError, match=message):
        frames_for(changed, folder, "val")

"""Frames for an artifact: its own encoder and classes, or a clear error."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fxp_model.artifact import Artifact
from fxp_model.checks import check_type
from fxp_model.data.arrays import CountArrays
from fxp_model.data.audio import checked_clip, pcm, resampled
from fxp_model.data.binner import EventBinner
from fxp_model.data.catalog import Dataset, open_dataset
from fxp_model.data.conditions import Conditions
from fxp_model.data.dataset import SpeechDataset
from fxp_model.data.frames import EncodedSplit, FrameEncoder, check_encoder, load_frames
from fxp_model.ear.spec import EarSpec
from fxp_model.errors import InputError, shown

ENCODERS: dict[str, type[FrameEncoder]] = {kind.name: kind for kind in (EarSpec, EventBinner, CountArrays)}
"""Encoders that an artifact may name."""


def frames_for(
    artifact: Artifact, source: Path | str, split: str, conditions: Conditions | None = None
) -> EncodedSplit:
    """Counts of a split of the data set `source`, as `artifact` takes them.

    Sound is heard under `conditions`, or as it was recorded.

    Raises
    ------
    InputError
        If the artifact has no encoder or one that does not fit its network or the data set, if the
        classes are not the artifact's, or if the data cannot be read; all but the last before any
        clip is encoded.
    """
    dataset, encoder = _opened(artifact, source)
    return load_frames(dataset, split, encoder, conditions=conditions)


def recordings_for(
    artifact: Artifact, source: Path | str, split: str, most: int
) -> tuple[EarSpec, list[NDArray[np.int64]]]:
    """The ear of `artifact`, and `most` recordings, spread over a split, as the samples that it hears.

    Each is (n,) of 16 bits at the rate of the ear, and ends with silence up to a whole frame.

    Raises
    ------
    InputError
        As `frames_for`, or if the encoder is not an ear.
    """
    dataset, encoder = _opened(artifact, source)
    if not isinstance(encoder, EarSpec):
        raise InputError(f"artifact {artifact.name}: the encoder must be an ear, not {encoder.name}")
    if not isinstance(dataset, SpeechDataset):
        raise InputError(f"{dataset.name} must hold sound, not {dataset.holds}")
    clips = dataset.split(split)
    samples = []
    for index in np.linspace(0, len(clips) - 1, min(most, len(clips))).astype(int):
        audio, rate_hz = clips[index].source.audio(clips[index].source.content())
        heard = pcm(resampled(checked_clip(audio, rate_hz), rate_hz, encoder.rate_hz)).astype(np.int64)
        samples.append(np.pad(heard, (0, -len(heard) % encoder.samples_per_frame)))
    return encoder, samples


def _opened(artifact: Artifact, source: Path | str) -> tuple[Dataset, FrameEncoder]:
    """The data set, and the encoder of `artifact`, which fits it."""
    check_type("artifact", artifact, Artifact)
    if artifact.encoder is None:
        raise InputError(f"artifact {artifact.name} has no encoder: it takes neither sound nor spikes")
    encoder = named_encoder(artifact.encoder)
    first = artifact.network.spec.layers[0]
    for what, has, takes in (
        ("channels", encoder.channels, first.n_in),
        ("count_bits", encoder.count_bits, first.input_bits),
    ):
        if has != takes:
            raise InputError(f"artifact {artifact.name}: {what} of the encoder must be {takes}, not {has}")
    dataset = open_dataset(source)
    check_encoder(dataset, encoder)
    if dataset.classes != artifact.labels:
        raise InputError(
            f"classes of {source} must be those of the artifact ({', '.join(artifact.labels)}), "
            f"not {', '.join(dataset.classes)}"
        )
    return dataset, encoder


def named_encoder(values: dict[str, Any]) -> FrameEncoder:
    """The encoder of an artifact; `InputError` if there is none of that name."""
    name = str(values.get("name"))
    if name not in ENCODERS:
        raise InputError(f"encoder name must be one of {', '.join(ENCODERS)}, not {shown(name)}")
    return ENCODERS[name].from_dict(values)

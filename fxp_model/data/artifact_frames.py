"""Frames for an artifact: its own encoder, its own classes, or a clear refusal."""

from __future__ import annotations

from pathlib import Path

from fxp_model.artifact import Artifact
from fxp_model.data.catalog import open_dataset
from fxp_model.data.encoder import CochlearEncoder
from fxp_model.data.frames import EncodedSplit, load_frames
from fxp_model.errors import InputError


def frames_for(artifact: Artifact, source: Path | str, split: str) -> EncodedSplit:
    """Counts of a split of the data set `source`, as `artifact` was trained to take them.

    Raises
    ------
    InputError
        If the artifact has no encoder or one that does not fit its network, if the classes are
        not the artifact's, or if the data cannot be read; all but the last before any clip is encoded.
    """
    if artifact.encoder is None:
        raise InputError(f"artifact {artifact.name} has no encoder: it does not take sound")
    encoder = CochlearEncoder.from_dict(artifact.encoder)
    first = artifact.network.spec.layers[0]
    for what, has, takes in (
        ("channels", encoder.channels, first.n_in),
        ("count_bits", encoder.count_bits, first.input_bits),
    ):
        if has != takes:
            raise InputError(f"artifact {artifact.name}: {what} of the encoder must be {takes}, not {has}")
    dataset = open_dataset(source)
    if dataset.classes != artifact.labels:
        raise InputError(
            f"classes of {source} must be those of the artifact ({', '.join(artifact.labels)}), "
            f"not {', '.join(dataset.classes)}"
        )
    return load_frames(dataset, split, encoder)

"""Frames for an artifact: its own encoder and classes, or a clear error."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from fxp_model.artifact import Artifact
from fxp_model.checks import check_type
from fxp_model.data.binner import EventBinner
from fxp_model.data.catalog import open_dataset
from fxp_model.data.conditions import Conditions
from fxp_model.data.encoder import CochlearEncoder
from fxp_model.data.frames import EncodedSplit, SoundEncoder, check_encoder, load_frames
from fxp_model.ear.spec import EarSpec
from fxp_model.errors import InputError, shown

ENCODERS: dict[str, type[SoundEncoder | EventBinner]] = {
    kind.name: kind for kind in (CochlearEncoder, EarSpec, EventBinner)
}
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
    check_type("artifact", artifact, Artifact)
    if artifact.encoder is None:
        raise InputError(f"artifact {artifact.name} has no encoder: it takes neither sound nor spikes")
    encoder = _encoder(artifact.encoder)
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
    return load_frames(dataset, split, encoder, conditions=conditions)


def _encoder(values: dict[str, Any]) -> SoundEncoder | EventBinner:
    name = str(values.get("name"))
    if name not in ENCODERS:
        raise InputError(f"encoder name must be one of {', '.join(ENCODERS)}, not {shown(name)}")
    return ENCODERS[name].from_dict(values)

"""Ears compared: networks trained on what they hear, measured in noise and at other gains."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Container, Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from fxp_model.artifact import Artifact
from fxp_model.data import Conditions, Part, SpeechDataset, frames_for, open_dataset, open_noise
from fxp_model.ear.spec import EarSpec
from fxp_model.engine import score
from fxp_model.errors import InputError, shown
from fxp_model.evaluation import evaluate
from fxp_model.files import json_text, read_json, replacing, write_text
from fxp_model.qat.augment import Augmentation
from fxp_model.qat.session import train_artifact
from fxp_model.qat.template import Shape
from fxp_model.qat.train import CHECKPOINT, Recipe

ROW = "row.json"
COPIES = 8
"""Of each training clip: as recorded, and at random gain in noise."""
AT_REST = (4,)
"""Copies that are heard from rest."""
GAIN_DB, SNR_DB, NOISE_SHARE = (-30.0, 6.0), (0.0, 30.0), 1.0
"""Of the other copies."""
_CHANNELS = 140
"""For which the augmentation's defaults are."""


LISTENERS = {
    f"ear-{channels}x{sections}": {"channels": channels, "sections": sections}
    for channels in (140, 64, 32)
    for sections in (2, 4, 1)
}
"""What `EarSpec.design` takes."""


def measured(noise: Path) -> dict[str, Conditions]:
    """Under which a network is measured; the noise is of recordings that no training heard."""
    clean = Conditions()
    unheard = replace(clean, noise=open_noise(noise, Part.MEASURE))
    return {
        "clean": clean,
        "from_rest": replace(clean, carried=False),
        **{f"snr_{snr}_db": replace(unheard, snr_db=(snr, snr)) for snr in (30, 20, 10, 0)},
        **{f"gain_{gain}_db": replace(clean, gain_db=(gain, gain)) for gain in (-30, -20, -10, 12)},
    }


def in_noise(noise: Path, copies: int, at_rest: Container[int]) -> list[Conditions]:
    """Of all `copies` of a training clip but the first, copy 0, which is as it was recorded.

    Those `at_rest` are heard from rest, as the first clip of a session is.
    """
    heard = Conditions(
        gain_db=GAIN_DB, snr_db=SNR_DB, noise=open_noise(noise, Part.TRAIN), noise_share=NOISE_SHARE
    )
    return [replace(heard, copy=copy, carried=copy not in at_rest) for copy in range(1, copies)]


def listen(
    data: str, noise: Path, out: Path, names: Iterable[str], seeds: Iterable[int], epochs: int, command: str
) -> Iterator[dict[str, Any]]:
    """Train each listener of `names` with each seed, and measure it: a row for each, as it is done.

    Each has its folder in `out`, from which it goes on; several processes may share `out`.

    Raises
    ------
    InputError
        As `train_artifact` and `open_noise` do, the data are spikes, another process has the folder, or a row
        there is of other data, noise, epochs or copies.
    """
    sounds = {"data_sha256": _sha256(data)} | {
        f"noise_{part}_sha256": open_noise(noise, part).sha256 for part in Part
    }
    for seed in seeds:
        for name in names:
            folder = out / f"{name}-{seed}"
            asked = {"listener": name, "seed": seed, "epochs": epochs, "copies": COPIES} | sounds
            if not (folder / ROW).exists():
                artifact = _trained(data, noise, folder, LISTENERS[name], seed, epochs, command)
                with replacing(folder / ROW) as path:
                    write_text(path, json_text(asked | _row(artifact, data, noise)))
            row = read_json(folder / ROW, dict)
            for key, value in asked.items():
                if (held := row.get(key)) != value:
                    raise InputError(
                        f"{folder / ROW}: {key} must be {value}, not {shown(held)}; name another folder"
                    )
            yield row


def _sha256(data: str) -> str:
    """Digest of the clips of a data set of sound: names, classes and contents of the splits that are used."""
    dataset = open_dataset(data)
    if not isinstance(dataset, SpeechDataset):
        raise InputError(f"{data} must hold sound, not {dataset.holds}")
    digest = hashlib.sha256()
    for split in ("train", "val"):
        for clip in dataset.split(split):
            digest.update(f"{split} {clip.name} {clip.label}\0".encode())
            digest.update(hashlib.sha256(clip.source.content()).digest())
    return digest.hexdigest()


def _trained(
    data: str, noise: Path, folder: Path, ear: dict[str, int], seed: int, epochs: int, command: str
) -> Artifact:
    recipe = Recipe(epochs=epochs, seed=seed)
    recipe = replace(recipe, augmentation=scaled(recipe.augmentation, ear["channels"]))
    artifact = train_artifact(
        data,
        folder,
        Shape(),
        recipe,
        resume=(folder / CHECKPOINT).exists(),
        ear=ear,
        heard=in_noise(noise, COPIES, AT_REST),
        command=command,
    )
    assert artifact is not None  # one process trains
    return artifact


def scaled(settings: Augmentation, channels: int) -> Augmentation:
    """`settings` for other `channels`: the same shift and mask on the scale of the ear."""
    factor = channels / _CHANNELS
    return replace(
        settings,
        channel_shift=max(1, round(settings.channel_shift * factor)),
        channel_mask=max(1, round(settings.channel_mask * factor)),
    )


def _row(artifact: Artifact, data: str, noise: Path) -> dict[str, Any]:
    row: dict[str, Any] = {}
    for name, conditions in measured(noise).items():
        split = frames_for(artifact, data, "val", conditions)
        row[name] = evaluate(score, artifact.network, split.counts, split.labels, split.lengths).accuracy
        if name == "clean":
            row["events_per_clip"] = float((split.counts > 0).sum() / len(split.labels))
    assert artifact.encoder is not None
    spec = EarSpec.from_dict(artifact.encoder)
    row["products_per_second"] = spec.products_per_second
    row["state_ram_bits"] = 2 * spec.state_bits * spec.channels * spec.sections
    return row | {name: artifact.provenance[name] for name in ("command", "date", "versions")}


def table(rows: Iterable[dict[str, Any]]) -> str:
    """The rows as lines of JSON, in the order of `LISTENERS` and of seeds."""
    names = list(LISTENERS)
    ordered = sorted(rows, key=lambda row: (names.index(row["listener"]), row["seed"]))
    return "".join(json.dumps(row) + "\n" for row in ordered)

"""A training from a data set to an artifact: what `scripts/train.py` calls."""

from __future__ import annotations

import platform
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numba
import numpy as np
import torch
from numpy.typing import NDArray
from tqdm import tqdm

import fxp_model
from fxp_model.artifact import Artifact, check_target, load_artifact, save_artifact
from fxp_model.data import (
    CochlearEncoder,
    EncodedSplit,
    EventBinner,
    SpeechDataset,
    encoder_for,
    load_frames,
    open_dataset,
)
from fxp_model.data.synthetic import synthetic_dataset
from fxp_model.errors import InputError
from fxp_model.network import Network
from fxp_model.qat import parallel
from fxp_model.qat.network import SpikingNetwork, from_network
from fxp_model.qat.publish import delay_table, measure
from fxp_model.qat.template import Shape, network_spec
from fxp_model.qat.train import CHECKPOINT, Epoch, Frames, Recipe, Training, frames_sha256
from fxp_model.spec import NetworkSpec

ARTIFACT = "artifact"
"""Folder of the artifact inside the output folder."""
STIMULUS_CLIPS = 4


def train_artifact(
    data: str,
    out: Path,
    shape: Shape,
    recipe: Recipe,
    *,
    resume: bool = False,
    teacher: Path | None = None,
    command: str,
) -> Artifact | None:
    """Train on split ``train`` of a data set, select on ``val``, and write the artifact.

    Leaves in `out`: ``checkpoint.npz`` and ``log.csv`` after each epoch, ``artifact/`` at the end.
    Under `torchrun` the first process does so, and the others return None.

    Parameters
    ----------
    data : str
        Folder of a data set, or ``synthetic``.
    out : Path
    shape : Shape
    recipe : Recipe
    resume : bool
        Go on from the checkpoint in `out`.
    teacher : Path, optional
        Artifact whose logits are learned from beside the labels.
    command : str
        For the provenance.

    Raises
    ------
    InputError
        If the data cannot be read, `out` holds another training or foreign files, the counts do
        not fit `shape`, or the loss diverges.
    NotEqual
        If torch and the golden model differ on a validation clip; nothing is written then.
    """
    if out.exists() and not out.is_dir():
        raise InputError(f"{out} is not a folder")
    checkpoint = out / CHECKPOINT
    if checkpoint.exists() and not resume:
        raise InputError(f"{checkpoint} exists: go on with --resume, or name another folder")
    check_target(out / ARTIFACT)
    dataset = open_dataset(data)
    for split in ("train", "val"):
        dataset.split(split)
    encoder = encoder_for(dataset, shape.input_bits)
    spec = network_spec(shape, encoder.channels, len(dataset.classes))
    taught_by = None if teacher is None else teacher_of(teacher, spec, dataset.classes)
    training = Training(spec, recipe, out, dataset.classes, taught_by)
    if resume:
        training.resume()
    with parallel.first_alone() as first:
        splits = [load_frames(dataset, split, encoder, progress=first) for split in ("train", "val")]
    train, val = map(frames_of, splits)
    training.check_data(train, val)
    started = time.perf_counter()
    quiet = {"disable": not first}
    with tqdm(total=recipe.epochs, initial=len(training.rows), desc="train", unit="epoch", **quiet) as bar:
        batches = tqdm(total=-(-len(train) // recipe.batch), desc="epoch", unit="batch", leave=False, **quiet)

        def progress(epoch: Epoch | None) -> None:
            if epoch is None:
                batches.update()
                return
            batches.reset()
            bar.set_postfix_str(f"loss {epoch.loss:.3f} val {epoch.val_accuracy:.4f} rate {epoch.rate:.3f}")
            bar.update()

        with batches:
            module = training.run(train, val, progress)
    seconds = time.perf_counter() - started
    if not first:
        return None
    network = module.export()
    with tqdm(total=len(val), desc="golden", unit="clip") as bar:
        metrics = {"val": measure(module, network, val, progress=bar.update)}
    provenance = {
        "command": command,
        "date": datetime.now(UTC).date().isoformat(),
        "seed": recipe.seed,
        "data": {
            "name": dataset.name,
            "train_clips": len(train),
            "val_clips": len(val),
            "frames_sha256": frames_sha256(train, val),
        },
        "epochs": recipe.epochs,
        "selected_epoch": training.best_row.epoch,
        "seconds_of_last_run": round(seconds, 1),
        "versions": versions(),
    }
    return save_artifact(
        out / ARTIFACT,
        network=network,
        labels=dataset.classes,
        encoder=encoder.to_dict(),
        provenance=provenance,
        metrics=metrics,
        stimulus=stimulus(encoder, val),
        extra_files={"README.md": model_card(network, dataset.classes, provenance, metrics)},
    )


def versions() -> dict[str, str]:
    """What a result may depend on."""
    return {
        "spikeline": fxp_model.__version__,
        "python": platform.python_version(),
        "numpy": np.__version__,
        "torch": torch.__version__,
        "numba": numba.__version__,
    }


def teacher_of(artifact: Path, spec: NetworkSpec, classes: tuple[str, ...]) -> SpikingNetwork:
    """The network of an artifact, which takes the inputs of `spec` and knows `classes`, to learn from.

    Raises
    ------
    InputError
        If it cannot be read, or its inputs or classes are others.
    """
    loaded = load_artifact(artifact)
    own, first = loaded.network.spec.layers[0], spec.layers[0]
    for what, has, takes in (
        ("channels", own.n_in, first.n_in),
        ("input_bits", own.input_bits, first.input_bits),
        ("classes", loaded.labels, classes),
    ):
        if has != takes:
            raise InputError(f"teacher {artifact}: {what} must be {takes}, not {has}")
    return from_network(loaded.network)


def frames_of(split: EncodedSplit) -> Frames:
    """What training needs of an encoded split."""
    return Frames(split.counts, split.labels, split.lengths)


def stimulus(encoder: CochlearEncoder | EventBinner, val: Frames) -> NDArray[np.uint8]:
    """Counts (T, B, channels) of a few clips of different classes: synthetic where `encoder` takes sound."""
    if isinstance(encoder, EventBinner):
        _, first = np.unique(val.labels, return_index=True)
        return val.counts[:, first[:STIMULUS_CLIPS]]
    dataset = synthetic_dataset()
    clips = {clip.label: clip for clip in reversed(dataset.split("val"))}
    chosen = tuple(clips[label] for label in sorted(clips)[:STIMULUS_CLIPS])
    few = SpeechDataset(dataset.name, dataset.classes, {"stimulus": chosen})
    return load_frames(few, "stimulus", encoder, progress=False).counts


def model_card(
    network: Network, labels: tuple[str, ...], provenance: dict[str, Any], metrics: dict[str, Any]
) -> str:
    """The artifact in words: what it is, how it was made, what was measured."""
    widths = [network.spec.n_in, *(stage.n_out for stage in network.spec.stages)]
    val, data = metrics["val"], provenance["data"]
    events = "\n".join(f"| {name} | {count} |" for name, count in val["events_per_step"].items())
    rates = ", ".join(f"{name} {rate}" for name, rate in val["spikes_per_neuron_step"].items())
    versions = ", ".join(f"{name} {version}" for name, version in provenance["versions"].items())
    chosen = f"epoch {provenance['selected_epoch']} of {provenance['epochs']}"
    delays = delay_table(network)
    size = "-".join(str(width) for width in widths)
    return f"""# {size}

{size} neurons. Classes: {", ".join(labels)}.

## Training

Data: {data["name"]}, {data["train_clips"]} clips for training, {data["val_clips"]} for validation.
Frames, sha256: `{data["frames_sha256"]}`.

    {provenance["command"]}

Seed {provenance["seed"]}; {provenance["date"]}; {versions}.
The validation clips chose {chosen} (counted from 0), nothing else.

## Measured

On the {val["clips"]} validation clips, by the golden integers, which PyTorch equals on each of them:

- accuracy {val["accuracy"]:.4f}
- spikes per neuron and step: {rates}
- spikes per clip, all hidden layers: {val["spikes_per_clip"]}

| stage | events into it per step |
|---|---|
{events}

## Delays

{f"Neurons by axonal delay in steps.{chr(10)}{chr(10)}" + _indented(delays) if delays else "No recurrence."}
"""


def _indented(text: str) -> str:
    return "".join(f"    {line}\n" for line in text.splitlines()).rstrip("\n")

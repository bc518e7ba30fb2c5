"""Training from a data set to an artifact, as called by `scripts/train.py`."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path

import numpy as np
from tqdm import tqdm

from fxp_model.artifact import FOLDER, Artifact, load_artifact
from fxp_model.data import (
    Conditions,
    Dataset,
    EncodedSplit,
    FrameEncoder,
    encoder_for,
    load_frames,
    open_dataset,
)
from fxp_model.data.artifact_frames import named_encoder
from fxp_model.data.frames import check_encoder
from fxp_model.errors import InputError
from fxp_model.qat import parallel
from fxp_model.qat.network import SpikingNetwork, from_network
from fxp_model.qat.publish import publish
from fxp_model.qat.start import answering
from fxp_model.qat.template import Shape, network_spec
from fxp_model.qat.train import CHECKPOINT, Epoch, Frames, Recipe, Training, training_folder
from fxp_model.spec import Answer, NetworkSpec

ARTIFACT = "artifact"
"""Folder of the artifact inside the output folder."""


def train_artifact(
    data: str,
    out: Path,
    shape: Shape,
    recipe: Recipe,
    *,
    resume: bool = False,
    teacher: Path | None = None,
    start: Path | None = None,
    parent: Path | None = None,
    ear: Mapping[str, int] | None = None,
    heard: Sequence[Conditions] = (),
    command: str,
) -> Artifact | None:
    """Train on split ``train`` of a data set, select on ``val``, and write the artifact.

    Leaves in `out`: ``checkpoint.npz`` and ``log.csv`` after each epoch, ``artifact/`` at the end.
    Under `torchrun` the first process does so, and the others return None. So does a training of real
    numbers, which has no artifact.

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
    start : Path, optional
        Artifact whose integers training starts from; its shape takes the place of `shape`, except for answers
        per step, see `answering`.
    parent : Path, optional
        Folder of another training, with whose best parameters this one starts, see `Training`.
    ear : mapping, optional
        What `EarSpec.design` takes, for sound.
    heard : sequence of Conditions
        Of further copies of the training clips, see `training_frames`.
    command : str
        For the provenance.

    Raises
    ------
    InputError
        If the data cannot be read, `out` holds another training or foreign files, another process
        trains there, the counts do not fit `shape`, or the loss diverges.
    NotEqual
        If torch and the golden model differ on a validation clip; nothing is written then.
    """
    first = parallel.shares()[0] == 0
    with training_folder(out) if first else nullcontext(resume) as begun:
        if begun and not resume:
            raise InputError(f"{out / CHECKPOINT} exists: continue with --resume, or name another folder")
        FOLDER.check(out / ARTIFACT)
        return _train(data, out, shape, recipe, resume, teacher, start, parent, ear, heard, command)


def _train(
    data: str,
    out: Path,
    shape: Shape,
    recipe: Recipe,
    resume: bool,
    teacher: Path | None,
    start: Path | None,
    parent: Path | None,
    ear: Mapping[str, int] | None,
    heard: Sequence[Conditions],
    command: str,
) -> Artifact | None:
    """`train_artifact` in a locked folder."""
    dataset = open_dataset(data)
    for split in ("train", "val"):
        dataset.split(split)
    begun = None if start is None else load_artifact(start)
    if begun is None:
        encoder = encoder_for(dataset, shape.input_bits, ear)
        bits = encoder.count_bits
        spec = network_spec(replace(shape, input_bits=bits), encoder.channels, len(dataset.classes))
    else:
        if shape.answer is Answer.STEP:
            begun = answering(begun, dataset.classes, shape.stride, shape.readout_beta)
        encoder = encoder_of(begun, dataset)
        spec = begun.network.spec
    taught_by = None if teacher is None else teacher_of(teacher, spec, dataset.classes)
    integers = None if begun is None else begun.network
    training = Training(spec, recipe, out, dataset.classes, taught_by, integers, parent)
    if resume:
        training.resume()
    with parallel.first_alone() as first:
        train = training_frames(dataset, encoder, heard, progress=first)
        val = frames_of(load_frames(dataset, "val", encoder, progress=first))
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
    if not first or not recipe.quantized:
        return None
    return publish(
        out / ARTIFACT, training, module, dataset, encoder, (train, val), command=command, seconds=seconds
    )


def training_frames(
    dataset: Dataset,
    encoder: FrameEncoder,
    heard: Sequence[Conditions] = (),
    progress: bool = True,
) -> Frames:
    """Split ``train`` as it was recorded and, a copy for each of them, under the conditions `heard`.

    Validation clips stay as they were recorded, so that accuracies of different trainings are of equal clips.
    """
    recorded = load_frames(dataset, "train", encoder, progress=progress)
    copies = [
        load_frames(dataset, "train", encoder, progress=progress, conditions=conditions).counts
        for conditions in heard
    ]
    counts = np.concatenate([recorded.counts, *copies], axis=1)
    return Frames(counts, recorded.labels, recorded.lengths)


def encoder_of(artifact: Artifact, dataset: Dataset) -> FrameEncoder:
    """The encoder that makes frames of `dataset` for `artifact`: its own, or else that of the data set.

    Raises
    ------
    InputError
        If its channels, counts or classes are not those of the network.
    """
    spec = artifact.network.spec
    if artifact.encoder is None:
        encoder = encoder_for(dataset, spec.layers[0].input_bits)
    else:
        encoder = named_encoder(artifact.encoder)
        check_encoder(dataset, encoder)
    for what, has, takes in (
        ("channels", encoder.channels, spec.n_in),
        ("count_bits", encoder.count_bits, spec.layers[0].input_bits),
        ("classes", len(dataset.classes), spec.n_out),
    ):
        if has != takes:
            raise InputError(f"artifact {artifact.name}: {what} of {dataset.name} must be {takes}, not {has}")
    return encoder


def teacher_of(artifact: Path, spec: NetworkSpec, classes: tuple[str, ...]) -> SpikingNetwork:
    """The teacher network of an artifact, with the inputs of `spec` and the same `classes`.

    Raises
    ------
    InputError
        If it cannot be read, or its inputs or classes differ.
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
    """The part of an encoded split that training needs."""
    return Frames(split.counts, split.labels, split.lengths)

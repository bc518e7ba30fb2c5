"""From a trained module to an artifact, with checks."""

from __future__ import annotations

import platform
from collections.abc import Callable
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

import numba
import numpy as np
import torch
from numpy.typing import NDArray
from tqdm import tqdm

import fxp_model
from fxp_model import network as golden
from fxp_model.artifact import Artifact, save_artifact
from fxp_model.data import Dataset, FrameEncoder, SpeechDataset, load_frames
from fxp_model.data.synthetic import synthetic_dataset
from fxp_model.ear.spec import EarSpec
from fxp_model.errors import CheckFailed
from fxp_model.network import Network
from fxp_model.qat.network import SpikingNetwork
from fxp_model.qat.train import Frames, Training, frames_sha256, labels_of
from fxp_model.spec import Answer

STIMULUS_CLIPS = 4


class NotEqual(CheckFailed):
    """Torch and the golden model gave different integers: a bug, never an input error."""


def publish(
    path: Path,
    training: Training,
    module: SpikingNetwork,
    dataset: Dataset,
    encoder: FrameEncoder,
    splits: tuple[Frames, Frames],
    *,
    command: str,
    seconds: float,
) -> Artifact:
    """Write the artifact of a trained network, with its measurements and provenance.

    Parameters
    ----------
    path : Path
        Folder of the artifact.
    training : Training
        The training that `module` was selected from.
    module : SpikingNetwork
        In eval mode.
    dataset, encoder
        The source of the frames.
    splits : (train, val)
        Frames used for training and selection.
    command, seconds
        For the provenance.

    Raises
    ------
    NotEqual
        If torch and the golden model differ on a validation clip; nothing is written then.
    """
    train, val = splits
    network = module.export()
    with tqdm(total=len(val), desc="golden", unit="clip") as bar:
        metrics = {"val": measure(module, network, val, progress=bar.update)}
    provenance = {
        "command": command,
        "date": datetime.now(UTC).date().isoformat(),
        "seed": training.recipe.seed,
        "data": {
            "name": dataset.name,
            "train_clips": len(train),
            "val_clips": len(val),
            "frames_sha256": frames_sha256(train, val),
        },
        "epochs": training.recipe.epochs,
        "selected_epoch": training.best_row.epoch,
        "seconds_of_last_run": round(seconds, 1),
        "versions": versions(),
    }
    return save_artifact(
        path,
        network=network,
        labels=dataset.classes,
        encoder=encoder.to_dict(),
        provenance=provenance,
        metrics=metrics,
        stimulus=stimulus(encoder, val),
        extra_files={"README.md": model_card(network, dataset.classes, provenance, metrics)},
    )


def measure(
    module: SpikingNetwork,
    network: Network,
    frames: Frames,
    batch: int = 50,
    progress: Callable[[int], object] = lambda done: None,
) -> dict[str, Any]:
    """Accuracy and activity of the golden model on `frames`, after checking that torch agrees everywhere.

    Returns
    -------
    dict
        `clips`, `answers` that count if there is one per step, `accuracy`; per stage, mean
        `events_per_step` into it (nonzero inputs or spikes); per hidden layer, `spikes_per_neuron_step`;
        `spikes_per_clip` of all layers.

    Raises
    ------
    NotEqual
        Naming the first integer that differs.
    """
    stages = network.spec.stage_names
    labels = labels_of(network.spec.readout, frames)
    counted = int(np.count_nonzero(labels >= 0))
    events = dict.fromkeys(stages, 0)
    steps = right = 0
    for length in np.unique(frames.lengths):
        group = np.flatnonzero(frames.lengths == length)
        for part in np.split(group, range(batch, len(group), batch)):
            counts = frames.counts[:length, part]
            expected = golden.run(network, counts)
            mismatch = expected.first_mismatch(module.trace(counts))
            if mismatch is not None:
                raise NotEqual(f"torch differs from the golden model: {mismatch}")
            inputs: list[NDArray[np.integer]] = [counts, *(layer.spikes for layer in expected.layers)]
            for name, array in zip(stages, inputs, strict=True):
                events[name] += int(np.count_nonzero(array))
            steps += int(length) * len(part)
            if expected.answers is None:
                right += int(np.sum(expected.classes == labels[part]))
            else:
                classes = expected.answers.classes.T
                right += int(np.sum(classes == labels[part, : classes.shape[1]]))
            progress(len(part))
    widths = {name: spec.n_out for name, spec in zip(stages, network.spec.layers, strict=False)}
    after = dict(pairwise(stages))
    spikes = {name: events[after[name]] for name in widths}
    return {
        "clips": len(frames),
        **({} if network.spec.readout.answer is Answer.SAMPLE else {"answers": counted}),
        "accuracy": right / counted,
        "events_per_step": {name: round(count / steps, 3) for name, count in events.items()},
        "spikes_per_neuron_step": {
            name: round(count / steps / widths[name], 4) for name, count in spikes.items()
        },
        "spikes_per_clip": round(sum(spikes.values()) / len(frames), 1),
    }


def delay_table(network: Network, width: int = 4) -> str:
    """Delays of each layer as a text table: neurons per `width` steps.

    Empty for a network without recurrence.
    """
    columns = {
        name: params.delay_steps
        for name, params in zip(network.spec.stage_names, network.params, strict=True)
        if params.delay_steps is not None
    }
    if not columns:
        return ""
    top = max(int(delays.max()) for delays in columns.values())
    lines = [f"{'delay_steps':>11}" + "".join(f"{name:>9}" for name in columns)]
    for low in range(0, top + 1, width):
        counts = [int(np.sum((d >= low) & (d < low + width))) for d in columns.values()]
        lines.append(f"{f'{low}..{low + width - 1}':>11}" + "".join(f"{count:>9}" for count in counts))
    return "\n".join(lines) + "\n"


def versions() -> dict[str, str]:
    """Versions that a result may depend on."""
    return {
        "spikeline": fxp_model.__version__,
        "python": platform.python_version(),
        "numpy": np.__version__,
        "torch": torch.__version__,
        "numba": numba.__version__,
    }


def stimulus(encoder: FrameEncoder, val: Frames) -> NDArray[np.uint8]:
    """Counts (T, B, channels) of a few clips of different classes: synthetic where `encoder` takes sound."""
    if not isinstance(encoder, EarSpec):
        _, first = np.unique(val.labels if val.labels.ndim == 1 else np.arange(len(val)), return_index=True)
        return val.counts[:, first[:STIMULUS_CLIPS]]
    dataset = synthetic_dataset()
    clips = {clip.label: clip for clip in reversed(dataset.split("val"))}
    chosen = tuple(clips[label] for label in sorted(clips)[:STIMULUS_CLIPS])
    few = SpeechDataset(dataset.name, dataset.classes, {"stimulus": chosen})
    return load_frames(few, "stimulus", encoder, progress=False).counts


def model_card(
    network: Network, labels: tuple[str, ...], provenance: dict[str, Any], metrics: dict[str, Any]
) -> str:
    """The model card: what the network is, how it was trained, what was measured."""
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
The validation clips selected {chosen} (counted from 0), and nothing else.

## Measured

On the {val["clips"]} validation clips, by the golden model; PyTorch gives the same integers on each of them:

- accuracy {val["accuracy"]:.4f}{f" over {val['answers']} steps" if "answers" in val else ""}
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

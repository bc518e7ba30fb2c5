"""Many trainings, shared out among processes and machines by an Optuna study.

The study is the list of what is to do: one trial per system and seed. A worker takes the next
that waits, trains it, and appends one row to the file of results. What a dead worker left goes
back to the list, and its checkpoint goes on where it stopped.
"""

from __future__ import annotations

import json
import os
import platform
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import optuna
import torch
from optuna.storages import RDBStorage, RetryFailedTrialCallback
from optuna.trial import Trial, TrialState

import fxp_model
from fxp_model.errors import InputError
from fxp_model.qat.systems import System, system_of
from fxp_model.qat.template import network_spec
from fxp_model.qat.train import CHECKPOINT, Epoch, Frames, Recipe, Training
from fxp_model.spec import LayerSpec, RecurrenceKind

STUDY = "reproduce"
HEARTBEAT_S = 30

Row = dict[str, Any]


@dataclass(frozen=True)
class Work:
    """What the workers of a sweep share.

    store : URL of the study's database, ``sqlite:///PATH`` or a server's
    folder : checkpoints, a folder per system and seed, and ``results.jsonl``
    train, val : Frames
    classes : number of them
    recipe : of all systems
    """

    store: str
    folder: Path
    train: Frames
    val: Frames
    classes: int
    recipe: Recipe

    @property
    def results(self) -> Path:
        """Rows of finished trainings, one JSON object a line."""
        return self.folder / "results.jsonl"


def enqueue(store: str, names: Iterable[str], seeds: Iterable[int]) -> None:
    """Put systems and seeds on the list, seed by seed; what is there already stays as it is."""
    study = _study(store)
    for seed in seeds:
        for name in names:
            study.enqueue_trial({"system": name, "seed": seed}, skip_if_exists=True)


def work(shared: Work, progress: Callable[[str, int, Epoch | None], object] = lambda *_: None) -> None:
    """Train what waits until nothing does; `progress` gets system, seed and a finished epoch or None."""
    study = _study(shared.store)
    optuna.storages.fail_stale_trials(study)
    while study.get_trials(deepcopy=False, states=(TrialState.WAITING,)):
        study.optimize(lambda trial: _objective(trial, shared, progress), n_trials=1)


def read_rows(path: Path) -> list[Row]:
    """Rows of a file of results; of a system and seed that it holds twice, the later one."""
    try:
        lines = path.read_text().splitlines()
    except OSError as error:
        raise InputError(f"{path}: {error.strerror}") from None
    rows: dict[tuple[str, int], Row] = {}
    for number, line in enumerate(lines, start=1):
        try:
            row = json.loads(line)
            rows[row["system"], row["seed"]] = row
        except (ValueError, KeyError, TypeError) as error:
            raise InputError(f"{path} line {number}: not a row of results: {error}") from None
    return list(rows.values())


def train_one(
    name: str, seed: int, shared: Work, progress: Callable[[Epoch | None], object] = lambda _: None
) -> Row:
    """Train one system with one seed, from its checkpoint where there is one, and describe it."""
    system = system_of(name, replace(shared.recipe, seed=seed))
    recipe = system.recipe
    if system.at_mean_of is not None:
        recipe = replace(recipe, start_delay=_mean_delays(system, seed, shared.results))
    spec = network_spec(system.shape, shared.train.counts.shape[2], shared.classes)
    training = Training(spec, recipe, shared.folder / f"{name}-{seed}")
    before = _delays(training)
    if (training.folder / CHECKPOINT).exists():
        training.resume()
    started = time.perf_counter()
    module = training.run(shared.train, shared.val, progress)
    training.module.load_state_dict(module.state_dict())
    best = training.best_row
    return {
        "system": name,
        "seed": seed,
        "weight_bits": system.shape.weight_bits if recipe.quantized else None,
        "kernel": system.shape.kernel_size if system.shape.recurrence is RecurrenceKind.CONV else None,
        "recurrent_parameters": spec.layers[-1].recurrent_parameters,
        "recurrent_layers": sum(layer.recurrence is not None for layer in spec.layers),
        "val": best.val_accuracy,
        "val_last_epoch": training.rows[-1].val_accuracy,
        "selected_epoch": best.epoch,
        "epochs": recipe.epochs,
        "spikes_per_neuron_step": best.rate,
        "curve": [row.val_accuracy for row in training.rows],
        "delays_before": before,
        "delays_after": _delays(training),
        "seconds": round(time.perf_counter() - started, 1),
        "threads": torch.get_num_threads(),
        "frames_sha256": training.frames_sha256,
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "versions": {
            "spikeline": fxp_model.__version__,
            "python": platform.python_version(),
            "numpy": np.__version__,
            "torch": torch.__version__,
        },
    }


def _objective(trial: Trial, shared: Work, progress: Callable[[str, int, Epoch | None], object]) -> float:
    asked = trial.system_attrs.get("fixed_params")
    if asked is None:
        # another worker took the last that waited, and Optuna made one up
        raise optuna.TrialPruned
    name, seed = str(asked["system"]), int(asked["seed"])
    trial.suggest_categorical("system", [name])
    trial.suggest_int("seed", seed, seed)
    row = train_one(name, seed, shared, lambda epoch: progress(name, seed, epoch))
    _append(shared.results, row)
    return float(row["val"])


def _append(path: Path, row: Row) -> None:
    """Add a line in one write, which other processes' do not cut."""
    path.parent.mkdir(parents=True, exist_ok=True)
    line = (json.dumps(row) + "\n").encode()
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    try:
        os.write(descriptor, line)
    finally:
        os.close(descriptor)


def _study(store: str) -> optuna.Study:
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    storage = RDBStorage(
        store,
        heartbeat_interval=HEARTBEAT_S,
        grace_period=4 * HEARTBEAT_S,
        failed_trial_callback=RetryFailedTrialCallback(),
    )
    return optuna.create_study(study_name=STUDY, storage=storage, direction="maximize", load_if_exists=True)


def _delays(training: Training) -> list[list[int]]:
    """Integer delays of each layer with recurrence."""
    layers = zip(training.spec.layers, training.module.layers, strict=True)
    return [
        torch.floor(module.delay.detach() + 0.5).to(torch.int64).tolist()
        for spec, module in layers
        if isinstance(spec, LayerSpec) and spec.recurrence is not None
    ]


def _mean_delays(system: System, seed: int, results: Path) -> tuple[float, ...]:
    rows = read_rows(results) if results.exists() else []
    for row in rows:
        if (row["system"], row["seed"]) == (system.at_mean_of, seed):
            return tuple(float(np.mean(layer)) for layer in row["delays_after"])
    raise InputError(
        f"{system.name} needs the delays of {system.at_mean_of} with seed {seed}: train that first"
    )

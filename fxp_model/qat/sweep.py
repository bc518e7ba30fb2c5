"""Many trainings in parallel processes, resumable, with a row of results for each."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import numpy as np
import torch
from tqdm import tqdm

from fxp_model.artifact import FOLDER
from fxp_model.data import Conditions, Dataset, FrameEncoder, encoder_for, load_frames, open_dataset
from fxp_model.errors import InputError
from fxp_model.files import parse_json, read_text, replacing
from fxp_model.qat import delays
from fxp_model.qat.layer import simulate
from fxp_model.qat.network import SpikingNetwork
from fxp_model.qat.publish import publish, versions
from fxp_model.qat.session import frames_of, training_frames
from fxp_model.qat.systems import System
from fxp_model.qat.tasks import Row, Setting, Stopped, Task, TaskList, check_setting, using
from fxp_model.qat.template import Shape, network_spec
from fxp_model.qat.train import CHECKPOINT, Epoch, Frames, Training, frames_sha256, training_folder
from fxp_model.qat.workers import run_workers
from fxp_model.spec import RecurrenceKind

RESULTS = "results.jsonl"


@dataclass(frozen=True)
class Sweep:
    """The shared settings of all workers of a sweep.

    store : URL of the list of tasks, see `TaskList`
    folder : for checkpoints, a subfolder per system and seed, and ``results.jsonl``
    systems : by name
    train, val : Frames
    classes : names of the labels
    """

    store: str
    folder: Path
    systems: dict[str, System]
    train: Frames
    val: Frames
    classes: tuple[str, ...]


def opened(data: str, ear: Mapping[str, int] | None = None) -> tuple[Dataset, FrameEncoder]:
    """A data set and the encoder that a sweep hears it with; `ear` is that of `train_artifact`."""
    dataset = open_dataset(data)
    return dataset, encoder_for(dataset, Shape().input_bits, ear)


def load(
    dataset: Dataset, encoder: FrameEncoder, heard: Sequence[Conditions] = ()
) -> tuple[Frames, Frames, tuple[str, ...]]:
    """Frames of splits ``train`` (see `training_frames`) and ``val``, and the names of the classes."""
    train = training_frames(dataset, encoder, heard)
    return train, frames_of(load_frames(dataset, "val", encoder)), dataset.classes


def run_sweep(sweep: Sweep, seeds: Iterable[int], workers: int, known: Iterable[Row] = ()) -> dict[Task, str]:
    """Train every system with every seed, in processes; continues earlier, incomplete runs.

    After each training, ``results.jsonl`` holds the rows of all finished ones in the store.

    Parameters
    ----------
    sweep : Sweep
    seeds : iterable of int
    workers : int
        Processes on this machine, single-threaded if the environment says so.
    known : iterable of rows, optional
        Results from elsewhere, which are not trained again, except for a teacher that is still needed and
        whose network is not in the folder.

    Returns
    -------
    dict
        The reason why a task of the sweep has no row.

    Raises
    ------
    InputError
        If the store or a known row has a task with other settings.
    """
    tasks = {Task(name, seed): system for seed in seeds for name, system in sweep.systems.items()}
    sweep.folder.mkdir(parents=True, exist_ok=True)
    todo = TaskList(sweep.store)
    digest = frames_sha256(sweep.train, sweep.val)
    found = {Task(row["system"], row["seed"]): row for row in known}
    teachers = {
        Task(s.taught_by, task.seed) for task, s in tasks.items() if s.taught_by and task not in found
    }
    for task, system in tasks.items():
        setting = _setting(system, digest)
        teaches = task in teachers and not (_folder(sweep, task) / CHECKPOINT).exists()
        if task in found and not teaches:
            check_setting(f"{task} is known", found[task]["setting"], setting)
            todo.add_done(task, setting, found[task])
        else:
            todo.add(task, setting, None if system.after is None else Task(system.after, task.seed))
    _check_results(sweep.folder / RESULTS, todo)
    total = sum(system.recipe.epochs for system in tasks.values())
    # the mean over the run predicts the rest better than the last epochs do: systems differ
    with tqdm(total=total, desc="trainings", unit="epoch", smoothing=0) as bar:
        bar.initial = bar.n = _epochs(todo, tasks)
        try:
            run_workers(partial(_work, sweep), workers, lambda: _show(bar, todo, tasks, sweep))
        finally:
            _show(bar, todo, tasks, sweep)
    done = {Task(row["system"], row["seed"]) for row in todo.rows()}
    failures = todo.failures()
    return {task: failures.get(task, "a worker died; run again") for task in tasks if task not in done}


def train_one(
    sweep: Sweep,
    stopped: Callable[[], bool],
    task: Task,
    source: Row | None,
    report: Callable[[int, float], object],
) -> Row:
    """Train a task, from its checkpoint if there is one, and describe the result.

    `source` is the row whose mean delays it uses; the other arguments are those of `tasks.Train`.
    """
    with training_folder(_folder(sweep, task)) as begun:
        return _train_one(sweep, stopped, task, source, report, begun)


def _train_one(
    sweep: Sweep,
    stopped: Callable[[], bool],
    task: Task,
    source: Row | None,
    report: Callable[[int, float], object],
    begun: bool,
) -> Row:
    """`train_one` in its folder; `begun` if that has a checkpoint."""
    system = sweep.systems[task.system]
    training = _training(sweep, task, source)
    before = _delays(training.module)
    if begun:
        training.resume()

    def progress(epoch: Epoch | None) -> None:
        if epoch is not None:
            report(epoch.epoch, epoch.val_accuracy)
        if stopped():
            raise Stopped

    if training.rows:
        progress(training.rows[-1])
    started = time.perf_counter()
    module = training.run(sweep.train, sweep.val, progress)
    best = training.best_row
    conv = system.shape.recurrence is RecurrenceKind.CONV
    return {
        "system": task.system,
        "seed": task.seed,
        "about": system.about,
        "weight_bits": system.shape.weight_bits if training.recipe.quantized else None,
        "kernel": system.shape.kernel_size if conv else None,
        "recurrent_parameters": training.spec.layers[-1].recurrent_parameters,
        "recurrent_layers": sum(layer.recurrence is not None for layer in training.spec.layers),
        "val": best.val_accuracy,
        "val_last_epoch": training.rows[-1].val_accuracy,
        "selected_epoch": best.epoch,
        "epochs": training.recipe.epochs,
        "spikes_per_neuron_step": spike_rate(module, sweep.val),
        "curve": [row.val_accuracy for row in training.rows],
        "delays_before": before,
        "delays_after": _delays(module),
        "seconds_of_last_run": round(time.perf_counter() - started, 1),
        "threads": torch.get_num_threads(),
        "setting": _setting(system, training.frames_sha256),
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "versions": versions(),
    }


def exported(systems: dict[str, System], folder: Path) -> list[str]:
    """Names of the `systems` that `export` writes; `InputError` if ``folder/SYSTEM`` cannot be written."""
    names = [name for name, system in systems.items() if system.recipe.quantized]
    for name in names:
        FOLDER.check(folder / name)
    return names


def export(sweep: Sweep, folder: Path, dataset: Dataset, encoder: FrameEncoder, command: str) -> list[Path]:
    """Write the best seed of every quantised system as an artifact, ``folder/SYSTEM``.

    Parameters
    ----------
    sweep : Sweep
        A sweep with all systems trained.
    folder : Path
    dataset, encoder
        Whose frames the sweep has.
    command : str
        For the provenance.
    """
    rows = TaskList(sweep.store).rows()
    written = []
    for name in exported(sweep.systems, folder):
        system = sweep.systems[name]
        best = max((row for row in rows if row["system"] == name), key=lambda row: (row["val"], -row["seed"]))
        after = (row for row in rows if (row["system"], row["seed"]) == (system.after, best["seed"]))
        training = _training(sweep, Task(name, best["seed"]), next(after, None))
        training.resume()
        written.append(folder / name)
        publish(
            written[-1],
            training,
            training.selected(),
            dataset,
            encoder,
            (sweep.train, sweep.val),
            command=command,
            seconds=best["seconds_of_last_run"],
        )
    return written


@torch.no_grad()
def spike_rate(module: SpikingNetwork, frames: Frames, batch: int = 64) -> float:
    """Spikes per neuron and step of the hidden layers in eval mode, each clip over its own length."""
    spikes = 0
    for length in np.unique(frames.lengths):
        group = np.flatnonzero(frames.lengths == length)
        for part in np.split(group, range(batch, len(group), batch)):
            x = torch.from_numpy(frames.counts[:length, part].astype(np.int64))
            for layer in module.layers:
                folded = layer.folded()
                current = folded.current(x)
                if module.numbers.quantized:
                    current = current.double()
                _, x = simulate(current, *folded.dynamics(current.dtype))
                spikes += int(torch.count_nonzero(x))
    neurons = sum(layer.spec.n_out for layer in module.layers)
    return spikes / (neurons * int(frames.lengths.sum()))


def _training(sweep: Sweep, task: Task, source: Row | None) -> Training:
    """The training of `task`, not yet started."""
    system = sweep.systems[task.system]
    recipe = replace(system.recipe, seed=task.seed)
    if system.after is not None and source is None:
        raise InputError(f"{system.after} with the same seed must be trained first")
    if system.at_mean_of is not None and source is not None:
        recipe = replace(recipe, start_delay=tuple(float(np.mean(d)) for d in source["delays_after"]))
    teacher = None
    if system.taught_by is not None:
        school = _training(sweep, Task(system.taught_by, task.seed), None)
        school.resume()
        teacher = school.selected()
    spec = network_spec(system.shape, sweep.train.counts.shape[2], len(sweep.classes))
    return Training(spec, recipe, _folder(sweep, task), sweep.classes, teacher)


def _folder(sweep: Sweep, task: Task) -> Path:
    return sweep.folder / f"{task.system}-{task.seed}"


def _work(sweep: Sweep, stopped: Callable[[], bool]) -> None:
    """The loop of one worker process, until no task is left or it is stopped."""
    with using(sweep.store):
        TaskList(sweep.store).work(partial(train_one, sweep, stopped), stopped)


def _check_results(file: Path, todo: TaskList) -> None:
    """`InputError` if the results file has a row that `todo` lacks and that would be lost."""
    if not file.exists():
        return
    found = [parse_json(line, str(file), dict) for line in read_text(file).splitlines()]
    stored = todo.rows()
    if any(row not in stored for row in found):
        raise InputError(f"{file} holds results that the store lacks; move it away, or name another folder")


def _setting(system: System, frames: str | None) -> Setting:
    setting = (
        {"at_mean_of": system.at_mean_of, "taught_by": system.taught_by, "frames": frames}
        | asdict(system.shape)
        | asdict(system.recipe)
    )
    plain: Setting = json.loads(json.dumps(setting))
    del plain["seed"]
    return plain


def _epochs(todo: TaskList, tasks: Iterable[Task]) -> int:
    done = todo.epochs()
    return sum(done.get(task, 0) for task in tasks)


def _show(bar: tqdm, todo: TaskList, tasks: Iterable[Task], sweep: Sweep) -> None:
    """Update the progress bar and the results file, in the order of the systems."""
    place = {name: index for index, name in enumerate(sweep.systems)}
    rows = sorted(todo.rows(), key=lambda row: (place.get(row["system"], len(place)), row["seed"]))
    text = "".join(json.dumps(row) + "\n" for row in rows)
    results = sweep.folder / RESULTS
    if not results.exists() or results.read_text(encoding="utf-8") != text:
        with replacing(results) as path:
            path.write_text(text, encoding="utf-8")
    bar.n = _epochs(todo, tasks)
    bar.set_postfix_str(f"{len(rows)} trained")


def _delays(module: SpikingNetwork) -> list[list[int]]:
    """Delays in whole steps of each layer with recurrence."""
    return [
        delays.rounded(layer.delay, layer.spec.recurrence.max_delay).tolist()
        for layer in module.layers
        if layer.spec.recurrence is not None
    ]

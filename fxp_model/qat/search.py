"""A network search by training, in an Optuna study shared by processes and machines."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import optuna
from optuna.storages import RetryHeartbeatStaleTrialCallback
from optuna.study import MaxTrialsCallback
from optuna.trial import FrozenTrial, Trial, TrialState

from fxp_model.network import Network
from fxp_model.qat.sweep import spike_rate
from fxp_model.qat.tasks import (
    INTERRUPTIONS,
    Row,
    Setting,
    Stopped,
    check_setting,
    experimental,
    shared_storage,
    using,
)
from fxp_model.qat.template import Shape, network_spec
from fxp_model.qat.train import Epoch, Frames, Recipe, Training, frames_sha256, training_folder

STUDY = "search"

Costs = Callable[[Network, Frames], tuple[float, float]]
"""Hardware cost of a trained network, on the clips of a split: area and latency, both minimised."""


@dataclass(frozen=True)
class Search:
    """The shared settings of all workers of a search.

    store : URL of the study, see `TaskList`
    folder : for checkpoints, a subfolder per trial
    train, val : Frames
    classes : names of the labels
    recipe : of every training, except for suggested values
    costs : Costs
    costs_of : settings that determine the costs: JSON values by name
    """

    store: str
    folder: Path
    train: Frames
    val: Frames
    classes: tuple[str, ...]
    recipe: Recipe
    costs: Costs
    costs_of: Setting

    @property
    def setting(self) -> Setting:
        """All settings that determine a trial's results, except suggested ones: JSON values by name."""
        frames = {"frames": frames_sha256(self.train, self.val), "classes": self.classes}
        setting: Setting = json.loads(json.dumps(frames | self.costs_of | asdict(self.recipe)))
        return setting


def suggested(trial: Trial, recipe: Recipe) -> tuple[Shape, Recipe]:
    """Neurons of both layers, kernel, bits, the cost of a spike and the learning rate of a trial."""
    neurons = trial.suggest_categorical("neurons", (64, 128, 256))
    bits = trial.suggest_int("weight_bits", 2, 8)
    shape = Shape(
        hidden=(neurons, neurons),
        kernel_size=trial.suggest_int("kernel_size", 1, 7, step=2),
        weight_bits=bits,
        kernel_bits=bits,
    )
    spike_cost = trial.suggest_float("spike_cost", 0.1, 10, log=True)
    rate = trial.suggest_float("learning_rate", 1e-3, 1e-2, log=True)
    return shape, replace(recipe, spike_cost=spike_cost, learning_rate=rate)


def begin(search: Search) -> None:
    """Create the study before the workers start, or open the existing one.

    Raises
    ------
    InputError
        If the existing one has other settings, naming the first difference, or the database is unusable.
    """
    with using(search.store):
        study, asked = _study(search.store), search.setting
        if not study.get_trials(deepcopy=False):
            study.set_user_attr("setting", asked)
        check_setting("the search is in the store", study.user_attrs.get("setting", {}), asked)


def search(search: Search, trials: int, stopped: Callable[[], bool]) -> None:
    """Train until the study has `trials` of them; abandoned ones continue from their checkpoints.

    Accuracy on ``val`` is maximised, both costs are minimised. Other processes may work on the same study.

    Raises
    ------
    InputError
        As `begin`; or if a loss diverges.
    """

    def objective(trial: Trial) -> tuple[float, float, float]:
        try:
            return _train(search, trial, stopped)
        except (Stopped, *INTERRUPTIONS):
            with experimental():
                RetryHeartbeatStaleTrialCallback()(study, _frozen(trial))
            raise

    def end(study: optuna.Study, trial: FrozenTrial) -> None:
        if stopped():
            study.stop()

    begin(search)
    with using(search.store):
        study = _study(search.store)
        done = MaxTrialsCallback(trials, states=(TrialState.COMPLETE,))
        if len(study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))) < trials and not stopped():
            study.optimize(objective, catch=(Stopped,), callbacks=[done, end])


def rows(store: str) -> list[Row]:
    """All finished trials, and whether each is on the Pareto front of accuracy and costs."""
    with using(store):
        study = _study(store)
        front = {trial.number for trial in study.best_trials}
        done = study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
        return [trial.user_attrs["row"] | {"best": trial.number in front} for trial in done]


def _study(store: str) -> optuna.Study:
    return optuna.create_study(
        study_name=STUDY,
        storage=shared_storage(store),
        directions=("maximize", "minimize", "minimize"),
        load_if_exists=True,
    )


def _frozen(trial: Trial) -> FrozenTrial:
    return trial.study.get_trials(deepcopy=False)[trial.number]


def _train(search: Search, trial: Trial, stopped: Callable[[], bool]) -> tuple[float, float, float]:
    def progress(epoch: Epoch | None) -> None:
        if stopped():
            raise Stopped

    shape, recipe = suggested(trial, search.recipe)
    with experimental():
        first = RetryHeartbeatStaleTrialCallback.retried_trial_number(_frozen(trial))
    number = trial.number if first is None else first
    folder = search.folder / f"trial-{number}"
    spec = network_spec(shape, search.train.counts.shape[2], len(search.classes))
    training = Training(spec, recipe, folder, search.classes)
    with training_folder(folder) as begun:
        if begun:
            training.resume()
        module = training.run(search.train, search.val, progress)
    area, latency = search.costs(module.export(), search.val)
    val = training.best_row.val_accuracy
    row: dict[str, Any] = {
        "trial": number,
        "shape": asdict(shape),
        "spike_cost": recipe.spike_cost,
        "learning_rate": recipe.learning_rate,
        "epochs": recipe.epochs,
        "val": val,
        "area": area,
        "latency": latency,
        "spikes_per_neuron_step": spike_rate(module, search.val),
    }
    trial.set_user_attr("row", row)
    return val, area, latency

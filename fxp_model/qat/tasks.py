"""A queue of trainings, in an Optuna study shared by processes and machines.

One trial is one training. A worker takes the next waiting trial. While it
trains, it sends a heartbeat; the trial of a dead worker is queued again.
"""

from __future__ import annotations

import time
import traceback
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, NamedTuple

import optuna
import sqlalchemy
from optuna.exceptions import StorageInternalError
from optuna.storages import RDBStorage, RetryHeartbeatStaleTrialCallback
from optuna.trial import FrozenTrial, Trial, TrialState

from fxp_model.errors import InputError
from fxp_model.qat.workers import POLL_S

STUDY = "reproduce"
HEARTBEAT_S = 30
LOCK_S = 60
"""How long a process waits for another's write to an SQLite file."""

Row = dict[str, Any]
Setting = dict[str, Any]

INTERRUPTIONS = (OSError, MemoryError, StorageInternalError)
"""Errors that interrupt a training without being its fault: it can continue later."""

_LIVE = (TrialState.WAITING, TrialState.RUNNING)


class Task(NamedTuple):
    """One training: a system by name, and a seed."""

    system: str
    seed: int

    def __str__(self) -> str:
        return f"{self.system} of seed {self.seed}"


class Stopped(Exception):
    """Raised by a training that is told to stop; it is queued again."""


Train = Callable[[Task, Row | None, Callable[[int, float], object]], Row]
"""`train(task, row, report)` returns the row of `task`, with its accuracy in ``val``.

`row` is that of the task it waited for; `report(epoch, val)` is called after each epoch.
"""


def check_setting(what: str, stored: Setting, asked: Setting) -> None:
    """`InputError`, naming the first difference, unless the `stored` setting equals the one `asked` for."""
    for name in asked:
        if stored.get(name) != asked[name]:
            raise InputError(
                f"{what} with {name} {stored.get(name)!r}, not {asked[name]!r}: name another folder or store"
            )


@contextmanager
def experimental() -> Iterator[None]:
    """Suppress Optuna's warning that heartbeats are experimental, as they have been since 2021."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        yield


def store_in(folder: Path, name: str) -> str:
    """URL of the database `name` in `folder`, with any special characters.

    Raises
    ------
    InputError
        If its name is not UTF-8.
    """
    try:
        return sqlalchemy.URL.create("sqlite", database=str(folder.resolve() / name)).render_as_string()
    except UnicodeEncodeError:
        raise InputError(f"{folder}: the name of a folder with a database must be UTF-8") from None


@contextmanager
def using(store: str) -> Iterator[None]:
    """Turn errors of the database at `store` into an `InputError` that names it."""
    try:
        yield
    except (sqlalchemy.exc.SQLAlchemyError, StorageInternalError, ImportError) as error:
        cause = error.__cause__ if isinstance(error, StorageInternalError) else error
        raise InputError(f"store {store}: {str(cause).splitlines()[0]}") from None


class _Storage(RDBStorage):
    def record_heartbeat(self, trial_id: int) -> None:
        with suppress(StorageInternalError):  # on a full disk a heartbeat is missed, which is not an error
            super().record_heartbeat(trial_id)


def shared_storage(store: str, heartbeat_s: int = HEARTBEAT_S) -> RDBStorage:
    """The database of studies at `store`, shared by processes and machines; arguments as of `TaskList`.

    Raises
    ------
    InputError
        If the database cannot be used.
    """
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    sqlite = store.startswith("sqlite")
    with using(store), experimental():
        storage = _Storage(
            store.replace("{", "{{").replace("}", "}}"),  # Optuna treats it as a template
            engine_kwargs={"connect_args": {"timeout": LOCK_S}} if sqlite else None,
            heartbeat_interval=heartbeat_s,
            grace_period=4 * heartbeat_s,
            heartbeat_stale_trial_callback=RetryHeartbeatStaleTrialCallback(),
        )
    if sqlite:
        # SQLite has no FOR UPDATE; reading locks too, so that two workers cannot take one trial
        sqlalchemy.event.listen(
            storage.engine, "begin", lambda connection: connection.exec_driver_sql("BEGIN IMMEDIATE")
        )
    return storage


class TaskList:
    """Trainings that are waiting, running and finished.

    Parameters
    ----------
    store : str
        URL of the database, ``sqlite:///PATH`` or a server's.
    heartbeat_s : int
        A worker without a heartbeat for four times as long counts as dead.

    Raises
    ------
    InputError
        If the database cannot be used.
    """

    def __init__(self, store: str, heartbeat_s: int = HEARTBEAT_S) -> None:
        self._storage = shared_storage(store, heartbeat_s)
        self._watched: set[int] = set()
        self._interruption: Exception | None = None
        with using(store):
            self._study = optuna.create_study(
                study_name=STUDY, storage=self._storage, direction="maximize", load_if_exists=True
            )

    def add(self, task: Task, setting: Setting, after: Task | None = None) -> None:
        """Queue `task`, unless it is queued or finished.

        Parameters
        ----------
        task : Task
        setting : dict
            Everything that determines the result: JSON values by name.
        after : Task, optional
            A task that must be trained before.

        Raises
        ------
        InputError
            If the task is in the queue with other settings, and has not failed.
        """
        if not self._has(task, setting):
            self._enqueue({"task": list(task), "setting": setting, "after": after and list(after)})

    def add_done(self, task: Task, setting: Setting, row: Row) -> None:
        """Record `task` as finished elsewhere, with its `row`; otherwise as `add`."""
        if not self._has(task, setting):
            attrs = {"task": list(task), "setting": setting, "after": None, "row": row}
            self._study.add_trial(optuna.trial.create_trial(value=row["val"], user_attrs=attrs))

    def work(self, train: Train, stopped: Callable[[], bool]) -> None:
        """Train waiting tasks, until none is waiting or running, or `stopped` returns true.

        Raises
        ------
        OSError, MemoryError, StorageInternalError
            What interrupted a training, which is queued again if that could be written.
        """
        while not stopped():
            live = self._trials(*_LIVE)
            if not live:
                return
            if any(trial.state is TrialState.WAITING and _is_ready(trial, live) for trial in live):
                self._study.optimize(
                    lambda trial: self._run(trial, train),
                    n_trials=1,
                    catch=(Exception,),
                    callbacks=[self._put_back],
                )
                if self._interruption is not None:
                    raise self._interruption
            else:
                self._fail_dead()
                time.sleep(POLL_S)

    def rows(self) -> list[Row]:
        """Rows of the finished tasks, in the order of the queue."""
        return [trial.user_attrs["row"] for trial in self._trials(TrialState.COMPLETE)]

    def epochs(self) -> dict[Task, int]:
        """Finished epochs of each task that is running or finished."""
        trials = self._trials(TrialState.RUNNING, TrialState.COMPLETE)
        steps = {_task(trial): trial.last_step for trial in trials}
        return {task: 0 if step is None else step + 1 for task, step in steps.items() if task}

    def failures(self) -> dict[Task, str]:
        """The error of each failed task."""
        done = {_task(trial) for trial in self._trials(TrialState.COMPLETE, *_LIVE)}
        failed = {_task(trial): trial.user_attrs.get("error") for trial in self._trials(TrialState.FAIL)}
        return {task: error for task, error in failed.items() if task and error and task not in done}

    def _run(self, trial: Trial, train: Train) -> float:
        attrs = trial.user_attrs
        task = _task(trial)
        if task is None or self._is_taken(task, trial.number):
            # created by Optuna, as another worker took the last one; or queued by two machines
            raise optuna.TrialPruned
        if not _is_ready(trial, self._trials(*_LIVE)):
            trial.set_user_attr("again", True)
            raise optuna.TrialPruned
        after = attrs["after"] and Task(*attrs["after"])
        rows = [done.user_attrs["row"] for done in self._trials(TrialState.COMPLETE) if _task(done) == after]
        try:
            row = train(task, rows[0] if rows else None, lambda epoch, val: trial.report(val, epoch))
        except (Stopped, *INTERRUPTIONS) as error:
            self._interruption = None if isinstance(error, Stopped) else error
            trial.set_user_attr("again", True)
            raise optuna.TrialPruned from None
        except Exception as error:
            if not isinstance(error, InputError):
                traceback.print_exc()
            trial.set_user_attr("error", str(error) or type(error).__name__)
            raise
        trial.set_user_attr("row", row)
        return float(row["val"])

    def _has(self, task: Task, setting: Setting) -> bool:
        known = [trial for trial in self._trials(TrialState.COMPLETE, *_LIVE) if _task(trial) == task]
        for trial in known:
            check_setting(f"{task} is in the store", trial.user_attrs["setting"], setting)
        return bool(known)

    def _put_back(self, study: optuna.Study, trial: FrozenTrial) -> None:
        if trial.user_attrs.get("again"):
            self._enqueue({key: trial.user_attrs[key] for key in ("task", "setting", "after")})

    def _enqueue(self, attrs: dict[str, Any]) -> None:
        self._study.enqueue_trial({}, user_attrs=attrs)

    def _is_taken(self, task: Task, number: int) -> bool:
        return any(
            _task(trial) == task and (trial.state is TrialState.COMPLETE or trial.number < number)
            for trial in self._trials(TrialState.COMPLETE, TrialState.RUNNING)
            if trial.number != number
        )

    def _fail_dead(self) -> None:
        # Optuna never declares a trial dead that has no heartbeat at all: its worker may have died before
        # the first one. So a worker that waits for a trial records one for it, once.
        for trial in self._trials(TrialState.RUNNING):
            if trial._trial_id not in self._watched:
                self._watched.add(trial._trial_id)
                self._storage.record_heartbeat(trial._trial_id)
        with experimental():
            optuna.storages.fail_stale_trials(self._study)

    def _trials(self, *states: TrialState) -> list[FrozenTrial]:
        return self._study.get_trials(deepcopy=False, states=states or None)


def _is_ready(trial: Trial | FrozenTrial, live: list[FrozenTrial]) -> bool:
    """Whether the task that `trial` depends on has finished or failed."""
    after = trial.user_attrs["after"]
    return after is None or Task(*after) not in {_task(other) for other in live}


def _task(trial: Trial | FrozenTrial) -> Task | None:
    own = trial.user_attrs.get("task")
    return None if own is None else Task(*own)

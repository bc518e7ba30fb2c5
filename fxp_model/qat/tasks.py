"""What is to be trained, in an Optuna study that processes and machines share.

The study is a list: one trial is one training. A worker takes the next that waits. While it
trains, a heartbeat says that it lives; what a dead worker left is put on the list again.
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
"""What stops a training, but is no fault of it: it goes on when there is room again."""

_LIVE = (TrialState.WAITING, TrialState.RUNNING)


class Task(NamedTuple):
    """One training: a system by name, and a seed."""

    system: str
    seed: int

    def __str__(self) -> str:
        return f"{self.system} of seed {self.seed}"


class Stopped(Exception):
    """Raised by a training that is asked to stop; it goes back to the list."""


Train = Callable[[Task, Row | None, Callable[[int, float], object]], Row]
"""`train(task, row, report)` gives the row of `task`, whose ``val`` is its accuracy.

`row` is that of the task it waited for; `report(epoch, val)` is called with epochs that are done.
"""


def check_setting(what: str, stored: Setting, asked: Setting) -> None:
    """`InputError`, naming the first difference, unless the `stored` setting is the one that is `asked`."""
    for name in asked:
        if stored.get(name) != asked[name]:
            raise InputError(
                f"{what} with {name} {stored.get(name)!r}, not {asked[name]!r}: name another folder or store"
            )


@contextmanager
def experimental() -> Iterator[None]:
    """Without a warning that heartbeats and what belongs to them are experimental, as since 2021."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        yield


def store_in(folder: Path, name: str) -> str:
    """URL of the database `name` in `folder`, whatever that is called.

    Raises
    ------
    InputError
        If its name is no text.
    """
    try:
        return sqlalchemy.URL.create("sqlite", database=str(folder.resolve() / name)).render_as_string()
    except UnicodeEncodeError:
        raise InputError(f"{folder}: the name of a folder with a database must be UTF-8") from None


@contextmanager
def using(store: str) -> Iterator[None]:
    """What goes wrong with the database at `store` is an `InputError` that names it."""
    try:
        yield
    except (sqlalchemy.exc.SQLAlchemyError, StorageInternalError, ImportError) as error:
        cause = error.__cause__ if isinstance(error, StorageInternalError) else error
        raise InputError(f"store {store}: {str(cause).splitlines()[0]}") from None


class _Storage(RDBStorage):
    def record_heartbeat(self, trial_id: int) -> None:
        with suppress(StorageInternalError):  # on a full disk it is missed, which no thread has to tell
            super().record_heartbeat(trial_id)


def shared_storage(store: str, heartbeat_s: int = HEARTBEAT_S) -> RDBStorage:
    """The database of studies at `store`, which processes and machines share; arguments of `TaskList`.

    Raises
    ------
    InputError
        If the database cannot be used.
    """
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    sqlite = store.startswith("sqlite")
    with using(store), experimental():
        storage = _Storage(
            store.replace("{", "{{").replace("}", "}}"),  # Optuna takes it for a template
            engine_kwargs={"connect_args": {"timeout": LOCK_S}} if sqlite else None,
            heartbeat_interval=heartbeat_s,
            grace_period=4 * heartbeat_s,
            heartbeat_stale_trial_callback=RetryHeartbeatStaleTrialCallback(),
        )
    if sqlite:
        # SQLite has no FOR UPDATE; so that two workers cannot take one trial, reading it locks too
        sqlalchemy.event.listen(
            storage.engine, "begin", lambda connection: connection.exec_driver_sql("BEGIN IMMEDIATE")
        )
    return storage


class TaskList:
    """Trainings that wait, run, and are done.

    Parameters
    ----------
    store : str
        URL of the database, ``sqlite:///PATH`` or a server's.
    heartbeat_s : int
        A worker that is silent for four times as long is dead.

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
        """Put `task` on the list, unless it is there or done.

        Parameters
        ----------
        task : Task
        setting : dict
            All that decides on the result: JSON values by name.
        after : Task, optional
            What has to be trained before.

        Raises
        ------
        InputError
            If the list holds the task with another setting, and it has not failed.
        """
        if not self._has(task, setting):
            self._enqueue({"task": list(task), "setting": setting, "after": after and list(after)})

    def add_done(self, task: Task, setting: Setting, row: Row) -> None:
        """Put `task` on the list as done elsewhere, with its `row`; otherwise as `add`."""
        if not self._has(task, setting):
            attrs = {"task": list(task), "setting": setting, "after": None, "row": row}
            self._study.add_trial(optuna.trial.create_trial(value=row["val"], user_attrs=attrs))

    def work(self, train: Train, stopped: Callable[[], bool]) -> None:
        """Train what waits, until nothing waits or runs any more, or `stopped` says so.

        Raises
        ------
        OSError, MemoryError, StorageInternalError
            What interrupted a training, which is on the list again where that could be written.
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
        """Rows of what is done, in the order of the list."""
        return [trial.user_attrs["row"] for trial in self._trials(TrialState.COMPLETE)]

    def epochs(self) -> dict[Task, int]:
        """Epochs that are done of each task that runs or is done."""
        trials = self._trials(TrialState.RUNNING, TrialState.COMPLETE)
        steps = {_task(trial): trial.last_step for trial in trials}
        return {task: 0 if step is None else step + 1 for task, step in steps.items() if task}

    def failures(self) -> dict[Task, str]:
        """Why each failed task failed."""
        done = {_task(trial) for trial in self._trials(TrialState.COMPLETE, *_LIVE)}
        failed = {_task(trial): trial.user_attrs.get("error") for trial in self._trials(TrialState.FAIL)}
        return {task: error for task, error in failed.items() if task and error and task not in done}

    def _run(self, trial: Trial, train: Train) -> float:
        attrs = trial.user_attrs
        task = _task(trial)
        if task is None or self._is_taken(task, trial.number):
            # Optuna made it up, as another worker took the last; or two machines put it on the list
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
        # Optuna never calls a trial dead that has no heartbeat at all: its worker may have died before
        # the first one. So whoever waits for a trial gives it one, once.
        for trial in self._trials(TrialState.RUNNING):
            if trial._trial_id not in self._watched:
                self._watched.add(trial._trial_id)
                self._storage.record_heartbeat(trial._trial_id)
        with experimental():
            optuna.storages.fail_stale_trials(self._study)

    def _trials(self, *states: TrialState) -> list[FrozenTrial]:
        return self._study.get_trials(deepcopy=False, states=states or None)


def _is_ready(trial: Trial | FrozenTrial, live: list[FrozenTrial]) -> bool:
    """Whether what `trial` comes after has ended, well or not."""
    after = trial.user_attrs["after"]
    return after is None or Task(*after) not in {_task(other) for other in live}


def _task(trial: Trial | FrozenTrial) -> Task | None:
    own = trial.user_attrs.get("task")
    return None if own is None else Task(*own)

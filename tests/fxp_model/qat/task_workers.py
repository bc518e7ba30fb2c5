"""Functions run by worker processes of `test_reproduce.py`; separate, so that they start without torch."""

import os
import signal
import sqlite3
import time
from functools import partial

from fxp_model.qat.tasks import TaskList


def never() -> bool:
    return False


def noting(path, task, source, report):
    """A training that takes no time, and records in a file that it was called."""
    with path.open("a", encoding="utf-8") as file:
        file.write(f"{task.system} {task.seed}\n")
    return {"system": task.system, "seed": task.seed, "val": 0.5, "source": source and source["system"]}


def work_noting(url, path, together):
    todo = TaskList(url)
    together.wait(timeout=60)
    todo.work(partial(noting, path), never)


def work_forever(url, path):
    def train(task, source, report):
        path.touch()
        time.sleep(600)

    TaskList(url, heartbeat_s=1).work(train, never)


class fail_first:
    """One of the workers raises; the others wait until they are stopped."""

    def __init__(self, database):
        self.database = database

    def __call__(self, stopped):
        try:
            with sqlite3.connect(self.database) as connection:
                connection.execute("insert into first values (1)")
        except sqlite3.IntegrityError:
            while not stopped():
                time.sleep(0.01)
        else:
            raise OSError(28, "No space left on device", "checkpoint.npz")


def die(stopped):
    os.kill(os.getpid(), signal.SIGKILL)

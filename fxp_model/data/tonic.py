"""Data sets of tonic, or of the same form, as splits of arrays.

tonic is not imported: its data sets are sequences of (events, label), events a structured array with the
fields ``x`` and ``t`` (microseconds), and where the sensor has them ``y`` and ``p`` (polarity), and they know
their `sensor_size` (width, height, polarities).
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from fxp_model.archives import packed
from fxp_model.data.arrays import split_of
from fxp_model.errors import InputError
from fxp_model.files import replacing


class EventData(Protocol):
    """What of a tonic data set is used, beside its items (events, label)."""

    sensor_size: tuple[int, int, int]

    def __len__(self) -> int: ...

    def __getitem__(self, index: int) -> tuple[NDArray[Any], int]: ...


def write_tonic(dataset: EventData, path: Path | str, *, step_us: int, pool: int = 1) -> None:
    """Write a split of `fxp_model.data.arrays`, such as ``train.npz``, from the events of `dataset`.

        step = floor(t / step_us),   channel = (p * H + floor(y / pool)) * W + floor(x / pool),

    with W and H the width and height of the sensor over `pool`, rounded up. Polarities are channels of their
    own. A clip ends with its last event, and has one step if it has none.

    Parameters
    ----------
    dataset : EventData
    path : path
        File to write.
    step_us : int
        Duration of a step in microseconds, at least 1.
    pool : int
        Width and height in pixels of what becomes one channel, at least 1.

    Raises
    ------
    InputError
        A clip has not the fields, or has events before 0 or outside the sensor, which names the clip; or the
        file would not be one that `open_dataset` takes.
    """
    for name, value in (("step_us", step_us), ("pool", pool)):
        if value < 1:
            raise InputError(f"{name} must be at least 1, not {value}")
    width, height, polarities = (int(size) for size in dataset.sensor_size)
    columns, rows = -(-width // pool), -(-height // pool)
    times, units, labels = [], [], []
    for index in range(len(dataset)):
        events, label = dataset[index]
        x, y, p, t = (_field(events, name, index) for name in ("x", "y", "p", "t"))
        for name, values, size in (("x", x, width), ("y", y, height), ("p", p, polarities)):
            _check(name, values, index, size - 1)
        _check("t", t, index, np.iinfo(np.int64).max)
        times.append(t // step_us)
        units.append((p * rows + y // pool) * columns + x // pool)
        labels.append(int(label))
    arrays = {
        "times": _joined(times),
        "units": _joined(units),
        "sample": np.repeat(np.arange(len(labels)), [len(own) for own in times]),
        "labels": np.array(labels, np.int64),
        "lengths": np.array([int(own.max(initial=0)) + 1 for own in times], np.int64),
        "channels": np.array(columns * rows * polarities),
    }
    content = packed(arrays)
    split_of(content, Path(path))
    with replacing(path) as file:
        file.write_bytes(content)


def _field(events: NDArray[Any], name: str, clip: int) -> NDArray[np.int64]:
    """A field of the events; zeros for `y` and `p` of a sensor that has none."""
    names = events.dtype.names or ()
    if name not in names and name in ("y", "p"):
        return np.zeros(len(events), np.int64)
    if name not in names:
        raise InputError(
            f"clip {clip}: events must have the field {name}, not only {', '.join(names) or 'none'}"
        )
    return events[name].astype(np.int64)


def _check(name: str, values: NDArray[np.int64], clip: int, high: int) -> None:
    outside = np.flatnonzero((values < 0) | (values > high))
    if len(outside) > 0:
        raise InputError(f"clip {clip}: {name} must be in 0..{high}, not {values[outside[0]]}")


def _joined(parts: Iterable[NDArray[np.int64]]) -> NDArray[np.int64]:
    return np.concatenate([np.zeros(0, np.int64), *parts])

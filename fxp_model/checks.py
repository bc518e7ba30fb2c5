"""Checks of arguments from outside: `InputError` for another type."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fxp_model.errors import InputError, shown


def check_type(name: str, value: object, kind: type) -> None:
    """`InputError` unless the argument `name` is a `kind`."""
    if not isinstance(value, kind):
        raise InputError(f"{name} must be of type {kind.__name__}, not {shown(value)}")


def path_of(name: str, value: object) -> Path:
    """The argument `name` as a path; `InputError` if it is neither a string nor a path."""
    if not isinstance(value, str | os.PathLike) or isinstance(os.fspath(value), bytes):
        raise InputError(f"{name} must be a path, not {shown(value)}")
    return Path(value)


def integers(name: str, value: ArrayLike) -> NDArray[np.integer]:
    """The argument `name` as an array; `InputError` unless it holds integers that fit int64."""
    try:
        array = np.asarray(value)
    except (ValueError, TypeError):
        raise InputError(f"{name} must be an array of integers, not {shown(value)}") from None
    if array.dtype.kind not in "iu":
        raise InputError(f"{name} must hold integers, not {array.dtype}")
    if array.dtype == np.uint64 and array.size and array.max() > np.iinfo(np.int64).max:
        raise InputError(f"{name} must hold signed 64-bit integers, not {array.max()}")
    return array


def count_of(name: str, value: object) -> int:
    """The argument `name`, an integer of at least 1, else `InputError`."""
    if not isinstance(value, int | np.integer) or isinstance(value, bool):
        raise InputError(f"{name} must be an integer, not {shown(value)}")
    if value < 1:
        raise InputError(f"{name} must be at least 1, not {value}")
    return int(value)

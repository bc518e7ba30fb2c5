"""Files of HDF5 as tables of arrays: sizes are known, and can be refused, before memory is allocated."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from fxp_model.errors import InputError, shown
from fxp_model.files import read_bytes
from fxp_model.spec import MAX_PARAMETERS

MAX_BYTES = 1 << 30
"""Largest file."""
MAX_NODES = 1 << 14
"""Most groups and arrays of a file."""
MAX_TEXTS = 1 << 16
"""Most strings of a file."""
MAX_TEXT_BYTES = 1 << 26
"""Most bytes of its strings."""
MAX_DEPTH = 16
_UNREADABLE = (OSError, RuntimeError, KeyError, TypeError, ValueError, OverflowError)
"""As h5py tells damage."""

Table = dict[str, Any]
"""Groups as tables by name; what is no group is an array of numbers, a string, or an array of strings."""


def read_hdf5(path: Path) -> Table:
    """All groups and arrays of a file.

    Raises
    ------
    InputError
        Where the file is not HDF5, is damaged, has more than `MAX_NODES` members, `MAX_PARAMETERS`
        numbers, `MAX_TEXTS` strings or `MAX_TEXT_BYTES` of them, links to other files, or holds anything
        but numbers and strings.
    """
    content = read_bytes(path, MAX_BYTES)
    try:
        with h5py.File(io.BytesIO(content), "r") as file:
            return _Reader(str(path)).table(file, "", 0)
    except InputError:
        raise
    except _UNREADABLE as error:
        raise InputError(f"{path}: not a valid HDF5 file: {' '.join(str(error).split())}") from None


class _Reader:
    """Counts what it has read of the file `name`."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.members = 0
        self.numbers = 0
        self.texts = 0
        self.text_bytes = 0

    def table(self, group: h5py.Group, where: str, depth: int) -> Table:
        if depth > MAX_DEPTH:
            raise InputError(f"{self.name}: groups must be nested at most {MAX_DEPTH} deep")
        table: Table = {}
        for key in group:
            own = f"{where}/{key}" if where else key
            self.members += 1
            if self.members > MAX_NODES:
                raise InputError(f"{self.name}: must have at most {MAX_NODES} groups and arrays")
            if not isinstance(group.get(key, getlink=True), h5py.HardLink):
                raise InputError(f"{self.name}: {shown(own)} must not be a link")
            item = group[key]
            table[key] = (
                self.table(item, own, depth + 1) if isinstance(item, h5py.Group) else self.array(item, own)
            )
        return table

    def array(self, item: Any, where: str) -> str | list[Any] | NDArray[Any]:
        if not isinstance(item, h5py.Dataset) or item.shape is None:
            raise InputError(f"{self.name}: {shown(where)} must be an array")
        self.numbers += item.size
        if self.numbers > MAX_PARAMETERS:
            raise InputError(
                f"{self.name}: must hold at most {MAX_PARAMETERS} numbers; {shown(where)} is of {item.shape}"
            )
        if item.external is not None or item.is_virtual:
            raise InputError(f"{self.name}: {shown(where)} must not lie in another file")
        if item.dtype.kind == "S" or h5py.check_string_dtype(item.dtype) is not None:
            return self.strings(item)
        if item.dtype.kind not in "biuf":
            raise InputError(f"{self.name}: {shown(where)} must hold numbers or strings, not {item.dtype}")
        return np.asarray(item[()])

    def strings(self, item: h5py.Dataset) -> str | list[Any]:
        """Strings of fixed length at once; others, which may all be one of the file's, one by one."""
        self.texts += item.size
        if self.texts > MAX_TEXTS:
            raise InputError(f"{self.name}: must hold at most {MAX_TEXTS} strings")
        texts = np.empty(item.shape, dtype=object)
        if item.dtype.kind == "S":
            self.count(item.size * item.dtype.itemsize)
            texts[...] = item.asstr("utf-8", "replace")[()]
        else:
            for index in np.ndindex(item.shape):
                content = item[index]
                self.count(len(content))
                texts[index] = content.decode("utf-8", "replace")
        return str(texts[()]) if texts.ndim == 0 else texts.tolist()

    def count(self, size: int) -> None:
        """`InputError` where `size` more bytes of strings are too many."""
        self.text_bytes += size
        if self.text_bytes > MAX_TEXT_BYTES:
            raise InputError(f"{self.name}: strings must take at most {MAX_TEXT_BYTES} bytes")

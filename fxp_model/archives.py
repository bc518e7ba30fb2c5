"""Arrays in one npz file: shapes and types are known, and can be refused, before memory is allocated."""

from __future__ import annotations

import io
import re
import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from math import prod
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from fxp_model.errors import InputError, shown
from fxp_model.printable import shortened

_COMPRESSIONS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
"""Compressions that are unpacked only as far as requested."""
_HEADER = re.compile(
    rb"\{'descr': '([<>|](?:b1|[iu][1248]|f[248]|U\d{1,9}))', 'fortran_order': (False|True), "
    rb"'shape': \((|\d{1,12},|\d{1,12}(?:, \d{1,12})+)\), \} *\n"
)
"""The header as numpy writes it, for numbers and strings."""
_HEADER_BYTES = 1 << 10
_LONGEST = 200
"""Characters of the reason why an archive cannot be read, which may have a header in it."""
_UNREADABLE = (ValueError, KeyError, EOFError, OSError, RuntimeError, zipfile.BadZipFile, zlib.error)
"""What numpy and zipfile raise on bytes that are not an archive, or on a damaged member."""


@dataclass(frozen=True)
class Header:
    """What is known of an array before it is read: `shape`, `dtype`, and whether it is in Fortran order."""

    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    fortran: bool

    @property
    def bytes(self) -> int:
        """Bytes of memory that the array takes."""
        return prod(self.shape) * self.dtype.itemsize


class Archive:
    """The arrays of an npz archive, by name; nothing is ever unpickled.

    Parameters
    ----------
    content : bytes
        Content of the file.
    name : str
        Name of the file, for messages.

    Attributes
    ----------
    headers : dict of str to Header
        Header of every array. The directory of the archive agrees with them.

    Raises
    ------
    InputError
        If the content is not such an archive, or holds anything other than arrays of numbers and strings.
    """

    def __init__(self, content: bytes, name: str) -> None:
        self._name = name
        self.headers: dict[str, Header] = {}
        try:
            self._zip = zipfile.ZipFile(io.BytesIO(content))
            for member in self._zip.infolist():
                key = member.filename.removesuffix(".npy")
                if key == member.filename:
                    raise InputError(f"{name}: member {shown(key)} is not an array")
                if key in self.headers or member.compress_type not in _COMPRESSIONS:
                    raise ValueError(f"{shown(key)} occurs twice, or is not compressed as by numpy")
                with self._zip.open(member) as file:
                    header, length = _read_header(file, key)
                if length + header.bytes != member.file_size:
                    raise ValueError(
                        f"{shown(key)} is of {member.file_size} bytes, not {length + header.bytes}"
                    )
                self.headers[key] = header
        except _UNREADABLE as error:
            raise self._unreadable(error) from None

    @property
    def bytes(self) -> int:
        """Bytes of memory that all arrays take."""
        return sum(header.bytes for header in self.headers.values())

    def read(self, key: str) -> NDArray[Any]:
        """The array `key`; `InputError` if it is damaged."""
        header = self.headers[key]
        try:
            with self._zip.open(f"{key}.npy") as file:
                _read_header(file, key)
                data = bytearray(file.read())
            array = np.frombuffer(data, header.dtype)
            return array.reshape(header.shape, order="F" if header.fortran else "C")
        except _UNREADABLE as error:
            raise self._unreadable(error) from None

    def _unreadable(self, error: Exception) -> InputError:
        if isinstance(error, InputError):
            return error
        return InputError(f"{self._name}: not a readable npz archive: {shortened(str(error), _LONGEST)}")


def _read_header(file: IO[bytes], key: str) -> tuple[Header, int]:
    """Header of the array `key`, and the offset of its numbers; `ValueError` if it is not one of numpy's."""
    version = np.lib.format.read_magic(file)
    width = 2 if version == (1, 0) else 4
    length = int.from_bytes(file.read(width), "little")
    text = file.read(min(length, _HEADER_BYTES))
    found = _HEADER.fullmatch(text)
    if found is None or length > _HEADER_BYTES:
        raise ValueError(f"{shown(key)} is not an array of numbers")
    shape = tuple(int(size) for size in re.findall(rb"\d+", found[3]))
    return Header(shape, np.dtype(found[1].decode()), found[2] == b"True"), file.tell()


def packed(arrays: Mapping[str, NDArray[Any]]) -> bytes:
    """An npz archive without time stamps: the same arrays give the same bytes."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, array in arrays.items():
            member = io.BytesIO()
            np.lib.format.write_array(member, np.asarray(array, order="C"), allow_pickle=False)
            entry = zipfile.ZipInfo(f"{name}.npy", date_time=(1980, 1, 1, 0, 0, 0))
            entry.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(entry, member.getvalue())
    return buffer.getvalue()

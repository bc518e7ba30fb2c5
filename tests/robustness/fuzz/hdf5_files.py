"""Files of HDF5 with groups, arrays and attributes changed."""

from __future__ import annotations

import io
import json
from contextlib import suppress
from typing import Any

import h5py
import numpy as np
from hypothesis import strategies as st

from tests.robustness.fuzz.json_texts import changed_json

_WAYS = (
    *(
        "out",
        "rename",
        "group",
        "link",
        "odd",
        "odd",
        "odd",
        "type",
        "shape",
        "value",
        "value",
        "cut",
        "packed",
    ),
    *("huge", "deep", "attributes", "copy"),
)
_VALUES = (-1, 0, 1, 2, 300, 2**31, 2**40, -(2**62), float("nan"), float("inf"), -1e300, 0.5)
_TYPES = ("i1", ">i2", "i8", "u1", "u8", "f2", ">f8", "b1", "S3", "c8")
_NAMES = ("other", "0", "1", "a b", "-1", "é", "00")
_HUGE = ("u2", "f8", "S1000000")


def _odd() -> tuple[Any, ...]:
    mixed = np.zeros(2, [("a", "i4"), ("b", "f8")])
    ragged = np.array([np.arange(3), np.arange(2)], dtype=object)
    return (
        *(
            "heavy",
            "",
            "\ud7ff",
            "a\nb",
            "x" * 100_000,
            "Linear",
            "LIF",
            "CubaLIF",
            "Affine",
            "Flatten",
            "CUBA",
        ),
        *(1, -1, 2**63 - 1, 0.5, float("nan"), True),
        *(
            np.arange(60) % 20,
            np.arange(60.0),
            np.zeros((60, 3)),
            np.full(60, -1),
            np.zeros(0),
            np.ones((1,) * 32),
        ),
        *(np.full(60, 1 << 63, np.uint64), np.array([b"a ", b"a"] * 10), np.array([b"\xff\xfe"]), mixed),
        [name * 2 for name in "abcdefghijklmnopqrst"],
        h5py.Empty("f4"),
        (ragged, h5py.vlen_dtype(np.int64)),
        (np.array([0, 1]), h5py.enum_dtype({"a": 0, "b": 1})),
        (np.array([None, None], dtype=object), h5py.ref_dtype),
        (np.array([b"abcd"], dtype="V4"), np.dtype("V4")),
    )


ODD = _odd()


@st.composite
def changed_hdf5(draw: st.DrawFn, content: bytes) -> bytes:
    """A file with one to three members changed."""
    buffer = io.BytesIO(content)
    with h5py.File(buffer, "r+") as file:
        for _ in range(draw(st.integers(1, 3))):
            names: list[str] = []
            file.visit(names.append)
            if names:
                draw(_change(file, sorted(names)))
    return buffer.getvalue()


@st.composite
def _change(draw: st.DrawFn, file: h5py.File, names: list[str]) -> None:
    arrays = [name for name in names if isinstance(file[name], h5py.Dataset)]
    name = draw(st.sampled_from(arrays if arrays and draw(st.integers(0, 3)) else names))
    item = file[name]
    small = isinstance(item, h5py.Dataset) and item.shape is not None and item.size < 1 << 16
    own = item[()] if small else None
    numbers = isinstance(own, np.ndarray | np.generic) and own.dtype.kind in "biuf"
    if isinstance(own, bytes) and own.startswith(b"{"):
        _replaced(file, name, draw(changed_json(json.loads(own))).replace("\0", ""))
        return
    match draw(st.sampled_from(_WAYS)):
        case "out":
            del file[name]
        case "rename":
            new = f"{name.rpartition('/')[0]}/{draw(st.sampled_from(_NAMES))}"
            if new.strip("/") not in names:
                file.move(name, new)
        case "group":
            del file[name]
            file.create_group(name)
        case "link":
            links = (h5py.SoftLink("/" + names[0]), h5py.SoftLink("/" + name), h5py.SoftLink("/no"))
            outside = (h5py.ExternalLink("/dev/null", "labels"), h5py.ExternalLink("/etc/passwd", "x"))
            _replaced(file, name, draw(st.sampled_from(links + outside)))
        case "odd":
            _replaced(file, name, draw(st.sampled_from(ODD)))
        case "type" if numbers:
            with np.errstate(all="ignore"):
                _replaced(file, name, own.astype(draw(st.sampled_from(_TYPES))))
        case "shape" if numbers:
            _replaced(file, name, np.reshape(own, (-1, *[1] * draw(st.integers(0, 2)))))
        case "value" if numbers:
            value = draw(st.sampled_from(_VALUES))
            with np.errstate(all="ignore"):
                changed = np.array(own, np.float64 if isinstance(value, float) else np.int64)
            if changed.size:
                changed.flat[draw(st.integers(0, changed.size - 1))] = value
            _replaced(file, name, changed)
        case "cut" if numbers and own.ndim:
            _replaced(file, name, own[: draw(st.integers(0, len(own)))])
        case "packed" if numbers and own.ndim and own.size:
            del file[name]
            file.create_dataset(
                name, data=own, chunks=True, compression=draw(st.sampled_from(("gzip", "lzf")))
            )
        case "huge":
            shape = draw(st.sampled_from(((1 << 40,), (1 << 20, 1 << 20), (60, 1 << 30))))
            del file[name]
            file.create_dataset(name, shape, draw(st.sampled_from(_HUGE)), chunks=(32,) * len(shape))
        case "deep":
            deep = name + "/a" * 40 if isinstance(item, h5py.Group) else "a/" * 40 + "b"
            with suppress(ValueError, RuntimeError):  # it is there, or behind a link to itself
                file.create_group(deep)
        case "attributes":
            item.attrs["type"] = draw(st.sampled_from(("LIF", 1.5, "x" * 1000)))
        case "copy":
            file.copy(name, f"{name}_again") if f"{name}_again" not in names else None


def _replaced(file: h5py.File, name: str, value: Any) -> None:
    del file[name]
    if isinstance(value, tuple):
        file.create_dataset(name, data=value[0], dtype=value[1])
    else:
        file[name] = value

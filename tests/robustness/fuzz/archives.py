"""Archives of numpy and torch: members, headers and arrays changed."""

from __future__ import annotations

import io
import json
import warnings
import zipfile
from typing import Any

import numpy as np
import torch
from hypothesis import strategies as st

from fxp_model.printable import printable
from tests.robustness.fuzz.json_texts import changed_json
from tests.robustness.fuzz.raw import changed_bytes
from tests.robustness.fuzz.values import NAMES

Members = list[tuple[str, bytes]]
_METHODS = (zipfile.ZIP_STORED,) * 4 + (zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA)
_MEMBER_NAMES = (
    *NAMES,
    "counts",
    "counts.npy",
    "layer0.weight.npy",
    "layer9.weight.npy",
    "../x.npy",
    "a\nb.npy",
)
_WAYS = ("array",) * 8 + ("header", "out", "again", "rename", "swap", "raw", "bomb")
_ARRAY_WAYS = ("order", "type", "turn", "shape", "cut", "value", "value", "fortran", "object")
_LONGEST_NAME = 65535 // 4
"""Characters, of at most 4 bytes each."""
_TYPES = (
    "i1",
    ">i2",
    "<i4",
    "<i8",
    ">i8",
    "u1",
    "u8",
    "f2",
    "f4",
    "f8",
    ">f8",
    "b1",
    "U3",
    "S3",
    "c8",
    "M8[s]",
)
_VALUES = (-1, 0, 1, 127, 128, 300, 2**31, 2**40, -(2**62), float("nan"), float("inf"), -1e300, 0.5)


def members(content: bytes) -> Members:
    """Name and content of each member."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        return [(name, archive.read(name)) for name in archive.namelist()]


def archive_of(parts: Members, method: int = zipfile.ZIP_STORED) -> bytes:
    """An archive, in which names may be there twice."""
    buffer = io.BytesIO()
    with warnings.catch_warnings(action="ignore"), zipfile.ZipFile(buffer, "w", method) as archive:
        for name, data in parts:
            own = printable(name)[:_LONGEST_NAME] or "?"  # other names cannot be written
            archive.writestr(own, data)
    return buffer.getvalue()


def array_file(array: Any) -> bytes:
    """An array as a member; one of objects is pickled."""
    buffer = io.BytesIO()
    np.save(buffer, array, allow_pickle=True)
    return buffer.getvalue()


BOMB = array_file(np.zeros((1, 1), np.uint8)).replace(b"(1, 1), }", b"(8192, 8192), }".ljust(9))[:-1]
"""Header of an array of 64 MiB; only decompressing shows how much data follows."""


@st.composite
def changed_archive(draw: st.DrawFn, content: bytes) -> bytes:
    """An archive of arrays with one or two members changed."""
    parts = members(content)
    sound = [own for _, own in parts]
    for _ in range(draw(st.integers(1, 2))):
        if not parts:
            break
        index = draw(st.integers(0, len(parts) - 1))
        name, own = parts[index]
        match draw(st.sampled_from(_WAYS)):
            case "array" if own in sound:
                parts[index] = name, draw(_changed_array(own))
            case "header":
                size = draw(st.sampled_from(("1", "0", "-1", "9" * 11, "2, 3", "True", "1e3", "(1,)", "1L")))
                head = own[10:128].replace(b"(", b"(" + size.encode() + b", ", 1)[:117] + b"\n"
                parts[index] = name, own[:10] + head + own[128:]
            case "out":
                del parts[index]
            case "again":
                parts.append(parts[index])
            case "rename":
                parts[index] = draw(st.sampled_from(_MEMBER_NAMES)), own
            case "swap":
                parts[index] = name, parts[0][1]
                parts.reverse()
            case "raw":
                parts[index] = name, draw(changed_bytes(own))
            case "bomb":
                parts[index] = name, BOMB + bytes(draw(st.sampled_from((0, 100, 1 << 22))))
    return archive_of(parts, draw(st.sampled_from(_METHODS)))


@st.composite
def _changed_array(draw: st.DrawFn, own: bytes) -> bytes:
    array = np.load(io.BytesIO(own))
    if array.dtype.kind == "U" and array.ndim == 0 and str(array).startswith("{"):
        return array_file(np.array(draw(changed_json(json.loads(str(array))))))
    match draw(st.sampled_from(_ARRAY_WAYS)):
        case "order" if array.ndim:
            array = array[::-1]
        case "type":
            with warnings.catch_warnings(action="ignore"):
                array = array.astype(draw(st.sampled_from(_TYPES)))
        case "turn":
            array = array.T
        case "shape":
            array = array.reshape(-1, *[1] * draw(st.integers(0, 3)))
        case "cut" if array.ndim:
            axis = draw(st.integers(0, array.ndim - 1))
            array = array[(slice(None),) * axis + (slice(draw(st.integers(0, array.shape[axis]))),)]
        case "value" if array.size and array.dtype.kind in "iuf":
            value = draw(st.sampled_from(_VALUES))
            array = array.astype(np.float64 if isinstance(value, float) else np.int64)
            array.flat[draw(st.integers(0, array.size - 1))] = value
        case "fortran":
            array = np.asfortranarray(array)
        case "object":
            array = np.array([{"a": 1}, None], dtype=object)
    return array_file(array)


class Planted:
    """What a pickle would run; no reader may."""

    def __reduce__(self) -> tuple[Any, ...]:
        return (exit, ("a pickle was run",))


@st.composite
def changed_state_dict(draw: st.DrawFn, content: bytes) -> bytes:
    """A file of `torch.save` with tensors, names or members changed."""
    if draw(st.booleans()):
        parts = members(content)
        index = draw(st.integers(0, len(parts) - 1))
        name, own = parts[index]
        match draw(st.sampled_from(("raw", "raw", "out", "again", "rename"))):
            case "raw":
                parts[index] = name, draw(changed_bytes(own))
            case "out":
                del parts[index]
            case "again":
                parts.append(parts[index])
            case "rename":
                parts[index] = draw(st.sampled_from(NAMES)), own
        return archive_of(parts, draw(st.sampled_from(_METHODS)))
    state = dict(torch.load(io.BytesIO(content), weights_only=True))
    for name in draw(st.lists(st.sampled_from(list(state)), min_size=1, max_size=2, unique=True)):
        own = state[name]
        if isinstance(own, torch.Tensor):
            with warnings.catch_warnings(action="ignore"):  # of what torch is to lose
                state[name] = draw(st.sampled_from(_TENSORS))(own)
        else:
            del state[name]
        if draw(st.integers(0, 5)) == 0:
            state[draw(st.sampled_from(("fc9.weight", "lif1.x", 3, ("a",), name + "\n")))] = own
    buffer = io.BytesIO()
    with warnings.catch_warnings(action="ignore"):
        torch.save(draw(st.sampled_from(_WRAPS))(state), buffer)
    return buffer.getvalue()


_WRAPS: tuple[Any, ...] = (
    *(lambda state: state,) * 4,
    *(lambda state: {"net": state}, lambda state: {"net": {"net": state}}, list),
)
_TENSORS: tuple[Any, ...] = (
    lambda own: own.T if own.ndim == 2 else own[None],
    lambda own: own.reshape(-1)[:1],
    lambda own: own[:0] if own.ndim else own,
    lambda own: own.to(torch.int8),
    lambda own: own.to(torch.bfloat16),
    lambda own: own.to(torch.complex64),
    lambda own: own.to_sparse(),
    lambda own: torch.quantize_per_tensor(own.float(), 0.1, 0, torch.qint8),
    lambda own: own * float("nan"),
    lambda own: own * 1e300,
    lambda own: own * 0,
    lambda own: -own,
    lambda own: own + 1 / 256,
    lambda own: torch.ones(1).expand(1 << 27),
    lambda own: torch.empty(3, device="meta"),
    lambda own: own.requires_grad_() if own.is_floating_point() else own,
    lambda own: torch.nn.Parameter(own, requires_grad=False),
    lambda own: Planted(),
    lambda own: None,
    lambda own: own.tolist(),
    lambda own: {"a": own},
)

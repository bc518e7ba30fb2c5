"""State dicts of PyTorch as arrays: its unpickler of weights takes tensors only, sizes are checked first."""

from __future__ import annotations

import io
import warnings
import zipfile
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from fxp_model.errors import InputError, shown
from fxp_model.files import read_bytes
from fxp_model.spec import MAX_PARAMETERS

MAX_BYTES = 1 << 30
"""Largest file, and most bytes of its members."""
WRAPPERS = ("net", "model", "state_dict", "model_state_dict")
"""Keys under which a checkpoint may hold the state dict, beside ``epoch``, ``acc`` and the like."""

Arrays = dict[str, NDArray[np.float64]]


def read_state_dict(path: Path) -> Arrays:
    """Tensors of a file of `torch.save`, by name, as float64: a state dict, or one under a key of `WRAPPERS`.

    Raises
    ------
    InputError
        Where the file is too large, is damaged, holds anything but tensors and plain values, or none.
    """
    content = read_bytes(path, MAX_BYTES)
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            unpacked = sum(member.file_size for member in archive.infolist())
    except (zipfile.BadZipFile, ValueError, RuntimeError):
        raise InputError(f"{path}: must be a file of torch.save") from None
    if unpacked > MAX_BYTES:
        raise InputError(f"{path}: must unpack to at most {MAX_BYTES} bytes, not {unpacked}")
    try:
        with warnings.catch_warnings(action="ignore"):  # of damaged pickles
            value = torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
    except Exception as error:  # its unpickler raises what it meets in damaged ones
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise InputError(f"{path}: not a readable state dict: {reason}") from None
    for key in WRAPPERS:
        if isinstance(value, dict) and isinstance(value.get(key), dict):
            value = value[key]
            break
    if not isinstance(value, dict):
        raise InputError(f"{path}: must hold a state dict, not a {type(value).__name__}")
    arrays: Arrays = {}
    size = 0
    for name, tensor in value.items():
        if not isinstance(name, str) or not isinstance(tensor, torch.Tensor):
            raise InputError(f"{path}: {shown(name)} must be a tensor, not a {type(tensor).__name__}")
        size += tensor.numel()  # before a tensor that repeats its storage takes memory
        if size > MAX_PARAMETERS:
            raise InputError(f"{path}: must hold at most {MAX_PARAMETERS} numbers")
        plain = tensor.layout == torch.strided and tensor.device.type == "cpu"
        if not plain or tensor.is_complex() or tensor.is_quantized:
            raise InputError(f"{path}: {shown(name)} must hold real numbers")
        arrays[name] = tensor.detach().to(torch.float64).numpy()
    if not arrays:
        raise InputError(f"{path}: must hold at least 1 tensor, not 0")
    return arrays


class Taken:
    """The arrays of a state dict that a reader takes; what is left at the end is unknown, and refused."""

    def __init__(self, path: Path, arrays: Arrays) -> None:
        self.path = path
        self.arrays = dict(arrays)

    def take(self, name: str, *shapes: tuple[int, ...]) -> NDArray[np.float64]:
        """The array `name`, of one of `shapes` where they are given."""
        found = self.optional(name, *shapes)
        if found is None:
            raise InputError(f"{self.path}: {name} is missing")
        return found

    def optional(self, name: str, *shapes: tuple[int, ...]) -> NDArray[np.float64] | None:
        """As `take`, or None where there is none."""
        array = self.arrays.pop(name, None)
        if array is not None and shapes and array.shape not in shapes:
            wanted = " or ".join(map(str, shapes))
            raise InputError(f"{self.path}: {name} must have shape {wanted}, not {array.shape}")
        return array

    def all_taken(self) -> None:
        """`InputError` for an array that no reader took."""
        for name in self.arrays:
            raise InputError(f"{self.path}: {name} is unknown: what it does would be lost")

"""Checkpoint of a training: one npz file, replaced atomically, never a pickle."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from fxp_model.archives import Archive
from fxp_model.errors import InputError, shown
from fxp_model.files import parse_json, read_bytes, replacing

_DESCRIPTION = "description"
MAX_BYTES = 1 << 33
"""Largest file: parameters, moments and best state of the largest network are smaller."""

Arrays = dict[str, Tensor]


def save(path: Path, arrays: Arrays, description: dict[str, Any]) -> None:
    """Write tensors by name and a JSON description; an interrupted write leaves the earlier file."""
    with replacing(path) as temporary, temporary.open("wb") as file:
        members: dict[str, Any] = {name: tensor.cpu().numpy() for name, tensor in arrays.items()}
        members[_DESCRIPTION] = np.array(json.dumps(description))
        np.savez(file, allow_pickle=False, **members)


def load(path: Path) -> tuple[Arrays, dict[str, Any]]:
    """Inverse of `save`.

    Raises
    ------
    InputError
        Naming the file, when it is missing or damaged.
    """
    content = read_bytes(path, MAX_BYTES)
    archive = Archive(content, str(path))
    if _DESCRIPTION not in archive.headers or archive.bytes > len(content):
        raise InputError(f"{path}: must be an uncompressed checkpoint, as training writes it")
    members = {name: archive.read(name) for name in archive.headers}
    description = parse_json(str(members.pop(_DESCRIPTION)), f"{path}: {_DESCRIPTION}", dict)
    texts = [name for name, array in members.items() if array.dtype.kind == "U"]
    if texts:
        raise InputError(f"{path}: {shown(texts[0])} must hold numbers, not strings")
    native = {name: array.astype(array.dtype.newbyteorder("=")) for name, array in members.items()}
    return {name: torch.from_numpy(array) for name, array in native.items()}, description


def state_of(module: torch.nn.Module, optimizer: torch.optim.Optimizer) -> Arrays:
    """Parameters, buffers and moments by name; copies."""
    state = {f"module/{name}": tensor.detach().clone() for name, tensor in module.state_dict().items()}
    for name, parameter in module.named_parameters():
        for key, value in optimizer.state[parameter].items():
            state[f"optimizer/{name}/{key}"] = value.detach().clone()
    return state


def restore(state: Arrays, module: torch.nn.Module, optimizer: torch.optim.Optimizer) -> None:
    """Restore a state of `state_of`."""
    module.load_state_dict(
        {name.removeprefix("module/"): value for name, value in state.items() if name.startswith("module/")}
    )
    parameters = dict(module.named_parameters())
    for name, value in state.items():
        if name.startswith("optimizer/"):
            _, owner, key = name.split("/")
            if value.shape not in ((), parameters[owner].shape):
                raise ValueError(f"{name} must have the shape of {owner}, not {tuple(value.shape)}")
            optimizer.state[parameters[owner]][key] = value.clone()


def under(prefix: str, arrays: Arrays) -> Arrays:
    """Those whose name begins with `prefix`, without it."""
    return {name.removeprefix(prefix): a for name, a in arrays.items() if name.startswith(prefix)}

"""State of a training on disk: one npz file, replaced whole, never a pickle."""

from __future__ import annotations

import io
import json
import zipfile
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from fxp_model.errors import InputError
from fxp_model.files import replacing

_DESCRIPTION = "description"
_ARCHIVE = (zipfile.BadZipFile, zlib.error, NotImplementedError)
"""What a damaged archive raises besides."""

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
    try:
        content = io.BytesIO(path.read_bytes())
    except OSError as error:
        raise InputError(f"{path}: {error.strerror}") from None
    try:
        with np.load(content, allow_pickle=False) as archive:
            members = {name: archive[name] for name in archive.files}
        description = json.loads(str(members.pop(_DESCRIPTION)))
    except (ValueError, TypeError, AttributeError, KeyError, EOFError, OSError, *_ARCHIVE) as error:
        raise InputError(f"{path}: not a readable checkpoint: {error}") from None
    return {name: torch.from_numpy(array) for name, array in members.items()}, description


def state_of(module: torch.nn.Module, optimizer: torch.optim.Optimizer) -> Arrays:
    """Parameters, buffers and moments by name; copies."""
    state = {f"module/{name}": tensor.detach().clone() for name, tensor in module.state_dict().items()}
    for name, parameter in module.named_parameters():
        for key, value in optimizer.state[parameter].items():
            state[f"optimizer/{name}/{key}"] = value.detach().clone()
    return state


def restore(state: Arrays, module: torch.nn.Module, optimizer: torch.optim.Optimizer) -> None:
    """Put a state of `state_of` back."""
    module.load_state_dict(
        {name.removeprefix("module/"): value for name, value in state.items() if name.startswith("module/")}
    )
    parameters = dict(module.named_parameters())
    for name, value in state.items():
        if name.startswith("optimizer/"):
            _, owner, key = name.split("/")
            optimizer.state[parameters[owner]][key] = value.clone()

"""Networks as arrays of numpy: one npz file, ``<stage>.<array>`` in real numbers.

Stages are ``layer0``, ``layer1``, ... and ``readout``; arrays those of `FloatStage`: `weight` (N, n_in) and
`beta`, and where they are there `bias`, `alpha`, `v_th`, `recurrent`, `delay_steps`, `input_delay_steps`.
`bias`, `beta`, `alpha` and `v_th` are one number or (N,). A neuron fires at its threshold (>=).
"""

from __future__ import annotations

from math import prod
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fxp_model.archives import Archive
from fxp_model.errors import InputError, shown
from fxp_model.exchange.asked import Asked
from fxp_model.exchange.description import FloatNetwork, FloatStage, with_readout
from fxp_model.files import read_bytes
from fxp_model.spec import MAX_LAYERS, MAX_PARAMETERS, ResetMode

MAX_BYTES = 1 << 30
_VECTORS = ("bias", "beta", "alpha", "v_th")
_STEPS = ("delay_steps", "input_delay_steps")
_KEYS = ("weight", *_VECTORS, "recurrent", *_STEPS)


def read_arrays(path: Path, asked: Asked) -> FloatNetwork:
    """The network of a file; `InputError` names what is missing, unknown, or of another shape."""
    archive = Archive(read_bytes(path, MAX_BYTES), str(path))
    if sum(prod(header.shape) for header in archive.headers.values()) > MAX_PARAMETERS:
        raise InputError(f"{path}: must hold at most {MAX_PARAMETERS} numbers")
    stages: dict[str, dict[str, NDArray[np.float64]]] = {}
    for name, header in archive.headers.items():
        stage, _, key = name.partition(".")
        if key not in _KEYS or header.dtype.kind not in "iuf":
            raise InputError(
                f"{path}: array {shown(name)} is unknown; known are {', '.join(_KEYS)} of each stage, numbers"
            )
        stages.setdefault(stage, {})[key] = archive.read(name).astype(np.float64)
    hidden = [f"layer{index}" for index in range(min(len(stages), MAX_LAYERS))]
    order = [name for name in (*hidden, "readout") if name in stages]
    for name in stages:
        if name not in order:
            raise InputError(f"{path}: stage {shown(name)} must be one of {', '.join((*hidden, 'readout'))}")
    try:
        return with_readout([_stage(name, stages[name], asked) for name in order], asked.readout)
    except InputError as error:
        raise InputError(f"{path}: {error}") from None


def _stage(name: str, arrays: dict[str, NDArray[np.float64]], asked: Asked) -> FloatStage:
    for key in ("weight", "beta"):
        if key not in arrays:
            raise InputError(f"{name}.{key} is missing")
    n = len(arrays["weight"]) if arrays["weight"].ndim else 0
    vectors: dict[str, Any] = {
        key: np.broadcast_to(arrays[key].reshape(-1), (n,)) if arrays[key].size == 1 else arrays[key]
        for key in _VECTORS
        if key in arrays
    }
    steps: dict[str, Any] = {}
    for key in _STEPS:
        if key in arrays:
            if (arrays[key] != np.rint(arrays[key])).any():
                raise InputError(f"{name}: {key} must be whole steps")
            steps[key] = arrays[key].astype(np.int64)
    if "v_th" in vectors and asked.reset is None:
        raise InputError(f"{name}: does not say its reset: name it with --reset zero, subtract or delayed")
    return FloatStage(
        name=name,
        weight=arrays["weight"],
        recurrent=arrays.get("recurrent"),
        reset=asked.reset or ResetMode.ZERO,
        **{"bias": np.zeros(n), **vectors},
        **steps,
    )

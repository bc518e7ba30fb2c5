"""Rows of results, one JSON object a line, as `scripts/reproduce.py` writes them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from fxp_model.errors import InputError

Row = dict[str, Any]

_NEEDED = {
    "system",
    "seed",
    "about",
    "weight_bits",
    "kernel",
    "recurrent_parameters",
    "recurrent_layers",
    "val",
    "spikes_per_neuron_step",
    "delays_before",
    "delays_after",
    "setting",
}


def read_rows(path: Path) -> list[Row]:
    """Rows of a file, in its order.

    Raises
    ------
    InputError
        Naming the line, when the file is missing or empty, a row is damaged or lacks a field, or a
        system and seed are there twice.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except OSError as error:
        raise InputError(f"{path}: {error.strerror}") from None
    rows: dict[tuple[str, int], Row] = {}
    for number, line in enumerate(lines, start=1):
        try:
            row = json.loads(line)
        except ValueError as error:
            raise InputError(f"{path} line {number}: not JSON: {error}") from None
        if not isinstance(row, dict):
            raise InputError(f"{path} line {number}: a row must be an object, not {row!r}")
        for name in sorted(_NEEDED - row.keys()):
            raise InputError(f"{path} line {number}: {name} is missing")
        key = (row["system"], row["seed"])
        if key in rows:
            raise InputError(f"{path} line {number}: {key[0]} of seed {key[1]} is there twice")
        rows[key] = row
    if not rows:
        raise InputError(f"{path} holds no rows")
    return list(rows.values())

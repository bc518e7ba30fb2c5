"""Rows of results, one JSON object a line, as `scripts/reproduce.py` writes them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from fxp_model.errors import InputError
from fxp_model.files import read_json_lines
from fxp_model.fixed import MAX_WIDTH
from fxp_model.spec import MAX_DELAY_STEPS, MAX_KERNEL_SIZE
from fxp_model.tables import COUNT, OBJECT, TEXT, array_of, check_fields, number, whole

Row = dict[str, Any]

_DELAYS = array_of(array_of(whole(0, MAX_DELAY_STEPS), 1))
_FIELDS = {
    "system": TEXT,
    "seed": COUNT,
    "about": TEXT,
    "weight_bits": whole(1, MAX_WIDTH).or_null(),
    "kernel": whole(0, MAX_KERNEL_SIZE).or_null(),
    "recurrent_parameters": COUNT,
    "recurrent_layers": COUNT,
    "val": number(0, 1),
    "spikes_per_neuron_step": number(0, 1),
    "delays_before": _DELAYS,
    "delays_after": _DELAYS,
    "setting": OBJECT,
}


def read_rows(path: Path) -> list[Row]:
    """Rows of a file, in its order.

    Raises
    ------
    InputError
        Naming the line, if the file is missing or empty, a row is damaged, lacks a field or has one of
        another type, or a system and seed occur twice.
    """
    rows: dict[tuple[str, int], Row] = {}
    for name, row in read_json_lines(path):
        check_fields(name, row, _FIELDS)
        if len(row["delays_before"]) != len(row["delays_after"]):
            raise InputError(
                f"{name}: delays_after must be of {len(row['delays_before'])} layers, as before, "
                f"not of {len(row['delays_after'])}"
            )
        key = (row["system"], row["seed"])
        if key in rows:
            raise InputError(f"{name}: {key[0]} of seed {key[1]} occurs twice")
        rows[key] = row
    return list(rows.values())

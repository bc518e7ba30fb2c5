"""Synthesised cores, and the error of the model against yosys' counts."""

from __future__ import annotations

import statistics
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fxp_model.errors import InputError
from fxp_model.files import read_json_lines
from fxp_model.network import Network
from fxp_model.tables import FLAG, OBJECT, SIZE, TEXT, check_fields, one_of
from hw.config import HardwareConfig
from hw.estimates.resources import Area, Estimate, estimate
from hw.estimates.resources.shapes import Shape

KINDS = {
    "xilinx7": ("lut", "lut_logic", "lutram", "srl", "ff", "bram36", "dsp"),
    "ecp5": ("comb", "lutram", "ff", "ebr", "dsp"),
}
"""Kinds of cells that are predicted."""


@dataclass(frozen=True)
class Row:
    """A core synthesised for a target.

    name : of the core
    held_out : it checks the model, and is not used in the fit
    shape, hardware : its network, its widths
    measured : its area, by the kinds of `hw.flows.yosys.area`
    blocks : the same by instance
    """

    name: str
    held_out: bool
    target: str
    shape: Shape
    hardware: HardwareConfig
    measured: Area
    blocks: Mapping[str, Area]

    @property
    def network(self) -> Network:
        """Its network."""
        return self.shape.network()

    def estimate(self) -> Estimate:
        """The model's prediction for it."""
        return estimate(self.network, self.hardware, self.target)


def read_rows(path: Path) -> list[Row]:
    """The rows of a file of ``scripts/fit_resources.py``.

    Raises
    ------
    InputError
        If a line is not a row, or the file has no rows.
    """
    return [_row(name, row) for name, row in read_json_lines(path, "row of a synthesised core")]


_ROW = {
    "name": TEXT,
    "held_out": FLAG,
    "target": one_of(KINDS),
    "shape": OBJECT,
    "hardware": OBJECT,
    "blocks": OBJECT,
}
_AREA = {target: dict.fromkeys(kinds, SIZE) for target, kinds in KINDS.items()}


def _row(name: str, table: dict[str, Any]) -> Row:
    """The row that `table` holds; errors call it `name`."""
    check_fields(name, table, _ROW)
    target, blocks = table["target"], table["blocks"]
    check_fields(name, table, _AREA[target])
    for block, area in blocks.items():
        OBJECT.check(f"{name}: blocks", area)
        check_fields(f"{name}: blocks.{block}", area, _AREA[target])
    try:
        shape = Shape.from_dict(table["shape"])
        hardware = HardwareConfig.from_dict(table["hardware"])
        hardware.check(shape.spec)
    except InputError as error:
        raise InputError(f"{name}: {error}") from None
    measured = {kind: table[kind] for kind in KINDS[target]}
    return Row(table["name"], table["held_out"], target, shape, hardware, measured, blocks)


def error_pct(predicted: float, measured: float) -> float:
    """Percent of the measured value; if that is 0, 0 where 0 was predicted and 100 otherwise."""
    if measured == 0:
        return 0.0 if predicted == 0 else 100.0
    return 100 * abs(predicted - measured) / measured


def errors(rows: Iterable[Row]) -> dict[str, dict[str, dict[str, float]]]:
    """For each target and kind: number of rows `n`, `median_pct` and `max_pct`, of all and of held-out rows.

    Raises
    ------
    InputError
        If there are no rows, or a target has no held-out row.
    """
    found: dict[tuple[str, str], list[tuple[bool, float]]] = defaultdict(list)
    for row in rows:
        total = row.estimate().total
        for kind in KINDS[row.target]:
            found[row.target, kind].append((row.held_out, error_pct(total[kind], row.measured[kind])))
    if not found:
        raise InputError("cores to compare must be at least 1, not 0")
    table: dict[str, dict[str, dict[str, float]]] = defaultdict(dict)
    for (target, kind), pairs in found.items():
        every = [error for _, error in pairs]
        held_out = [error for out, error in pairs if out]
        if not held_out:
            raise InputError(
                f"held-out cores of {target} must be at least 1, not 0: nothing checks the model"
            )
        table[target][kind] = {
            "n": len(every),
            "held_out_n": len(held_out),
            "median_pct": statistics.median(every),
            "max_pct": max(every),
            "held_out_median_pct": statistics.median(held_out),
            "held_out_max_pct": max(held_out),
        }
    return dict(table)

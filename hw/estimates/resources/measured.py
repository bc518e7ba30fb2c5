"""Cores that were synthesised, and how far the model is from what yosys made of them."""

from __future__ import annotations

import json
import statistics
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fxp_model.errors import InputError
from fxp_model.network import Network
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
    """A core through the synthesis of a target.

    name : of the core
    held_out : it checks the model, and is not fitted
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
        """What the model says of it."""
        return estimate(self.network, self.hardware, self.target)


def read_rows(path: Path) -> list[Row]:
    """The rows of a file of ``scripts/fit_resources.py``.

    Raises
    ------
    InputError
        If a line is none.
    """
    rows = []
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        try:
            table = json.loads(line)
            rows.append(_row(table))
        except (ValueError, KeyError, TypeError) as error:
            raise InputError(f"{path}:{number} is no row of a synthesised core: {error!r}") from None
    return rows


def _row(table: dict[str, Any]) -> Row:
    target = table["target"]
    shape = Shape(**table["shape"] | {"widths": tuple(table["shape"]["widths"])})
    measured = {kind: table[kind] for kind in KINDS[target]}
    hardware = HardwareConfig.from_dict(table["hardware"])
    return Row(table["name"], table["held_out"], target, shape, hardware, measured, table["blocks"])


def error_pct(predicted: float, measured: float) -> float:
    """Percent of what was measured; of nothing, 0 where nothing was predicted, and else 100."""
    if measured == 0:
        return 0.0 if predicted == 0 else 100.0
    return 100 * abs(predicted - measured) / measured


def errors(rows: Iterable[Row]) -> dict[str, dict[str, dict[str, float]]]:
    """For each target and kind: rows `n`, and `median_pct`, `max_pct`, also of the held-out ones alone."""
    found: dict[tuple[str, str], list[tuple[bool, float]]] = defaultdict(list)
    for row in rows:
        total = row.estimate().total
        for kind in KINDS[row.target]:
            found[row.target, kind].append((row.held_out, error_pct(total[kind], row.measured[kind])))
    table: dict[str, dict[str, dict[str, float]]] = defaultdict(dict)
    for (target, kind), pairs in found.items():
        every = [error for _, error in pairs]
        held_out = [error for out, error in pairs if out]
        table[target][kind] = {
            "n": len(every),
            "held_out_n": len(held_out),
            "median_pct": statistics.median(every),
            "max_pct": max(every),
            "held_out_median_pct": statistics.median(held_out),
            "held_out_max_pct": max(held_out),
        }
    return dict(table)

"""LUTs per amount of logic, fitted by ``scripts/fit_resources.py``, and how well they fit."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from fxp_model.errors import InputError
from fxp_model.files import read_json

FILE = Path(__file__).with_name("prices.json")


@dataclass(frozen=True)
class Prices:
    """Prices of a target.

    Parameters
    ----------
    luts : mapping of str to float
        By the names in `Parts.logic`.
    error : mapping of str to (float, float)
        By kind of cell, in percent of yosys' count: median and worst of the held-out cores.
    """

    luts: Mapping[str, float]
    error: Mapping[str, tuple[float, float]]


@cache
def prices_of(target: str) -> Prices:
    """The fitted prices of `target`; `InputError` if there are none."""
    table = read_json(FILE, dict)
    if target not in table:
        raise InputError(f"target must be one of {', '.join(table)}, not {target!r}")
    own = table[target]
    return Prices(own["luts"], {kind: (median, worst) for kind, (median, worst) in own["error"].items()})

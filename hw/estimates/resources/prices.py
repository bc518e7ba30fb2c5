"""LUTs per amount of logic, fitted by ``scripts/fit_resources.py``, and how well they fit.

Those of an ear, and the flip-flops per amount of its registers, are from ``scripts/fit_ear.py``; those of
what only some neurons have, from ``scripts/neuron_table.py``; those of what a board has around both,
from ``scripts/fit_board.py``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from fxp_model.errors import InputError
from fxp_model.files import read_json

FILE = Path(__file__).with_name("prices.json")
NEURON_FILE = Path(__file__).with_name("neuron_prices.json")
NEURON = (
    *("update.digit", "update.leak", "update.low", "update.round", "update.spent", "update.symmetric"),
    *("update.threshold", "update.times"),
)
"""Amounts that not all neurons have."""
EAR_FILE = Path(__file__).with_name("ear_prices.json")
BOARD_FILE = Path(__file__).with_name("board_prices.json")


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


@dataclass(frozen=True)
class CorePrices(Prices):
    """Prices of a target, of a core.

    Parameters
    ----------
    neurons : mapping of str to (float, float)
        As `error`, but of neurons with features (`hw.estimates.resources.neurons.has_features`) alone.
    """

    neurons: Mapping[str, tuple[float, float]]


@dataclass(frozen=True)
class EarPrices(Prices):
    """Prices of a target, of an ear or of what a board has around it.

    Parameters
    ----------
    ff : mapping of str to float
        Flip-flops by the names in `EarParts.registers`; of a board, by block.
    """

    ff: Mapping[str, float]


@cache
def prices_of(target: str) -> CorePrices:
    """The fitted prices of `target`; `InputError` if there are none."""
    own, neurons = _table(FILE, target), _table(NEURON_FILE, target)
    return CorePrices({**own["luts"], **neurons["luts"]}, _bands(own), _bands(neurons))


@cache
def ear_prices_of(target: str) -> EarPrices:
    """The fitted prices of an ear on `target`; `InputError` if there are none."""
    own = _table(EAR_FILE, target)
    return EarPrices(own["luts"], _bands(own), own["ff"])


@cache
def board_prices_of(target: str) -> EarPrices:
    """Cells of the blocks around a core on a board on `target`; `InputError` if there are none."""
    own = _table(BOARD_FILE, target)
    return EarPrices(own["luts"], _bands(own), own["ff"])


def _table(file: Path, target: str) -> dict[str, Any]:
    table = read_json(file, dict)
    if target not in table:
        raise InputError(f"target must be one of {', '.join(table)}, not {target!r}")
    own: dict[str, Any] = table[target]
    return own


def _bands(own: dict[str, Any]) -> dict[str, tuple[float, float]]:
    return {kind: (median, worst) for kind, (median, worst) in own["error"].items()}

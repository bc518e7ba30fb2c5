"""Prices that fit measured cells."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np
from scipy.optimize import nnls

PRIOR = {"fixed": (50.0, 1e-4)}
ELSE = (1.0, 0.02)
"""Prior value of a price, and the weight of that prior against an error of 1."""


def fitted(equations: Iterable[tuple[Mapping[str, float], float]]) -> dict[str, float]:
    """Price of every amount: non-negative least squares of relative errors.

    Parameters
    ----------
    equations : iterable of (mapping of str to float, float)
        Amounts by name, and what they cost together, as measured; below 50 the error is relative to 50.
    """
    pairs = list(equations)
    names = sorted({name for own, _ in pairs for name in own})
    matrix = np.array([[own.get(name, 0) for name in names] for own, _ in pairs], float)
    measured = np.array([cost for _, cost in pairs], float)
    scale = 1 / np.maximum(measured, 50)
    means, weights = np.array([PRIOR.get(name.partition(".")[2], ELSE) for name in names]).T
    system = np.vstack([matrix * scale[:, None], np.diag(weights)])
    found, _ = nnls(system, np.append(measured * scale, means * weights))
    return {name: round(float(price), 3) for name, price in zip(names, found, strict=True)}

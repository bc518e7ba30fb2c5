"""Checks of numbers that a user gives."""

from __future__ import annotations

import math

from fxp_model.errors import InputError


def check_limits(name: str, value: float, low: float, high: float | None) -> None:
    """Raise `InputError`, naming `name`, the limits and the value, unless low <= value <= high.

    `high` None is no limit, but the value must be finite.
    """
    if math.isfinite(value) and low <= value <= (math.inf if high is None else high):
        return
    limits = f"at least {low} and finite" if high is None else f"{low}..{high}"
    raise InputError(f"{name} must be {limits}, not {value}")

"""Cycles of the ear, exactly."""

from __future__ import annotations

from fxp_model.ear.spec import EarSpec
from hw.rtl.ear.schedule import Schedule


def filter_cycles(spec: EarSpec, multipliers: int) -> int:
    """Cycles from a sample that the filter bank takes to the next, where one waits.

    2 * channels * sections / multipliers, where channels are rounded up to whole groups, of 2, 4 or 8 with
    1, 2 or 4 multipliers; 8 at least.

    Raises
    ------
    InputError
        `multipliers` is not 1, 2 or 4.
    """
    return Schedule(spec, multipliers).cycles

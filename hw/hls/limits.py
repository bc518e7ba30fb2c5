"""Limits of the options of an HLS project. Needs no hls4ml."""

from __future__ import annotations

import re

from fxp_model.errors import InputError
from fxp_model.spec import Answer, ReadoutSpec

MAX_STEPS = 1 << 16
CLOCK_PERIOD_NS = (0.1, 1000.0)
"""Shortest and longest clock period."""
PART = re.compile("[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
"""Name of a vendor's part; it becomes a string in Tcl."""
PART_FORM = "letters, digits, '.', '_' and '-', at most 64"


def check_steps(steps: int, spec: ReadoutSpec) -> None:
    """`InputError` unless a project with the readout `spec` can have, and answer, `steps` steps."""
    if not 1 <= steps <= MAX_STEPS:
        raise InputError(f"steps of a project must be 1..{MAX_STEPS}, not {steps}")
    if steps < spec.stride:
        raise InputError(f"steps of a project must be at least its stride, {spec.stride}, not {steps}")


def check_part(part: str) -> None:
    """`InputError` unless `part` can be the name of a part."""
    if not PART.fullmatch(part):
        raise InputError(f"part must be {PART_FORM}, not {part!r}")


def check_clock_period(period_ns: float) -> None:
    """`InputError` unless a project can have a clock period of `period_ns`."""
    low, high = CLOCK_PERIOD_NS
    if not low <= period_ns <= high:
        raise InputError(f"clock_period must be {low:g}..{high:g} ns, not {period_ns}")


def answers_of(spec: ReadoutSpec, steps: int) -> int:
    """Answers to a sequence of `steps` steps, A."""
    return 1 if spec.answer is Answer.SAMPLE else steps // spec.stride

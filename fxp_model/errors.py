"""The one exception for input that a user can mend."""

from __future__ import annotations

from reprlib import Repr
from typing import Any

_SHORT = Repr()
_SHORT.maxstring = _SHORT.maxother = 60


class InputError(ValueError):
    """A file, an argument or an array that is not usable.

    The message names the thing, the limit and the value, in one line; scripts
    print it on stderr and exit with status 2 (see :mod:`fxp_model.cli`).
    """


class CheckFailed(Exception):
    """What was to be shown does not hold, in one line; scripts print it on stderr and exit with status 1."""


def shown(value: Any) -> str:
    """`value` in a message: as Python writes it, cut where it is long or deep."""
    return _SHORT.repr(value)

"""The one exception for input that a user can correct."""

from __future__ import annotations

from reprlib import Repr
from typing import Any

_SHORT = Repr()
_SHORT.maxstring = _SHORT.maxother = 60


class InputError(ValueError):
    """A file, an argument or an array that is invalid.

    The message names the thing, the limit and the value, in one line; scripts
    print it on stderr and exit with status 2 (see :mod:`fxp_model.cli`).
    """


class CheckFailed(Exception):
    """A check failed; the message is one line, which scripts print on stderr, with exit status 1."""


def shown(value: Any) -> str:
    """`value` for a message: its repr, shortened if it is long or deeply nested."""
    return _SHORT.repr(value)

"""Functions that numba compiles; what it compiled is kept on disk where there is a place for it."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Any

import numba
from numba.core.caching import FunctionCache


class _Cache(FunctionCache):
    """What cannot be read is compiled, and what cannot be written is compiled again the next time."""

    def load_overload(self, *args: Any) -> Any:
        with suppress(OSError):
            return super().load_overload(*args)
        return None

    def save_overload(self, *args: Any) -> None:
        with suppress(OSError):
            super().save_overload(*args)


def compiled(**options: Any) -> Callable[[Callable[..., Any]], Any]:
    """Decorator: ``numba.njit(**options)``, kept beside the source, in the user's cache, or not at all."""

    def compile_(function: Callable[..., Any]) -> Any:
        made = numba.njit(**options)(function)
        with suppress(RuntimeError):  # no folder that can be written
            made._cache = _Cache(function)  # as ``cache=True`` does
        return made

    return compile_

"""Functions compiled by numba, with a disk cache if a folder for it is writable."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Any

import numba
from numba.core.caching import FunctionCache


class _Cache(FunctionCache):
    """A cache whose read errors lead to compilation, and whose write errors are ignored."""

    def load_overload(self, *args: Any) -> Any:
        with suppress(OSError):
            return super().load_overload(*args)
        return None

    def save_overload(self, *args: Any) -> None:
        with suppress(OSError):
            super().save_overload(*args)


def compiled(**options: Any) -> Callable[[Callable[..., Any]], Any]:
    """Decorator: ``numba.njit(**options)``, cached beside the source, in the user's cache, or not at all."""

    def compile_(function: Callable[..., Any]) -> Any:
        made = numba.njit(**options)(function)
        with suppress(RuntimeError):  # no writable folder
            made._cache = _Cache(function)  # as ``cache=True`` does
        return made

    return compile_

"""Tables from a user's file: presence and type of each field are checked before use."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from fxp_model.errors import InputError, shown
from fxp_model.printable import printable


@dataclass(frozen=True)
class Kind:
    """What a field must be, in words and as a test of JSON values."""

    words: str
    holds: Callable[[Any], bool]

    def check(self, name: str, value: Any) -> None:
        """`InputError`, which calls the value `name`, unless it is of this kind."""
        if not self.holds(value):
            raise InputError(f"{name} must be {self.words}, not {shown(value)}")

    def or_null(self) -> Kind:
        """This kind, or null."""
        return Kind(f"{self.words} or null", lambda value: value is None or self.holds(value))


TEXT = Kind(
    "a string without control characters",
    lambda value: isinstance(value, str) and printable(value) == value,
)
FLAG = Kind("true or false", lambda value: isinstance(value, bool))
OBJECT = Kind("an object", lambda value: isinstance(value, dict))
ARRAY = Kind("an array", lambda value: isinstance(value, list))


def whole(low: int, high: int) -> Kind:
    """Integers from `low` to `high`."""
    return Kind(f"an integer of {low}..{high}", lambda value: type(value) is int and low <= value <= high)


def number(low: float, high: float) -> Kind:
    """Numbers from `low` to `high`."""
    return Kind(
        f"a number of {low:g}..{high:g}", lambda value: type(value) in (int, float) and low <= value <= high
    )


def one_of(names: Iterable[str]) -> Kind:
    """One of several strings."""
    known = tuple(names)
    return Kind(f"one of {', '.join(known)}", lambda value: isinstance(value, str) and value in known)


def array_of(kind: Kind, least: int = 0) -> Kind:
    """Arrays of at least `least` values of a kind."""
    some = f" of {least} or more values" if least else " of values"
    return Kind(
        f"an array{some}, each {kind.words}",
        lambda value: isinstance(value, list) and len(value) >= least and all(map(kind.holds, value)),
    )


COUNT = whole(0, 2**63 - 1)
SIZE = number(0, 1e300)
"""Range of amounts: sums and products of a few of them stay finite."""


def check_fields(name: str, table: Mapping[str, Any], kinds: Mapping[str, Kind]) -> None:
    """`InputError` unless `table`, which errors call `name`, has these fields, each of its kind."""
    for key, kind in kinds.items():
        if key not in table:
            raise InputError(f"{name}: {key} is missing")
        kind.check(f"{name}: {key}", table[key])

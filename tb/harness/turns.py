"""Which simulator runs which case, where the simulators take turns."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path
from types import ModuleType

import pytest

from tb.harness.runner import SIMULATORS

TURNS = "turns"
"""Of ``--sim``: the cases of a test, or of a bench that is its parameter, alternate between the simulators; a
single case runs under both.
"""


def benches(item: pytest.Item) -> list[Path]:
    """Files of the modules that are parameters of a test."""
    given = item.callspec.params.values() if hasattr(item, "callspec") else ()
    return [Path(str(own.__file__)) for own in given if isinstance(own, ModuleType)]


def left_out(items: Iterable[pytest.Item]) -> list[pytest.Item]:
    """Of the tests of all simulators, those that do not run with `TURNS`."""
    cases: dict[tuple[object, ...], list[pytest.Item]] = defaultdict(list)
    for item in items:
        if isinstance(item, pytest.Function) and "sim" in item.fixturenames:
            key = item.callspec.params["sim"], item.path, item.originalname, *benches(item)
            cases[key].append(item)
    return [
        item
        for (sim, *_), own in cases.items()
        for index, item in enumerate(own)
        if len(own) > 1 and sim != SIMULATORS[index % len(SIMULATORS)]
    ]

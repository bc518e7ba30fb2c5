"""A plugin of pytest for after `make test`: what that runs at less depth, or not at all.

    SPIKELINE_TESTS=full python -m pytest -p tb.harness.deeper

Left out is a test that cannot know the depth: it draws no examples (hypothesis), neither its module nor a
bench that is its parameter imports `tb.harness.depth`, also by way of others, the number of networks is no
parameter of it, and `make test` runs it under this simulator.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from tb.harness import depth
from tb.harness.turns import benches, left_out

_ROOT = Path(__file__).parents[2]


def pytest_configure() -> None:
    """At reduced depth nothing is deeper."""
    if not depth.FULL:
        raise pytest.UsageError("tb.harness.deeper needs SPIKELINE_TESTS=full")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what runs the same at reduced depth."""
    not_yet = set(left_out(items))
    kept = [item for item in items if item in not_yet or knows_depth(item)]
    config.hook.pytest_deselected(items=list(set(items).difference(kept)))
    items[:] = kept


def knows_depth(item: pytest.Item) -> bool:
    """Whether a test may be another one at full depth."""
    return (
        item.get_closest_marker("hypothesis") is not None
        or "network_seed" in getattr(item, "fixturenames", ())
        or any(reads_depth(file) for file in (item.path, *benches(item)))
    )


@cache
def reads_depth(file: Path) -> bool:
    """Whether a file imports `tb.harness.depth`, itself or by way of other files of the tests."""
    seen: set[Path] = set()
    todo = [file]
    while todo:
        own = todo.pop()
        if own == Path(depth.__file__):
            return True
        if own not in seen and own.suffix == ".py":
            seen.add(own)
            todo += _named(own)
    return False


def _named(file: Path) -> Iterator[Path]:
    """Files of ``tb`` and ``tests`` that a file imports, or whose module it names in a string."""
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        names: list[object] = []
        if isinstance(node, ast.ImportFrom):
            names = [node.module, *(f"{node.module}.{own.name}" for own in node.names)]
        elif isinstance(node, ast.Constant):
            names = [node.value]
        for name in names:
            if isinstance(name, str) and name.startswith(("tb.", "tests.")):
                path = _ROOT / (name.replace(".", "/") + ".py")
                if path.is_file():
                    yield path

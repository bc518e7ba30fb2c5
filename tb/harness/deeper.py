"""A plugin of pytest for after `make test`: what that runs at less depth, or not at all.

    SPIKELINE_TESTS=full python -m pytest -p tb.harness.deeper

Left out is a test that `make test` runs by the same name and that is the same at full depth: it draws no
examples (hypothesis), and neither its function nor a fixture or a bench that it uses knows the depth,
including by way of what they call in ``tb`` and ``tests``. Parameters do not count: others have other names.
The simulators take turns, as in `make test`; `make test-all` runs each case under both.
"""

from __future__ import annotations

import ast
import inspect
import os
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

import pytest

from tb.harness import depth
from tb.harness.turns import benches, left_out

_ROOT = Path(__file__).parents[2]
_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)


def pytest_configure() -> None:
    """At reduced depth nothing is deeper."""
    if not depth.FULL:
        raise pytest.UsageError("tb.harness.deeper needs SPIKELINE_TESTS=full")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what runs the same at reduced depth."""
    before, of_others = _run_before(), set(left_out(items))
    kept = [
        item for item in items if item not in of_others and (item.nodeid not in before or knows_depth(item))
    ]
    config.hook.pytest_deselected(items=list(set(items).difference(kept)))
    items[:] = kept


def _run_before() -> set[str]:
    """Names of the tests that `make test` runs."""
    command = [sys.executable, "-m", "pytest", "--collect-only", "-q", "-p", "no:xdist"]
    environment = {name: value for name, value in os.environ.items() if name != "SPIKELINE_TESTS"}
    done = subprocess.run(command, cwd=_ROOT, env=environment, capture_output=True, encoding="utf-8")
    if done.returncode:
        raise pytest.UsageError(f"the tests of make test cannot be collected:\n{done.stdout[-2000:]}")
    return {line for line in done.stdout.splitlines() if "::" in line}


def knows_depth(item: pytest.Item) -> bool:
    """Whether a test of one name may be another one at full depth."""
    if item.get_closest_marker("hypothesis") is not None or not isinstance(item, pytest.Function):
        return True
    fixtures = [own for found in item._fixtureinfo.name2fixturedefs.values() for own in found]
    used = [_place(own) for own in (item.function, *(fixture.func for fixture in fixtures))]
    return any(map(reads_depth, [*filter(None, used), *(Name(file, "") for file in benches(item))]))


class Name(NamedTuple):
    """What a file defines or imports by a `name`; all of it if that is empty."""

    file: Path
    name: str


def _place(function: object) -> Name | None:
    """Where a function of ``tb`` or ``tests`` is written; None for one of a package."""
    own = inspect.unwrap(function)  # type: ignore[arg-type]
    file = Path(inspect.getfile(own))
    return Name(file, own.__name__) if _ROOT in file.parents and ".venv" not in file.parts else None


@cache
def reads_depth(start: Name) -> bool:
    """Whether a definition uses `tb.harness.depth`, itself or by way of others in ``tb`` and ``tests``."""
    seen: set[Name] = set()
    todo = [start]
    while todo:
        own = todo.pop()
        if own.file == Path(depth.__file__):
            return True
        if own not in seen and own.file.suffix == ".py":
            seen.add(own)
            todo += _used(own)
    return False


def _used(own: Name) -> Iterator[Name]:
    """What a definition uses: names of its file, those that it imports, modules that a string names."""
    whole = _defined(own.file)
    for node in _parsed(own.file).body if own.name == "" else whole.get(own.name, []):
        if isinstance(node, ast.ImportFrom):
            yield from _imported(node, own.name)
            continue
        # decorators have the parameters of tests, and those of fixtures
        parts = node.body + node.args.args if isinstance(node, _FUNCTIONS) else [node]
        for part in [found for top in parts for found in ast.walk(top)]:
            if isinstance(part, ast.Name | ast.arg):
                name = part.id if isinstance(part, ast.Name) else part.arg
                if name in whole:
                    yield Name(own.file, name)
            elif isinstance(part, ast.ImportFrom):
                yield from _imported(part, "")
            elif isinstance(part, ast.Constant) and isinstance(part.value, str):
                yield from _module(part.value, "")


def _imported(node: ast.ImportFrom, name: str) -> Iterator[Name]:
    """What an import brings, or only `name` of it: a module, or a name in one."""
    for alias in node.names:
        if name in ("", alias.asname or alias.name):
            found = list(_module(f"{node.module}.{alias.name}", ""))
            yield from found or _module(str(node.module), alias.name)


def _module(dotted: str, name: str) -> Iterator[Name]:
    """A name in a module of ``tb`` or ``tests``, if that is one."""
    if dotted.startswith(("tb.", "tests.")):
        path = _ROOT / (dotted.replace(".", "/") + ".py")
        if path.is_file():
            yield Name(path, name)


@cache
def _parsed(file: Path) -> ast.Module:
    return ast.parse(file.read_text(encoding="utf-8"))


@cache
def _defined(file: Path) -> dict[str, list[ast.stmt]]:
    """Statements at the top of a file by the names that they define."""
    found: dict[str, list[ast.stmt]] = {}
    for node in _parsed(file).body:
        if isinstance(node, ast.ImportFrom):
            names = [alias.asname or alias.name for alias in node.names]
        elif isinstance(node, (*_FUNCTIONS, ast.ClassDef)):
            names = [node.name]
        else:
            parts = [own for part in ast.walk(node) for own in _targets(part)]
            names = [part.id for part in parts if isinstance(part, ast.Name)]
        for name in names:
            found.setdefault(name, []).append(node)
    return found


def _targets(node: ast.AST) -> Iterator[ast.AST]:
    """What an assignment assigns to."""
    targets = node.targets if isinstance(node, ast.Assign) else []
    if isinstance(node, ast.AnnAssign | ast.AugAssign | ast.For):
        targets = [node.target]
    for target in targets:
        yield from ast.walk(target)

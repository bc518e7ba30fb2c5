"""Options and fixtures of the benches."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tb.harness.runner import SIMULATORS, Workspace, missing_tool
from tb.harness.stimulus import NETWORKS


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("benches")
    group.addoption("--sim", choices=(*SIMULATORS, "both"), default="both", help="simulator (default: both)")
    group.addoption(
        "--networks", type=int, default=NETWORKS, help=f"random networks as whole cores (default: {NETWORKS})"
    )
    group.addoption("--waves", action="store_true", help="record waves; their folder is printed")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "sim" in metafunc.fixturenames:
        chosen = metafunc.config.getoption("sim")
        metafunc.parametrize("sim", SIMULATORS if chosen == "both" else [chosen], indirect=True)
    if "network_seed" in metafunc.fixturenames:
        metafunc.parametrize("network_seed", range(metafunc.config.getoption("networks")))


@pytest.fixture
def sim(request: pytest.FixtureRequest) -> str:
    """The simulator, skipped by name when it is not installed."""
    name: str = request.param
    missing = missing_tool(name)
    if missing is not None:
        pytest.skip(missing)
    return name


@pytest.fixture
def workspace(
    tmp_path: Path, tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> Iterator[Workspace]:
    """Builds shared by the session, also between the workers of xdist, and a folder for this test."""
    base = tmp_path_factory.getbasetemp()
    if hasattr(request.config, "workerinput"):
        base = base.parent
    waves = request.config.getoption("waves")
    yield Workspace(base / "builds", tmp_path, waves, brief=True)
    if waves:
        found = [str(path) for path in tmp_path.rglob("*") if path.suffix in (".fst", ".vcd")]
        print("waves:", ", ".join(found) or "none")

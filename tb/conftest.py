"""Options and fixtures of the benches."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tb.harness.depth import FULL, depth
from tb.harness.runner import SIMULATORS, Workspace, missing_tool
from tb.harness.stimulus import NETWORKS
from tb.harness.turns import TURNS, left_out


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("benches")
    sim = "both" if FULL else TURNS
    group.addoption(
        "--sim", choices=(*SIMULATORS, "both", TURNS), default=sim, help=f"simulator (default: {sim})"
    )
    networks = depth(4, NETWORKS)
    group.addoption(
        "--networks", type=int, default=networks, help=f"random networks as whole cores (default: {networks})"
    )
    group.addoption("--waves", action="store_true", help="record waveforms; their folder is printed")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "sim" in metafunc.fixturenames:
        chosen = metafunc.config.getoption("sim")
        metafunc.parametrize("sim", [chosen] if chosen in SIMULATORS else SIMULATORS, indirect=True)
    if "network_seed" in metafunc.fixturenames:
        metafunc.parametrize("network_seed", range(metafunc.config.getoption("networks")))


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """With ``turns``, each case of a test with many cases runs under one simulator only."""
    if config.getoption("sim") != TURNS:
        return
    left = left_out(items)
    config.hook.pytest_deselected(items=left)
    items[:] = [item for item in items if item not in left]


@pytest.fixture
def sim(request: pytest.FixtureRequest) -> str:
    """The simulator; the test is skipped, and names it, if it is not installed."""
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

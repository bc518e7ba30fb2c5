"""Fixtures shared by the tests of other environments."""

from pathlib import Path

import pytest

from tests.robustness.builds import save


@pytest.fixture(scope="session")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("small") / "small"
    save(folder)
    return folder

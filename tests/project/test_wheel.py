"""The wheel, installed outside the checkout: packages, their data, and a command for every script."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.paths import ROOT

pytestmark = pytest.mark.slow


def run(*command: str | Path, cwd: Path, path: Path | None = None) -> str:
    environment = {**os.environ, **({} if path is None else {"PYTHONPATH": str(path)})}
    done = subprocess.run(
        command, cwd=cwd, env=environment, capture_output=True, encoding="utf-8", timeout=300
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    copy = folder / "checkout"
    run("git", "clone", "--quiet", "--depth", "1", ROOT.as_uri(), copy, cwd=folder)
    pip = (sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check")
    run(*pip, "wheel", "--no-deps", "--no-build-isolation", "--wheel-dir", folder, copy, cwd=folder)
    (wheel,) = folder.glob("spikeline-*.whl")
    run(*pip, "install", "--no-deps", "--target", folder / "site", wheel, cwd=folder)
    return folder / "site"


def test_a_core_is_generated_by_the_installed_command(site: Path, tmp_path: Path) -> None:
    where = "import fxp_model, hw; print(fxp_model.__file__, hw.__file__)"
    assert run(sys.executable, "-c", where, cwd=tmp_path, path=site).count(str(site)) == 2
    run(site / "bin" / "spikeline-gen-hw", "--preset", "tiny", "--out", "core", cwd=tmp_path, path=site)
    assert (tmp_path / "core" / "manifest.json").is_file()


def test_every_installed_command_tells_its_options(site: Path, tmp_path: Path) -> None:
    commands = sorted((site / "bin").glob("spikeline-*"))
    assert len(commands) >= 16
    for command in commands:
        assert run(command, "--help", cwd=tmp_path, path=site).startswith(f"usage: {command.name} ")

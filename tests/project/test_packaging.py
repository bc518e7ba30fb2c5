"""pyproject.toml names every package, and constraints.txt pins every dependency."""

import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from fxp_model import cli
from tests.paths import ROOT

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


def canonical(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def test_every_package_is_listed() -> None:
    found = {
        ".".join(file.parent.relative_to(ROOT).parts)
        for top in ("fxp_model", "hw", "tb")
        for file in (ROOT / top).rglob("__init__.py")
        if file.parent.name != "tests"
    }
    assert set(PROJECT["tool"]["setuptools"]["packages"]) == {*found, "spikeline"}


OF_A_CHECKOUT = (
    *("benchmark_table", "ear_table", "fit_board", "fit_ear", "fit_resources", "hardware_table", "mutate"),
    "neuron_table",
)
"""Scripts that write into it."""


def test_every_script_is_a_command_but_for_those_that_write_into_a_checkout() -> None:
    scripts = {file.stem for file in (ROOT / "scripts").glob("*.py")} - set(OF_A_CHECKOUT)
    commands = {f"spikeline-{script.replace('_', '-')}": "fxp_model.cli:console" for script in scripts}
    assert PROJECT["project"]["scripts"] == commands


@pytest.mark.parametrize("script", OF_A_CHECKOUT)
def test_they_start_from_any_folder(script: str, tmp_path: Path) -> None:
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    command = [sys.executable, str(ROOT / "scripts" / f"{script}.py"), "--help"]
    told = subprocess.run(
        command, cwd=tmp_path, env=environment, capture_output=True, encoding="utf-8", timeout=60
    )
    assert told.returncode == 0, told.stderr
    assert script in told.stdout


def test_every_dependency_is_pinned() -> None:
    pins = {
        canonical(line.split("==")[0])
        for line in (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
        if "==" in line
    }
    groups = [PROJECT["project"]["dependencies"], *PROJECT["project"]["optional-dependencies"].values()]
    wanted = {canonical(re.split(r"[\[<>=]", requirement)[0]) for group in groups for requirement in group}
    assert wanted - pins == {"spikeline"}


def test_every_dependency_has_a_reason() -> None:
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    lines = re.findall(r'^    "[a-z][\w.-]*(?:\[[\w,-]+\])?[<>=].*$', text, re.MULTILINE)
    assert len(lines) >= 15
    assert [line for line in lines if "#" not in line] == []


def test_a_missing_package_is_told_with_an_extra_that_brings_it() -> None:
    imported = {
        "amaranth_boards": "amaranth-boards",
        "cocotb_tools": "cocotb",
        "cocotbext": "cocotbext-axi",
        "serial": "pyserial",
    }
    for package, extra in cli._EXTRAS.items():
        wanted = imported.get(package, package)
        brought = PROJECT["project"]["optional-dependencies"][extra]
        assert any(re.match(rf"{wanted}\b", requirement) for requirement in brought), (package, extra)

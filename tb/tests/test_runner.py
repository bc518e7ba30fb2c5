"""The runner tells passed from failed, and from not run at all."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import cocotb_tools.config
import pytest

from tb.harness.runner import BenchFailure, Design, Workspace, missing_tool

ADDER = Design("adder", "module adder(input [3:0] a, output [3:0] y); assign y = a + 4'd1; endmodule\n")
BENCH = "tb.benches.selftest"


def test_a_passing_bench_returns_its_figures(sim: str, workspace: Workspace) -> None:
    assert workspace.check(ADDER, sim, BENCH, {"a": 4}, "run", ["passes"]) == {"passes": {"y": 5}}


@pytest.mark.skipif(missing_tool("verilator") is not None, reason="needs verilator")
def test_headers_are_compiled_once_for_all_builds(workspace: Workspace) -> None:
    workspace = replace(workspace, waves=False)
    log = (workspace.build(ADDER, "verilator") / "build.log").read_text(encoding="utf-8")
    assert f"-include {workspace.builds / 'header' / 'verilator.h'} " in log
    assert "[-Winvalid-pch]" not in log, "what was compiled is not taken"


def test_a_failing_bench_raises(sim: str, workspace: Workspace) -> None:
    with pytest.raises(BenchFailure, match=r"(?s)selftest under .*fails: AssertionError: as it must"):
        workspace.check(ADDER, sim, BENCH, {"a": 4}, "run")


def test_a_bench_that_cannot_be_imported_raises(sim: str, workspace: Workspace) -> None:
    with pytest.raises(BenchFailure, match=r"No module named 'tb\.benches\.absent'"):
        workspace.check(ADDER, sim, "tb.benches.absent", {}, "run")


def test_a_bench_without_tests_raises(sim: str, workspace: Workspace) -> None:
    with pytest.raises(BenchFailure):
        workspace.check(ADDER, sim, "tb.harness.drivers", {}, "run")


def test_verilog_that_cannot_be_built_is_no_failure_of_a_bench(sim: str, workspace: Workspace) -> None:
    with pytest.raises(BenchFailure, match=r"cannot build adder"):
        workspace.check(Design("adder", "module adder(;\n"), sim, BENCH, {"a": 4}, "run")


def test_the_same_verilog_is_built_once(sim: str, workspace: Workspace) -> None:
    first = workspace.build(ADDER, sim)
    stamp = (first / "built").stat().st_mtime_ns
    assert workspace.build(ADDER, sim) == first
    assert (first / "built").stat().st_mtime_ns == stamp
    assert workspace.build(Design("adder", ADDER.verilog + "\n"), sim) != first


def test_no_path_needs_to_be_plain(sim: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    odd = tmp_path / "it's $HOME #1 & (mine)"
    odd.mkdir()
    for name in ("libs_dir", "share_dir"):
        (odd / name).symlink_to(getattr(cocotb_tools.config, name))
        monkeypatch.setattr(cocotb_tools.config, name, odd / name)
    workspace = Workspace(odd / "builds", odd / "runs", brief=True)
    assert workspace.check(ADDER, sim, BENCH, {"a": 4}, "run", ["passes"]) == {"passes": {"y": 5}}


def test_a_failing_bench_fails_pytest(sim: str, workspace: Workspace, tmp_path: Path) -> None:
    project = Path(__file__).parents[2]
    inner = tmp_path / "test_inner.py"
    inner.write_text(
        "from tb.harness.runner import Workspace\n"
        "from tb.tests.test_runner import ADDER, BENCH\n"
        "def test_passes(tmp_path):\n"
        f"    Workspace(tmp_path, tmp_path).check(ADDER, {sim!r}, BENCH, {{'a': 4}}, 'run', ['passes'])\n"
        "def test_fails(tmp_path):\n"
        f"    Workspace(tmp_path, tmp_path).check(ADDER, {sim!r}, BENCH, {{'a': 4}}, 'run')\n",
        encoding="utf-8",
    )
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-p",
        "no:cacheprovider",
        "--rootdir",
        str(tmp_path),
        str(inner),
    ]
    environment = {**os.environ, "PYTHONPATH": str(project)}
    done = subprocess.run(
        command, capture_output=True, text=True, encoding="utf-8", env=environment, cwd=tmp_path
    )
    assert done.returncode == 1, done.stdout
    assert "1 failed, 1 passed" in done.stdout

"""Every script: help, and one clear line with status 2 for invalid input."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.calls import ROOT, SCRIPTS, call

pytestmark = pytest.mark.slow


def test_a_script_is_a_program_of_its_own() -> None:
    for arguments, status, out, err in (
        (("--help",), 0, "usage: compare.py ", ""),
        (
            ("tests", "tests"),
            2,
            "",
            "compare.py: tests must be a build of gen_hw.py ",
        ),
    ):
        command = [sys.executable, "scripts/compare.py", *arguments]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, encoding="utf-8")
        assert done.returncode == status
        assert done.stdout.startswith(out)
        assert done.stderr.startswith(err)
        assert bool(done.stdout) == bool(out)
        assert len(done.stderr.splitlines()) == (1 if err else 0)


@pytest.mark.parametrize("script", SCRIPTS)
def test_help(script: str) -> None:
    done = call(script, "--help")
    assert done.returncode == 0
    assert done.stdout.startswith(f"usage: {script} ")
    assert not done.stderr


USAGE_ERRORS = [
    ("gen_hw.py", ("--artifact", "nowhere"), "artifact nowhere is not a folder"),
    ("gen_hw.py", ("--artifact", "tests"), "tests/SHA256SUMS: No such file or directory"),
    ("gen_hw.py", ("--lanes", "0"), "--lanes must be at least 1, not 0"),
    (
        "gen_hw.py",
        ("--name", "a-b"),
        "name of a core must be letters and digits with single _ between, a letter first, not 'a-b'",
    ),
    ("gen_hls.py", ("--artifact", "nowhere"), "artifact nowhere is not a folder"),
    ("gen_hls.py", ("--lanes", "0", "--out", "OUT"), "--lanes must be at least 1, not 0"),
    (
        "gen_hls.py",
        ("--name", "a-b", "--out", "OUT"),
        "name of a project must be letters and digits with single _ between, a letter first, not",
    ),
    (
        "gen_hls.py",
        ("--report", "tests"),
        "tests/project.tcl must name the project: tests is not an HLS project",
    ),
    ("gen_hls.py", ("--check", "synthetic", "--clips", "0"), "--clips must be at least 1, not 0"),
    (
        "build_board.py",
        ("--board", "ulx3s-85f", "--artifact", "nowhere", "--out", "OUT"),
        "artifact nowhere is not a folder",
    ),
    (
        "build_board.py",
        ("--board", "ulx3s-85f", "--out", "OUT", "--seeds", "0"),
        "--seeds must be at least 1",
    ),
    (
        "build_board.py",
        ("--board", "ulx3s-85f", "--out", "OUT", "--microphone", "pdm"),
        "--microphone requires --ear",
    ),
    ("prove.py", ("--artifact", "nowhere"), "artifact nowhere is not a folder"),
    ("prove.py", ("--clips", "0"), "--clips must be at least 1, not 0"),
    ("prove.py", ("--lanes", "0"), "--lanes must be at least 1, not 0"),
    ("cosim.py", ("--artifact", "nowhere"), "artifact nowhere is not a folder"),
    ("cosim.py", ("--lanes", "0"), "--lanes must be at least 1, not 0"),
    ("hear.py", ("nowhere", "--artifact", "nowhere"), "artifact nowhere is not a folder"),
    ("hear.py", ("nowhere",), "nowhere: No such file or directory"),
    ("hear.py", ("nowhere", "--gain", "16"), "--gain must be at most 15, not 16"),
    (
        "gen_hw.py",
        ("--hls-report", "tests"),
        "tests/project.tcl must name the project: tests is not an HLS project",
    ),
    ("gen_hw.py", ("--exploration", "README.md"), "README.md is not JSON: "),
    (
        "gen_hw.py",
        ("--clock-mhz", "0"),
        "--clock-mhz must be a number from 0.001 to 10000, not 0",
    ),
    ("compare.py", ("tests", "tests"), "tests must be a build of gen_hw.py "),
    ("latency.py", ("--artifact", "nowhere", "--data", "synthetic"), "artifact nowhere is not a folder"),
    ("latency.py", ("--data", "nowhere"), "nowhere"),
    ("cosim.py", ("--level-clips", "0"), "--level-clips must be at least 1, not 0"),
    ("cosim.py", ("--icarus-clips", "-1"), "--icarus-clips must be at least 0, not -1"),
    (
        "cosim.py",
        ("--verilator-clips", "0", "--icarus-clips", "0"),
        "--verilator-clips and --icarus-clips must not both be 0: nothing to simulate",
    ),
    ("bench.py", ("--artifact", "nowhere"), "artifact nowhere is not a folder"),
    ("bench.py", ("--data", "nowhere"), "nowhere"),
    ("evaluate.py", ("--artifact", "nowhere", "--data", "synthetic"), "artifact nowhere is not a folder"),
    ("evaluate.py", ("--data", "nowhere"), "nowhere"),
    ("reproduce.py", (), "--data and --out are needed to train, or --summary or --figures"),
    ("reproduce.py", ("--data", "nowhere", "--out", "OUT"), "nowhere"),
    ("reproduce.py", ("--data", "nowhere", "--out", "OUT", "--systems", "x"), "system must be one of conv, "),
    ("reproduce.py", ("--data", "nowhere", "--out", "OUT", "--workers", "0"), "--workers must be at least 1"),
    ("reproduce.py", ("--summary", "--results", "nowhere"), "nowhere: No such file or directory"),
    ("synth.py", ("--artifact", "nowhere", "--target", "ecp5"), "artifact nowhere is not a folder"),
    ("synth.py", ("--target", "ecp5", "--pnr", "--seeds", "0"), "--seeds must be at least 1, not 0"),
    (
        "synth.py",
        ("--target", "xilinx7", "--pnr"),
        "place and route must be for one of ecp5, ice40, not xilinx7",
    ),
    ("play.py", ("--artifact", "nowhere", "--port", "sim"), "artifact nowhere is not a folder"),
    ("play.py", (), "the following arguments are required: --port"),
    ("play.py", ("--port", "nowhere"), "nowhere must be a serial port: "),
    ("play.py", ("--port", "nowhere", "--lose", "1"), "--lose must be a number from 0 to 0.5, not 1"),
    (
        "play.py",
        ("--port", "nowhere", "--flip", "0.1"),
        "--lose, --double and --flip must come with --port sim, not nowhere",
    ),
    ("listen.py", ("--port", "nowhere"), "nowhere must be a serial port: "),
    ("listen.py", ("--port", "sim", "--sound", "nowhere"), "nowhere: No such file or directory"),
    ("vivado_report.py", ("nowhere", "nowhere"), "nowhere: No such file or directory"),
    ("train.py", ("--data", "nowhere", "--out", "OUT"), "nowhere"),
    ("train.py", ("--data", "synthetic", "--out", "OUT", "--kernel", "4"), "kernel_size must be odd, not 4"),
]


@pytest.mark.parametrize(("script", "arguments", "message"), USAGE_ERRORS)
def test_bad_input_is_one_line_and_status_2(
    script: str, arguments: tuple[str, ...], message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "out"
    monkeypatch.chdir(ROOT)
    done = call(script, *(str(out) if a == "OUT" else a for a in arguments))
    assert done.returncode == 2, done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert done.stderr.startswith(f"{script}: {message}")
    assert not done.stdout
    assert not out.exists()

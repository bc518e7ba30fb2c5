"""Vivado without Vivado: a build's Tcl runs under a stub that records its calls; sample reports are read."""

import json
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from fxp_model import __version__
from fxp_model.errors import InputError
from hw.flows.vivado_report import read_reports
from hw.verilog import EmittedCore, Port
from hw.vivado import SCRIPTS, vlnv, write_scripts
from tests.paths import ROOT

pytestmark = pytest.mark.slow

INTERFACES = ("aclk", "aresetn", "irq", "s_axis", "m_axis", "s_axil")
PORTS = {
    "input": ("aclk", "aresetn", "s_axis_tdata", "s_axis_tvalid", "m_axis_tready", "s_axil_awaddr"),
    "output": ("s_axis_tready", "m_axis_tdata", "m_axis_tvalid", "s_axil_awready", "irq"),
}
CORE = EmittedCore(
    "net",
    "module net();\nendmodule\n",
    tuple(
        Port(name, direction, 64 if name == "s_axis_tdata" else 1)
        for direction, names in PORTS.items()
        for name in names
    ),
    (),
    (),
)

STUB = """
# commands of Vivado, that do nothing but say what they were; `known` are the interfaces that it found
proc unknown {args} {
    global known
    puts "CALL $args"
    set command [lindex $args 0]
    if {$command eq "ipx::infer_bus_interface" && %(learns)d} {
        set ports [lindex $args 1]
        dict set known [join [lrange [split [lindex $ports 0] _] 0 1] _] 1
    }
    if {$command eq "ipx::get_bus_interfaces"} {
        set name [lindex $args 2]
        return [expr {[dict exists $known $name] ? $name : ""}]
    }
    if {[string match get_bd_* $command] || $command eq "create_bd_cell"} {return [lindex $args end]}
    return [expr {$command eq "ipx::current_core" ? "CORE" : ""}]
}
set known {%(known)s}
set argv {%(argv)s}
set argc [llength $argv]
source %(script)s
"""


@pytest.fixture
def scripts(tmp_path: Path) -> Path:
    if shutil.which("tclsh") is None:
        pytest.skip("tclsh not found: apt-get install tcl")
    folder = tmp_path / "build" / "vivado"
    folder.parent.mkdir()
    write_scripts(folder, CORE)
    return folder


def play(
    script: Path, known: tuple[str, ...] = (), learns: bool = True, argv: str = ""
) -> subprocess.CompletedProcess[str]:
    """Run `script` under the stub."""
    names = " ".join(f"{name} 1" for name in known)
    text = STUB % {"known": names, "script": script, "learns": learns, "argv": argv}
    return subprocess.run(["tclsh"], input=text, capture_output=True, text=True, encoding="utf-8")


def calls(done: subprocess.CompletedProcess[str]) -> list[str]:
    return [line.removeprefix("CALL ") for line in done.stdout.splitlines() if line.startswith("CALL ")]


@pytest.mark.parametrize("script", ["core.tcl", *SCRIPTS])
def test_the_tcl_is_complete(scripts: Path, script: str) -> None:
    check = f"set file [open {scripts / script}]; puts [info complete [read $file]]"
    done = subprocess.run(["tclsh"], input=check, capture_output=True, text=True, encoding="utf-8")
    assert done.stdout.strip() == "1"


@pytest.mark.parametrize("known", [(), INTERFACES], ids=["named by us", "found by Vivado"])
def test_an_ip_has_its_interfaces(scripts: Path, known: tuple[str, ...]) -> None:
    done = play(scripts / "create_ip.tcl", known)
    assert not done.stderr
    seen = calls(done)
    inferred = {call.split("_rtl")[0].split(":")[-1] for call in seen if "infer_bus_interface" in call}
    assert inferred == (set() if known else {"clock", "reset", "interrupt", "axis", "aximm"})
    for bus in ("s_axis", "m_axis", "s_axil"):
        assert f"ipx::associate_bus_interfaces -busif {bus} -clock aclk CORE" in seen
    assert "ipx::associate_bus_interfaces -clock aclk -reset aresetn CORE" in seen
    assert "ipx::add_bus_parameter POLARITY aresetn" in seen
    assert any(call.startswith("set_property range 4096") for call in seen)
    vendor, library, name, version = vlnv(CORE).split(":")
    packaged = next(call for call in seen if call.startswith("ipx::package_project"))
    assert f"-root_dir {scripts / 'ip'} -vendor {vendor} -library {library}" in packaged
    assert f"set_property name {name} CORE" in seen
    assert f"set_property version {version} CORE" in seen
    assert f"add_files -norecurse {scripts / '..' / 'net.v'}" in seen
    order = [seen.index(f"ipx::{step} CORE") for step in ("update_checksums", "check_integrity", "save_core")]
    assert order == sorted(order)


def test_an_interface_that_is_not_recognised_is_an_error(scripts: Path) -> None:
    known = tuple(name for name in INTERFACES if name != "m_axis")
    done = play(scripts / "create_ip.tcl", known, learns=False)
    ports = "m_axis_tready m_axis_tdata m_axis_tvalid"
    assert f"interface m_axis was not recognised in ports {ports}" in done.stderr
    assert not any("save_core" in call for call in calls(done))


def test_the_core_is_synthesised_and_routed_out_of_context(scripts: Path) -> None:
    done = play(scripts / "synth.tcl")
    assert not done.stderr
    seen = calls(done)
    steps = [call.split()[0] for call in seen if not call.startswith("report")]
    read = ["read_verilog", "read_xdc", "synth_design"]
    assert steps == [*read, "opt_design", "place_design", "phys_opt_design", "route_design"]
    assert "synth_design -top net -part xc7z020clg400-1 -mode out_of_context" in seen
    reports = {Path(call.split()[-1]).name for call in seen if call.startswith("report")}
    tables = ("utilization", "hierarchy", "timing")
    assert reports == {f"{table}{state}.rpt" for table in tables for state in ("", "_synth")}
    assert "create_clock -name aclk -period 5.000 {get_ports aclk}" not in seen
    clock = calls(play(scripts / "ooc.xdc"))
    assert clock[0] == "get_ports aclk"
    assert clock[1].startswith("create_clock -name aclk -period 5.000")


IN, OUT = "in", "out"
BUSES = {
    "processors": {"M_AXI_GP0": OUT, "S_AXI_HP0": IN},
    "core": {"s_axil": IN, "s_axis": IN, "m_axis": OUT},
    "dma": {"S_AXI_LITE": IN, "M_AXIS_MM2S": OUT, "S_AXIS_S2MM": IN, "M_AXI_MM2S": OUT, "M_AXI_S2MM": OUT},
    "control": {"S00_AXI": IN, "M00_AXI": OUT, "M01_AXI": OUT},
    "memory": {"S00_AXI": IN, "S01_AXI": IN, "M00_AXI": OUT},
}
WIRES = {
    "processors": {
        **dict.fromkeys(("M_AXI_GP0_ACLK", "S_AXI_HP0_ACLK", "IRQ_F2P"), IN),
        **dict.fromkeys(("FCLK_CLK0", "FCLK_RESET0_N"), OUT),
    },
    "core": {"aclk": IN, "aresetn": IN, "irq": OUT},
    "dma": {
        **dict.fromkeys(("s_axi_lite_aclk", "m_axi_mm2s_aclk", "m_axi_s2mm_aclk", "axi_resetn"), IN),
        **dict.fromkeys(("mm2s_introut", "s2mm_introut"), OUT),
    },
    "control": {"aclk": IN, "aresetn": IN},
    "memory": {"aclk": IN, "aresetn": IN},
    "reset": {"slowest_sync_clk": IN, "ext_reset_in": IN, "peripheral_aresetn": OUT},
    "interrupts": {"In0": IN, "In1": IN, "In2": IN, "dout": OUT},
}
"""Pins that a design must connect, of the IPs as Xilinx documents them (PG021, PG164, PG247, UG585)."""


def pins(of: dict[str, dict[str, str]], way: str) -> set[str]:
    return {f"{cell}/{pin}" for cell, own in of.items() for pin, its in own.items() if its == way}


def test_a_zynq_has_every_pin_connected(scripts: Path) -> None:
    done = play(scripts / "block_design.tcl")
    assert not done.stderr
    seen = [call.split() for call in calls(done)]
    cells = {call[5]: call[4] for call in seen if call[0] == "create_bd_cell"}
    assert cells.keys() == WIRES.keys()
    assert cells["core"] == vlnv(CORE)
    for command, of in (("connect_bd_intf_net", BUSES), ("connect_bd_net", WIRES)):
        ends = [call[1:] for call in seen if call[0] == command]
        assert {driver for driver, _ in ends} == pins(of, OUT)
        assert sorted(sink for _, sink in ends) == sorted(pins(of, IN))
    order = [
        call[0] for call in seen if call[0] in ("assign_bd_address", "validate_bd_design", "save_bd_design")
    ]
    assert order == ["assign_bd_address", "validate_bd_design", "save_bd_design"]
    assert max(seen.index(call) for call in seen if call[0].startswith("connect_")) < seen.index(order[:1])
    for width in ("c_m_axi_mm2s_data_width", "c_m_axis_mm2s_tdata_width"):
        assert ["set_property", f"CONFIG.{width}", "64", "dma"] in seen


def test_a_zynq_takes_a_board(scripts: Path) -> None:
    board = "tul.com.tw:pynq-z2:part0:1.0"
    preset = "make_external {FIXED_IO, DDR} apply_board_preset"
    with_board = calls(play(scripts / "block_design.tcl", argv=f"xc7z020clg400-1 {board}"))
    without = calls(play(scripts / "block_design.tcl"))
    assert f"set_property board_part {board} {{}}" in with_board
    assert not any("board_part" in call for call in without)
    assert any(f"{{{preset} 1}}" in call for call in with_board)
    assert any(f"{{{preset} 0}}" in call for call in without)


def test_cores_that_differ_have_names_that_differ() -> None:
    vendor, library, name, version = vlnv(CORE).split(":")
    assert (vendor, library) == ("spikeline", "core")
    assert __version__.startswith(f"{version}.")
    assert name.startswith("net_")
    other = vlnv(replace(CORE, verilog=CORE.verilog + "// another artifact or configuration\n"))
    assert other.split(":")[2] != name
    assert vlnv(CORE) == vlnv(replace(CORE))


HEAD = """\
Copyright 1986-2022 Xilinx, Inc. All Rights Reserved.
-----------------------------------------------------------------------------
| Tool Version : Vivado v.2023.1 (lin64) Build 3865809 Sun May  7 15:04:56 MDT 2023
| Date         : Wed Nov 25 12:00:00 2026
| Command      : {command}
| Design       : net
| Device       : {device}
| Speed File   : -1
"""
UTILIZATION = f"""{HEAD.format(command="report_utilization -file utilization.rpt", device="xc7z020clg400-1")}\
| Design State : Routed
-----------------------------------------------------------------------------

Utilization Design Information

1. Slice Logic
--------------

+----------------------------+------+-------+------------+-----------+-------+
|          Site Type         | Used | Fixed | Prohibited | Available | Util% |
+----------------------------+------+-------+------------+-----------+-------+
| Slice LUTs                 | 7100 |     0 |          0 |     53200 | 13.35 |
|   LUT as Logic             | 4800 |     0 |          0 |     53200 |  9.02 |
|   LUT as Memory            | 2300 |     0 |          0 |     17400 | 13.22 |
|     LUT as Distributed RAM | 1740 |     0 |            |           |       |
|     LUT as Shift Register  |  560 |     0 |            |           |       |
| Slice Registers            | 5900 |     0 |          0 |    106400 |  5.55 |
|   Register as Flip Flop    | 5900 |     0 |          0 |    106400 |  5.55 |
|   Register as Latch        |    0 |     0 |          0 |    106400 |  0.00 |
| F7 Muxes                   |   43 |     0 |          0 |     26600 |  0.16 |
+----------------------------+------+-------+------------+-----------+-------+

3. Memory
---------

+-------------------+------+-------+------------+-----------+-------+
|     Site Type     | Used | Fixed | Prohibited | Available | Util% |
+-------------------+------+-------+------------+-----------+-------+
| Block RAM Tile    | 25.5 |     0 |          0 |       140 | 18.21 |
|   RAMB36/FIFO*    |   25 |     0 |          0 |       140 | 17.86 |
|   RAMB18          |    1 |     0 |          0 |       280 |  0.36 |
+-------------------+------+-------+------------+-----------+-------+

4. DSP
------

+----------------+------+-------+------------+-----------+-------+
|    Site Type   | Used | Fixed | Prohibited | Available | Util% |
+----------------+------+-------+------------+-----------+-------+
| DSPs           |   16 |     0 |          0 |       220 |  7.27 |
|   DSP48E1 only |   16 |       |            |           |       |
+----------------+------+-------+------------+-----------+-------+
"""
TIMING = f"""{HEAD.format(command="report_timing_summary -file timing.rpt", device="7z020-clg400")}\
-----------------------------------------------------------------------------

Timing Summary Report

------------------------------------------------------------------------------------------------
| Design Timing Summary
| ---------------------
------------------------------------------------------------------------------------------------

    WNS(ns)      TNS(ns)  TNS Failing Endpoints  TNS Total Endpoints      WHS(ns)      THS(ns)
    -------      -------  ---------------------  -------------------      -------      -------
     -0.250       -3.112                     31                25854        0.021        0.000


Timing constraints are not met.

------------------------------------------------------------------------------------------------
| Clock Summary
| -------------
------------------------------------------------------------------------------------------------

Clock  Waveform(ns)         Period(ns)      Frequency(MHz)
-----  ------------         ----------      --------------
aclk   {{0.000 2.500}}        5.000           200.000

------------------------------------------------------------------------------------------------
| Intra Clock Table
| -----------------
------------------------------------------------------------------------------------------------

Clock             WNS(ns)      TNS(ns)  TNS Failing Endpoints  TNS Total Endpoints
-----             -------      -------  ---------------------  -------------------
aclk               -0.250       -3.112                     31                25854
"""


def read(folder: Path, utilization: str = UTILIZATION, timing: str = TIMING) -> dict:
    files = folder / "utilization.rpt", folder / "timing.rpt"
    for file, text in zip(files, (utilization, timing), strict=True):
        file.write_text(text, encoding="utf-8")
    return read_reports(*files)


EXPECTED = {
    "lut": 7100,
    "lut_logic": 4800,
    "lutram": 1740,
    "srl": 560,
    "ff": 5900,
    "bram36": 25.5,
    "dsp": 16,
    "wns_ns": -0.25,
    "period_ns": 5.0,
    "fmax_mhz": 190.48,
    "device": "xc7z020clg400-1",
    "state": "Routed",
    "versions": {"vivado": "2023.1"},
}


def test_reports_are_read(tmp_path: Path) -> None:
    assert read(tmp_path) == EXPECTED


def test_reports_after_synthesis_are_read(tmp_path: Path) -> None:
    """Counts of LUTs have a footnote then; rows that divide LUTs as memory are left out without any."""
    lines = [line for line in UTILIZATION.splitlines(keepends=True) if "    LUT as " not in line]
    text = "".join(lines).replace("Slice LUTs ", "Slice LUTs*").replace("Routed", "Synthesized")
    text = text.replace("| 2300 |", "|    0 |")
    assert read(tmp_path, text) == {**EXPECTED, "lutram": 0, "srl": 0, "state": "Synthesized"}


@pytest.mark.parametrize(
    ("file", "old", "new", "message"),
    [
        (
            "utilization",
            "Slice LUTs ",
            "CLB LUTs   ",
            "table 'Slice Logic' of report_utilization has no row 'Slice",
        ),
        (
            "utilization",
            "| Block RAM Tile ",
            "|",
            "table 'Memory' of report_utilization has no row 'Block RAM Tile'",
        ),
        ("utilization", "| DSPs ", "|", "table 'DSP' of report_utilization has no row 'DSPs', or is missing"),
        (
            "utilization",
            " 560 ",
            " 561 ",
            "must divide LUT as Memory, 2300, into Distributed RAM and Shift Register",
        ),
        (
            "utilization",
            "| Design State",
            "|",
            "the table at the top of a report has no entry 'Design State'",
        ),
        ("timing", "    WNS(ns)", "", "table 'Design Timing Summary' of report_timing_summary is missing"),
        (
            "timing",
            "aclk   {",
            "clk    {",
            "table 'Clock Summary' of report_timing_summary has no clock 'aclk'",
        ),
        (
            "timing",
            "     -0.250       -3",
            "         NA       -3",
            "must have a WNS, not NA: no path was timed",
        ),
    ],
)
def test_what_a_report_lacks_is_named(tmp_path: Path, file: str, old: str, new: str, message: str) -> None:
    texts = {"utilization": UTILIZATION, "timing": TIMING}
    assert old in texts[file]
    texts[file] = texts[file].replace(old, new, 1)
    with pytest.raises(InputError) as caught:
        read(tmp_path, **texts)
    assert str(caught.value).startswith(f"{tmp_path / file}.rpt: ")
    assert message in str(caught.value)


def test_reports_must_be_of_one_run(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"must be of one run: Design is 'net' and 'another'$"):
        read(tmp_path, timing=TIMING.replace("| Design       : net", "| Design       : another"))


def test_the_script_prints_what_it_read(tmp_path: Path) -> None:
    read(tmp_path)
    files = (str(tmp_path / name) for name in ("utilization.rpt", "timing.rpt"))
    command = [sys.executable, "scripts/vivado_report.py", *files, "--json", "-"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, encoding="utf-8", check=True)
    assert json.loads(done.stdout) == {"target": "xilinx7", **EXPECTED}

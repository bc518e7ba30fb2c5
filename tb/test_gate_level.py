"""Netlists of the flows, cell by cell: the benches of a core, and the registers of hard blocks."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from fxp_model.artifact import load_artifact
from hw.emit import emit
from hw.flows import multiplier_registers, output_registers, yosys
from hw.flows.hard_registers import use_hard_registers
from hw.flows.tool import run_tool
from tb import planted
from tb.cores import core_plan, save_network
from tb.netlists import LIBRARIES, models, netlist_design, netlist_verilog
from tb.runner import Design, Workspace

BENCHES = Path(__file__).parent


@pytest.mark.parametrize("target", LIBRARIES)
def test_netlist_equals_golden_model(target: str, workspace: Workspace) -> None:
    """Scores, classes, counters and cycles; what is inside has no names any more."""
    network, config = planted.network(), planted.hardware()
    artifact = save_network(workspace.runs / "artifact", network)
    sha256 = load_artifact(artifact).sha256
    core = replace(emit(network, config, "core", sha256), probes=())
    netlist = yosys.synthesise(core, target, workspace.runs, timeout_s=600)
    if target == "ecp5":
        use_hard_registers(netlist, core.name)
        assert registered(yosys.read_module(netlist, core.name))
    design = netlist_design(netlist, core.name, target)
    plan = core_plan(artifact, config, core, seed=1, sha256=sha256, samples=2)
    tests = ["traffic", "cycles"]
    figures = workspace.check(design, "icarus", "tb.cocotb_network", plan, "netlist", tests)
    assert [figures[test]["samples"] for test in tests] == [2, 2]


def synthesised(name: str, folder: Path) -> Path:
    """The netlist of ``tb/NAME.v`` as yosys makes it for an ECP5."""
    (folder / f"{name}.v").write_text((BENCHES / f"{name}.v").read_text())
    passes = f"read_verilog {name}.v; synth_ecp5 -top {name}; write_json netlist.json"
    run_tool(yosys.PACKAGE, ["-q", "-p", passes], folder, timeout_s=600)
    return folder / "netlist.json"


def compared(name: str, netlist: Path, design: dict[str, Any], workspace: Workspace) -> dict[str, Any]:
    """Figures of a bench that compares the first netlist with what became of it, from the start on."""
    after = netlist.with_name("after.json")
    after.write_text(json.dumps(design))
    twins = ""
    for twin, file in (("first", netlist), ("second", after)):
        twins += netlist_verilog(file).replace(f"module {name}(", f"module {twin}_twin(")
    twins += (BENCHES / f"{name}_twins.v").read_text()
    both = Design("twins", twins + models(twins, "ecp5"))
    figures: dict[str, Any] = workspace.check(both, "icarus", "tb.cocotb_twins", {"ns": 4001}, "twins")
    return figures["no_difference"]


def modes(module: dict[str, Any]) -> dict[str, tuple[str, str]]:
    """Memory: use of the output registers of its RAMs."""
    return {
        name.partition(".")[0]: (cell["parameters"]["REGMODE_A"], cell["parameters"]["REGMODE_B"])
        for name, cell in module["cells"].items()
        if cell["type"] == "DP16KD"
    }


def flops(module: dict[str, Any]) -> int:
    return sum(cell["type"] == "TRELLIS_FF" for cell in module["cells"].values())


def test_registers_behind_memories(tmp_path: Path, workspace: Workspace) -> None:
    """What can move has moved, nothing else has, and the outputs are the same from the start on."""
    netlist = synthesised("memories", tmp_path)
    design = json.loads(netlist.read_text())
    module = design["modules"]["memories"]
    before = flops(module)
    taken = output_registers.absorb(module)
    none, one, both = ("NOREG", "NOREG"), ("OUTREG", "NOREG"), ("OUTREG", "OUTREG")
    moved = {"m0": one, "m1": both, "m2": both, "m8": one, "mc": one}
    assert modes(module) == {
        **moved,
        **dict.fromkeys(("m3", "m4", "m5", "m6", "m7", "m9", "ma", "mb", "md"), none),
    }
    assert taken == 18 + 2 * 18 + 36 + 2 * 18 + 9
    assert before - taken < flops(module) == before - taken + 2, "`en` and what selects the RAM are delayed"
    figures = compared("memories", netlist, design, workspace)
    assert figures["compared"] == 17 * 2000
    assert figures["changes"] > 17 * 500


def registered(module: dict[str, Any]) -> set[str]:
    """Products whose multiplier has registers at both ends."""
    kinds = {f"REG_{place}_CLK": "CLK0" for place in ("INPUTA", "INPUTB", "OUTPUT")}
    return {
        name.partition("_")[0]
        for name, cell in module["cells"].items()
        if cell["type"] == "MULT18X18D" and cell["parameters"].items() >= kinds.items()
    }


def test_registers_around_multipliers(tmp_path: Path, workspace: Workspace) -> None:
    netlist = synthesised("products", tmp_path)
    design = json.loads(netlist.read_text())
    module = design["modules"]["products"]
    before = flops(module)
    taken = multiplier_registers.absorb(module)
    assert sum(cell["type"] == "MULT18X18D" for cell in module["cells"].values()) == 10
    assert registered(module) == {"signs", "scaled", "chain"}
    # behind them, and those of a0 and a1, which nobody else reads
    assert before - flops(module) == taken == 16 + 13 + 8 + 8 + 8
    figures = compared("products", netlist, design, workspace)
    assert figures["compared"] == 10 * 2000
    assert figures["changes"] > 10 * 500

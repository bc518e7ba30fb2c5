"""Netlists of the flows, cell by cell: the benches of a core, and the registers behind memories."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from fxp_model.artifact import load_artifact
from hw.emit import emit
from hw.flows import yosys
from hw.flows.output_registers import absorb, use_output_registers
from hw.flows.tool import run_tool
from tb import planted
from tb.cores import core_plan, save_network
from tb.netlists import LIBRARIES, models, netlist_design, netlist_verilog
from tb.runner import Design, Workspace

MEMORIES, TWINS = (Path(__file__).with_name(name) for name in ("memories.v", "twins.v"))


@pytest.mark.parametrize("target", LIBRARIES)
def test_netlist_equals_golden_model(target: str, workspace: Workspace) -> None:
    """Scores, classes, counters and cycles; what is inside has no names any more."""
    network, config = planted.network(), planted.hardware()
    artifact = save_network(workspace.runs / "artifact", network)
    sha256 = load_artifact(artifact).sha256
    core = replace(emit(network, config, "core", sha256), probes=())
    netlist = yosys.synthesise(core, target, workspace.runs, timeout_s=600)
    if target == "ecp5":
        use_output_registers(netlist, core.name)
    design = netlist_design(netlist, core.name, target)
    plan = core_plan(artifact, config, core, seed=1, sha256=sha256, samples=2)
    tests = ["traffic", "cycles"]
    figures = workspace.check(design, "icarus", "tb.cocotb_network", plan, "netlist", tests)
    assert [figures[test]["samples"] for test in tests] == [2, 2]


@pytest.fixture(scope="session")
def memories(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The netlist of `MEMORIES` as yosys makes it."""
    folder = tmp_path_factory.mktemp("memories")
    (folder / "memories.v").write_text(MEMORIES.read_text())
    passes = "read_verilog memories.v; synth_ecp5 -top memories; write_json netlist.json"
    run_tool(yosys.PACKAGE, ["-q", "-p", passes], folder, timeout_s=600)
    return folder / "netlist.json"


def modes(module: dict[str, Any]) -> dict[str, tuple[str, str]]:
    """Memory: use of the output registers of its RAMs."""
    return {
        name.partition(".")[0]: (cell["parameters"]["REGMODE_A"], cell["parameters"]["REGMODE_B"])
        for name, cell in module["cells"].items()
        if cell["type"] == "DP16KD"
    }


def test_registers_behind_memories(memories: Path, workspace: Workspace) -> None:
    """What can move has moved, nothing else has, and the outputs are the same from the start on."""
    design = json.loads(memories.read_text())
    module = design["modules"]["memories"]
    before = flops(module)
    taken = absorb(module)
    none, one, both = ("NOREG", "NOREG"), ("OUTREG", "NOREG"), ("OUTREG", "OUTREG")
    moved = {"m0": one, "m1": both, "m2": both, "m8": one, "mc": one}
    assert modes(module) == {
        **moved,
        **dict.fromkeys(("m3", "m4", "m5", "m6", "m7", "m9", "ma", "mb", "md"), none),
    }
    assert taken == 18 + 2 * 18 + 36 + 2 * 18 + 9
    assert before - taken < flops(module) == before - taken + 2, "`en` and what selects the RAM are delayed"

    after = memories.with_name("after.json")
    after.write_text(json.dumps(design))
    twins = ""
    for name, netlist in (("first", memories), ("second", after)):
        twins += netlist_verilog(netlist).replace("module memories(", f"module {name}_twin(")
    twins += TWINS.read_text()
    design = Design("twins", twins + models(twins, "ecp5"))
    figures = workspace.check(design, "icarus", "tb.cocotb_twins", {"ns": 4001}, "twins")["no_difference"]
    assert figures["compared"] == 17 * 2000
    assert figures["changes"] > 17 * 500


def flops(module: dict[str, Any]) -> int:
    return sum(cell["type"] == "TRELLIS_FF" for cell in module["cells"].values())

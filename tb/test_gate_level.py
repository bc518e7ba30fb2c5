"""Netlists of the flows, cell by cell: the benches of a core, and the registers behind memories."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from hw.flows import yosys
from hw.flows.output_registers import absorb
from hw.flows.tool import run_tool
from tb.netlists import models, netlist_verilog
from tb.runner import Design, Workspace

MEMORIES, TWINS = (Path(__file__).with_name(name) for name in ("memories.v", "twins.v"))


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
    assert modes(module) == {**moved, **dict.fromkeys(("m3", "m4", "m5", "m6", "m7", "m9", "ma", "mb"), none)}
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
    assert figures["compared"] == 16 * 2000
    assert figures["changes"] > 16 * 500


def flops(module: dict[str, Any]) -> int:
    return sum(cell["type"] == "TRELLIS_FF" for cell in module["cells"].values())

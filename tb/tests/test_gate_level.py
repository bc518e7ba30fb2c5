"""Gate-level netlists of the flows: the benches of a core, and the registers of hard blocks."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from fxp_model.artifact import load_artifact
from fxp_model.network import Network
from hw.flows import multiplier_registers, output_registers, physical, register_copies, shift_rams, yosys
from hw.flows.netlist import Module, readers_of
from hw.flows.tool import run_tool
from hw.verilog import emit
from tb.harness import planted
from tb.harness.cores import core_plan, save_network
from tb.harness.depth import depth
from tb.harness.netlists import models, netlist_design, netlist_verilog
from tb.harness.runner import Design, Workspace
from tb.harness.stimulus import retrained

DESIGNS = Path(__file__).parents[1] / "designs"


CORES = [("ecp5", False, 1), ("xilinx7", True, 2), ("ecp5", True, 2), ("xilinx7", False, 1)]


@pytest.mark.parametrize(("target", "reload", "events"), CORES[: depth(1, 4)])
def test_netlist_equals_golden_model(target: str, reload: bool, events: int, workspace: Workspace) -> None:
    """Scores, classes, counters and cycles; internal nets have lost their names. And another network."""
    network, config = planted.network(), planted.with_events(planted.hardware(reload), events)
    if not reload:
        network = with_long_delays(network)
    artifact = save_network(workspace.runs / "artifact", network)
    sha256 = load_artifact(artifact).sha256
    core = replace(emit(network, config, "core", sha256), probes=())
    netlist = yosys.synthesise(core, target, workspace.runs, timeout_s=600)
    if target == "ecp5":
        names = yosys.read_module(netlist, core.name)["cells"]
        assert any(".delays.shift_" in name for name in names) != reload, "no RAM has taps at run time"
        physical.optimise(netlist, core.name, most_readers=8)
        assert registered(yosys.read_module(netlist, core.name))
    design = netlist_design(netlist, core.name, target)
    plan = core_plan(artifact, config, core, seed=1, sha256=sha256, samples=2)
    tests = ["traffic", "cycles"]
    figures = workspace.check(design, "icarus", "tb.benches.cores.network", plan, "netlist", tests)
    assert [figures[test]["samples"] for test in tests] == [2, 2]
    if reload:
        other = save_network(workspace.runs / "other", retrained(network, 1, delays=True))
        plan["others"] = [str(other)]
        workspace.check(design, "icarus", "tb.benches.cores.reloaded", plan, "reloaded")


def with_long_delays(network: Network) -> Network:
    """Lines of more than sixteen places in the first layer, so that each uses a RAM bit."""
    (layer, *others), (params, *rest) = network.spec.layers, network.params
    assert layer.recurrence is not None
    assert params.delay_steps is not None
    longer = layer.recurrence.max_delay + shift_rams.DEPTH
    layer = replace(layer, recurrence=replace(layer.recurrence, max_delay=longer))
    params = replace(params, delay_steps=params.delay_steps + shift_rams.DEPTH)
    return Network(replace(network.spec, layers=(layer, *others)), (params, *rest))


@dataclass(frozen=True)
class Moved:
    """``tb/designs/NAME.v`` synthesised by yosys for an ECP5, before and after a netlist pass.

    design : after the pass
    taken : flip-flops removed or added, as counted by the pass
    before : number of flip-flops before the pass
    """

    name: str
    netlist: Path
    design: dict[str, Any]
    taken: int
    before: int

    @classmethod
    def by(cls, change: Callable[[Module], int], name: str, folder: Path) -> Moved:
        """Synthesise and apply the pass `change`."""
        (folder / f"{name}.v").write_text(
            (DESIGNS / f"{name}.v").read_text(encoding="utf-8"), encoding="utf-8"
        )
        passes = f"read_verilog {name}.v; synth_ecp5 -top {name}; write_json netlist.json"
        run_tool(yosys.PACKAGE, ["-q", "-p", passes], folder, timeout_s=600)
        design = json.loads((folder / "netlist.json").read_text(encoding="utf-8"))
        before = flops(design["modules"][name])
        return cls(name, folder / "netlist.json", design, change(design["modules"][name]), before)

    @property
    def module(self) -> Module:
        return self.design["modules"][self.name]

    def check(self, workspace: Workspace) -> None:
        """Simulate both from the start: the outputs change, and are always equal."""
        after = self.netlist.with_name("after.json")
        after.write_text(json.dumps(self.design), encoding="utf-8")
        text = ""
        for twin, file in (("first", self.netlist), ("second", after)):
            text += netlist_verilog(file).replace(f"module {self.name}(", f"module {twin}_twin(")
            text += wrapped(self.module, twin)
        outputs = sum(len(port["bits"]) for _, port in ports(self.module, "output"))
        text += f"`define OUTPUTS {outputs}\n" + (DESIGNS / "twins.v").read_text(encoding="utf-8")
        both = Design("twins", text + models(text, "ecp5"))
        found = workspace.check(both, "icarus", "tb.benches.twins", {"ns": 4001}, "twins")["no_difference"]
        assert found["compared"] == 2000
        assert found["changes"] > 300 * outputs


def ports(module: Module, direction: str) -> list[tuple[str, Any]]:
    return [(name, port) for name, port in module["ports"].items() if port["direction"] == direction]


def wrapped(module: Module, twin: str) -> str:
    """A wrapper of a twin, with the clocks, a vector of the other inputs and one of the outputs."""
    clocks = ("aclk", "other")
    places = []
    for vector, direction in (("in", "input"), ("out", "output")):
        low = 0
        for name, port in ports(module, direction):
            if name in clocks:
                places.append(f".{name}({name})")
            else:
                places.append(f".{name}({vector}[{low} +: {len(port['bits'])}])")
                low += len(port["bits"])
    head = f"module {twin}_wrapped(input aclk, other, input [31:0] in, output [{low - 1}:0] out);"
    return f"{head}\n  {twin}_twin inner ({', '.join(places)});\nendmodule\n"


def flops(module: Module) -> int:
    return sum(cell["type"] == "TRELLIS_FF" for cell in module["cells"].values())


def modes(module: Module) -> dict[str, tuple[str, str]]:
    """For each memory, the use of the output registers of its RAMs."""
    return {
        name.partition(".")[0]: (cell["parameters"]["REGMODE_A"], cell["parameters"]["REGMODE_B"])
        for name, cell in module["cells"].items()
        if cell["type"] == "DP16KD"
    }


def registered(module: Module) -> set[str]:
    """Products whose multiplier uses its input and output registers."""
    kinds = {f"REG_{place}_CLK": "CLK0" for place in ("INPUTA", "INPUTB", "OUTPUT")}
    return {
        name.partition("_")[0]
        for name, cell in module["cells"].items()
        if cell["type"] == "MULT18X18D" and cell["parameters"].items() >= kinds.items()
    }


def test_registers_behind_memories(tmp_path: Path, workspace: Workspace) -> None:
    """Exactly the movable registers have moved, and the outputs are equal from the start."""
    moved = Moved.by(output_registers.absorb, "memories", tmp_path)
    none, one, both = ("NOREG", "NOREG"), ("OUTREG", "NOREG"), ("OUTREG", "OUTREG")
    assert modes(moved.module) == {
        **{"m0": one, "m1": both, "m2": both, "m8": one, "mc": one},
        **dict.fromkeys(("m3", "m4", "m5", "m6", "m7", "m9", "ma", "mb", "md"), none),
    }
    assert moved.taken == 18 + 2 * 18 + 36 + 2 * 18 + 9
    delayed = flops(moved.module) - (moved.before - moved.taken)
    assert delayed == 2, "`en` and the select of the RAM"
    moved.check(workspace)


def test_registers_around_multipliers(tmp_path: Path, workspace: Workspace) -> None:
    """As above."""
    moved = Moved.by(multiplier_registers.absorb, "products", tmp_path)
    assert sum(cell["type"] == "MULT18X18D" for cell in moved.module["cells"].values()) == 8
    assert registered(moved.module) == {"signs", "scaled", "bare"}
    # a0 stays for d0, which is an output, and b0, c0 and their successors for other products
    assert moved.before - flops(moved.module) == moved.taken == 2 * 8 + 2 * 8
    moved.check(workspace)


def test_shift_registers_in_rams(tmp_path: Path, workspace: Workspace) -> None:
    """Rows of 17 flip-flops or more with one enable become RAMs, except their ends; nothing else does."""
    moved = Moved.by(shift_rams.replace, "shifts", tmp_path)
    rams = [name for name, cell in moved.module["cells"].items() if cell["type"] == "TRELLIS_DPR16X4"]
    one, two, three, tapped = 1, 2, 3, 2 * 1
    rare, of_other = 1, 1
    assert moved.taken == 16 * (one + two + three + tapped + rare + of_other)
    assert len(rams) == 2 + 1 + 1
    address = 4 * 3
    assert moved.before - moved.taken + address == flops(moved.module)
    moved.check(workspace)


def test_copies_of_registers(tmp_path: Path, workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    """No fan-out exceeds the limit, including that of copies with copies; all outputs are the same."""
    moved = Moved.by(partial(register_copies.add, most=6), "broadcast", tmp_path)
    readers = readers_of(moved.module)
    cells = moved.module["cells"]
    nets = [
        cell["connections"][register_copies.COPIED[cell["type"]]][0]
        for cell in cells.values()
        if cell["type"] in register_copies.COPIED
    ]
    most = max(register_copies.size(moved.module, readers[net]) for net in nets)
    assert most == 6
    copies = {name: cell["type"] for name, cell in cells.items() if "_copy_" in name}
    copied = {name.partition("_")[0] for name, kind in copies.items() if kind == "TRELLIS_FF"}
    assert copied == {"plain", "held", "count", "word"}, "the last for copies of the enable of `z`"
    assert "LUT4" in copies.values(), "that enable"
    moved.check(workspace)

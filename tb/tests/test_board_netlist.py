"""What a bitstream is made of, from pin to pin: pads, clock, reset, and all memories, also those of LUTs."""

from __future__ import annotations

from pathlib import Path

import pytest

from fxp_model.artifact import Artifact
from hw.board import emit_board
from hw.boards import ecp5
from hw.boards.boards import BOARDS
from hw.boards.plan import TOP
from hw.boards.top import RESET_STEPS
from hw.config import HardwareConfig
from tb.benches.board import board as bench
from tb.harness.netlists import netlist_design
from tb.harness.runner import Design, Workspace
from tb.tests.test_board import BAUD, CLOCK_HZ, answering_artifact

BOARD = BOARDS["ulx3s-25f"]
"""Its clock is the oscillator's, so there is no PLL, of which there is no model."""
LEDS = ", ".join(f".led_{number}__io(leds[{number}])" for number in range(8))
PINS = f"""
module board (input aclk, input aresetn, input rx, output tx, output [7:0] leds);
  {TOP} pins (.clk25_0__io(aclk), .uart_0__rx__io(rx), .uart_0__tx__io(tx), .esp32_0__gpio0__io(), {LEDS});
endmodule
"""
"""With the ports of a device; the reset is that after configuration."""


def netlist_of(artifact: Artifact, folder: Path) -> Design:
    """The netlist of the board, with the ports that a bench knows."""
    pytest.importorskip("amaranth_boards", reason="amaranth-boards not found: pip install 'spikeline[flow]'")
    config = HardwareConfig.uniform(artifact.network.spec, preset="tiny")
    device = emit_board(artifact, config, None, "device", clock_hz=CLOCK_HZ, baud=BAUD)
    ecp5.synthesise(BOARD, device, None, folder, timeout_s=600)
    design = netlist_design(folder / "netlist.json", TOP, ecp5.TARGET)
    return Design("board", design.verilog + PINS)


@pytest.mark.timeout(1200)
def test_a_bitstreams_netlist_answers(workspace: Workspace, tmp_path: Path) -> None:
    artifact = answering_artifact(tmp_path / "tiny", 1)
    design = netlist_of(artifact, workspace.runs)
    plan = {"artifact": str(tmp_path / "tiny"), "seed": 1, "reset_cycles": 2 * RESET_STEPS}
    figures = workspace.check(design, "icarus", bench.__name__, plan, "netlist", ["answers"])
    assert figures["answers"] == {"clips": 1, "lines": 1}

"""The top level of a board as a design with the ports of its device, so that their benches run on it."""

from __future__ import annotations

from hw.boards.boards import BOARDS
from hw.boards.ecp5 import TARGET
from hw.boards.plan import TOP, planned
from hw.ear import EmittedDevice
from hw.verilog import write_verilog
from tb.harness.netlists import models
from tb.harness.runner import Design

OSCILLATORS = {
    **dict.fromkeys(("ulx3s-85f", "ulx3s-25f"), "clk25_0__io"),
    "orangecrab-25f": "clk_0__io",
    "ecpix5-85f": "clk100_0__io",
}
BUTTONS = {"ecpix5-85f": "rst_0__io"}
"""Of reset, low when pressed. Other boards are in reset after configuration only."""
LOW = ("orangecrab-25f", "ecpix5-85f")
"""Boards whose LEDs shine at 0."""
MICROPHONES = {
    None: {},
    "i2s": {"sck": "sck", "ws": "ws", "sd": "sd", "lr": ""},
    "pdm": {"clk": "pdm_clk", "data": "pdm_data", "select": ""},
}
"""Ports of the device by the pin of a microphone; the board holds the others low."""


def board_design(name: str, device: EmittedDevice, microphone: str | None) -> Design:
    """`device` on the board `name`, with an ECP5, as the module ``board`` with the ports of the device.

    The models of pads and PLL pass what they get: the clock of the design is that of the device. An LED that
    the board does not have is 0.
    """
    board = BOARDS[name]
    top = write_verilog(planned(board, device, microphone).text(f"{TOP}.il"))
    pads = {OSCILLATORS[name]: "aclk", "uart_0__rx__io": "rx", "uart_0__tx__io": "tx"}
    if name in BUTTONS:
        pads[BUTTONS[name]] = "aresetn"
    pads |= {f"microphone_0__{pin}__io": port for pin, port in MICROPHONES[microphone].items()}
    leds = {number: led for number, led in enumerate(board.leds) if led is not None}
    for number, (resource, index, colour) in leds.items():
        pads[f"{resource}_{index}__{'' if colour is None else f'{colour}__'}io"] = f"shine[{number}]"
    ports = ", ".join(
        f"{port['direction']} [{port['width'] - 1}:0] {port['name']}" for port in device.manifest["ports"]
    )
    around = f"""
module board ({ports});
  wire [7:0] shine;
  assign leds = {"~" if name in LOW else ""}shine & 8'd{sum(1 << number for number in leds)};
  {TOP} pins ({", ".join(f".{pad}({net})" for pad, net in pads.items())});
endmodule
"""
    return Design("board", "\n".join((device.verilog, top, models(top, TARGET), around)))

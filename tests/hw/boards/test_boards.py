"""What the platforms make of every board: pins, clocks, and no path of this machine."""

import re
from dataclasses import asdict
from pathlib import Path

import pytest
from amaranth.hdl import ClockDomain, Module
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from hw.boards.boards import BOARDS, MICROPHONE_PINS
from hw.boards.plan import TOP, planned
from hw.ear import EmittedDevice
from hw.parts import PARTS
from hw.verilog import emit_top
from tests.paths import ROOT

pytest.importorskip("amaranth_boards", reason="amaranth-boards not found: pip install 'spikeline[flow]'")

pytestmark = pytest.mark.slow

PINS = {
    None: {},
    "i2s": {"sck": Out(1), "ws": Out(1), "sd": In(1), "right": In(1)},
    "pdm": {"pdm_clk": Out(1), "pdm_data": In(1), "select": In(1)},
}
SITES = {
    "ulx3s-85f": {"uart": "M1 L4", "microphone": "B11 A10 A9 B9", "led": "B2 C2 C1 D2 D1 E2 E1 H3"},
    "ulx3s-25f": {"uart": "M1 L4", "microphone": "B11 A10 A9 B9", "led": "B2 C2 C1 D2 D1 E2 E1 H3"},
    "orangecrab-25f": {"uart": "N17 M18", "microphone": "C8 B8 A8 H2", "led": "M3 K4 J3"},
    "ecpix5-85f": {
        "uart": "R26 R24",
        "microphone": "T25 U25 U24 V24",
        "led": "R21 W21 K24 R23 T22 T24 K21 P21",
    },
    "arty-a7-100t": {"uart": "A9 D10", "microphone": "G13 B11 A11 D12", "led": "H5 J5 T9 T10 F6 J4 J3 K1"},
    "pynq-z2": {"uart": "T11 Y14", "microphone": "Y18 Y19 Y16 Y17", "led": "R14 P14 N16 M14 L15 G17 M15 G14"},
}
"""rx and tx; sck, ws, sd, lr; the device's LEDs in order. LiteX' boards and the makers' constraints agree."""


class Wires(wiring.Component):
    """A device of the ports of a board, and nothing else."""

    def __init__(self, microphone: str | None) -> None:
        ports = {"aclk": In(1), "aresetn": In(1), "rx": In(1), "tx": Out(1), "leds": Out(8)}
        super().__init__({**ports, **PINS[microphone]})

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.domains.sync = ClockDomain(reset_less=True)
        m.d.comb += self.tx.eq(self.rx)
        return m


def wires(microphone: str | None) -> EmittedDevice:
    verilog, ports = emit_top(Wires(microphone), "wires")
    return EmittedDevice("wires", verilog, {"ports": [asdict(port) for port in ports]})


def sites(constraints: str) -> dict[str, str]:
    """Site of every port, in either format of constraints."""
    lattice = re.findall(r'LOCATE COMP "(\S+)" SITE "(\w+)";', constraints)
    amd = re.findall(r'set_property LOC (\w+) \[get_ports "(\S+)"\]', constraints)
    return dict(lattice) | {port: site for site, port in amd}


@pytest.mark.parametrize("microphone", PINS)
@pytest.mark.parametrize("board", BOARDS.values(), ids=lambda board: board.name)
def test_pins(board, microphone: str | None) -> None:
    plan = planned(board, wires(microphone), microphone)
    ecp5 = PARTS[board.part].target == "ecp5"
    constraints = plan.text(f"{TOP}.{'lpf' if ecp5 else 'xdc'}")
    found = sites(constraints)
    assert len(set(found.values())) == len(found)
    wanted = {kind: own.split() for kind, own in SITES[board.name].items()}
    assert [found["uart_0__rx__io"], found["uart_0__tx__io"]] == wanted["uart"]
    pins = () if microphone is None else MICROPHONE_PINS[microphone]
    assert [found[f"microphone_0__{pin}__io"] for pin in pins] == wanted["microphone"][: len(pins)]
    leds = [led for led in board.leds if led is not None]
    names = [f"{name}_{number}__{colour + '__' if colour else ''}io" for name, number, colour in leds]
    assert [found[name] for name in names] == wanted["led"]
    others = {port for port in found if not re.match("uart|microphone|clk|rst", port)}
    assert others - set(names) == ({"esp32_0__gpio0__io"} if "ulx3s" in board.name else set())
    assert constraints.count("LVCMOS33") == len(found)
    assert str(ROOT) not in "".join(map(str, plan.files.values()))
    assert "site-packages" not in "".join(map(str, plan.files.values()))


@pytest.mark.parametrize("board", BOARDS.values(), ids=lambda board: board.name)
def test_the_clock_is_the_oscillators_or_a_plls(board) -> None:
    plan = planned(board, wires(None), None)
    oscillator = round(board.make().default_clk_frequency)
    if PARTS[board.part].target == "ecp5":
        assert f"{oscillator}.0 HZ;" in plan.text(f"{TOP}.lpf")
        text = plan.text(f"{TOP}.il")
        keys = ("CLKI_DIV", "CLKFB_DIV", "CLKOP_DIV")
        found = [int(value) for key in keys for value in re.findall(rf"parameter \\{key} (\d+)", text)]
        made = oscillator // found[0] * found[1] if found else oscillator
    else:
        assert f"-period {1e9 / oscillator} " in plan.text(f"{TOP}.xdc")
        text = plan.text(f"{TOP}.v")
        keys = ("DIVCLK_DIVIDE", "CLKFBOUT_MULT", "CLKOUT0_DIVIDE")
        found = [int(value) for key in keys for value in re.findall(rf"\.{key}\(32'd(\d+)\)", text)]
        made = oscillator // found[0] * found[1] // found[2]
    assert made == board.clock_hz
    assert bool(found) == (oscillator != board.clock_hz)


@pytest.mark.parametrize("name", ["arty-a7-100t", "pynq-z2"])
def test_a_project_for_vivado_is_complete(name: str, tmp_path: Path) -> None:
    files = planned(BOARDS[name], wires("i2s"), "i2s").project
    assert set(files) == {"wires.v", f"{TOP}.v", f"{TOP}.xdc", f"{TOP}.tcl", f"build_{TOP}.sh"}
    assert f"-source {TOP}.tcl\n" in files[f"build_{TOP}.sh"]
    script = files[f"{TOP}.tcl"]
    assert re.findall(r"add_files \"?(\w+\.v)", script) == ["wires.v", f"{TOP}.v"]
    assert f"read_xdc {TOP}.xdc" in script
    part = {"arty-a7-100t": "xc7a100ticsg324-1L", "pynq-z2": "xc7z020clg400-1"}[name]
    assert f"-part {part}\n" in script
    assert re.search(r"^\s*wires device ?\(|^  wires \\?device", files[f"{TOP}.v"], re.MULTILINE)

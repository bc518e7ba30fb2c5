"""The stored table of the ear's blocks loads, and a row of it is what yosys gives."""

from datetime import date

import pytest

from fxp_model.errors import InputError
from hw.flows.yosys import SYNTHESIS
from scripts import ear_table
from tb.harness.ear_blocks import BLOCKS
from tb.harness.ear_model import MODELLED

KINDS = {
    "xilinx7": ("lut", "ff", "bram36", "dsp"),
    "ecp5": ("comb", "ff", "ebr", "dsp"),
    "ice40": ("lut", "ff", "ebr"),
    "up5k": ("lut", "ff", "ebr", "dsp"),
}


def test_the_table_has_every_stored_row_that_is_not_for_the_model_alone():
    rows = ear_table.read_rows(ear_table.RESULTS)
    places = [(row["block"], row["target"]) for row in rows]
    assert len(set(places)) == len(places)
    assert {block for block, _ in places} - set(BLOCKS) <= set(MODELLED)
    rows = [row for row in rows if row["block"] in BLOCKS]
    places = [(row["block"], row["target"]) for row in rows]
    lines = ear_table.table(rows).splitlines()
    for block, _ in places:
        assert any(line.startswith(f"| {block} |") for line in lines)
    assert sum(line.startswith("| ") for line in lines) == len(rows) + len({target for _, target in places})


def test_rows_for_the_model_alone_say_how_and_when_they_were_made():
    rows = [row for row in ear_table.read_rows(ear_table.RESULTS) if row["block"] not in BLOCKS]
    assert rows
    for row in rows:
        assert row["command"] == SYNTHESIS[row["target"]]
        assert date.fromisoformat(row["date"]) >= date(2026, 11, 29)
        assert row["versions"]


def test_products_are_multipliers_and_states_are_block_ram():
    rows = {(row["block"], row["target"]): row for row in ear_table.read_rows(ear_table.RESULTS)}
    for (block, target), row in rows.items():
        if block.startswith("filters ") and target == "ecp5":
            assert row["dsp"] >= int(block.partition(",")[0].rpartition(" x ")[2])
            assert row["ebr"] > 0


@pytest.mark.slow
def test_a_stored_row_is_reproduced():
    (stored,) = (
        row
        for row in ear_table.read_rows(ear_table.RESULTS)
        if (row["block"], row["target"]) == ("gain", "ice40")
    )
    made = ear_table.synthesise("gain", "ice40", 600, None)
    assert made["versions"] == stored["versions"], "made by another yosys: run scripts/ear_table.py anew"
    assert {kind: made[kind] for kind in KINDS["ice40"]} == {kind: stored[kind] for kind in KINDS["ice40"]}


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (
            '{"block": "nose", "target": "ecp5"}',
            r"line 1: block must be one of filters 140 x 4 x 1, .*, not 'nose'$",
        ),
        ('{"block": "gain", "target": "ecp5", "comb": 1}', r"line 1: ff is missing$"),
        ('{"block": "gain", "target": "up5k", "lut": 1, "ff": 1, "ebr": 0}', r"line 1: dsp is missing$"),
        ("{", r"line 1"),
    ],
)
def test_what_is_no_row_is_refused(tmp_path, line, message):
    file = tmp_path / "rows.jsonl"
    file.write_text(line + "\n", encoding="utf-8")
    with pytest.raises(InputError, match=message):
        ear_table.read_rows(file)

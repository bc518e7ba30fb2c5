"""The stored table of the ear's blocks loads, and a row of it is what yosys gives."""

import pytest

from fxp_model.errors import InputError
from scripts import ear_table

KINDS = {
    "xilinx7": ("lut", "ff", "bram36", "dsp"),
    "ecp5": ("comb", "ff", "ebr", "dsp"),
    "ice40": ("lut", "ff", "ebr"),
}


def test_the_table_has_every_stored_row():
    rows = ear_table.read_rows(ear_table.RESULTS)
    places = [(row["block"], row["target"]) for row in rows]
    assert len(set(places)) == len(places)
    lines = ear_table.table(rows).splitlines()
    for block, _ in places:
        assert any(line.startswith(f"| {block} |") for line in lines)
    assert sum(line.startswith("| ") for line in lines) == len(rows) + len({target for _, target in places})


def test_products_are_multipliers_and_states_are_block_ram():
    rows = {(row["block"], row["target"]): row for row in ear_table.read_rows(ear_table.RESULTS)}
    for (block, target), row in rows.items():
        if block.startswith("filters ") and target == "ecp5":
            assert row["dsp"] >= int(block.rpartition(" x ")[2])
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
        ("{", r"line 1"),
    ],
)
def test_what_is_no_row_is_refused(tmp_path, line, message):
    file = tmp_path / "rows.jsonl"
    file.write_text(line + "\n", encoding="utf-8")
    with pytest.raises(InputError, match=message):
        ear_table.read_rows(file)

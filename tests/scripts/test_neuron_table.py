"""What each feature of the neurons costs: the stored rows, the prices fitted to them, and their errors."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from fxp_model.errors import InputError
from fxp_model.files import read_json
from hw.estimates.resources.neurons import has_features
from hw.estimates.resources.parts import FABRICS
from hw.estimates.resources.prices import NEURON, NEURON_FILE, prices_of
from scripts import neuron_table
from tb.harness.neuron_blocks import BLOCKS, FEATURES, PLAIN, SIZES

ROWS = neuron_table.read_rows(neuron_table.RESULTS)


def test_rows_are_told_apart() -> None:
    assert len({(row["block"], row["target"]) for row in ROWS}) == len(ROWS)


def test_prices_and_errors_are_those_of_the_stored_rows() -> None:
    stored = read_json(NEURON_FILE, dict)
    assert neuron_table.prices_table(ROWS) == stored
    for target, own in stored.items():
        assert own["luts"].keys() == set(NEURON)
        assert prices_of(target).neurons == {kind: tuple(band) for kind, band in own["error"].items()}


@pytest.mark.parametrize("target", FABRICS)
def test_an_error_is_of_prices_that_are_not_fitted_to_its_size(target: str) -> None:
    """A size that is wrong by far does not change what is predicted of it."""
    size = next(iter(SIZES))
    others = [own for own in SIZES if own != size]
    of_size = [row["block"].startswith(size) for row in ROWS]
    wrong = [
        {key: 9 * own if changed and isinstance(own, int) else own for key, own in row.items()}
        for row, changed in zip(ROWS, of_size, strict=True)
    ]
    assert neuron_table.fit(wrong, target, others) == neuron_table.fit(ROWS, target, others)
    assert neuron_table.fit(wrong, target) != neuron_table.fit(ROWS, target)
    logic = "lut_logic" if target == "xilinx7" else "comb"
    assert neuron_table.errors(wrong, target)[logic][1] > neuron_table.errors(ROWS, target)[logic][1]


def test_prices_need_a_row_of_every_block() -> None:
    """Otherwise they would be the prior of the fit."""
    name = f"{next(iter(SIZES))}, own beta"
    some = [row for row in ROWS if (row["block"], row["target"]) != (name, "ecp5")]
    assert len(some) == len(ROWS) - 1
    with pytest.raises(InputError, match=rf"^there is no row of {name} for ecp5$"):
        neuron_table.prices_table(some)


def test_nothing_is_written_without_the_rows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file, results = tmp_path / "prices.json", tmp_path / "rows.jsonl"
    monkeypatch.setattr("hw.estimates.resources.prices.NEURON_FILE", file)
    results.write_text(json.dumps(ROWS[0]) + "\n", encoding="utf-8")
    monkeypatch.setattr("sys.argv", ["neuron_table.py", "--fit-only", "--results", str(results)])
    with pytest.raises(InputError, match=r"^there is no row of "):
        neuron_table.main()
    assert not file.exists()


def test_what_has_features_is_all_but_the_plain_neurons() -> None:
    for block in BLOCKS.values():
        assert has_features(block.stage[0]) == (block.feature != PLAIN)


def test_the_table_has_a_line_for_each_feature() -> None:
    lines = neuron_table.table(ROWS).splitlines()
    assert [line.split("|")[1].strip() for line in lines[2:]] == list(FEATURES)
    assert all(line.count("|") == lines[0].count("|") for line in lines)


@pytest.mark.parametrize("target", FABRICS)
def test_memories_and_multipliers_are_equal_and_the_others_near(target: str) -> None:
    for kind, (median, worst) in neuron_table.errors(ROWS, target).items():
        if kind in ("lutram", "srl", "bram36", "ebr", "dsp"):
            assert worst == 0, kind
        assert median <= 5, kind
        assert worst <= (6.5 if kind == "ff" else 25), kind


@pytest.mark.parametrize("target", FABRICS)
def test_every_block_has_an_estimate(target: str) -> None:
    for block in BLOCKS.values():
        cells = block.parts(FABRICS[target]).cells(FABRICS[target], prices_of(target).luts)
        assert all(amount >= 0 for amount in cells.values())

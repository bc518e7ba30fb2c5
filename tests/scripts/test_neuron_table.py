"""What each feature of the neurons costs: the stored rows, the prices fitted to them, and their errors."""

from __future__ import annotations

import pytest

from hw.estimates.resources.parts import FABRICS
from hw.estimates.resources.prices import NEURON, prices_of
from scripts import neuron_table
from tb.harness.neuron_blocks import BLOCKS, FEATURES

ROWS = neuron_table.read_rows(neuron_table.RESULTS)


def test_rows_are_told_apart() -> None:
    assert len({(row["block"], row["target"]) for row in ROWS}) == len(ROWS)


@pytest.mark.parametrize("target", FABRICS)
def test_prices_are_those_of_the_stored_rows(target: str) -> None:
    luts = prices_of(target).luts
    assert neuron_table.fit(ROWS, target) == {name: luts[name] for name in NEURON}


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
        assert worst <= (5 if kind == "ff" else 45), kind


@pytest.mark.parametrize("target", FABRICS)
def test_every_block_has_an_estimate(target: str) -> None:
    for block in BLOCKS.values():
        cells = block.parts(FABRICS[target]).cells(FABRICS[target], prices_of(target).luts)
        assert all(amount >= 0 for amount in cells.values())

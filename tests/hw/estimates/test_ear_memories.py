"""RAM and multipliers of the ear's blocks are those that yosys found, in every stored row."""

import re

import pytest

from fxp_model.ear.spec import EarSpec
from fxp_model.ear.trigger import TriggerSpec
from hw.estimates.resources.ear_memories import (
    DSP_WIDTHS,
    block_rams,
    event_memories,
    filter_memories,
    filter_multipliers,
    neuron_memories,
)
from scripts import ear_table

RAM = {"xilinx7": "bram36", "ecp5": "ebr", "ice40": "ebr"}
AS = {"ice40": "up5k"}
"""An iCE40 without multipliers has the same RAM."""
ROWS = [
    pytest.param(row, id=f"{row['block']}, {row['target']}")
    for row in ear_table.read_rows(ear_table.RESULTS)
    if row["target"] in RAM and re.fullmatch(r"(filters|neurons|events) \d+ x \d+( x \d)?", row["block"])
]


@pytest.mark.parametrize("row", ROWS)
def test_what_yosys_found(row: dict) -> None:
    name, *numbers = re.fullmatch(r"(\w+) (\d+) x (\d+)(?: x (\d))?", row["block"]).groups()
    channels, sections = map(int, numbers[:2])
    spec, target = EarSpec.design(channels=channels, sections=sections), row["target"]
    if name == "filters":
        memories = filter_memories(spec, int(numbers[2]))
        assert target in AS or row["dsp"] == filter_multipliers(spec, int(numbers[2]), target)
    else:
        memories = neuron_memories(spec) if name == "neurons" else event_memories(spec, TriggerSpec())
        assert row.get("dsp", 0) == 0
    assert row[RAM[target]] == block_rams(memories, AS.get(target, target))


def test_all_blocks_and_targets_are_compared() -> None:
    assert {AS.get(target, target) for target in RAM} == set(DSP_WIDTHS)
    kinds = {(row.values[0]["block"].split()[0], row.values[0]["target"]) for row in ROWS}
    assert kinds == {(name, target) for name in ("filters", "neurons", "events") for target in RAM}


def test_bits_by_hand() -> None:
    spec = EarSpec.design(channels=64, sections=2)
    assert [memory.bits for memory in event_memories(spec, TriggerSpec())] == [34 * 64 * 4]
    assert [memory.bits for memory in event_memories(spec, None)] == [2 * 64 * 4]
    states, _, sums, sent = filter_memories(spec, 1)
    assert states.bits == 64 * 2 * 2 * spec.state_bits
    assert sums.bits == sent.bits == 64 * spec.envelope_bits

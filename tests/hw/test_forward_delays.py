"""Synthesised forward delays: shift registers, flip-flops and memories are those of the estimate."""

from __future__ import annotations

from pathlib import Path

import pytest
from amaranth.back import rtlil
from amaranth.lib import wiring

from fxp_model.spec import IntegratorSpec
from hw.config import StageConfig
from hw.estimates.resources import cells_of
from hw.estimates.resources.input_delays import input_delays
from hw.estimates.resources.parts import FABRICS, Parts
from hw.estimates.resources.recurrence import forward_lines
from hw.rtl.delay_lines import DelayLines
from hw.rtl.input_delays import InputDelays
from hw.verilog import write_verilog
from tb.benches.blocks.input_delays import params
from tb.harness.block_bench import layer_spec
from tests.hw.test_programmable_delays import _area, _cells

pytestmark = pytest.mark.slow

STEPS = [channel * 7 % 41 for channel in range(24)]
CASES = [(4, 1), (4, 2), (1, 2)]
"""Bits of a count, and events per cycle."""
FABRIC = FABRICS["xilinx7"]


def _verilog(component: wiring.Component, name: str) -> str:
    return write_verilog(rtlil.convert(component, name=name, emit_src=False))


def _spec(bits: int) -> IntegratorSpec:
    return layer_spec(n_in=len(STEPS), input_bits=bits, max_input_delay=max(STEPS))


def test_they_take_the_cells_of_the_estimate(tmp_path: Path) -> None:
    designs = {"lines": _verilog(DelayLines(STEPS, 5, forward=True), "lines")}
    expected: dict[str, dict[str, Parts]] = {"lines": {"": forward_lines(FABRIC, STEPS, 5)}}
    for bits, events in CASES:
        name, spec = f"inputs_{bits}_{events}", _spec(bits)
        designs[name] = _verilog(InputDelays(spec, params(STEPS), StageConfig(1, 1, events)), name)
        expected[name] = input_delays(FABRIC, spec, params(STEPS), events)
    synthesised = _cells(designs, "xilinx7", tmp_path)
    for name, cells in synthesised.items():
        own, measured = cells_of(expected[name], "xilinx7"), _area(cells, "xilinx7")
        for kind in ("srl", "lutram", "bram36", "dsp"):
            assert own[kind] == measured[kind], (name, kind)
        assert own["ff"] == pytest.approx(measured["ff"], abs=2), name
        too_few = round(100 * (1 - own["lut_logic"] / measured["lut_logic"]))
        assert 4 <= too_few <= 16, name  # as hw/ARCHITECTURE.md says

"""Every component that has something to prove on its own."""

from __future__ import annotations

from types import ModuleType

import pytest

from tb import (
    cocotb_axi_lite,
    cocotb_conv_engine,
    cocotb_counter,
    cocotb_delay_lines,
    cocotb_event_encoder,
    cocotb_input_decoder,
    cocotb_neuron_update,
    cocotb_score_unit,
    cocotb_skid_buffer,
    cocotb_spike_queue,
    cocotb_synapse_array,
)
from tb.block_bench import block_design
from tb.runner import Workspace

BLOCKS = (
    cocotb_axi_lite,
    cocotb_conv_engine,
    cocotb_counter,
    cocotb_delay_lines,
    cocotb_event_encoder,
    cocotb_input_decoder,
    cocotb_neuron_update,
    cocotb_score_unit,
    cocotb_skid_buffer,
    cocotb_spike_queue,
    cocotb_synapse_array,
)


@pytest.mark.parametrize(
    ("block", "case"),
    [
        pytest.param(block, case, id=f"{block.__name__.removeprefix('tb.cocotb_')}-{case}")
        for block in BLOCKS
        for case in block.CASES
    ],
)
def test_block(block: ModuleType, case: str, sim: str, workspace: Workspace) -> None:
    parameters = block.CASES[case]
    design = block_design(block.component(**parameters))
    workspace.check(design, sim, block.__name__, {"case": parameters, "seed": 1}, case)

"""Generation is deterministic, and describes its result."""

import hashlib
import os
import re
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest

from fxp_model.errors import InputError
from fxp_model.network import Network, StageParams
from fxp_model.spec import RecurrenceKind, RecurrenceSpec
from hw.config import HardwareConfig, StageConfig
from hw.verilog import EmittedCore, emit
from tests.oracles.plain_networks import BYTE, network_spec

pytestmark = pytest.mark.slow

CONV = RecurrenceSpec(RecurrenceKind.CONV, BYTE, max_delay=3, kernel_size=3)


def network() -> Network:
    rng = np.random.default_rng(1)
    spec = network_spec(5, 7, 6, 3, recurrence=CONV)
    params = []
    for stage in spec.stages:
        weight = rng.integers(-128, 128, (stage.n_out, stage.n_in))
        recurrent = {"recurrent": np.array([-3, 9, 4]), "delay_steps": rng.integers(0, 4, stage.n_out)}
        params.append(StageParams(weight, weight[:, 0], **(recurrent if stage in spec.layers else {})))
    return Network(spec, tuple(params))


CONFIG = HardwareConfig((StageConfig(4, 2), StageConfig(6, 4), StageConfig(3, 3)))


@pytest.fixture(scope="module")
def core() -> EmittedCore:
    return emit(network(), CONFIG, "a_core")


def test_same_input_gives_same_bytes_in_any_process(core: EmittedCore) -> None:
    assert emit(network(), CONFIG, "a_core") == core
    script = "from tests.hw.test_verilog import *; print(hash_of(emit(network(), CONFIG, 'a_core')))"
    environment = {**os.environ, "PYTHONHASHSEED": "77", "AMARANTH_USE_YOSYS": "system"}
    other = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", script],
        env=environment,
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=True,
    )
    assert other.stdout.strip() == hash_of(core)


def hash_of(core: EmittedCore) -> str:
    return hashlib.sha256(repr(core).encode()).hexdigest()


def test_the_ports_are_those_of_the_module_in_its_order(core: EmittedCore) -> None:
    header = re.search(r"^module a_core\((.*)\);$", core.verilog, re.MULTILINE)
    assert header is not None
    assert header[1].split(", ") == [port.name for port in core.ports]
    for port in core.ports:
        bits = f"[{port.width - 1}:0] " if port.width > 1 else ""
        assert f"  {port.direction} {bits}{port.name};" in core.verilog
    assert [(p.name, p.direction, p.width) for p in core.ports] == [
        ("aclk", "input", 1),
        ("aresetn", "input", 1),
        ("s_axis_tdata", "input", 32),
        ("s_axis_tvalid", "input", 1),
        ("s_axis_tready", "output", 1),
        ("s_axis_tlast", "input", 1),
        ("m_axis_tdata", "output", 32),
        ("m_axis_tvalid", "output", 1),
        ("m_axis_tready", "input", 1),
        ("m_axis_tlast", "output", 1),
        ("s_axil_awaddr", "input", 12),
        ("s_axil_awvalid", "input", 1),
        ("s_axil_awready", "output", 1),
        ("s_axil_wdata", "input", 32),
        ("s_axil_wstrb", "input", 4),
        ("s_axil_wvalid", "input", 1),
        ("s_axil_wready", "output", 1),
        ("s_axil_bresp", "output", 2),
        ("s_axil_bvalid", "output", 1),
        ("s_axil_bready", "input", 1),
        ("s_axil_araddr", "input", 12),
        ("s_axil_arvalid", "input", 1),
        ("s_axil_arready", "output", 1),
        ("s_axil_rdata", "output", 32),
        ("s_axil_rresp", "output", 2),
        ("s_axil_rvalid", "output", 1),
        ("s_axil_rready", "input", 1),
        ("irq", "output", 1),
    ]


def test_every_probe_is_a_net_of_its_module(core: EmittedCore) -> None:
    assert [(p.stage, p.path, p.n_out, p.groups, p.update_lanes, p.spiking) for p in core.probes] == [
        ("layer0", "layer0.update", 7, 4, 2, True),
        ("layer1", "layer1.update", 6, 2, 4, True),
        ("readout", "readout.update", 3, 1, 3, False),
    ]
    for probe in core.probes:
        start = core.verilog.index(f"module \\a_core.{probe.path} ")
        body = core.verilog[start : core.verilog.index("endmodule", start)]
        nets = {"probe_valid": 1, "probe_v_mem": probe.update_lanes * probe.membrane_bits}
        if probe.spiking:
            nets["probe_spikes"] = probe.update_lanes
        for net, width in nets.items():
            bits = f"[{width - 1}:0] " if width > 1 else ""
            assert f"\n  wire {bits}{net};\n" in body


def test_memories_hold_the_network(core: EmittedCore) -> None:
    shapes = {memory.path: (memory.depth, memory.width) for memory in core.memories}
    assert shapes["layer0.synapses.weights"] == (2 * 5, 4 * 8)
    assert shapes["layer1.synapses.weights"] == (7, 6 * 8)
    assert shapes["readout.synapses.weights"] == (6, 3 * 8)
    assert shapes["layer0.update.v_mem"] == (4, 2 * 8)
    assert core.memories[0].bits == 2 * 5 * 4 * 8
    layers = [memory.path.partition(".")[0] for memory in core.memories]
    assert layers[-1] == "control"
    assert layers[:-1] == sorted(layers[:-1]), "in the order of the data flow"


def test_the_text_is_plain_verilog_without_latches_or_system_calls(core: EmittedCore) -> None:
    assert not re.search(
        r"always @\*|always_comb|always @\((?!posedge aclk\))|function|\$display|`", core.verilog
    )


@pytest.mark.parametrize("name", ["", "1core", "a-core", "a core", "core\n", "é"])
def test_a_name_that_is_no_identifier_is_refused(name: str) -> None:
    with pytest.raises(InputError, match=r"^name of a core must be letters and digits with single _ "):
        emit(network(), CONFIG, name)


def test_the_hash_is_all_that_an_artifact_adds(core: EmittedCore) -> None:
    other = emit(network(), CONFIG, "a_core", sha256="0123456789abcdef" * 4)
    assert other.verilog != core.verilog
    assert replace(other, verilog=core.verilog) == core


def test_a_configuration_of_another_network_is_refused() -> None:
    with pytest.raises(InputError, match=r"^hardware must have 3 stages, not 2$"):
        emit(network(), HardwareConfig(CONFIG.stages[:2]), "a_core")

"""The driver that a build holds, on the RTL of small cores with a mailbox."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from fxp_model.artifact import load_artifact
from fxp_model.network import Network
from hw.config import HardwareConfig, StageConfig
from hw.driver.files import write_driver
from hw.rtl.answer_unit import unit_of
from hw.rtl.core import Core
from hw.verilog import emit_top
from tb.harness import planted
from tb.harness.bus_device import BusDevice
from tb.harness.cores import save_network
from tb.harness.runner import Design, Workspace
from tb.harness.stimulus import answering, retrained

STEPPED = HardwareConfig((StageConfig(12, 5), StageConfig(4, 2), StageConfig(1, 1)))


def device(network: Network, config: HardwareConfig, folder: Path) -> tuple[str, dict[str, Any]]:
    """Verilog of a core with a mailbox, and the plan of a bench with its driver."""
    own = load_artifact(save_network(folder / "own", network))
    write_driver(folder / "driver", own, config, "device")
    words = unit_of(network.spec.readout).beats(network.spec.n_out)
    verilog, _ = emit_top(BusDevice(Core(network, config, own.sha256), words), "device")
    return verilog, {"artifact": str(folder / "own"), "driver": str(folder / "driver"), "seed": 1}


def test_the_driver_of_a_build_works_on_the_rtl(sim: str, workspace: Workspace, tmp_path: Path) -> None:
    network, config = planted.network(), planted.hardware(reload=True)
    save_network(tmp_path / "other", retrained(network, 1, True))
    verilog, plan = device(network, config, tmp_path)
    plan |= {"others": [str(tmp_path / "other")], "hardware": config.to_dict()}
    figures = workspace.check(Design("device", verilog), sim, "tb.benches.cores.driver", plan, "driver")
    assert figures["answers"]["samples"] > 0
    assert figures["answers"]["spikes"] > 0


def test_the_driver_of_answers_per_step_works_on_the_rtl(
    sim: str, workspace: Workspace, tmp_path: Path
) -> None:
    verilog, plan = device(answering(planted.narrow(), 2), STEPPED, tmp_path)
    figures = workspace.check(Design("device", verilog), sim, "tb.benches.cores.step_driver", plan, "steps")
    assert figures["answers"]["words"] > 0

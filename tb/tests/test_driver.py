"""The driver that a build holds, on the RTL of a small core with a mailbox."""

from __future__ import annotations

from pathlib import Path

from fxp_model.artifact import load_artifact
from hw.driver.files import write_driver
from hw.rtl.core import Core
from hw.verilog import emit_top
from tb.harness import planted
from tb.harness.bus_device import BusDevice
from tb.harness.cores import save_network
from tb.harness.runner import Design, Workspace
from tb.harness.stimulus import retrained


def test_the_driver_of_a_build_works_on_the_rtl(sim: str, workspace: Workspace, tmp_path: Path) -> None:
    network, config = planted.network(), planted.hardware(reload=True)
    own = load_artifact(save_network(tmp_path / "own", network))
    save_network(tmp_path / "other", retrained(network, 1, True))
    write_driver(tmp_path / "driver", own, config, "device")
    device = BusDevice(Core(network, config, own.sha256), network.spec.n_out)
    verilog, _ = emit_top(device, "device")
    plan = {
        "artifact": str(tmp_path / "own"),
        "others": [str(tmp_path / "other")],
        "hardware": config.to_dict(),
        "driver": str(tmp_path / "driver"),
        "seed": 1,
    }
    figures = workspace.check(Design("device", verilog), sim, "tb.benches.cores.driver", plan, "driver")
    assert figures["answers"]["samples"] > 0
    assert figures["answers"]["spikes"] > 0

"""From a network and its configuration to a design under test and the plan of its bench."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from fxp_model.artifact import save_artifact
from fxp_model.network import Network
from hw.config import HardwareConfig
from hw.verilog import EmittedCore
from tb.harness.runner import Design

COUNTERS = ("samples", "dropped_beats", "stalls_in", "stalls_out")
"""Counters of a core, by register."""
CONTROL_NETS = ("restarts", "soft_reset", "reload__bank")
COUNTER_NETS = (("timer", "now"), ("timer", "write__data"), *((name, "total") for name in COUNTERS))
"""Modules and nets of counters; the time has one of two names."""
PROBE_NETS = ("probe_valid", "probe_group", "probe_v_mem", "probe_spikes", "probe_current")


def core_design(core: EmittedCore) -> Design:
    """The shipped Verilog, with the probes visible, and counters that can be preset."""
    return Design(
        core.name,
        core.verilog,
        (
            *((f"{core.name}.{p.path}", net) for p in core.probes for net in PROBE_NETS),
            *((f"{core.name}.control", net) for net in CONTROL_NETS),
        ),
        tuple((f"{core.name}.control.{block}", net) for block, net in COUNTER_NETS),
    )


def save_network(folder: Path, network: Network) -> Path:
    """Write `network` as an artifact that the bench can load."""
    spec = network.spec
    save_artifact(
        folder,
        network=network,
        labels=tuple(str(index) for index in range(spec.n_out)),
        encoder=None,
        provenance={},
        metrics={},
        stimulus=np.zeros((1, 1, spec.n_in), dtype=np.uint8),
    )
    return folder


def core_plan(
    artifact: Path, config: HardwareConfig, core: EmittedCore, seed: int, **more: Any
) -> dict[str, Any]:
    """Plan of a `NetworkBench`."""
    return {
        "artifact": str(artifact.resolve()),
        "hardware": config.to_dict(),
        "probes": [asdict(probe) for probe in core.probes],
        "seed": seed,
        **more,
    }

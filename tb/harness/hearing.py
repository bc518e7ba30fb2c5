"""A device that hears, simulated."""

from __future__ import annotations

import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fxp_model.artifact import load_artifact
from fxp_model.ear.trigger import TriggerSpec
from hw.config import HardwareConfig
from hw.ear import EarConfig, device_of
from hw.verilog import emit_top
from tb.harness.runner import Design, Workspace


def hear(
    artifact: Path,
    pcm: NDArray[np.integer],
    microphone: str,
    sim: str,
    workspace: Workspace,
    *,
    trigger: TriggerSpec | None,
    module: str = "tb.benches.ear.device",
    samples: int = 1,
    gain: int = 0,
    multipliers: int = 1,
    rate_hz: int | None = None,
    config: HardwareConfig | None = None,
    tests: tuple[str, ...] = ("hears",),
    verilog: str = "",
) -> dict[str, Any]:
    """Play sound to the simulated device of an artifact, and fail unless all equals the golden chain.

    Parameters
    ----------
    artifact : Path
        Folder of a network with an ear.
    pcm : (n,) int
        Sound of 16 bits at the rate of the microphone.
    microphone, rate_hz, multipliers
        See `EarConfig`.
    sim : str
        ``icarus`` or ``verilator``.
    workspace : Workspace
    trigger : TriggerSpec or None
        None with answers per step.
    module : str
        The bench.
    samples : int
        Of the network, to be answered; with answers per step, so many answers.
    gain : int
        In bits.
    config : HardwareConfig, optional
        Of the core.
    tests : tuple of str
        Of the bench.
    verilog : str
        Of the device, if it is another than that of the artifact.

    Returns
    -------
    dict
        Figures of each test, and ``seconds`` of generation, build and simulation.

    Raises
    ------
    InputError
        The network has no ear.
    BenchFailure
        Naming the first difference.
    """
    heard, own = load_artifact(artifact), EarConfig(microphone, multipliers, False, rate_hz)
    config = config or HardwareConfig.uniform(heard.network.spec)
    sound = workspace.runs / f"sound-{microphone}-{sim}.npz"
    np.savez(sound, pcm=pcm)
    plan = {
        "artifact": str(artifact.resolve()),
        "hardware": config.to_dict(),
        "trigger": None if trigger is None else asdict(trigger),
        "ear": asdict(own),
        "sound": str(sound),
        "samples": samples,
        "gain": gain,
        "seed": 1,
    }
    started = time.perf_counter()
    design = Design("device", verilog or emit_top(device_of(heard, config, own, trigger), "device")[0])
    emitted = time.perf_counter()
    workspace.build(design, sim)
    built = time.perf_counter()
    figures = workspace.check(design, sim, module, plan, f"device-{microphone}", tests)
    done = time.perf_counter()
    seconds = {"generate": emitted - started, "build": built - emitted, "simulate": done - built}
    return {**figures, "seconds": {key: round(value, 1) for key, value in seconds.items()}}

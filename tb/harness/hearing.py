"""A device that hears: its parts from a plan, and the golden chain from samples to classes."""

from __future__ import annotations

import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fxp_model.artifact import load_artifact
from fxp_model.ear.gain import amplify
from fxp_model.ear.spec import EarSpec
from fxp_model.ear.trigger import Trigger, TriggerSpec
from fxp_model.network import Network, run
from hw.config import HardwareConfig
from hw.ear import EarConfig, device_of
from hw.protocol import Beat, encode_result
from hw.verilog import emit_top
from tb.harness.ears import Listener
from tb.harness.runner import Design, Workspace


def hear(
    artifact: Path,
    pcm: NDArray[np.integer],
    microphone: str,
    sim: str,
    workspace: Workspace,
    *,
    trigger: TriggerSpec,
    samples: int = 1,
    gain: int = 0,
    multipliers: int = 1,
    config: HardwareConfig | None = None,
    tests: tuple[str, ...] = ("hears",),
) -> dict[str, Any]:
    """Play sound to the simulated device of an artifact, and fail unless all equals the golden chain.

    Parameters
    ----------
    artifact : Path
        Folder of a network with an ear.
    pcm : (n,) int
        Sound of 16 bits at the rate of the ear.
    microphone : str
        See `EarConfig`.
    sim : str
        ``icarus`` or ``verilator``.
    workspace : Workspace
    trigger : TriggerSpec
    samples : int
        Of the network, to be answered.
    gain : int
        In bits.
    multipliers : int
        Of the ear.
    config : HardwareConfig, optional
        Of the core.
    tests : tuple of str
        Of `tb.benches.ear.device`.

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
    heard, own = load_artifact(artifact), EarConfig(microphone, multipliers, settles=False)
    config = config or HardwareConfig.uniform(heard.network.spec)
    sound = workspace.runs / f"sound-{microphone}-{sim}.npz"
    np.savez(sound, pcm=pcm)
    plan = {
        "artifact": str(artifact.resolve()),
        "hardware": config.to_dict(),
        "trigger": asdict(trigger),
        "ear": asdict(own),
        "sound": str(sound),
        "samples": samples,
        "gain": gain,
        "seed": 1,
    }
    started = time.perf_counter()
    design = Design("device", emit_top(device_of(heard, config, own, trigger), "device")[0])
    emitted = time.perf_counter()
    workspace.build(design, sim)
    built = time.perf_counter()
    figures = workspace.check(design, sim, "tb.benches.ear.device", plan, f"device-{microphone}", tests)
    done = time.perf_counter()
    seconds = {"generate": emitted - started, "build": built - emitted, "simulate": done - built}
    return {**figures, "seconds": {key: round(value, 1) for key, value in seconds.items()}}


def answers(
    network: Network, ear: EarSpec, trigger: TriggerSpec, gain: int, samples: NDArray[np.int64]
) -> list[list[Beat]]:
    """Golden answers of a device to `samples` (n,) of its microphone, one per sample of the network."""
    listener, decides = Listener(ear), Trigger(trigger)
    pcm, _ = amplify(samples, gain)
    found, frames = [], []
    whole = len(pcm) // ear.samples_per_frame * ear.samples_per_frame
    for part in pcm[:whole].reshape(-1, ear.samples_per_frame):
        (counts,) = listener.step(part)
        for frame in decides.step(listener.loudness, counts):
            frames.append(frame.counts)
            if frame.last:
                scores = run(network, np.array(frames)[:, None]).scores
                found.append(encode_result(scores[0]))
                frames = []
    return found

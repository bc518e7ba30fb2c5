"""Sound through the pins of a microphone, as far as 16 kHz, and as far as the class."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile
from amaranth.back import rtlil

from fxp_model.ear.resampler import EAR_RATE_HZ
from fxp_model.ear.trigger import TriggerSpec
from hw.ear import ear_of
from hw.verilog import write_verilog
from tb.benches.ear import device, inputs
from tb.harness.depth import FULL
from tb.harness.ears import hearing_artifact
from tb.harness.hearing import hear
from tb.harness.runner import Design, Workspace, missing_tool
from tb.harness.stimulus import random_hardware

NETWORKS = {"i2s": 59, "pdm": 16, "pcm": 27}
"""Seeds of networks with 8 inputs and more, and counts of 4, 2 and 1 bits."""
DEVICES: list[tuple[str, int | None]] = [("i2s", None), ("pdm", None), ("pcm", None), ("i2s", 48_000)]
if FULL:
    DEVICES += [("i2s", 8000), ("i2s", 44_100), ("pcm", 48_000)]


def test_a_recording_through_the_pins(sim: str, workspace: Workspace, tmp_path: Path) -> None:
    rng, path = np.random.default_rng(0), tmp_path / "noise.wav"
    soundfile.write(path, rng.uniform(-1, 1, 30), 24_000, subtype="PCM_24")
    case = {**inputs.CASES["i2s"], "gain": 0, "recording": str(path)}
    design = Design(
        "block", write_verilog(rtlil.convert(inputs.component(**case), name="block", emit_src=False))
    )
    workspace.check(design, sim, inputs.__name__, {"case": case, "seed": 1}, "recording")


@pytest.mark.parametrize(("microphone", "rate_hz"), DEVICES)
def test_a_device_hears(microphone: str, rate_hz: int | None, workspace: Workspace, tmp_path: Path) -> None:
    """Samples of two frames, at a gain that clips; a host that sends sound has one of its own, too.

    Under Verilator only: Icarus takes more than three minutes for a microphone (`hear.py --sim icarus`).
    """
    missing = missing_tool("verilator")
    if missing is not None:
        pytest.skip(missing)
    artifact = hearing_artifact(
        tmp_path / "heard", NETWORKS[microphone], 8000 if rate_hz is None else EAR_RATE_HZ
    )
    ear = ear_of(artifact)
    waits = microphone == "pcm" and rate_hz is None
    config = random_hardware(artifact.network, NETWORKS[microphone])
    first, *others = config.stages
    frames, answers = (12, 2) if waits else (2, 1)
    own_hz = rate_hz or ear.rate_hz
    time_s = np.arange(frames * own_hz // 100) / own_hz
    sound = 20_000 * np.sin(2 * np.pi * (300 + 9000 * time_s) * time_s) * (1 + np.sin(100 * time_s)) / 2
    figures = hear(
        tmp_path / "heard",
        np.rint(sound).astype(np.int16),
        microphone,
        "verilator",
        workspace,
        trigger=TriggerSpec(
            free=True, duration=2, preroll=0, floor_fall=0, floor_least=0, preroll_limit=device.ROOM
        ),
        samples=answers,
        gain=2,
        rate_hz=rate_hz,
        config=replace(config, stages=(replace(first, events_per_cycle=2), *others)),
        tests=("hears", "changes_over", "settings") if waits else ("hears",),
    )
    assert len(figures["hears"]["answers"]) == answers
    assert figures["hears"]["registers"]["CLIPPED"] > 0
    if waits:
        assert figures["settings"]["answers"] == sum(phase.answers for phase in device.PHASES)
        assert figures["settings"]["clipped"] > 0

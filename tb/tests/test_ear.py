"""Sound through the pins of a microphone, as far as 16 kHz, and as far as the class."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile
from amaranth.back import rtlil

from fxp_model.ear.trigger import TriggerSpec
from hw.ear import MICROPHONES, ear_of
from hw.verilog import write_verilog
from tb.benches.ear import inputs
from tb.harness.ears import hearing_artifact
from tb.harness.hearing import hear
from tb.harness.runner import Design, Workspace, missing_tool
from tb.harness.stimulus import random_hardware

NETWORKS = {"i2s": 59, "pdm": 16, "pcm": 27}
"""Seeds of networks with 8 inputs and more, and counts of 4, 2 and 1 bits."""


def test_a_recording_through_the_pins(sim: str, workspace: Workspace, tmp_path: Path) -> None:
    rng, path = np.random.default_rng(0), tmp_path / "noise.wav"
    soundfile.write(path, rng.uniform(-1, 1, 30), 24_000, subtype="PCM_24")
    case = {**inputs.CASES["i2s"], "gain": 0, "recording": str(path)}
    design = Design(
        "block", write_verilog(rtlil.convert(inputs.component(**case), name="block", emit_src=False))
    )
    workspace.check(design, sim, inputs.__name__, {"case": case, "seed": 1}, "recording")


@pytest.mark.parametrize("microphone", MICROPHONES)
def test_a_device_hears(microphone: str, workspace: Workspace, tmp_path: Path) -> None:
    """Samples of two frames, at a gain that clips; a host that sends sound has one of its own, too.

    Under Verilator only: Icarus takes more than three minutes for a microphone (`hear.py --sim icarus`).
    """
    missing = missing_tool("verilator")
    if missing is not None:
        pytest.skip(missing)
    artifact = hearing_artifact(tmp_path / "heard", NETWORKS[microphone])
    ear = ear_of(artifact)
    frames, answers = (12, 2) if microphone == "pcm" else (2, 1)
    time_s = np.arange(frames * ear.samples_per_frame) / ear.rate_hz
    sound = 20_000 * np.sin(2 * np.pi * (300 + 9000 * time_s) * time_s) * (1 + np.sin(100 * time_s)) / 2
    figures = hear(
        tmp_path / "heard",
        np.rint(sound).astype(np.int16),
        microphone,
        "verilator",
        workspace,
        trigger=TriggerSpec(free=True, duration=2),
        samples=answers,
        gain=2,
        config=random_hardware(artifact.network, NETWORKS[microphone]),
        tests=("hears", "changes_over") if microphone == "pcm" else ("hears",),
    )
    assert len(figures["hears"]["answers"]) == answers
    assert figures["hears"]["registers"]["CLIPPED"] > 0

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
from hw.config import HardwareConfig
from hw.ear import ear_of
from hw.verilog import write_verilog
from tb.benches.ear import device, inputs, step_device
from tb.harness.depth import FULL, depth
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


STEPPED = [(86, 1, 2), (69, 2, 1), (62, 3, 2)]
"""Seeds of networks, their strides, and events that they take per cycle."""


@pytest.mark.parametrize(("seed", "stride", "events"), STEPPED[: depth(1, 3)])
def test_a_device_answers_per_step(
    seed: int, stride: int, events: int, workspace: Workspace, tmp_path: Path
) -> None:
    """Every answer and every word, to frames of PCM, a host between them, and where frames are dropped.

    Under Verilator only, as above; Icarus plays the vectors of such a build (`tests/hw/test_ear_vectors.py`).
    """
    missing = missing_tool("verilator")
    if missing is not None:
        pytest.skip(missing)
    artifact = hearing_artifact(tmp_path / "heard", seed, stride=stride)
    first, *others = random_hardware(artifact.network, seed).stages
    figures = hear(
        tmp_path / "heard",
        np.zeros(0, np.int16),
        "pcm",
        "verilator",
        workspace,
        trigger=None,
        module=step_device.__name__,
        config=HardwareConfig((replace(first, events_per_cycle=events), *others)),
        tests=("every_frame", "changes_over", "dropped"),
    )
    assert figures["every_frame"]["words"] > 0
    assert figures["dropped"]["dropped"] > 0


def test_a_microphone_is_answered_per_step(workspace: Workspace, tmp_path: Path) -> None:
    """I2S, under Verilator only, as above."""
    missing = missing_tool("verilator")
    if missing is not None:
        pytest.skip(missing)
    artifact = hearing_artifact(tmp_path / "heard", NETWORKS["i2s"], stride=2)
    sound = np.random.default_rng(0).integers(-9000, 9000, 4 * ear_of(artifact).samples_per_frame)
    figures = hear(
        tmp_path / "heard", sound.astype(np.int16), "i2s", "verilator", workspace, trigger=None, samples=2
    )
    assert len(figures["hears"]["answers"]) == 2

"""Sound through the ear behind a microphone, everything compared."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from fxp_model.ear.spec import EarSpec
from fxp_model.ear.trigger import TriggerSpec
from fxp_model.errors import InputError
from hw.ear import EarConfig
from hw.rtl.ear.schedule import MULTIPLIERS
from tb.harness.depth import ears
from tb.harness.ear_recorder import hear, recorder, waits
from tb.harness.ears import random_ear, random_trigger
from tb.harness.filter_banks import loud_sound
from tb.harness.runner import BenchFailure, Design, Workspace, missing_tool

SMALL = EarSpec.design(channels=8, sections=1, rate_hz=8000, high_hz=3500.0)
PCM = EarConfig("pcm", 4)


def sound(spec: EarSpec, frames: int) -> NDArray[np.int64]:
    """Loud."""
    return loud_sound(np.random.default_rng(0), spec, frames * spec.samples_per_frame)


def a_trigger(spec: EarSpec, seed: int = 0) -> TriggerSpec:
    return replace(random_trigger(seed), log_frac_bits=spec.log_frac_bits)


@pytest.mark.parametrize("seed", range(ears(2)))
def test_random_ears_hear_as_the_golden_ear(seed: int, sim: str, workspace: Workspace) -> None:
    """The neurons of some are the limit, not the filters."""
    spec = replace(random_ear(seed, most_channels=20), rate_hz=8000)
    own, pcm = EarConfig("pcm", MULTIPLIERS[seed % 3]), sound(spec, 3)
    figures = hear(spec, a_trigger(spec, seed), own, pcm, sim, workspace, gain=seed % 5)
    assert figures["samples"] == len(pcm)
    assert figures["states"] == len(pcm) * spec.sections * spec.channels
    assert figures["neurons"] == 30
    assert figures["frames"] == 3
    assert figures["levels"] <= 3  # those that changed
    expected = (len(pcm) - 1) * own.sample_cycles(spec)
    if waits(spec, own):
        assert figures["cycles"] == expected
    else:  # the source sets the distances, which the filters round to four cycles
        assert abs(figures["cycles"] - expected) < 10 * own.sample_cycles(spec)


@pytest.mark.parametrize("microphone", ["i2s", "pdm"])
def test_from_the_pins_of_a_microphone(microphone: str, workspace: Workspace) -> None:
    """Under Verilator only: Icarus takes a minute (`prove.py --microphone`)."""
    missing = missing_tool("verilator")
    if missing is not None:
        pytest.skip(missing)
    own, pcm = EarConfig(microphone, 4, settles=False), sound(SMALL, 2)
    figures = hear(SMALL, a_trigger(SMALL), own, pcm, "verilator", workspace, gain=1)
    assert figures["samples"] == len(pcm)


def other_ear(changed: str) -> EarSpec:
    if changed == "a1":
        return replace(SMALL, a1=(*SMALL.a1[:3], SMALL.a1[3] + 1, *SMALL.a1[4:]))
    return replace(SMALL, **{changed: getattr(SMALL, changed) + 1})


@pytest.mark.parametrize(
    ("changed", "named"),
    [
        ("a1", r"states \d+, section 0, channel 3"),
        ("threshold", r"neurons \d+, channel \d"),
        ("level_start", "levels 0|neurons 0"),
    ],
)
def test_another_ear_is_noticed(
    changed: str, named: str, sim: str, workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "tb.harness.ear_recorder.recorder", lambda _, *others: recorder(other_ear(changed), *others)
    )
    with pytest.raises(BenchFailure, match=rf"{named}.*: expected .*, got "):
        hear(SMALL, a_trigger(SMALL), PCM, sound(SMALL, 1), sim, workspace)


@pytest.mark.parametrize(
    ("text", "changed", "named"),
    [
        ("pause <= 1 - 1", "pause <= 40 - 1", "cycles from a sample to the next: expected 8, got 40"),
        (".live(1'd0)", ".live(1'd1)", "a sample is lost"),
        ("$fwrite(events_file", "if (0) $fwrite(events_file", "events did not come"),
    ],
)
def test_other_cycles_and_lost_samples_are_noticed(
    text: str, changed: str, named: str, sim: str, workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    def other(*parts: EarSpec | TriggerSpec | EarConfig) -> Design:
        design = recorder(*parts)  # type: ignore[arg-type]
        assert design.verilog.count(text) == 1
        return replace(design, verilog=design.verilog.replace(text, changed))

    spec = replace(SMALL, spike_limit=1)
    assert waits(spec, PCM)
    monkeypatch.setattr("tb.harness.ear_recorder.recorder", other)
    with pytest.raises(BenchFailure, match=named):
        hear(spec, a_trigger(spec), PCM, sound(spec, 1), sim, workspace)


@pytest.mark.parametrize("samples", [0, 81])
def test_frames_are_complete(samples: int, workspace: Workspace) -> None:
    message = f"^samples to hear must be 1 frame of 80 or more, each complete, not {samples}$"
    with pytest.raises(InputError, match=message):
        hear(SMALL, a_trigger(SMALL), PCM, np.zeros(samples, np.int64), "icarus", workspace)

"""Recordings through the filters and neurons of the ear, every state compared."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from fxp_model.ear.spec import EarSpec
from hw.rtl.ear.schedule import MULTIPLIERS
from tb.harness.depth import ears
from tb.harness.ear_chain import hear, recorder
from tb.harness.ears import random_ear
from tb.harness.filter_banks import loud_sound
from tb.harness.runner import BenchFailure, Workspace


def sounds(spec: EarSpec, frames: tuple[int, ...]) -> list[NDArray[np.int64]]:
    """A loud recording of so many frames each."""
    rng = np.random.default_rng(0)
    return [loud_sound(rng, spec, own * spec.samples_per_frame) for own in frames]


@pytest.mark.parametrize("seed", range(ears(2)))
def test_random_ears_hear_as_the_golden_ear(seed: int, sim: str, workspace: Workspace) -> None:
    spec = random_ear(seed, most_channels=20)
    recordings = sounds(spec, (2, 1))
    figures = hear(spec, MULTIPLIERS[seed % 3], recordings, sim, workspace)
    assert figures["recordings"] == 2
    assert figures["states"] == sum(map(len, recordings)) * spec.sections * spec.channels


@pytest.mark.parametrize(
    ("changed", "named"), [("a1", "states: sample 1, section 0, channel 3"), ("threshold", "neurons: ms")]
)
def test_another_ear_is_noticed(
    changed: str, named: str, sim: str, workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec = EarSpec.design(channels=8, sections=1)
    a1 = (*spec.a1[:3], spec.a1[3] + 1, *spec.a1[4:])
    other = replace(spec, a1=a1) if changed == "a1" else replace(spec, threshold=spec.threshold + 1)
    monkeypatch.setattr("tb.harness.ear_chain.recorder", lambda _, multipliers: recorder(other, multipliers))
    with pytest.raises(BenchFailure, match=rf"recording 0, {named}"):
        hear(spec, 4, sounds(spec, (1,)), sim, workspace)

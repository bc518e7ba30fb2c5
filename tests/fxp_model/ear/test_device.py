"""The golden device: its parts one after the other, in pieces, at gains, muted and resampled."""

import numpy as np
import pytest

from fxp_model.ear.device import Device
from fxp_model.ear.gain import amplify, widened
from fxp_model.ear.model import Ear
from fxp_model.ear.resampler import Resampler, ResamplerSpec
from fxp_model.ear.spec import EarSpec
from fxp_model.ear.trigger import TriggerSpec
from fxp_model.network import run
from tb.harness.stimulus import random_network

NETWORK = random_network(16, max_neurons=16)
EAR = EarSpec.design(channels=NETWORK.spec.n_in, sections=1, count_bits=NETWORK.spec.layers[0].input_bits)
FREE = TriggerSpec(free=True, duration=2, preroll=0)


def noise(samples: int) -> np.ndarray:
    return np.random.default_rng(0).integers(-20_000, 20_001, samples)


def device(resampler: ResamplerSpec | None = None) -> Device:
    return Device(NETWORK, EAR, FREE, resampler)


def by_parts(pcm: np.ndarray) -> list[list[int]]:
    """Scores of every two frames, of parts that have tests of their own."""
    counts = Ear(EAR).step(pcm)
    pairs = [counts[first : first + 2, None] for first in range(0, len(counts) - 1, 2)]
    return [run(NETWORK, pair).scores[0].tolist() for pair in pairs]


def test_scores_are_those_of_the_parts_in_pieces_of_any_length() -> None:
    samples = widened(noise(5 * 160 + 7))
    whole = device()
    expected = by_parts(noise(5 * 160 + 7))
    assert [own.tolist() for own in whole.step(samples)] == expected
    assert len(expected) == 2
    assert whole.frames == 5
    pieces, own = device(), []
    for piece in np.split(samples, [1, 100, 159, 161, 161, 500]):
        own += [scores.tolist() for scores in pieces.step(piece)]
    assert own == expected


def test_gain_counts_what_it_clips() -> None:
    own, samples = device(), widened(noise(640))
    own.gain = 2
    pcm, clipped = amplify(samples, 2)
    assert [scores.tolist() for scores in own.step(samples)] == by_parts(pcm)
    assert own.clipped == np.count_nonzero(clipped) > 0
    assert own.peak == 32768


def test_a_muted_ear_hears_zeros_and_the_meters_go_on() -> None:
    own, samples = device(), widened(noise(640))
    own.mute = True
    assert [scores.tolist() for scores in own.step(samples)] == by_parts(np.zeros(640, int))
    assert own.ear.loudness == 0
    assert own.peak == np.abs(noise(640)).max()


def test_another_rate_is_resampled_behind_the_gain() -> None:
    pytest.importorskip("scipy")
    spec = ResamplerSpec.design(48_000)
    own, samples = device(spec), widened(noise(3 * 640))
    own.gain = 1
    pcm = Resampler(spec).step(amplify(samples, 1)[0])
    assert [scores.tolist() for scores in own.step(samples)] == by_parts(pcm)
    assert own.frames == 4

"""Clips heard in noise, at a gain, moved in time: the law, and what it depends on."""

import math
import re
from dataclasses import replace

import numpy as np
import pytest
import soundfile

from fxp_model.data import Conditions, Part, open_noise
from fxp_model.errors import InputError

RATE_HZ = 16000
CLIP = np.random.default_rng(1).normal(0, 0.05, 4000)


@pytest.fixture(scope="module")
def noise(tmp_path_factory):
    root = tmp_path_factory.mktemp("noise")
    rng = np.random.default_rng(2)
    for n in range(8):
        soundfile.write(root / f"{n}.wav", rng.normal(0, 0.1, int(rng.integers(1000, 9000))), RATE_HZ)
    return open_noise(root, Part.TRAIN)


def fixed(**values):
    """Conditions whose ranges are a value each."""
    pairs = {name: (value, value) for name, value in values.items() if name in ("gain_db", "snr_db")}
    return Conditions(**values | pairs)


def in_16_bits(value):
    """The nearest integer of 16 bits, of two equally near the even one."""
    low = math.floor(value)
    rest = value - low
    nearest = low + (rest > 0.5 or (rest == 0.5 and low % 2 == 1))
    return max(-32768, min(32767, nearest))


def test_it_is_the_law(noise):
    conditions = fixed(gain_db=24.0, snr_db=3.0, noise=noise, shift_ms=20.0, seed=5, copy=2)
    when, _, file, place, _, _ = np.random.default_rng([5, 7, 2]).random(6)
    d = round((2 * when - 1) * 0.020 * RATE_HZ)
    assert d != 0
    s = [CLIP[n - d] if 0 <= n - d < len(CLIP) else 0.0 for n in range(len(CLIP))]
    v = noise.stretch(file, place, len(CLIP), RATE_HZ)
    c = math.sqrt(sum(a * a for a in s) / (sum(b * b for b in v) * 10**0.3))
    exact = [2**15 * 10 ** (24 / 20) * (a + c * b) for a, b in zip(s, v, strict=True)]
    assert (
        min(abs(value % 1 - 0.5) for value in exact) > 1e-7
    )  # the order of a sum of floats rounds none away
    actual = conditions.heard(CLIP, RATE_HZ, 7) * 2**15
    assert actual.tolist() == [in_16_bits(value) for value in exact]
    assert {-32768.0, 32767.0} < set(actual.tolist())


@pytest.mark.parametrize("snr_db", [-20.0, 0.0, 20.0])
def test_powers_of_the_whole_clip_are_as_far_apart_as_asked(noise, snr_db):
    quiet = CLIP / 20
    added = fixed(snr_db=snr_db, noise=noise).heard(quiet, RATE_HZ, 3) - quiet
    assert 10 * np.log10(np.sum(quiet**2) / np.sum(added**2)) == pytest.approx(snr_db, abs=0.01)


def test_gain_rounds_and_saturates_as_16_bits():
    exact = np.array([1, -1, 3, 5, -7, 16384, 20000, -16384, -16385, 32767]) / 2**15
    assert np.array_equal(Conditions().heard(exact, RATE_HZ, 0), exact)
    half = fixed(gain_db=20 * math.log10(0.5)).heard(exact, RATE_HZ, 0) * 2**15
    assert half.tolist() == [0, 0, 2, 2, -4, 8192, 10000, -8192, -8192, 16384]
    twice = fixed(gain_db=20 * math.log10(2)).heard(exact, RATE_HZ, 0) * 2**15
    assert twice.tolist() == [2, -2, 6, 10, -14, 32767, 32767, -32768, -32768, 32767]


def test_silence_stays_silent(noise):
    assert not fixed(snr_db=0.0, noise=noise).heard(np.zeros(100), RATE_HZ, 0).any()


def test_a_shift_moves_either_way_and_lets_silence_in():
    clip = np.arange(1, 33) / 64
    conditions = Conditions(shift_ms=1.0)  # 16 samples
    moved = [conditions.heard(clip, RATE_HZ, index) for index in range(300)]
    allowed = {tuple(np.pad(clip, 16)[16 - d : 48 - d]) for d in range(-16, 17)}
    assert {tuple(heard) for heard in moved} == allowed
    far = Conditions(shift_ms=10_000.0)
    assert not any(far.heard(clip, RATE_HZ, index).any() for index in range(5))


def test_seed_clip_and_copy_decide_and_nothing_else(noise):
    conditions = Conditions(gain_db=(-30, 6), noise=noise, shift_ms=10.0, seed=3, copy=1)
    heard = conditions.heard(CLIP, RATE_HZ, 4)
    assert np.array_equal(conditions.heard(CLIP, RATE_HZ, 4), heard)
    for other, index in ((replace(conditions, seed=4), 4), (replace(conditions, copy=2), 4), (conditions, 5)):
        assert not np.array_equal(other.heard(CLIP, RATE_HZ, index), heard)


def test_another_level_of_noise_is_the_same_noise(noise):
    quiet = CLIP / 20
    added = [fixed(snr_db=snr_db, noise=noise).heard(quiet, RATE_HZ, 9) - quiet for snr_db in (-20.0, -10.0)]
    assert np.corrcoef(added)[0, 1] > 0.999


def test_a_share_of_the_clips_has_noise_and_ranges_are_filled(noise):
    clip = CLIP[:200] / 20
    exact = Conditions().heard(clip, RATE_HZ, 0)
    conditions = Conditions(snr_db=(0, 30), noise=noise, noise_share=0.7)
    added = [conditions.heard(clip, RATE_HZ, index) - exact for index in range(400)]
    power = np.array([np.sum(own**2) for own in added])
    assert 0.62 < np.mean(power > 0) < 0.78
    snr_db = 10 * np.log10(np.sum(exact**2) / power[power > 0])
    assert np.histogram(snr_db, [-0.5, 10, 20, 31])[0].min() > 60
    assert len(snr_db) == np.histogram(snr_db, [-0.5, 31])[0][0]
    assert not any(
        (replace(conditions, noise_share=0.0).heard(clip, RATE_HZ, index) - exact).any() for index in range(9)
    )
    loud = Conditions(gain_db=(-30, 6))
    gain_db = [20 * np.log10(np.std(loud.heard(CLIP, RATE_HZ, n)) / np.std(CLIP)) for n in range(200)]
    assert np.histogram(gain_db, [-30.1, -18, -6, 6.1])[0].min() > 40
    assert len(gain_db) == np.histogram(gain_db, [-30.1, 6.1])[0][0]


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"gain_db": (-121, 0)}, "gain_db must be -120..60, not -121"),
        ({"gain_db": (0, math.nan)}, "gain_db must be -120..60, not nan"),
        ({"gain_db": (6, -30)}, "gain_db must be a low and a high value, not 6 and -30"),
        ({"snr_db": (0, 121)}, "snr_db must be -60..120, not 121"),
        ({"noise_share": 1.5}, "noise_share must be 0..1, not 1.5"),
        ({"shift_ms": -1}, "shift_ms must be 0..10000, not -1"),
        ({"seed": -1}, "seed must be at least 0, not -1"),
        ({"copy": -2}, "copy must be at least 0, not -2"),
    ],
)
def test_a_value_outside_its_limits_is_refused(values, message):
    with pytest.raises(InputError, match=f"^{re.escape(message)}$"):
        Conditions(**values)


@pytest.mark.parametrize("rate_hz", [500, 2_000_000])
def test_what_no_encoder_takes_is_not_heard(noise, rate_hz):
    with pytest.raises(InputError, match=rf"^rate_hz must be an integer in 1000\.\.1000000, not {rate_hz}$"):
        fixed(noise=noise).heard(CLIP, rate_hz, 0)
    with pytest.raises(InputError, match=r"^audio must be finite and at most 32768 in magnitude, not nan$"):
        fixed(noise=noise).heard(np.full(5, np.nan), RATE_HZ, 0)

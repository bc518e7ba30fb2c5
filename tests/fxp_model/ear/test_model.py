"""The ear in literal fractions, in numpy and compiled: the same integers for every sample."""

import math
from copy import deepcopy
from dataclasses import fields, replace
from fractions import Fraction

import numpy as np
import pytest

from fxp_model.ear.design import centre_hz
from fxp_model.ear.engine import EarEngine
from fxp_model.ear.logarithm import log_table
from fxp_model.ear.model import Ear
from fxp_model.ear.spec import EarSpec
from fxp_model.errors import InputError

FULL = 32_767


def random_spec(rng):
    channels = int(rng.integers(8, 20))
    low = float(rng.uniform(40, 500))
    return EarSpec.design(
        channels=channels,
        sections=int(rng.integers(1, 5)),
        low_hz=low,
        high_hz=float(rng.uniform(low + 500, 7800)),
        width=float(rng.uniform(0.6, 3)),
        headroom=float(rng.uniform(2, 8)),
        coefficient_bits=int(rng.integers(15, 19)),
        state_frac_bits=int(rng.integers(0, 8)),
        log_frac_bits=int(rng.integers(3, 9)),
        compression_shift=int(rng.integers(0, 4)),
        level_start=int(rng.integers(15, 35)),
        level_floor=int(rng.integers(0, 25)),
        level_range=int(rng.integers(0, 500)),
        level_shift=int(rng.integers(0, 10)),
        level_fall=int(rng.integers(0, 200)),
        drive_frac_bits=int(rng.integers(4, 15)),
        drive_int_bits=int(rng.integers(1, 9)),
        threshold=int(rng.integers(1, 3000)),
        adaptation=int(rng.integers(0, 200)),
        leak_shift=int(rng.integers(0, 6)),
        recovery_shift=int(rng.integers(0, 8)),
        spike_limit=int(rng.integers(1, 16)),
        count_bits=int(rng.integers(1, 9)),
    )


def sounds(rng, samples):
    """Noise, a tone, a square wave of full scale, a click, in turns."""
    time = np.arange(samples)
    tone = 8000 * np.sin(2 * math.pi * rng.uniform(0.005, 0.45) * time)
    square = np.where(time // int(rng.integers(1, 60)) % 2, FULL, -FULL - 1)
    click = np.where(time == samples // 3, FULL, 0)
    noise = rng.normal(0, 10 ** rng.uniform(0, 4), samples)
    kinds = np.stack([noise, tone, square, click])
    return np.clip(np.rint(kinds[time // 160 % 4, time]), -FULL - 1, FULL).astype(np.int64)


class Literal:
    """Sections 11 to 14 of NUMERICS.md in fractions, one channel at a time."""

    def __init__(self, spec):
        self.spec, self.level, self.age, self.samples = spec, Fraction(spec.level_start), 0, []
        self.channels = [self.channel(c) for c in range(spec.channels)]

    def channel(self, c):
        spec = self.spec
        scale = 2**spec.coefficient_frac_bits
        return {
            "a1": Fraction(spec.a1[c], scale),
            "a2": Fraction(spec.a2[c], scale),
            "y": [[Fraction(0)] * 2 for _ in range(spec.sections)],
            "e": 0,
            "v": 0,
            "r": 0,
            "n": 0,
        }

    def log2(self, u):
        size = 2**self.spec.log_frac_bits
        place = math.floor(math.log2(u))
        m = u * size // 2**place - size
        return Fraction(place) + Fraction(log_table(self.spec.log_frac_bits)[m], size)

    def step(self, sample):
        spec = self.spec
        self.samples.append(Fraction(sample) * 2**spec.state_frac_bits)
        x = [*self.samples[::-1][:3], 0, 0]
        for c, channel in enumerate(self.channels):
            d = x[0] - x[2]
            for y in channel["y"]:
                exact = d * Fraction(1, 2 ** spec.shift[c]) - channel["a1"] * y[0] - channel["a2"] * y[1]
                now = Fraction(math.floor(exact + Fraction(1, 2)))
                d = now - y[1]
                y[:] = now, y[0]
            channel["e"] += max(channel["y"][-1][0], 0)
        if len(self.samples) % (spec.rate_hz // 1000):
            return None
        self.energy = getattr(self, "energy", 0) + sum(channel["e"] for channel in self.channels)
        self.fire()
        if len(self.samples) % (spec.rate_hz // 100):
            return None
        counts = [min(channel["n"], 2**spec.count_bits - 1) for channel in self.channels]
        for channel in self.channels:
            channel["n"] = 0
        self.follow()
        return counts

    def fire(self):
        spec, size = self.spec, 2**self.spec.log_frac_bits
        level = Fraction(math.floor(self.level * size), size)
        most = 2 ** (spec.drive_frac_bits + spec.drive_int_bits) - 1
        for c, channel in enumerate(self.channels):
            drive = 0
            if channel["e"] > 0:
                g = (self.log2(int(channel["e"])) + Fraction(spec.offset[c], size) - level) * size
                g = math.floor(g / 2**spec.compression_shift)
                drive = round(2 ** (spec.drive_frac_bits + g % size / size))
                drive = min(math.floor(drive * Fraction(2) ** (g // size)), most)
            v = channel["v"] - math.ceil(Fraction(channel["v"], 2**spec.leak_shift)) + drive
            limit = spec.threshold + channel["r"]
            n = min(v // limit, spec.spike_limit)
            channel["v"] = v - n * limit
            channel["r"] += n * spec.adaptation - math.ceil(Fraction(channel["r"], 2**spec.recovery_shift))
            channel["n"] += n
            channel["e"] = 0

    def follow(self):
        spec, size = self.spec, 2**self.spec.log_frac_bits
        unit = size * 2**spec.level_shift
        now = self.log2(max(int(self.energy), 1))
        self.energy = 0
        level = Fraction(math.floor(self.level * size), size)
        if now >= max(spec.level_floor, level - Fraction(spec.level_range, size)):
            self.age = min(self.age + 1, 2**spec.level_shift)
            move = (now - self.level) * unit / 2 ** math.floor(math.log2(self.age))
            self.level += Fraction(math.floor(move), unit)
        else:
            self.level = max(self.level - Fraction(spec.level_fall, unit), Fraction(spec.level_floor))


@pytest.mark.parametrize("seed", range(4))
def test_integers_are_those_of_the_law_in_fractions(seed):
    rng = np.random.default_rng(seed)
    spec = random_spec(rng)
    literal, ear = Literal(spec), Ear(spec)
    frames = []
    for sample in sounds(rng, 480).tolist():
        counts = literal.step(sample)
        heard = ear.step([sample])
        assert (counts is None) == (len(heard) == 0)
        frames += [] if counts is None else [counts]
        if counts is not None:
            assert heard.tolist() == [counts]
        y = [
            [[channel["y"][s][k] for channel in literal.channels] for k in (0, 1)]
            for s in range(spec.sections)
        ]
        assert ear.state.sections.tolist() == y
        assert ear.state.potential.tolist() == [channel["v"] for channel in literal.channels]
        assert ear.state.raised.tolist() == [channel["r"] for channel in literal.channels]
        assert ear.state.level == literal.level * 2 ** (spec.log_frac_bits + spec.level_shift)
        assert ear.state.age == literal.age
    assert len(frames) == 3


@pytest.mark.parametrize("seed", range(12))
def test_compiled_is_golden_for_any_cut_of_the_samples(seed):
    rng = np.random.default_rng([1, seed])
    spec = random_spec(rng)
    golden, engine, whole = Ear(spec), EarEngine(spec), EarEngine(spec)
    heard = sounds(rng, int(rng.integers(700, 1500)))
    cuts = np.sort(rng.integers(0, len(heard), 6))
    parts = np.split(heard, cuts)
    expected = whole.step(heard)
    assert len(expected) == len(heard) // 160
    for ear in (golden, engine):
        assert np.array_equal(np.concatenate([ear.step(part) for part in parts]), expected)
        assert ear.state.differs(whole.state) is None


@pytest.mark.parametrize("seed", range(6))
def test_no_state_exceeds_its_bound(seed):
    rng = np.random.default_rng([2, seed])
    spec = random_spec(rng)
    ear = EarEngine(spec)
    # of the widest channel, the input that the bound of the first section is made of
    scale = 2.0**-spec.coefficient_frac_bits
    r = [1.0, -scale * spec.a1[0]]
    while len(r) < 3000:
        r.append(-scale * spec.a1[0] * r[-1] - scale * spec.a2[0] * r[-2])
    worst = np.where(np.array(r) - np.array([0, 0, *r[:-2]]) > 0, FULL, -FULL - 1)[::-1]
    reached = 0
    for part in np.array_split(np.concatenate([worst, sounds(rng, 2000)]), 500):
        ear.step(part)
        for section, limit in zip(ear.state.sections, spec.state_limits[1:], strict=True):
            assert np.abs(section).max() <= limit
        reached = max(reached, np.abs(ear.state.sections[0]).max() / spec.state_limits[1])
        assert 0 <= ear.state.potential.max() <= spec.max_potential
        assert 0 <= ear.state.raised.max() <= spec.max_raised
        assert ear.state.envelope.max() < 1 << spec.envelope_bits
        assert ear.state.energy < 1 << spec.energy_bits
    assert reached > 0.4


def test_the_loudness_of_every_frame_is_that_of_the_golden_ear():
    rng = np.random.default_rng(22)
    for _ in range(5):
        spec = random_spec(rng)
        golden, engine = Ear(spec), EarEngine(spec)
        heard = np.concatenate([np.zeros(320, np.int64), sounds(rng, 1280)])
        expected = []
        for frame in heard.reshape(-1, spec.samples_per_frame):
            counts = golden.step(frame)
            expected.append((counts[0].tolist(), golden.loudness))
        found = [engine.hear(part) for part in np.split(heard, [7, 500, 800])]
        told = [
            pair
            for counts, loudness in found
            for pair in zip(counts.tolist(), loudness.tolist(), strict=True)
        ]
        assert told == expected
        assert len({loudness for _, loudness in expected}) > 2


def test_a_frame_is_dropped_at_any_sample_and_all_but_its_sums_stays():
    rng = np.random.default_rng(21)
    spec = EarSpec.design(channels=8, level_floor=0)
    golden, engine = Ear(spec), EarEngine(spec)
    for samples in (1, 15, 16, 100, 159, 0, 160):
        heard = sounds(rng, 480 + samples)
        assert np.array_equal(golden.step(heard), engine.step(heard))
        before = deepcopy(golden.state)
        assert before.samples == samples % 160
        golden.drop()
        engine.drop()
        assert golden.state.differs(engine.state) is None
        dropped = dict.fromkeys(("envelope", "counts"), np.zeros(8)) | {"energy": 0, "samples": 0}
        for field in fields(before):
            expected = dropped.get(field.name, getattr(before, field.name))
            assert np.array_equal(getattr(golden.state, field.name), expected), field.name
        assert len(golden.step(heard[:160])) == len(engine.step(heard[:160])) == 1


def test_what_comes_later_does_not_change_what_was_heard():
    spec = EarSpec.design(channels=16, sections=2)
    rng = np.random.default_rng(3)
    past = sounds(rng, 1600)
    ends = (np.zeros(800, int), np.full(800, FULL), sounds(rng, 800))
    heard = [EarEngine(spec).step(np.concatenate([past, end])) for end in ends]
    assert all(np.array_equal(counts[:10], heard[0][:10]) for counts in heard)
    assert not np.array_equal(heard[0][10:], heard[1][10:])


def test_a_tone_is_heard_where_it_is():
    spec = EarSpec.design(channels=40, sections=2)
    centre = centre_hz(40, 80.0, 7000.0)
    for channel in (5, 20, 35):
        tone = 3000 * np.sin(2 * math.pi * centre[channel] / 16_000 * np.arange(8000))
        counts = EarEngine(spec).step(np.rint(tone).astype(int)).sum(axis=0)
        assert abs(int(counts.argmax()) - channel) <= 1


def test_silence_returns_an_ear_to_rest_but_for_its_level():
    spec = EarSpec.design(channels=16, sections=2)
    ear = EarEngine(spec)
    ear.step(sounds(np.random.default_rng(4), 1600))
    before = ear.state.level
    ear.step(np.zeros(32_000, int))
    assert not ear.state.raised.any()
    # what stays is the dead band of the rounding, of the lowest channel
    assert np.abs(ear.state.sections).max() <= 2 << spec.state_frac_bits
    assert ear.step(np.zeros(1600, int)).sum() == 0
    assert ear.state.level == before - 210 * spec.level_fall


def test_loudness_of_a_voice_is_forgotten_in_seconds():
    """The same sound 30 dB lower gives nearly the same counts once the level has followed."""
    spec = EarSpec.design(channels=32, sections=2)
    rng = np.random.default_rng(5)
    second = rng.normal(0, 1, 16_000) * np.repeat(rng.random(100) > 0.4, 160)
    ears = EarEngine(spec), EarEngine(spec)
    for _ in range(40):
        loud, quiet = (
            ear.step(np.rint(second * peak).astype(int)) for ear, peak in zip(ears, (6000, 190), strict=True)
        )
    assert loud.sum() > 1000
    assert abs(int(loud.sum()) - int(quiet.sum())) < 0.05 * loud.sum()
    assert np.corrcoef(loud.ravel(), quiet.ravel())[0, 1] > 0.95


@pytest.mark.parametrize(
    ("samples", "message"),
    [
        ([32_768], r"samples must be -32768..32767, not 32768"),
        ([-40_000, 5], r"samples must be -32768..32767, not -40000"),
        ([0.5], r"samples must hold integers, not float64"),
        ([[1]], r"samples must have shape \(n,\), not \(1, 1\)"),
    ],
)
def test_what_no_microphone_gives_is_refused(samples, message):
    spec = EarSpec.design(channels=8)
    for ear in (Ear(spec), EarEngine(spec)):
        with pytest.raises(InputError, match=f"^{message}$"):
            ear.step(samples)


def test_an_ear_needs_a_spec():
    for kind in (Ear, EarEngine):
        with pytest.raises(InputError, match=r"^spec must be of type EarSpec, not 3$"):
            kind(3)
    spec = EarSpec.design(channels=8)
    assert Ear(spec).step(np.zeros(0, int)).shape == (0, 8)
    assert replace(spec) == spec

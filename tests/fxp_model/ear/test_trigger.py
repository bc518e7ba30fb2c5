"""The golden trigger: its law again in plain integers, what follows from that, and bad input."""

from dataclasses import dataclass, field, replace

import numpy as np
import pytest

from fxp_model.ear.trigger import Trigger, TriggerSpec
from fxp_model.errors import InputError
from tb.harness.depth import depth
from tb.harness.ears import loudness_walk, other_settings, random_trigger


@dataclass
class Plain:
    """NUMERICS.md section 17, line by line; frames are numbers."""

    spec: TriggerSpec
    floor: int = 0
    sampling: bool = False
    armed: int = 1
    n: int = 0
    streak: int = 0
    left: int = 0
    passed: list[int] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.floor = 2 ** (6 + self.spec.log_frac_bits + self.spec.floor_shift) - 1

    def step(self, loudness: int, frame: int, waits: bool) -> list[tuple[int, bool]]:
        spec, s = self.spec, self.spec.floor_shift
        loud = loudness >= self.floor // 2**s + spec.rise
        quiet = loudness < self.floor // 2**s + spec.fall
        if loudness * 2**s < self.floor:
            fallen = self.floor + (loudness * 2**s - self.floor) // 2**spec.floor_fall
            self.floor = max(fallen, spec.floor_least * 2 ** (spec.log_frac_bits + s))
        else:
            self.floor += spec.floor_rise
        onset = loud and self.armed and self.left == 0 and self.streak + 1 >= spec.onset
        if self.sampling:
            frames = [frame]
            self.n += 1
        elif (spec.free or onset) and (not waits or not self.passed):
            before = 0 if spec.free else min(spec.preroll, len(self.passed))
            frames = [*self.passed[len(self.passed) - before :], frame]
            self.n = before + 1
        else:
            self.passed.append(frame)
            self.streak = self.streak + 1 if loud and self.armed and self.left == 0 else 0
            self.armed = 1 if quiet else self.armed
            self.left = max(self.left - 1, 0)
            return []
        last = self.n >= spec.duration
        self.sampling = not last
        if last:
            self.left = spec.hold
        self.armed = self.streak = 0
        self.passed = []
        return [(own, last and own == frame) for own in frames]


@pytest.mark.parametrize("seed", range(depth(16, 200)))
def test_the_trigger_is_its_law(seed):
    spec, rng = random_trigger(seed), np.random.default_rng(seed)
    golden, plain = Trigger(spec), Plain(spec)
    ended = 0
    for frame, loudness in enumerate(loudness_walk(spec, rng, 1500)):
        if rng.random() < 0.01:
            golden.spec = plain.spec = replace(golden.spec, **other_settings(spec, rng))
        waits = bool(rng.random() < 0.3)
        sent = golden.step(loudness, divmod(frame, 256), waits)
        expected = plain.step(loudness, frame, waits)
        assert [(int(own.counts[0]) * 256 + int(own.counts[1]), own.last) for own in sent] == expected
        assert golden.floor == plain.floor
        ended += sum(own.last for own in sent)
    assert ended > 1


@pytest.mark.parametrize("seed", range(16))
def test_samples_are_whole_apart_and_in_order(seed):
    spec = replace(random_trigger(seed), free=False)
    trigger, rng = Trigger(spec), np.random.default_rng(seed)
    sent = []
    for frame, loudness in enumerate(loudness_walk(spec, rng, 2000)):
        sent += [
            (int(own.counts[0]) * 256 + int(own.counts[1]), own.last)
            for own in trigger.step(loudness, divmod(frame, 256))
        ]
    frames, last = np.array(sent).T
    ends = np.flatnonzero(last)
    lengths = np.diff(ends, prepend=-1)
    assert np.all(np.diff(frames) > 0)
    assert np.all(np.diff(frames)[~last[:-1].astype(bool)] == 1)
    assert np.all(lengths >= spec.duration)
    assert lengths.max() <= max(spec.duration, spec.preroll + 1)
    decided = frames[ends[:-1]] + spec.hold + 1
    assert np.all(frames[ends[:-1] + 1] + spec.preroll >= decided)


def test_free_sends_every_frame_from_the_first():
    trigger = Trigger(TriggerSpec(free=True, duration=3))
    sent = [trigger.step(0, [frame]) for frame in range(7)]
    assert [(int(own.counts[0]), own.last) for (own,) in sent] == [(n, n % 3 == 2) for n in range(7)]


def test_free_passes_nothing_over_where_frames_wait():
    trigger = Trigger(TriggerSpec(free=True, duration=3))
    assert all(len(trigger.step(0, [frame], waits=True)) == 1 for frame in range(7))


def test_steady_noise_begins_at_most_one_sample():
    trigger, rng = Trigger(TriggerSpec(duration=10, hold=5)), np.random.default_rng(3)
    ended = 0
    for octaves in [22] * 200 + [32] * 4000:  # it gets louder by 60 dB, for 40 s
        ended += sum(own.last for own in trigger.step(int(64 * octaves + rng.integers(-8, 9)), [0]))
    assert ended == 1


def test_a_word_after_a_mute_is_heard():
    trigger = Trigger(TriggerSpec(floor_least=20, onset=3))
    for _ in range(500):
        assert trigger.step(0, [0]) == []
    assert trigger.floor >> 8 == 20 * 64
    for _ in range(500):
        assert trigger.step(21 * 64, [0]) == []
    assert any(trigger.step(24 * 64, [0]) for _ in range(3))


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"rise": 4096}, r"rise must be in 0\.\.4095, not 4096"),
        ({"fall": 97}, r"fall must be at most rise = 96, not 97"),
        ({"onset": 0}, r"onset must be in 1\.\.15, not 0"),
        ({"preroll": 33}, r"preroll must be in 0\.\.32, not 33"),
        ({"preroll": 9, "preroll_limit": 8}, r"preroll must be at most preroll_limit = 8, not 9"),
        ({"duration": 0}, r"duration must be in 1\.\.4095, not 0"),
        ({"floor_rise": 256}, r"floor_rise must be less than 2\*\*floor_shift = 256, not 256"),
        ({"hold": 1.0}, r"hold must be an integer, not 1\.0"),
        ({"hold": True}, r"hold must be an integer, not True"),
        ({"free": 1}, r"free must be True or False, not 1"),
    ],
)
def test_bad_specs_are_named(fields, message):
    with pytest.raises(InputError, match=f"^{message}$"):
        TriggerSpec(**fields)


@pytest.mark.parametrize(
    ("loudness", "counts", "message"),
    [
        (4096, [0], r"loudness must be in 0\.\.4095, not 4096"),
        (-1, [0], r"loudness must be in 0\.\.4095, not -1"),
        (0, [[0]], r"counts must have shape \(channels,\), not \(1, 1\)"),
        (0, [256], r"counts must be 0\.\.255, not 256"),
        (0, [0.5], r"counts must hold integers, not float64"),
    ],
)
def test_bad_frames_are_named(loudness, counts, message):
    with pytest.raises(InputError, match=f"^{message}$"):
        Trigger(TriggerSpec()).step(loudness, counts)

"""Augmentation: each change is verified clip by clip, and nothing changes beyond a clip's length."""

from itertools import product

import numpy as np
import pytest

from fxp_model.errors import InputError
from fxp_model.qat.augment import Augmentation, augment

NONE = dict.fromkeys(
    ("time_shift", "channel_shift", "event_drop", "time_mask", "channel_mask", "time_stretch"), 0
)


def changed(counts, seed=0, labels=None, lengths=None, **settings):
    """`counts` augmented with only these `settings`."""
    labels = np.arange(counts.shape[1]) if labels is None else np.array(labels)
    rng = np.random.default_rng(seed)
    found, same = augment(counts, labels, Augmentation(**(NONE | settings)), rng, lengths)
    np.testing.assert_array_equal(same, labels)
    return found


def full(steps, samples, channels, seed=9):
    """Counts without zeros, so that every shift is unambiguous."""
    return np.random.default_rng(seed).integers(1, 16, (steps, samples, channels)).astype(np.uint8)


def until(counts, lengths):
    """`counts` with silence beyond each length, as a data set pads."""
    return counts * (np.arange(len(counts))[:, None] < lengths)[:, :, None]


def test_no_change_is_the_identity():
    counts = full(30, 4, 20)
    same = changed(counts)
    assert same.dtype == np.uint8
    np.testing.assert_array_equal(same, counts)


@pytest.mark.parametrize("seed", range(10))
def test_a_clip_is_shifted_in_time_and_transposed_within_its_length(seed):
    lengths = np.array([30, 12, 1, 25])
    counts = until(full(30, 4, 9), lengths).astype(np.uint8)
    moved = changed(counts, seed, lengths=lengths, time_shift=3, channel_shift=2)
    for b, length in enumerate(lengths):
        explained = 0
        for shift, up in product(range(-3, 4), range(-2, 3)):
            expected = np.zeros((30, 9))
            for t, c in product(range(length), range(9)):
                if 0 <= t - shift < length and 0 <= c - up < 9:
                    expected[t, c] = counts[t - shift, b, c - up]
            explained += np.array_equal(moved[:, b], expected)
        assert explained >= 1
        assert explained == 1 or not moved[:, b].any()


def test_all_shifts_are_drawn():
    counts = np.zeros((9, 400, 9), np.uint8)
    counts[4, :, 4] = 1
    step, sample, channel = np.nonzero(changed(counts, time_shift=2, channel_shift=3))
    assert np.unique(sample).size == 400
    assert set(step) == set(range(2, 7))
    assert set(channel) == set(range(1, 8))


@pytest.mark.parametrize("seed", range(10))
def test_a_stretched_clip_has_one_tempo(seed):
    lengths = np.array([40, 40, 25, 3])
    steps = np.arange(1, 41, dtype=np.uint8)[:, None, None]  # each count identifies its original step
    counts = until(np.broadcast_to(steps, (40, 4, 2)), lengths).astype(np.uint8)
    moved = changed(counts, seed, lengths=lengths, time_stretch=0.3)
    assert not np.array_equal(moved, counts)
    np.testing.assert_array_equal(moved[..., 0], moved[..., 1])
    for b, length in enumerate(lengths):
        low, high = 0.7, 1.3  # tempos that explain every step: source = round(t / tempo)
        for t in range(1, length):
            source = int(moved[t, b, 0]) - 1
            if source >= 0:
                low, high = max(low, t / (source + 0.5)), min(high, t / (source - 0.5))
            else:
                high = min(high, t / (length - 0.5))
        assert moved[0, b, 0] == 1
        assert low <= high
        assert not moved[length:, b].any()


def test_tempos_reach_both_ways():
    counts = np.zeros((40, 200, 1), np.uint8)
    counts[20:] = 1
    first = changed(counts, time_stretch=0.25).argmax(axis=0)[:, 0]
    assert 14 <= first.min() < 17
    assert 23 < first.max() <= 25


@pytest.mark.parametrize(("share", "expected"), [(0.0, 0), (0.001, 0), (0.1, 26), (0.5, 128), (1.0, 256)])
def test_cells_are_dropped_with_a_share_of_256ths(share, expected):
    counts = full(100, 64, 64)
    thinned = changed(counts, event_drop=share)
    assert np.all((thinned == counts) | (thinned == 0))
    p = expected / 256
    assert abs((thinned == 0).sum() - p * counts.size) <= 5 * np.sqrt(counts.size * p * (1 - p))


@pytest.mark.parametrize(("setting", "axis"), [("time_mask", 0), ("channel_mask", 1)])
def test_a_mask_is_one_block_of_at_most_its_width(setting, axis):
    counts = full(20, 300, 20)
    masked = changed(counts, **{setting: 5})
    widths = set()
    for b in range(300):
        silent = np.flatnonzero(~masked[:, b].any(axis=1 - axis))
        widths.add(len(silent))
        assert len(silent) == 0 or silent[-1] - silent[0] == len(silent) - 1
        kept = np.delete(masked[:, b], silent, axis)
        np.testing.assert_array_equal(kept, np.delete(counts[:, b], silent, axis))
    assert widths == set(range(6))


def test_a_blend_meets_a_partner_of_its_class_at_its_centre():
    labels = [0, 1, 0, 1, 0, 2, 1, 0]
    counts = np.zeros((50, 8, 8), np.uint8)
    where = [3, 7, 12, 18, 25, 30, 41, 48]
    for b, t in enumerate(where):
        counts[t, b, b] = 15  # the channel identifies the clip
    met = set()
    for seed in range(20):
        blended = changed(counts, seed, labels, blend=1.0)
        for b, t in enumerate(where):
            step, channel = np.nonzero(blended[:, b])
            assert set(step) == {t}
            if labels[b] == 2:
                assert blended[t, b, b] == 15  # alone in its class
                continue
            (partner,) = set(channel) - {b}
            assert labels[partner] == labels[b]
            met.add((b, partner))
    assert len(met) == 4 * 3 + 3 * 2


def test_a_partner_is_cut_at_the_end_of_the_clip():
    counts = np.zeros((40, 2, 2), np.uint8)
    counts[9, 0, 0] = counts[20, 1, 1] = counts[24, 1, 1] = 15  # aligned: at 7, and at 11 beyond the end
    lost = 0
    for seed in range(20):
        blended = changed(counts, seed, [0, 0], np.array([10, 40]), blend=1.0, time_shift=2)
        own, partner = (np.flatnonzero(blended[:, 0, c]).tolist() for c in (0, 1))
        lost += own == []
        assert len(partner) == 1
        assert own in ([], [partner[0] + 2])
    assert 0 < lost < 20


@pytest.mark.parametrize("count", [1, 6, 15, 16, 100])
def test_a_blend_keeps_each_event_with_probability_one_half(count):
    counts = np.full((40, 2, 50), count, np.uint8)
    counts[0] = 2 * count  # so that nothing else can saturate
    for cells in changed(counts, labels=[0, 0], blend=1.0).swapaxes(0, 1):
        sums = cells[1:].ravel()  # of two binomials (count, 1/2)
        variance = count / 2
        assert sums.max() <= 2 * count
        assert abs(sums.mean() - count) <= 5 * np.sqrt(variance / sums.size)
        assert sums.var() == pytest.approx(variance, rel=0.2)


@pytest.mark.parametrize("top", [3, 15, 255])
def test_a_blend_saturates_where_counts_do(top):
    counts = np.full((30, 6, 30), top, np.uint8)
    blended = changed(counts, labels=[0] * 6, blend=1.0)
    assert blended.max() == top
    assert blended.min() < top


def test_a_share_of_the_clips_is_blended_and_the_batch_is_left_alone():
    counts = full(5, 1000, 40)
    before = counts.copy()
    blended = changed(counts, labels=[0] * 1000, blend=0.3)
    np.testing.assert_array_equal(counts, before)
    same = (blended == counts).all(axis=(0, 2)).sum()
    assert abs(same - 700) <= 5 * np.sqrt(1000 * 0.3 * 0.7)
    silent = np.zeros((5, 4, 3), np.uint8)
    np.testing.assert_array_equal(changed(silent, labels=[0] * 4, blend=1.0), silent)


@pytest.mark.parametrize("seed", range(5))
def test_labels_of_steps_move_with_them(seed):
    """Counts that are their labels plus one are so afterwards, and what is moved in is not counted."""
    lengths = np.array([40, 25, 1, 33])
    rng = np.random.default_rng(seed)
    labels = np.where(np.arange(40) < lengths[:, None], rng.integers(0, 9, (4, 40)), -1)
    counts = (labels + 1).astype(np.uint8).T[:, :, None].repeat(3, axis=2)
    settings = Augmentation(**(NONE | {"time_shift": 7, "time_stretch": 0.3}))
    moved, following = augment(counts, labels, settings, rng, lengths)
    assert following.shape == labels.shape
    np.testing.assert_array_equal(moved, (following + 1).T[:, :, None].repeat(3, axis=2))
    assert (following != labels).mean() > 0.2
    assert (following >= 0).mean() > 0.3
    still, same = augment(counts, labels, Augmentation(**(NONE | {"time_mask": 9})), rng, lengths)
    np.testing.assert_array_equal(same, labels)
    assert (still != counts).any()


EVERYTHING = Augmentation(10, 4, 0.1, 5, 5, 0.3, 0.5)


def test_no_change_puts_an_event_beyond_the_end_and_a_seed_gives_one_result():
    rng = np.random.default_rng(3)
    lengths = rng.integers(1, 41, 32)
    counts = until(full(40, 32, 20), lengths).astype(np.uint8)
    labels = rng.integers(0, 4, 32)
    for seed in range(20):
        once, again = (
            augment(counts, labels, EVERYTHING, np.random.default_rng(seed), lengths)[0] for _ in range(2)
        )
        np.testing.assert_array_equal(once, again)
        np.testing.assert_array_equal(once, until(once, lengths))
        assert once.any()


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ({"time_shift": -1}, "time_shift must be 0..100000, not -1"),
        ({"event_drop": 1.5}, "event_drop must be 0..1, not 1.5"),
        ({"time_stretch": 0.6}, "time_stretch must be 0..0.5, not 0.6"),
        ({"blend": -0.1}, "blend must be 0..1, not -0.1"),
    ],
)
def test_settings_have_limits(setting, message):
    with pytest.raises(InputError, match=rf"^{message}$"):
        Augmentation(**setting)

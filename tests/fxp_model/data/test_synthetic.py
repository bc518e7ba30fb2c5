"""Synthetic words: deterministic, disjoint voices, distinguished by order, learnable."""

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fxp_model.data import synthesise
from fxp_model.data.synthetic import WORDS, synthetic_dataset
from fxp_model.ear.spec import EarSpec
from fxp_model.errors import InputError

pytestmark = pytest.mark.slow


@settings(max_examples=25)
@given(word=st.sampled_from(WORDS), seed=st.integers(0, 2**32), speaker=st.integers(0, 10_000))
def test_any_voice_says_any_word_in_a_second(word, seed, speaker):
    audio = synthesise(word, seed, speaker)
    assert audio.shape == (16_000,)
    assert 0.02 < np.abs(audio).max() <= 1
    np.testing.assert_array_equal(synthesise(word, seed, speaker), audio)


def test_seeds_and_speakers_sound_different():
    sounds = [synthesise("ai", seed, speaker) for seed in (0, 1) for speaker in (0, 1)]
    assert all(np.abs(one - other).max() > 0.01 for one, other in combinations(sounds, 2))


def test_for_each_word_another_has_the_same_phones_in_another_order():
    assert len(set(WORDS)) == 20
    for word, other in zip(WORDS[::2], WORDS[1::2], strict=True):
        assert word != other
        assert sorted(word) == sorted(other)


def test_splits_share_no_speaker_and_hold_each_word_of_each():
    dataset = synthetic_dataset(seed=5, train_speakers=4, held_out_speakers=2)
    assert dataset.classes == tuple(sorted(WORDS))
    speakers = {split: {clip.speaker for clip in clips} for split, clips in dataset.splits.items()}
    assert {split: len(members) for split, members in speakers.items()} == {"train": 4, "val": 2, "test": 2}
    assert all(not one & other for one, other in combinations(speakers.values(), 2))
    for split, clips in dataset.splits.items():
        assert np.bincount([clip.label for clip in clips]).tolist() == [len(speakers[split])] * 20
        assert len({clip.source.content() for clip in clips}) == len(clips)
    clip = dataset.split("val")[3]
    audio, rate_hz = clip.source.audio(clip.source.content())
    assert rate_hz == 16_000
    expected = synthesise(dataset.classes[clip.label], 5, int(clip.speaker))
    np.testing.assert_array_equal(audio, expected)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"seed": -1}, "seed must be at least 0, not -1"),
        ({"train_speakers": 0}, "speakers of train must be at least 1, not 0"),
        ({"held_out_speakers": -2}, "speakers of val must be at least 1, not -2"),
    ],
)
def test_sizes_have_limits(arguments, message):
    with pytest.raises(InputError, match=rf"^{message}$"):
        synthetic_dataset(**arguments)


def test_order_matters_and_words_are_clear():
    """The nearest mean of aligned counts finds the word of an unheard voice; the mean over time does not."""
    encoder = EarSpec.design(channels=28)
    train, val = [], []
    for speakers, rows in ((range(6), train), (range(100, 103), val)):
        for word in WORDS:
            for speaker in speakers:
                counts = encoder.encode(synthesise(word, 0, speaker), 16_000).astype(float)
                active = np.flatnonzero(counts.sum(axis=1) > 0.3 * np.sort(counts.sum(axis=1))[-10:].mean())
                course = np.linspace(active[0], active[-1], 12).astype(int)
                rows.append((counts[course], word))

    def accuracy(features):
        means = {w: np.mean([features(c) for c, other in train if other == w], axis=0) for w in WORDS}
        found = [min(WORDS, key=lambda w: np.linalg.norm(features(c) - means[w])) for c, _ in val]
        return np.mean([one == word for one, (_, word) in zip(found, val, strict=True)])

    timed, timeless = accuracy(lambda c: c), accuracy(lambda c: c.mean(axis=0))
    assert timed > 0.75
    assert timeless < timed - 0.2

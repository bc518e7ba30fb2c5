"""Words on an I2S line, read bit by bit, and microphones that are missing."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fxp_model.ear.i2s import I2sSpec, line_of, receive
from fxp_model.errors import InputError

words_of = st.lists(
    st.one_of(st.sampled_from([0, -1, -(1 << 23), (1 << 23) - 1]), st.integers(-(1 << 23), (1 << 23) - 1)),
    max_size=20,
)


def random_line(words: list[int], right: bool, seed: int) -> np.ndarray:
    """A line with `words` on one channel and anything in all other bits."""
    line = np.random.default_rng(seed).integers(0, 2, (len(words), 64))
    for frame, word in enumerate(words):
        for place, bit in enumerate(f"{word & 0xFFFFFF:024b}"):
            line[frame, 32 * right + 1 + place] = int(bit)
    return line


@given(words_of, st.booleans(), st.integers(0, 9), st.integers(0, 3), st.integers(1, 4))
def test_samples_and_absence_are_those_of_the_words(words, right, seed, settle, absent):
    heard = receive(I2sSpec(settle, absent), random_line(words, right, seed), right)
    assert heard.samples.tolist() == words[settle:]
    kept = words[settle:]
    flags = [
        end >= absent and kept[end - absent : end] in ([0] * absent, [-1] * absent)
        for end in range(1, len(kept) + 1)
    ]
    assert heard.absent.tolist() == flags


@given(words_of.filter(bool))
def test_a_line_that_is_played_holds_its_words(words):
    line = line_of(words)
    assert receive(I2sSpec(settle_frames=0), line).samples.tolist() == words
    for levels in line.tolist():
        assert levels[0] != levels[1]
        assert set(levels[25:]) == {1 - levels[24]}


def test_a_line_of_what_are_no_words_is_refused():
    with pytest.raises(InputError, match=r"^words must have shape \(frames,\), not \(1, 2\)$"):
        line_of([[1, 2]])
    with pytest.raises(InputError, match=r"^words"):
        line_of([1 << 23])


def test_a_line_at_one_level_is_a_missing_microphone():
    for level in (0, 1):
        heard = receive(I2sSpec(settle_frames=10), np.full((1200, 64), level))
        assert heard.absent.sum() == 1200 - 10 - 1023
        assert (heard.samples == -level).all()


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ((-1, 1), r"settle_frames must be 0\.\.65536, not -1"),
        ((65_537, 1), r"settle_frames must be 0\.\.65536, not 65537"),
        ((0, 0), r"absent_frames must be 1\.\.65536, not 0"),
        ((0, 1.0), r"absent_frames must be 1\.\.65536, not 1\.0"),
    ],
)
def test_specs_check_themselves(values, message):
    with pytest.raises(InputError, match=f"^{message}$"):
        I2sSpec(*values)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (np.zeros(64, int), r"line must have shape \(frames, 64\), not \(64,\)"),
        (np.zeros((2, 32), int), r"line must have shape \(frames, 64\), not \(2, 32\)"),
        (np.full((1, 64), 2), "line must be 0 or 1, not 2"),
        (np.full((1, 64), -1), "line must be 0 or 1, not -1"),
        (np.full((1, 64), 0.5), "line must hold integers, not float64"),
    ],
)
def test_other_lines_are_refused(line, message):
    with pytest.raises(InputError, match=f"^{message}$"):
        receive(I2sSpec(), line)

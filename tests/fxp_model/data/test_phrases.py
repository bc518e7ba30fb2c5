"""Phrases of a recording: where its pauses are."""

import numpy as np
import pytest

from fxp_model.data.phrases import phrase_spans
from fxp_model.errors import InputError

RATE_HZ = 16_000


def speech(*parts):
    """Noise of given (milliseconds, amplitude), one after the other."""
    rng = np.random.default_rng(0)
    return np.concatenate([amplitude * rng.normal(size=16 * length) for length, amplitude in parts])


def in_ms(spans):
    return [(start / 16, end / 16) for start, end in spans]


def test_a_phrase_ends_at_a_pause_and_not_at_a_gap():
    sound = speech((300, 0), (400, 1), (100, 0), (200, 0.5), (400, 0), (250, 0.2), (300, 0))
    (first, second) = in_ms(phrase_spans(sound, RATE_HZ))
    assert first == (pytest.approx(300, abs=20), pytest.approx(1000, abs=20))
    assert second == (pytest.approx(1400, abs=20), pytest.approx(1650, abs=20))


def test_what_is_30_db_below_the_loudest_is_a_pause():
    loud = 10 ** (-28 / 20), 10 ** (-33 / 20)
    spans = [phrase_spans(speech((400, 1), (300, 0), (400, own)), RATE_HZ) for own in loud]
    assert [len(own) for own in spans] == [2, 1]


def test_a_click_is_left_out():
    sound = speech((400, 1), (300, 0), (100, 1), (300, 0), (400, 1))
    assert len(phrase_spans(sound, RATE_HZ)) == 2


def test_a_long_phrase_is_cut_where_it_is_quietest():
    sound = speech((900, 1), (60, 0.1), (1400, 1), (50, 0.1), (300, 1))
    spans = in_ms(phrase_spans(sound, RATE_HZ))
    assert [start for start, _ in spans[1:]] == [end for _, end in spans[:-1]]
    assert spans[0] == (0, pytest.approx(930, abs=30))
    assert spans[1][1] == pytest.approx(2385, abs=30)
    assert spans[-1][1] == pytest.approx(2710, abs=20)
    assert all(end - start <= 1500 for start, end in spans)
    noise = phrase_spans(speech((20_000, 1)), RATE_HZ)
    assert noise[0][0] == 0
    assert len(noise) >= 13
    assert all(500 <= end - start <= 1500 for start, end in in_ms(noise[:-1]))


def test_silence_has_no_phrase():
    with pytest.raises(InputError, match=r"^silent, must hold a word$"):
        phrase_spans(np.zeros(16_000), RATE_HZ)

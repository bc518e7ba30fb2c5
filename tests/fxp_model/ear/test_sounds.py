"""Sounds at the edge of what there is, from a file to counts: heard without a fault, or refused by name."""

import re

import numpy as np
import pytest
import soundfile

from fxp_model.data import encode_file
from fxp_model.ear.engine import EarEngine
from fxp_model.ear.spec import EarSpec, Level
from fxp_model.errors import InputError

EAR = EarSpec.design(channels=16)
SECOND = np.arange(16_000)
SILENCE, DC = np.zeros(16_000), np.full(16_000, 0.5)
SQUARE = np.where(SECOND // 16 % 2, 1.0, -1.0)
CLICK = np.where(SECOND == 8000, 1.0, 0.0)


def counts_of(tmp_path, audio, rate_hz=16_000, subtype="PCM_16"):
    soundfile.write(tmp_path / "clip.wav", audio, rate_hz, subtype=subtype)
    return encode_file(tmp_path / "clip.wav", EAR)


def test_silence_is_silent(tmp_path):
    counts = counts_of(tmp_path, SILENCE)
    assert counts.shape == (100, 16)
    assert not counts.any()


def test_a_constant_is_heard_where_it_begins_only(tmp_path):
    counts = counts_of(tmp_path, DC)
    assert counts[:5].any()
    assert not counts[20:].any()


def test_a_click_is_heard_when_it_comes(tmp_path):
    counts = counts_of(tmp_path, CLICK)
    assert not counts[:50].any()
    assert counts[50].any()
    assert not counts[70:].any()


def test_a_square_wave_of_full_scale_is_heard_to_its_end_and_leaves_nothing_beyond_bounds(tmp_path):
    counts = counts_of(tmp_path, SQUARE)
    assert counts[50:].sum(axis=1).min() > 0
    ear = EarEngine(EAR)
    ear.step(np.where(SECOND // 16 % 2, 32_767, -32_768))
    for section, limit in zip(ear.state.sections, EAR.state_limits[1:], strict=True):
        assert np.abs(section).max() <= limit


@pytest.mark.parametrize("rate_hz", [8_000, 44_100, 96_000])
def test_other_rates_are_heard_as_sixteen_kilohertz(tmp_path, rate_hz):
    def tone(rate_hz):
        return 0.3 * np.sin(2 * np.pi * 1000 * np.arange(rate_hz) / rate_hz)

    counts, direct = counts_of(tmp_path, tone(rate_hz), rate_hz), counts_of(tmp_path, tone(16_000))
    assert counts.shape == (100, 16)
    assert np.array_equal(counts.sum(axis=0) > 50, direct.sum(axis=0) > 50)


def test_one_sample_is_a_frame(tmp_path):
    for audio in (np.zeros(1), np.ones(1)):
        assert counts_of(tmp_path, audio).shape == (1, 16)


def test_what_is_not_finite_is_refused_by_its_place(tmp_path):
    audio = SILENCE.copy()
    audio[7] = np.nan
    file = re.escape(str(tmp_path / "clip.wav"))
    with pytest.raises(InputError, match=rf"^{file}: every sample must be finite, sample 7 is nan$"):
        counts_of(tmp_path, audio, subtype="FLOAT")


def test_what_is_beyond_full_scale_saturates(tmp_path):
    loud = counts_of(tmp_path, 4 * SQUARE, subtype="FLOAT")
    assert np.array_equal(loud, counts_of(tmp_path, np.clip(SQUARE, -1, 32_767 / 32_768)))


def test_a_clip_is_heard_after_another_with_the_level_that_it_left():
    rng = np.random.default_rng(0)
    first, second = rng.normal(0, 0.2, (2, 8000))
    _, level = EAR.encode_after(first, 16_000, None)
    after, later = EAR.encode_after(second, 16_000, level)
    assert level.level > EAR.level_start << EAR.log_frac_bits + EAR.level_shift
    assert level.age == 50
    assert later.age == 100
    assert not np.array_equal(after, EAR.encode(second, 16_000))
    assert np.array_equal(EAR.encode_after(second, 16_000, Level(*level))[0], after)

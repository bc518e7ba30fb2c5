"""The gain against fractions, and what it refuses."""

from fractions import Fraction
from math import floor

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fxp_model.ear.gain import MAX_GAIN, SAMPLE, amplify, widened
from fxp_model.errors import InputError


def literal(sample: int, gain: int) -> tuple[int, bool]:
    """The law as it is written."""
    rounded = floor(Fraction(sample * 2**gain, 256) + Fraction(1, 2))
    return min(max(rounded, -(1 << 15)), (1 << 15) - 1), not -(1 << 15) <= rounded < 1 << 15


@given(
    st.lists(st.integers(SAMPLE.min_raw, SAMPLE.max_raw), min_size=1),
    st.integers(0, 23),
    st.integers(0, MAX_GAIN),
)
def test_every_sample_is_that_of_the_law(samples, quieter, gain):
    samples = [sample >> quieter for sample in samples]
    pcm, clipped = amplify(samples, gain)
    assert list(zip(pcm.tolist(), clipped.tolist(), strict=True)) == [literal(s, gain) for s in samples]


@pytest.mark.parametrize("gain", range(MAX_GAIN + 1))
def test_the_first_samples_that_are_clipped_are_those_of_the_law(gain):
    low, high = -(1 << 23) - 128 >> gain, (1 << 23) - 128 >> gain
    samples = [s for end in (low, high) for s in range(end - 3, end + 4) if abs(s) < 1 << 23]
    pcm, clipped = amplify(samples, gain)
    assert list(zip(pcm.tolist(), clipped.tolist(), strict=True)) == [literal(s, gain) for s in samples]
    assert 0 < clipped.sum() < len(samples)


def test_pcm_comes_back():
    pcm = np.arange(-(1 << 15), 1 << 15)
    back, clipped = amplify(widened(pcm), 0)
    assert (back == pcm).all()
    assert not clipped.any()


@pytest.mark.parametrize("gain", [-1, 16, 1.0, True, "1"])
def test_other_gains_are_refused(gain):
    with pytest.raises(InputError, match=rf"^gain must be 0\.\.15, not {gain!r}$"):
        amplify([0], gain)


def test_other_samples_are_refused():
    with pytest.raises(InputError, match=r"^samples\[1\] must be -8388608\.\.8388607 \(.*\), not 8388608$"):
        amplify([0, 1 << 23], 0)
    with pytest.raises(InputError, match=r"^samples must hold integers, not float64$"):
        amplify([0.5], 0)
    with pytest.raises(InputError, match=r"^pcm\[0\] must be -32768\.\.32767 \(.*\), not 32768$"):
        widened([1 << 15])

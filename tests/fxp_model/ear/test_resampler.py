"""The resampler against its definition and against scipy, its filters against what is promised of them."""

from fractions import Fraction
from math import floor, gcd

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import signal

from fxp_model.ear.resampler import EAR_RATE_HZ, RIPPLE_DB, STOP_DB, TAP_BITS, Resampler, ResamplerSpec
from fxp_model.errors import InputError

RATES = [8_000, 11_025, 12_000, 22_050, 24_000, 32_000, 44_100, 48_000, 88_200, 96_000, 192_000]
OTHER_RATES = [1_000, 16_000, 9_600, 15_625, 16_384, 37_800, 1_000_000]
FULL_SCALE = 1 << 15


def taps_of(spec: ResamplerSpec) -> np.ndarray:
    return spec.phases.T.ravel()


def literal(spec: ResamplerSpec, samples: list[int]) -> list[int]:
    """Zeros between the inputs, the filter, every M-th output; rounded as a fraction and clamped."""
    taps, up, down = taps_of(spec).tolist(), spec.up, spec.down
    stuffed = [samples[j // up] if j % up == 0 else 0 for j in range(up * len(samples))]
    outputs = []
    for place in range(0, len(stuffed), down):
        total = sum(tap * stuffed[place - a] for a, tap in enumerate(taps) if a <= place)
        rounded = floor(Fraction(total, 1 << spec.frac_bits) + Fraction(1, 2))
        outputs.append(min(max(rounded, -FULL_SCALE), FULL_SCALE - 1))
    return outputs


@st.composite
def specs(draw: st.DrawFn) -> ResamplerSpec:
    """Ratios of small numbers, filters of a few taps of any kind."""
    rate_hz = draw(st.sampled_from([4_000, 8_000, 12_000, 16_000, 24_000, 28_000, 32_000, 80_000]))
    up = EAR_RATE_HZ // gcd(rate_hz, EAR_RATE_HZ)
    taps_per_phase = draw(st.integers(1, 5))
    tap = st.integers(-(1 << TAP_BITS - 1), (1 << TAP_BITS - 1) - 1)
    half = draw(st.tuples(*[tap] * ((up * taps_per_phase + 1) // 2)))
    return ResamplerSpec(rate_hz, taps_per_phase, half, draw(st.integers(0, 20)))


samples_of = st.lists(st.integers(-FULL_SCALE, FULL_SCALE - 1), max_size=30)


@given(specs(), samples_of)
def test_outputs_are_those_of_the_definition(spec, samples):
    assert Resampler(spec).step(np.array(samples, int)).tolist() == literal(spec, samples)


@given(specs(), st.lists(samples_of, max_size=6))
def test_pieces_make_no_difference(spec, pieces):
    stream = Resampler(spec)
    outputs = [y for piece in pieces for y in stream.step(np.array(piece, int)).tolist()]
    whole = np.array([x for piece in pieces for x in piece], int)
    assert outputs == Resampler(spec).step(whole).tolist()


@pytest.mark.parametrize("rate_hz", RATES)
def test_a_second_is_that_of_scipy_whose_sums_are_exact(rate_hz):
    spec = ResamplerSpec.design(rate_hz)
    assert spec.sum_bits <= 54  # NUMERICS.md section 10
    samples = np.random.default_rng(0).integers(-FULL_SCALE, FULL_SCALE, rate_hz)
    sums = signal.upfirdn(taps_of(spec).astype(float), samples.astype(float), spec.up, spec.down)
    expected = np.clip(np.floor(np.ldexp(sums, -spec.frac_bits) + 0.5), -FULL_SCALE, FULL_SCALE - 1)
    outputs = Resampler(spec).step(samples)
    assert len(outputs) == EAR_RATE_HZ
    assert (outputs == expected[:EAR_RATE_HZ]).all()


@pytest.mark.parametrize("rate_hz", RATES + OTHER_RATES)
def test_filters_keep_their_attenuation_and_ripple(rate_hz):
    spec = ResamplerSpec.design(rate_hz)
    edge = min(rate_hz, EAR_RATE_HZ) / 2
    taps = np.ldexp(taps_of(spec).astype(float), -spec.frac_bits) / spec.up
    size = 1 << (16 * spec.n_taps).bit_length()
    response = np.abs(np.fft.rfft(taps, size))
    at_hz = np.arange(len(response)) * spec.up * rate_hz / size
    passed = 20 * np.log10(response[at_hz <= 0.9 * edge])
    assert np.abs(passed).max() <= RIPPLE_DB
    if rate_hz != EAR_RATE_HZ:
        assert 20 * np.log10(response[at_hz >= 1.1 * edge].max()) <= -STOP_DB


@pytest.mark.parametrize("rate_hz", RATES)
def test_tones_pass_and_aliases_do_not(rate_hz):
    spec = ResamplerSpec.design(rate_hz)
    time_s = np.arange(rate_hz // 4) / rate_hz
    settled = slice(2 * spec.taps_per_phase * EAR_RATE_HZ // rate_hz + 1, None)

    def heard(hz: float) -> np.ndarray:
        tone = np.rint(0.9 * FULL_SCALE * np.sin(2 * np.pi * hz * time_s)).astype(int)
        return Resampler(spec).step(tone)[settled]

    delay_s = (spec.n_taps - 1) / (2 * spec.up * rate_hz)
    for hz in (100.0, 0.9 * min(rate_hz, EAR_RATE_HZ) / 2):
        outputs = heard(hz)
        at_s = np.arange(settled.start, settled.start + len(outputs)) / EAR_RATE_HZ - delay_s
        assert np.abs(outputs - 0.9 * FULL_SCALE * np.sin(2 * np.pi * hz * at_s)).max() < 40
    if rate_hz > 2 * 8_800:
        assert np.abs(heard(min(9_000.0, 0.49 * rate_hz))).max() <= 4


@pytest.mark.parametrize("rate_hz", RATES + OTHER_RATES)
def test_sum_bits_hold_the_worst_sum_and_are_tight(rate_hz):
    spec = ResamplerSpec.design(rate_hz)
    phases = spec.phases
    worst = [
        int(np.where(sign * phases > 0, FULL_SCALE - 1, -FULL_SCALE).reshape(phases.shape)[p] @ phases[p])
        for sign in (-1, 1)
        for p in range(spec.up)
    ]
    limit = 1 << spec.sum_bits - 1
    assert -limit <= min(worst)
    assert max(worst) < limit
    assert min(worst) < -limit // 2 or max(worst) >= limit // 2


def test_16_khz_passes_as_it_is():
    samples = np.random.default_rng(1).integers(-FULL_SCALE, FULL_SCALE, 100)
    assert (Resampler(ResamplerSpec.design(16_000)).step(samples) == samples).all()


def test_a_square_wave_of_full_scale_is_clamped_and_not_wrapped():
    square = np.where(np.arange(4_800) // 240 % 2, -FULL_SCALE, FULL_SCALE - 1)
    outputs = Resampler(ResamplerSpec.design(48_000)).step(square)
    assert (outputs.min(), outputs.max()) == (-FULL_SCALE, FULL_SCALE - 1)
    assert np.abs(np.diff(np.sign(outputs[60:]))).sum() == 2 * 19  # it turns as often as the wave


def test_one_sample_and_none_are_samples():
    stream = Resampler(ResamplerSpec.design(8_000))
    assert len(stream.step(np.zeros(0, int))) == 0
    assert len(stream.step([5])) == 2
    assert len(Resampler(ResamplerSpec.design(48_000)).step([5])) == 1


@pytest.mark.parametrize("rate_hz", [999, 1_000_001, 0, -16_000, 48_000.0, True, "48000"])
def test_rates_out_of_range_are_refused(rate_hz):
    with pytest.raises(InputError, match=rf"^rate_hz must be 1000\.\.1000000, not {rate_hz!r}$"):
        ResamplerSpec.design(rate_hz)


@pytest.mark.parametrize(
    ("rate_hz", "n_taps"), [(44_101, 2_400_000), (8_001, 880_000), (999_999, 54_368_000)]
)
def test_odd_rates_are_refused(rate_hz, n_taps):
    message = f"^rate_hz must need at most 65536 taps to 16000 Hz, not {n_taps}: {rate_hz}$"
    with pytest.raises(InputError, match=message):
        ResamplerSpec.design(rate_hz)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"taps_per_phase": 0}, r"taps_per_phase must be 1\.\.32768, not 0"),
        ({"half": (1,)}, r"half must hold 2 taps, not \(1,\)"),
        ({"half": (1, 1 << 17)}, r"half\[1\] must be -131072\.\.131071 \(.*\), not 131072"),
        ({"half": (1, 0.5)}, "half must hold integers, not float64"),
        ({"frac_bits": -1}, r"frac_bits must be 0\.\.32, not -1"),
        ({"rate_hz": 16_001, "taps_per_phase": 5}, r"taps_per_phase must be 1\.\.4, not 5"),
        ({"rate_hz": 9}, r"rate_hz must be 1000\.\.1000000, not 9"),
    ],
)
def test_specs_check_themselves(changes, message):
    with pytest.raises(InputError, match=f"^{message}$"):
        ResamplerSpec(**{"rate_hz": 8_000, "taps_per_phase": 2, "half": (1, 3), "frac_bits": 2} | changes)


@pytest.mark.parametrize(
    ("samples", "message"),
    [
        ([[1, 2]], r"samples must have shape \(n,\), not \(1, 2\)"),
        ([1 << 15], r"samples\[0\] must be -32768\.\.32767 \(.*\), not 32768"),
        ([0.5], "samples must hold integers, not float64"),
    ],
)
def test_other_samples_are_refused(samples, message):
    with pytest.raises(InputError, match=f"^{message}$"):
        Resampler(ResamplerSpec.design(8_000)).step(samples)

"""The PDM decimator: an evaluation of the law bit by bit, its response, its own noise, and every refusal."""

import re
from dataclasses import FrozenInstanceError, replace
from functools import cache
from math import ceil, log2

import numpy as np
import pytest

from fxp_model.ear.delta_sigma import MOST, delta_sigma, recorded
from fxp_model.ear.pdm import DATA, SAMPLE, SAMPLE_HZ, SETTLING, PdmDecimator, PdmSpec
from fxp_model.errors import InputError
from tb.harness.depth import FULL

pytestmark = pytest.mark.slow

COMMON = [1_024_000, 1_536_000, 2_000_000, 2_048_000, 3_072_000]
SUPPORTED = [SAMPLE_HZ * ratio for ratio in range(64, 201) if ratio % 4 == 0 or ratio % 5 == 0]
SOME = SUPPORTED if FULL else COMMON

design = cache(PdmSpec.design)


def short(pdm_hz: int) -> PdmSpec:
    return replace(design(pdm_hz), dropped=SETTLING)


def sine(pdm_hz: int, hz: float, samples: int, amplitude: float = MOST) -> np.ndarray:
    bits = np.arange(samples * pdm_hz // SAMPLE_HZ)
    return delta_sigma(amplitude * np.sin(2 * np.pi * hz / pdm_hz * bits))


def in_band(samples: np.ndarray) -> float:
    """Power in 0..7 kHz, in dB of a full-scale sine."""
    window = np.hanning(len(samples))
    power = np.abs(np.fft.rfft(samples * window)) ** 2
    hz = np.fft.rfftfreq(len(samples), 1 / SAMPLE_HZ)
    mean_square = 2 * power[hz <= 7_000].sum() / len(samples) / (window**2).sum()
    return 10 * np.log10(mean_square / (2.0 ** (2 * SAMPLE.width - 3)))


def amplitude(samples: np.ndarray, hz: float) -> float:
    """Of the sine of `hz` in `samples`, by least squares."""
    turns = 2 * np.pi * hz / SAMPLE_HZ * np.arange(len(samples))
    basis = np.stack([np.ones(len(samples)), np.cos(turns), np.sin(turns)], axis=1)
    return float(np.hypot(*np.linalg.lstsq(basis, samples, rcond=None)[0][1:]))


def box_sums(bits: np.ndarray, ratio: int) -> np.ndarray:
    """The CIC without wrapping and without a floor: five running sums over `ratio` bits of +1 and -1."""
    kernel = np.ones(1, dtype=np.int64)
    for _ in range(5):
        kernel = np.convolve(kernel, np.ones(ratio, dtype=np.int64))
    late = np.concatenate((np.zeros(4, dtype=np.int64), 2 * bits - 1))  # integrators are a bit apart
    return np.convolve(late, kernel)[ratio - 1 : len(bits) : ratio]


def literal(spec: PdmSpec, bits: list[int]) -> list[int]:
    """The equations of the law, one after the other, in Python's integers."""
    a, c = [0] * 5, [0] * 5
    outputs: list[int] = []
    samples: list[int] = []
    for n, bit in enumerate(bits):
        a = [
            (own + step) % (1 << 16 + spec.cic_shift)
            for own, step in zip(a, [2 * bit - 1, *a[:4]], strict=True)
        ]
        if (n + 1) % spec.cic_ratio:
            continue
        value = a[4] >> spec.cic_shift
        for i in range(5):
            value, c[i] = (value - c[i]) % (1 << 16), value
        outputs.append(value - (1 << 16) if value >> 15 else value)
        if len(outputs) % spec.fir_ratio == 0:
            newest = outputs[::-1]
            total = sum(tap * x for tap, x in zip(spec.taps, newest, strict=False))
            samples.append(min(max((total + 128) // 256, -(1 << 23)), (1 << 23) - 1))
    return samples[spec.dropped :]


# -- the law ------------------------------------------------------------------------------------


@pytest.mark.parametrize("pdm_hz", [1_024_000, 1_200_000, *([3_072_000] if FULL else [])])
def test_samples_are_those_of_the_equations(pdm_hz: int) -> None:
    spec, rng = short(pdm_hz), np.random.default_rng(1)
    runs = rng.integers(4 * spec.ratio, 12 * spec.ratio, 8)
    bits = np.concatenate((rng.integers(2, size=36 * spec.ratio), np.repeat(np.arange(8) % 2, runs)))
    extreme = np.repeat([DATA.min_raw, DATA.max_raw] * 2, len(spec.taps) // 4)
    seen: set[int] = set()
    for own in (spec, replace(spec, taps=tuple(extreme.tolist()))):
        samples = PdmDecimator(own).step(bits).tolist()
        assert samples == literal(own, bits.tolist())
        assert len(samples) == len(bits) // spec.ratio - SETTLING
        seen.update(samples)
    assert {SAMPLE.min_raw, SAMPLE.max_raw} <= seen


def test_pieces_of_any_length_give_the_same() -> None:
    spec, rng = short(1_200_000), np.random.default_rng(2)
    bits = rng.integers(2, size=60 * spec.ratio)
    whole = PdmDecimator(spec)
    expected = whole.step(bits)
    cuts = np.sort(rng.integers(0, len(bits), 40))
    for pieces in (np.split(bits, cuts), np.split(bits[: 40 * spec.ratio], 40 * spec.ratio)):
        decimator = PdmDecimator(spec)
        joined = np.concatenate([decimator.step(piece) for piece in pieces])
        assert np.array_equal(joined, expected[: len(joined)])
        assert len(joined) >= 40 - SETTLING


@pytest.mark.parametrize("pdm_hz", SOME)
def test_what_the_combs_give_is_the_sum_of_the_bits_within_16_lsb(pdm_hz: int) -> None:
    # an impulse as FIR shows the CIC's outputs; ones only and zeros only reach the ends of its range
    spec = short(pdm_hz)
    lsb = 256  # of what the CIC gives, to the FIR's lsb
    taps = (lsb, *[0] * (len(spec.taps) - 1))
    rng = np.random.default_rng(3)
    length = 50 * spec.ratio
    for bits in (np.ones(length, int), np.zeros(length, int), rng.integers(2, size=length)):
        seen = PdmDecimator(replace(spec, taps=taps)).step(bits)
        exact = box_sums(bits, spec.cic_ratio)[spec.fir_ratio - 1 :: spec.fir_ratio][SETTLING:]
        assert np.abs(seen * 2**spec.cic_shift - exact).max() < 16 * 2**spec.cic_shift
        assert np.abs(seen).max() <= DATA.max_raw
    assert spec.integrator_bits == ceil(5 * log2(spec.cic_ratio)) + 1 + (spec.cic_ratio in (16, 32))


def test_a_microphone_is_absent_after_1024_equal_bits() -> None:
    decimator = PdmDecimator(short(1_024_000))
    seen = []
    for piece in ([0] * 1023, [0], [1], [1] * 1022, [1], [1] * 5000, [0, 1, 1], [1] * 1021, [], [1]):
        decimator.step(piece)
        seen.append(decimator.absent)
    assert seen == [False, True, False, False, True, True, False, False, False, True]


# -- what it does to sound ----------------------------------------------------------------------


@pytest.mark.parametrize("pdm_hz", SOME)
def test_response_is_flat_to_7_khz_and_what_folds_there_is_80_db_lower(pdm_hz: int) -> None:
    spec = design(pdm_hz)
    passing = 20 * np.log10(spec.response(np.linspace(0, 7_000, 501)))
    assert np.ptp(passing) <= 0.2
    assert np.abs(passing).max() <= 0.12
    folding = (
        SAMPLE_HZ * np.arange(1, spec.ratio // 2 + 1)[:, None] + np.linspace(-7_000, 7_000, 141)
    ).ravel()
    folding = folding[folding <= pdm_hz / 2]
    assert 20 * np.log10(spec.response(folding).max()) <= -80


@pytest.mark.parametrize("pdm_hz", [1_024_000, 2_000_000])
@pytest.mark.parametrize("hz", [440.0, 6_950.0])
def test_a_tone_keeps_its_amplitude(pdm_hz: int, hz: float) -> None:
    spec = short(pdm_hz)
    samples = PdmDecimator(spec).step(sine(pdm_hz, hz, 1500))
    expected = MOST * 2**23 * float(spec.response(hz)[0])
    # at 6,950 Hz of 1.024 MHz, 5e-4 of the error of the modulator's comparator is left, which is below 1
    assert abs(amplitude(samples, hz) / expected - 1) < 5e-4


@pytest.mark.parametrize("pdm_hz", [1_024_000, 2_000_000])
@pytest.mark.parametrize(("hz", "folded"), [(9_300, 6_700), (17_000, 1_000), (57_500, 6_500)])
def test_a_tone_outside_is_gone(pdm_hz: int, hz: float, folded: float) -> None:
    samples = PdmDecimator(short(pdm_hz)).step(sine(pdm_hz, hz, 1500))
    assert 20 * np.log10(amplitude(samples, folded) / (MOST * 2**23)) < -80


@pytest.mark.parametrize("pdm_hz", SOME)
@pytest.mark.parametrize("level", [MOST, 0.001])
def test_its_own_noise_is_120_db_below_full_scale(pdm_hz: int, level: float) -> None:
    # its samples less those of the same bits, CIC and taps without the floor and without rounding
    spec = short(pdm_hz)
    bits = sine(pdm_hz, 997.0, 700, level)
    data = box_sums(bits, spec.cic_ratio)
    sums = np.convolve(data, spec.taps)[: len(data)][spec.fir_ratio - 1 :: spec.fir_ratio]
    exact = sums[SETTLING:] / 2.0 ** (8 + spec.cic_shift)
    samples = PdmDecimator(spec).step(bits)
    assert in_band(samples - exact) < -120
    assert abs(in_band(samples) - 20 * np.log10(level)) < 0.2


@pytest.mark.parametrize(("pdm_hz", "least"), [(1_024_000, 90), (2_000_000, 110), (3_072_000, 115)])
def test_a_sine_of_an_ideal_modulator_has_the_modulators_snr(pdm_hz: int, least: float) -> None:
    hz = 1000.0
    samples = PdmDecimator(short(pdm_hz)).step(sine(pdm_hz, hz, 1633)).astype(float)
    turns = 2 * np.pi * hz / SAMPLE_HZ * np.arange(len(samples))
    basis = np.stack([np.ones(len(samples)), np.cos(turns), np.sin(turns)], axis=1)
    rest = samples - basis @ np.linalg.lstsq(basis, samples, rcond=None)[0]
    assert in_band(samples) - in_band(rest) > least


def test_a_recording_comes_back_after_the_delay_of_the_filters() -> None:
    rng = np.random.default_rng(5)
    spectrum = np.fft.rfft(rng.standard_normal(1600))
    spectrum[np.fft.rfftfreq(1600, 1 / SAMPLE_HZ) > 1_000] = 0  # where straight lines are good enough
    sound = np.fft.irfft(spectrum)
    sound /= np.abs(sound).max()
    spec = short(2_048_000)
    samples = PdmDecimator(spec).step(recorded(sound, SAMPLE_HZ, spec.pdm_hz)) / (MOST * 2**23)
    # a sample is as late as the integrators, a bit apart, and the middles of five running sums and the FIR
    late = 4 + 5 * (spec.cic_ratio - 1) / 2 + spec.cic_ratio * (len(spec.taps) - 1) / 2
    bits = np.arange(SETTLING + 1, len(sound) + 1) * spec.ratio - 1 - late
    assert np.abs(samples - np.interp(bits / spec.ratio, np.arange(len(sound)), sound)).max() < 0.015


# -- what is refused ----------------------------------------------------------------------------

MULTIPLE = "pdm_hz must be a multiple of 64000 or of 80000 in 1024000..3200000, not "


@pytest.mark.parametrize("pdm_hz", [0, 1_008_000, 1_000_000, 67 * 16_000, 1_024_001, 3_216_000, 3_264_000])
def test_other_clocks_are_refused(pdm_hz: int) -> None:
    with pytest.raises(InputError, match=f"^{re.escape(MULTIPLE)}{pdm_hz}$"):
        PdmSpec.design(pdm_hz)


@pytest.mark.parametrize("pdm_hz", [1_024_000.0, True, "1024000", None])
def test_a_clock_is_an_integer(pdm_hz: object) -> None:
    with pytest.raises(InputError, match=f"^pdm_hz must be an integer, not {re.escape(repr(pdm_hz))}$"):
        PdmSpec.design(pdm_hz)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"pdm_hz": 1.5}, "pdm_hz must be an integer, not 1.5"),
        ({"dropped": True}, "dropped must be an integer, not True"),
        ({"dropped": 32}, "dropped must be at least 33 samples, not 32"),
        ({"fir_ratio": 6}, "fir_ratio must be 4 or 5, not 6"),
        ({"pdm_hz": 1_040_000}, "pdm_hz must be a multiple of 64000 in 1024000..3200000, not 1040000"),
        ({"pdm_hz": 960_000}, "pdm_hz must be a multiple of 64000 in 1024000..3200000, not 960000"),
        ({"taps": (1,) * 127}, "taps must be a tuple of 128 integers, not (1, 1, 1, 1, 1, 1, ...)"),
        ({"taps": [1] * 128}, "taps must be a tuple of 128 integers, not [1, 1, 1, 1, 1, 1, ...]"),
        ({"taps": (0.5,) * 128}, "taps must hold integers, not float64"),
        ({"taps": (0, 32768) * 64}, "taps[1] must be -32768..32767 (fixed<16,16>), not 32768"),
    ],
)
def test_a_specification_refuses(changes: dict[str, object], message: str) -> None:
    with pytest.raises(InputError, match=f"^{re.escape(message)}$"):
        replace(design(1_024_000), **changes)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("bits", "message"),
    [
        ([0, 1, 2], "bits must be 0 or 1, not 2"),
        ([-1], "bits must be 0 or 1, not -1"),
        ([[0, 1]], "bits must have one dimension, not 2"),
        (1, "bits must have one dimension, not 0"),
        ([0.0], "bits must hold integers, not float64"),
    ],
)
def test_a_decimator_refuses(bits: object, message: str) -> None:
    with pytest.raises(InputError, match=f"^{re.escape(message)}$"):
        PdmDecimator(design(1_024_000)).step(bits)  # type: ignore[arg-type]


def test_a_specification_is_frozen() -> None:
    with pytest.raises(FrozenInstanceError):
        design(1_024_000).pdm_hz = 1  # type: ignore[misc]

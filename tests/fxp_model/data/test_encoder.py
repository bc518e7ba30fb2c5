"""The cochlear encoder: an independent neuron model, known sounds, every rate, every limit."""

import json
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import signal

from fxp_model.data import CochlearEncoder, synthesise
from fxp_model.errors import InputError

ENCODER = CochlearEncoder()
RATE_HZ = 16_000


def tone(hz, rate_hz=RATE_HZ, seconds=0.5, amplitude=0.1):
    return amplitude * np.sin(2 * np.pi * hz * np.arange(int(seconds * rate_hz)) / rate_hz)


def voice(rate_hz):
    """A second of decaying harmonics below 3 kHz, the same sound at any rate."""
    t = np.arange(rate_hz) / rate_hz
    phase = 2 * np.pi * (140 * t - 14 * t * t)
    harmonics = [
        np.cos(k * phase + k * k) * (math.exp(-(((k * 130 - 600) / 500) ** 2)) + 0.03) for k in range(1, 22)
    ]
    return 0.1 * np.sum(harmonics, axis=0) * np.sin(np.pi * t) ** 2


def neuron_by_neuron(encoder, audio):
    """The equations of the class, one channel, millisecond and sample at a time."""
    frames = -(-len(audio) // 160)
    audio = np.concatenate([audio, np.zeros(frames * 160 - len(audio))])
    powers = [float(np.dot(f, f)) / 160 for f in np.split(audio, frames)]
    loud = [p for p in powers if p >= 0.01 * max(powers)]
    level = max(math.sqrt(sum(loud) / len(loud)), encoder.level_floor)
    counts = np.zeros((frames, encoder.channels), dtype=int)
    for channel, hz in enumerate(encoder.centre_hz):
        band = signal.lfilter(*signal.gammatone(hz, "iir", fs=RATE_HZ), audio)
        v = a = 0.0
        for k in range(frames * 10):
            e = sum(max(x, 0.0) for x in band[16 * k : 16 * k + 16]) / 16
            v = encoder.leak * v + (e / level) ** encoder.compression
            n = math.floor(v / (encoder.threshold + a))
            v -= n * (encoder.threshold + a)
            a = encoder.recovery * a + encoder.adaptation * n
            counts[k // 10, channel] += n
    return np.minimum(counts, 2**encoder.count_bits - 1)


@pytest.mark.parametrize("count_bits", [2, 4])
def test_counts_are_those_of_the_equations_taken_literally(count_bits):
    encoder = CochlearEncoder(channels=12, count_bits=count_bits)
    audio = synthesise("mai", seed=3, speaker=1)[4000:9050]
    counts = encoder.encode(audio, RATE_HZ)
    assert counts.dtype == np.uint8
    assert counts.max() > 2
    np.testing.assert_array_equal(counts, neuron_by_neuron(encoder, audio))


@pytest.mark.parametrize("hz", [150, 300, 1000, 2500, 6000])
def test_a_tone_excites_the_channel_of_its_frequency_most(hz):
    counts = ENCODER.encode(tone(hz), RATE_HZ)[10:].sum(axis=0, dtype=int)
    assert abs(int(np.argmax(counts)) - int(np.argmin(np.abs(ENCODER.centre_hz - hz)))) <= 1


def test_centres_are_evenly_spaced_erb_rates():
    rates = 21.4 * np.log10(1 + 0.00437 * ENCODER.centre_hz)
    np.testing.assert_allclose(np.diff(rates), (rates[-1] - rates[0]) / 139, rtol=1e-9)
    np.testing.assert_allclose(ENCODER.centre_hz[[0, -1]], [80, 7000], rtol=1e-12)


@pytest.mark.parametrize("compression", [0.1, 0.5, 1.0])
def test_silence_gives_no_counts(compression):
    encoder = CochlearEncoder(compression=compression)
    assert not encoder.encode(np.zeros(RATE_HZ), RATE_HZ).any()


def test_sound_far_below_the_level_floor_gives_no_counts():
    assert not ENCODER.encode(1e-5 * tone(1000), RATE_HZ).any()


def test_what_follows_a_sound_falls_silent():
    counts = ENCODER.encode(np.concatenate([tone(1000), np.zeros(RATE_HZ)]), RATE_HZ)
    assert counts[:50].any()
    assert not counts[60:].any()


def test_an_onset_counts_most():
    counts = ENCODER.encode(np.concatenate([np.zeros(4800), tone(1000)]), RATE_HZ)
    course = counts[:, int(np.argmax(counts.sum(axis=0)))].astype(int)
    assert not course[:30].any()
    assert course[30:33].mean() > 1.2 * course[60:].mean() > 0


@pytest.mark.parametrize("gain", [0.05, 0.5, 20000.0])
def test_counts_do_not_depend_on_the_level(gain):
    audio = synthesise("sux", seed=0, speaker=0)
    same = np.mean(ENCODER.encode(gain * audio, RATE_HZ) == ENCODER.encode(audio, RATE_HZ))
    assert same > 0.999  # float32 and float64 round differently


@pytest.mark.parametrize("rate_hz", [8_000, 11_025, 22_050, 44_100, 48_000, 96_000])
def test_any_sample_rate_gives_close_counts(rate_hz):
    expected = ENCODER.encode(voice(RATE_HZ), RATE_HZ).astype(int)
    counts = ENCODER.encode(voice(rate_hz), rate_hz).astype(int)
    assert counts.shape == expected.shape
    assert np.abs(counts - expected).sum() <= 0.01 * expected.sum()


def test_float32_is_taken():
    audio = voice(RATE_HZ).astype(np.float32)
    np.testing.assert_array_equal(
        ENCODER.encode(audio, RATE_HZ), ENCODER.encode(audio.astype(np.float64), RATE_HZ)
    )


def test_the_clip_given_is_not_changed():
    audio = voice(RATE_HZ)[:1600]
    before = audio.copy()
    ENCODER.encode(audio, RATE_HZ)
    np.testing.assert_array_equal(audio, before)


@settings(max_examples=40)
@given(
    samples=st.integers(1, 4000),
    rate_hz=st.sampled_from([8_000, 11_025, 16_000, 22_050, 44_100]),
    seed=st.integers(0, 99),
)
def test_any_clip_gives_a_row_per_10_ms_within_4_bits_and_the_same_again(samples, rate_hz, seed):
    encoder = CochlearEncoder(channels=5)
    audio = np.random.default_rng(seed).uniform(-1, 1, samples)
    counts = encoder.encode(audio, rate_hz)
    assert counts.shape == (-(-samples * 100 // rate_hz), 5)
    assert counts.max() <= 15
    np.testing.assert_array_equal(encoder.encode(audio, rate_hz), counts)


@pytest.mark.parametrize("count_bits", [1, 2, 3])
def test_counts_saturate(count_bits):
    wide = ENCODER.encode(voice(RATE_HZ), RATE_HZ)
    narrow = CochlearEncoder(count_bits=count_bits).encode(voice(RATE_HZ), RATE_HZ)
    np.testing.assert_array_equal(narrow, np.minimum(wide, 2**count_bits - 1))


@given(
    leak=st.floats(0, 1, exclude_max=True),
    threshold=st.floats(0, 10, exclude_min=True),
    channels=st.integers(1, 200),
)
def test_json_keeps_an_encoder(leak, threshold, channels):
    encoder = CochlearEncoder(leak=leak, threshold=threshold, channels=channels)
    told = json.loads(json.dumps(encoder.to_dict()))
    assert told["name"] == "cochlear"
    assert told["version"] == 1
    assert CochlearEncoder.from_dict(told) == encoder


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"name": "other"}, r"encoder name must be 'cochlear', not 'other'"),
        ({"version": 2}, r"encoder version must be 1, not 2"),
        ({"gain": 1}, r"encoder has unknown field 'gain'; fields: adaptation, .*"),
        ({"leak": 1.0}, r"leak must be at least 0 and below 1, not 1.0"),
    ],
)
def test_from_dict_refuses(change, message):
    with pytest.raises(InputError, match=rf"^{message}$"):
        CochlearEncoder.from_dict(ENCODER.to_dict() | change)


def test_from_dict_refuses_a_missing_field():
    told = ENCODER.to_dict()
    del told["leak"]
    with pytest.raises(InputError, match=r"^encoder has missing field 'leak'; fields: .*"):
        CochlearEncoder.from_dict(told)


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"channels": 0}, "channels must be in 1..1024, not 0"),
        ({"channels": 1025}, "channels must be in 1..1024, not 1025"),
        ({"channels": 7.0}, "channels must be an integer, not 7.0"),
        ({"channels": True}, "channels must be an integer, not True"),
        ({"low_hz": 19.0}, "low_hz must be at least 20, not 19.0"),
        ({"low_hz": math.nan}, "low_hz must be at least 20, not nan"),
        ({"high_hz": 80}, "high_hz must be above low_hz = 80.0 and at most 7800, not 80"),
        ({"high_hz": 7801}, "high_hz must be above low_hz = 80.0 and at most 7800, not 7801"),
        ({"compression": 0.05}, r"compression must be in 0.1..1, not 0.05"),
        ({"leak": -0.1}, "leak must be at least 0 and below 1, not -0.1"),
        ({"threshold": 0}, "threshold must be above 0 and finite, not 0"),
        ({"threshold": math.inf}, "threshold must be above 0 and finite, not inf"),
        ({"threshold": "1"}, "threshold must be a number, not '1'"),
        ({"adaptation": -1.0}, "adaptation must be at least 0 and finite, not -1.0"),
        ({"recovery": 1}, "recovery must be at least 0 and below 1, not 1"),
        ({"level_floor": 0.0}, "level_floor must be above 0 and finite, not 0.0"),
        ({"count_bits": 9}, "count_bits must be in 1..8, not 9"),
    ],
)
def test_parameters_have_limits(parameters, message):
    with pytest.raises(InputError, match=rf"^{message}$"):
        CochlearEncoder(**parameters)


@pytest.mark.parametrize(
    ("audio", "rate_hz", "message"),
    [
        (np.zeros(0), 16000, r"audio must have shape \(samples,\), at least one sample, not \(0,\)"),
        (np.zeros((9, 2)), 16000, r"audio must have shape \(samples,\), at least one sample, not \(9, 2\)"),
        (np.zeros(9, dtype=np.int16), 16000, "audio must hold floats, not int16"),
        (np.array([0, np.nan]), 16000, "audio must be finite and at most 32768 in magnitude, not nan"),
        (np.array([0, -np.inf]), 16000, "audio must be finite and at most 32768 in magnitude, not inf"),
        (np.array([0, 1e300]), 16000, r"audio must be finite and at most 32768 in magnitude, not 1e\+300"),
        (np.zeros(9), 999, "rate_hz must be an integer in 1000..1000000, not 999"),
        (np.zeros(9), 1_000_001, "rate_hz must be an integer in 1000..1000000, not 1000001"),
        (np.zeros(9), 16000.5, "rate_hz must be an integer in 1000..1000000, not 16000.5"),
    ],
)
def test_encode_refuses(audio, rate_hz, message):
    with pytest.raises(InputError, match=rf"^{message}$"):
        ENCODER.encode(audio, rate_hz)

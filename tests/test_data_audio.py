"""Sound files: what is read, and the one line for each that cannot be."""

import re
import struct

import numpy as np
import pytest
import soundfile
from hypothesis import given
from hypothesis import strategies as st

from fxp_model.data import read_audio
from fxp_model.data.audio import BLOCK, decode_audio
from fxp_model.errors import InputError

NOISE = np.random.default_rng(0).uniform(-0.9, 0.9, 1000)


def written(path, audio=NOISE, rate_hz=16_000, subtype="PCM_16"):
    soundfile.write(path, audio, rate_hz, subtype=subtype)
    return path


def refusal(path):
    with pytest.raises(InputError) as caught:
        read_audio(path)
    message = str(caught.value)
    assert "\n" not in message
    assert message.startswith(f"{path}: ")
    return message.removeprefix(f"{path}: ")


@pytest.mark.parametrize("suffix", [".wav", ".flac"])
@pytest.mark.parametrize("rate_hz", [8_000, 44_100])
def test_16_bit_files_are_read_to_the_last_bit(tmp_path, suffix, rate_hz):
    path = written(tmp_path / f"clip{suffix}", rate_hz=rate_hz)
    audio, rate = read_audio(path)
    assert rate == rate_hz
    assert audio.dtype == np.float64
    assert np.abs(audio).max() <= 1
    np.testing.assert_array_equal(audio * 32768, np.rint(audio * 32768))
    np.testing.assert_allclose(audio, NOISE, atol=1 / 32768)


@pytest.mark.parametrize(("suffix", "subtype"), [(".wav", "PCM_U8"), (".wav", "FLOAT"), (".flac", "PCM_24")])
def test_other_widths_are_read(tmp_path, suffix, subtype):
    audio, _ = read_audio(written(tmp_path / f"clip{suffix}", subtype=subtype))
    np.testing.assert_allclose(audio, NOISE, atol=1 / 64)


def test_a_long_file_is_read_whole(tmp_path):
    audio, _ = read_audio(written(tmp_path / "long.wav", np.zeros(2 * BLOCK + 1)))
    assert len(audio) == 2 * BLOCK + 1


def test_a_wav_of_a_pipe_that_does_not_tell_its_size_is_read(tmp_path):
    path = written(tmp_path / "pipe.wav")
    content = bytearray(path.read_bytes())
    content[4:8] = content[40:44] = b"\xff\xff\xff\xff"
    path.write_bytes(content)
    assert len(read_audio(path)[0]) == 1000


@pytest.mark.parametrize("channels", [2, 6])
def test_more_than_one_channel_is_refused(tmp_path, channels):
    path = written(tmp_path / "wide.wav", np.zeros((100, channels)))
    assert refusal(path) == f"must have 1 channel, not {channels}; mix it down first"


def test_no_samples_are_refused(tmp_path):
    assert refusal(written(tmp_path / "none.wav", np.zeros(0))) == "must hold at least 1 sample, not 0"


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_samples_that_are_not_finite_are_refused(tmp_path, value):
    path = written(tmp_path / "bad.wav", np.array([0.0, 0.1, value, 0.2]), subtype="FLOAT")
    assert refusal(path) == f"every sample must be finite, sample 2 is {value}"


@pytest.mark.parametrize("content", [b"", b"RIFF", b"file,class\n", bytes(1000)])
def test_what_is_not_sound_is_refused(tmp_path, content):
    path = tmp_path / "text.wav"
    path.write_bytes(content)
    assert refusal(path) == "not a readable wav or flac file (Format not recognised)"


def test_a_zero_rate_is_refused(tmp_path):
    path = written(tmp_path / "still.wav")
    content = path.read_bytes()
    path.write_bytes(content[:24] + struct.pack("<I", 0) + content[28:])
    assert re.match(r"not a readable wav or flac file \(", refusal(path))


@pytest.mark.parametrize("kept", [20, 36])
def test_a_truncated_header_is_refused(tmp_path, kept):
    path = written(tmp_path / "head.wav")
    path.write_bytes(path.read_bytes()[:kept])
    assert re.match(r"not a readable wav or flac file \(", refusal(path))


def test_a_truncated_wav_is_refused(tmp_path):
    path = written(tmp_path / "cut.wav")
    path.write_bytes(path.read_bytes()[:700])
    assert refusal(path) == "cut short, must hold 2044 bytes, not 700"


def test_a_truncated_flac_is_refused(tmp_path):
    path = written(tmp_path / "cut.flac", np.tile(NOISE, 20))
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])
    assert re.match(r"not a readable wav or flac file \(", refusal(path))


def test_a_flac_that_promises_more_than_it_holds_is_refused(tmp_path):
    path = written(tmp_path / "more.flac")
    content = bytearray(path.read_bytes())
    content[22:26] = struct.pack(">I", 1 << 31)  # lower bits of STREAMINFO's number of samples
    path.write_bytes(content)
    assert re.match(r"not a readable wav or flac file \(", refusal(path))


def test_a_missing_file_is_an_os_error_with_its_name(tmp_path):
    with pytest.raises(FileNotFoundError) as caught:
        read_audio(tmp_path / "absent.wav")
    assert caught.value.filename == str(tmp_path / "absent.wav")


@given(data=st.data(), flac=st.booleans())
def test_no_damage_does_more_than_refuse(tmp_path_factory, data, flac):
    path = tmp_path_factory.mktemp("damage") / ("clip.flac" if flac else "clip.wav")
    content = bytearray(written(path, NOISE[:200]).read_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    kept = data.draw(st.integers(0, len(content)))
    try:
        audio, rate_hz = decode_audio(bytes(content[:kept]), "clip")
    except InputError:
        return
    assert audio.ndim == 1
    assert audio.size >= 1
    assert np.isfinite(audio).all()
    assert rate_hz >= 1

"""Audio files: supported ones are read, others give one line."""

import io
import re
import struct

import numpy as np
import pytest
import soundfile
from hypothesis import given
from hypothesis import strategies as st

from fxp_model.data import read_audio
from fxp_model.data.audio import MAX_SAMPLES, decode_audio
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


def test_a_file_is_read_to_the_most_samples_and_no_further(tmp_path, monkeypatch):
    monkeypatch.setattr("fxp_model.data.audio.MAX_SAMPLES", len(NOISE))
    assert len(read_audio(written(tmp_path / "long.wav"))[0]) == len(NOISE)
    path = written(tmp_path / "longer.flac", np.zeros(len(NOISE) + 1))
    assert refusal(path) == "must hold at most 1000 samples, not 1001; cut it first"


def test_no_memory_is_taken_for_samples_that_only_a_header_tells_of(tmp_path):
    path = written(tmp_path / "more.flac")
    content = bytearray(path.read_bytes())
    content[22:26] = struct.pack(">I", MAX_SAMPLES + 1)  # lower bits of STREAMINFO's number of samples
    path.write_bytes(content)
    assert refusal(path) == f"must hold at most {MAX_SAMPLES} samples, not {MAX_SAMPLES + 1}; cut it first"


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
    assert refusal(path) == "not a valid wav or flac file (Format not recognised)"


def test_a_zero_rate_is_refused(tmp_path):
    path = written(tmp_path / "still.wav")
    content = path.read_bytes()
    path.write_bytes(content[:24] + struct.pack("<I", 0) + content[28:])
    assert re.match(r"not a valid wav or flac file \(", refusal(path))


@pytest.mark.parametrize("kept", [20, 36])
def test_a_truncated_header_is_refused(tmp_path, kept):
    path = written(tmp_path / "head.wav")
    path.write_bytes(path.read_bytes()[:kept])
    assert re.match(r"not a valid wav or flac file \(", refusal(path))


FORMS = [("WAV", "FILE"), ("WAV", "BIG"), ("WAVEX", "FILE"), ("RF64", "FILE")]
"""Kinds of wav files, by libsndfile's name and order of bytes; the second is RIFX."""


def wav(form="WAV", endian="FILE", audio=NOISE, subtype="PCM_16"):
    file = io.BytesIO()
    soundfile.write(file, audio, 16_000, subtype=subtype, endian=endian, format=form)
    return file.getvalue()


def refused(content):
    with pytest.raises(InputError) as caught:
        decode_audio(content, "clip")
    return str(caught.value)


@pytest.mark.parametrize(("form", "endian"), FORMS)
def test_a_wav_of_any_kind_that_is_cut_short_is_refused(form, endian):
    content = wav(form, endian)
    assert len(decode_audio(content, "clip")[0]) == len(NOISE)
    for kept in range(len(content) - 2000, len(content), 9):
        message = refused(content[:kept])
        if kept > len(content) - 1998:  # else there is no sample at all
            assert message == f"clip: truncated, must hold {len(content)} bytes, not {kept}"


@pytest.mark.parametrize(("form", "endian"), FORMS)
def test_a_pad_byte_that_only_the_header_counts_is_not_missed(form, endian):
    content = wav(form, endian, NOISE[:999], "PCM_U8")
    assert content[-1] == 0
    assert len(decode_audio(content, "clip")[0]) == len(decode_audio(content[:-1], "clip")[0]) == 999
    assert (
        refused(content[:-2])
        == f"clip: truncated, must hold {len(content) - 1} bytes, not {len(content) - 2}"
    )


@pytest.mark.parametrize(
    "more", [b"LIST\x04\0\0\0INFO", b"ID3\x04 and more", b"TAG" + bytes(125), bytes(4096)]
)
def test_what_others_append_to_sound_is_no_fault(more):
    for audio in (NOISE, NOISE[:999]):
        content = wav(audio=audio, subtype="PCM_U8")
        for whole in (content, content[:-1] if len(audio) % 2 and more[0] else content):
            assert len(decode_audio(whole + more, "clip")[0]) == len(audio)


def test_a_header_that_was_not_brought_up_to_date_is_refused():
    content = bytearray(wav())
    content[4:8], content[40:44] = struct.pack("<I", 136), struct.pack("<I", 100)
    message = "clip: the header ends the audio data at byte 144, but 1900 bytes follow that are not a chunk"
    assert refused(bytes(content)) == message


def test_a_second_sound_behind_the_first_is_refused(tmp_path):
    flac = written(tmp_path / "clip.flac").read_bytes()
    assert refused(flac + flac) == "clip: must hold one flac stream, not more"
    for second in (wav(), b"data" + struct.pack("<I", 1500) + bytes(1500)):
        assert re.match(r"clip: not a valid wav or flac file \(", refused(wav() + second))


@pytest.mark.parametrize("form", ["AIFF", "AU", "W64", "OGG", "MP3", "VOC"])
def test_another_format_is_refused_by_name_whole_or_cut(form):
    content = wav(form, audio=np.tile(NOISE, 20), subtype=soundfile.default_subtype(form))
    assert refused(content) == f"clip: must be wav or flac, not {form}; convert it first"
    with pytest.raises(InputError, match=r"^clip: "):
        decode_audio(content[: len(content) // 2], "clip")


def test_a_truncated_flac_is_refused(tmp_path):
    path = written(tmp_path / "cut.flac", np.tile(NOISE, 20))
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])
    assert re.match(r"not a valid wav or flac file \(", refusal(path))


def test_a_flac_is_refused_wherever_it_is_cut(tmp_path):
    content = written(tmp_path / "cut.flac", np.tile(NOISE, 20)).read_bytes()
    frames = [match.start() for match in re.finditer(b"\xff\xf8", content)]
    assert len(frames) > 4
    for kept in (*frames, *range(0, len(content), 997), len(content) - 1):
        with pytest.raises(InputError, match=r"^clip: "):
            decode_audio(content[:kept], "clip")


def test_a_flac_that_promises_more_than_it_holds_is_refused(tmp_path):
    path = written(tmp_path / "more.flac")
    content = bytearray(path.read_bytes())
    content[22:26] = struct.pack(">I", 1001)  # lower bits of STREAMINFO's number of samples
    path.write_bytes(content)
    assert re.match(r"not a valid wav or flac file \(|truncated, must hold 1001 samples", refusal(path))


def test_a_missing_file_is_refused(tmp_path):
    assert refusal(tmp_path / "absent.wav") == "No such file or directory"


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

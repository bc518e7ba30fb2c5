"""Recordings of noise: split once by file, and never silent where they are mixed in."""

import re
import shutil

import numpy as np
import pytest
import soundfile

from fxp_model.data import Part, open_noise
from fxp_model.errors import InputError


def write(path, sound, rate_hz=16000):
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, np.asarray(sound, float), rate_hz, "PCM_16")


def one(tmp_path, sound, rate_hz=16000):
    write(tmp_path / "one" / "a.wav", sound, rate_hz)
    return open_noise(tmp_path / "one", Part.TRAIN)


def ramp(samples):
    """Sample n of it is n + 1 steps of 16 bits."""
    return (np.arange(samples) + 1) / 2**15


def names(noise, root):
    return [path.relative_to(root).as_posix() for path in noise.files]


def test_every_fifth_recording_of_a_folder_measures(tmp_path):
    for name in (*(f"dog/{n}.wav" for n in range(10)), *(f"dog/old/{n}.flac" for n in range(6)), "x.WAV"):
        write(tmp_path / name, [0.1])
    for name in ("dog/LICENSE", "dog/0a.txt", "dog/.3.wav"):
        (tmp_path / name).write_text("no sound", encoding="utf-8")
    (tmp_path / "dog" / "3a.wav").mkdir()
    train, measure = (open_noise(tmp_path, part) for part in Part)
    assert names(measure, tmp_path) == ["dog/4.wav", "dog/9.wav", "dog/old/4.flac"]
    dogs = [f"dog/{n}.wav" for n in (0, 1, 2, 3, 5, 6, 7, 8)]
    assert names(train, tmp_path) == [*dogs, *(f"dog/old/{n}.flac" for n in (0, 1, 2, 3, 5)), "x.WAV"]
    assert train.sha256 != measure.sha256


def test_the_digest_is_of_what_is_heard_and_not_of_where_it_lies(tmp_path):
    for n in range(2):
        write(tmp_path / "a" / f"{n}.wav", [0.1 * (n + 1)])
    first = open_noise(tmp_path / "a", Part.TRAIN)
    shutil.copytree(tmp_path / "a", tmp_path / "b")
    assert open_noise(tmp_path / "b", Part.TRAIN).sha256 == first.sha256
    write(tmp_path / "b" / "1.wav", [0.3])
    assert open_noise(tmp_path / "b", Part.TRAIN).sha256 != first.sha256


def test_a_stretch_lies_anywhere_in_a_long_recording_and_wraps_in_a_short_one(tmp_path):
    noise = one(tmp_path, ramp(10))
    stretches = {tuple(np.rint(noise.stretch(0.0, p, 8, 16000) * 2**15)) for p in np.linspace(0, 0.999, 50)}
    assert stretches == {tuple(range(first, first + 8)) for first in (1, 2, 3)}
    wrapped = np.rint(noise.stretch(0.0, 0.95, 13, 16000) * 2**15)
    assert wrapped.tolist() == [10, *range(1, 11), 1, 2]


def test_the_number_chooses_the_recording(tmp_path):
    for n in range(4):
        write(tmp_path / f"{n}.wav", [(n + 1) / 8])
    noise = open_noise(tmp_path, Part.TRAIN)
    heard = [noise.stretch(share, 0.0, 1, 16000)[0] * 8 - 1 for share in (0.0, 0.24, 0.25, 0.74, 0.999)]
    assert heard == [0, 0, 1, 2, 3]


def test_a_silent_stretch_gives_way_to_the_loudest_sample(tmp_path):
    sound = np.zeros(100)
    sound[[20, 90]] = 0.25, -0.5
    stretch = one(tmp_path, sound).stretch(0.0, 0.4, 10, 16000)  # samples 36..45
    assert stretch.tolist() == [0, 0, 0, 0, 0, -0.5, 0, 0, 0, 0]
    found = one(tmp_path, sound).stretch(0.0, 0.2, 10, 16000)  # samples 18..27
    assert found.tolist() == [0, 0, 0.25, 0, 0, 0, 0, 0, 0, 0]


def test_a_silent_recording_is_refused(tmp_path):
    noise = one(tmp_path, np.zeros(100))
    with pytest.raises(InputError, match=rf"^{re.escape(str(noise.files[0]))}: silent, must hold noise"):
        noise.stretch(0.0, 0.5, 10, 16000)


@pytest.mark.parametrize(("own_hz", "clip_hz"), [(8000, 16000), (44100, 16000), (16000, 8000)])
def test_a_tone_keeps_its_pitch_at_another_rate(tmp_path, own_hz, clip_hz):
    tone = 0.3 * np.sin(2 * np.pi * 1000 * np.arange(own_hz) / own_hz)
    stretch = one(tmp_path, tone, own_hz).stretch(0.0, 0.3, clip_hz // 2, clip_hz)
    assert len(stretch) == clip_hz // 2
    spectrum = np.abs(np.fft.rfft(stretch * np.hanning(len(stretch))))
    assert spectrum.argmax() * 2 == 1000


def test_what_is_no_noise_is_refused(tmp_path):
    with pytest.raises(InputError, match=rf"^{re.escape(str(tmp_path / 'x'))}: noise must be a folder$"):
        open_noise(tmp_path / "x", Part.TRAIN)
    with pytest.raises(
        InputError, match=r": must hold at least 1 wav or flac file in a folder to train with"
    ):
        open_noise(tmp_path, Part.TRAIN)
    for n in range(4):
        write(tmp_path / f"{n}.wav", [0.1])
    message = r": must hold at least 5 wav or flac files in a folder to measure with, not 4$"
    with pytest.raises(InputError, match=message):
        open_noise(tmp_path, Part.MEASURE)
    noise = one(tmp_path, np.ones(10), 500)
    message = rf"^{re.escape(str(noise.files[0]))}: rate_hz must be an integer in 1000\.\.1000000, not 500$"
    with pytest.raises(InputError, match=message):
        noise.stretch(0.0, 0.0, 5, 16000)

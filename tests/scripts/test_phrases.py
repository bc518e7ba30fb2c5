"""phrases.py cuts recordings of speech for scenes.py."""

import json

import numpy as np
import pytest
import soundfile

from tests.calls import call


@pytest.fixture
def speech(tmp_path):
    """Two folders: two words of a stereo ogg at 22,050 Hz, and silence; a word in a wav in a subfolder."""
    rng = np.random.default_rng(0)
    for folder in ("one", "two/more"):
        (tmp_path / folder).mkdir(parents=True)
    words = np.zeros((22_050 * 2, 2))
    for start in (4000, 24_000):
        words[start : start + 11_025] = 0.1 * rng.normal(size=(11_025, 2))
    soundfile.write(tmp_path / "one" / "words.OGG", words, 22_050, format="OGG", subtype="VORBIS")
    soundfile.write(tmp_path / "one" / "nothing.flac", np.zeros(8000), 16_000)
    soundfile.write(tmp_path / "one" / "empty.wav", np.zeros(0), 16_000)
    (tmp_path / "one" / "text.txt").write_text("no sound", encoding="utf-8")
    soundfile.write(tmp_path / "two" / "more" / "word.wav", 0.1 * rng.normal(size=8000), 16_000)
    return [str(tmp_path / name) for name in ("one", "two")]


def test_each_phrase_is_a_file(speech, tmp_path):
    out = tmp_path / "out"
    for _ in range(2):
        told = call("phrases.py", "--speech", *speech, "--out", str(out))
        assert told.returncode == 0, told.stderr
    assert told.stdout == f"{out}/one: 2 phrases, 0.0 minutes\n{out}/two: 1 phrases, 0.0 minutes\n"
    assert sorted(path.relative_to(out).as_posix() for path in out.rglob("*.flac")) == [
        "one/00000.flac",
        "one/00001.flac",
        "two/00000.flac",
    ]
    for number in range(2):
        sound, rate_hz = soundfile.read(out / "one" / f"0000{number}.flac")
        assert rate_hz == 16_000
        assert len(sound) == pytest.approx(0.65 * 16_000, abs=480)  # 50 ms and what is smoothed
    assert json.loads((out / "phrases.json").read_text(encoding="utf-8")) == {
        "format": "spikeline-phrases",
        "phrases": {"one": 2, "two": 1},
    }


def test_what_cannot_be_cut_is_named(speech, tmp_path):
    (tmp_path / "empty").mkdir()
    (tmp_path / "bad").mkdir()
    (tmp_path / "bad" / "a.wav").write_bytes(b"RIFF")
    (tmp_path / "endless").mkdir()
    soundfile.write(tmp_path / "endless" / "a.wav", np.full(8000, np.inf), 16_000, subtype="FLOAT")
    (tmp_path / "more").mkdir()
    (tmp_path / "more" / "one").symlink_to(tmp_path / "one")
    for folders, message in (
        ((tmp_path / "none",), "none: speech must be a folder"),
        ((tmp_path / "empty",), "empty: must hold a wav, flac or ogg file, not 0"),
        ((tmp_path / "one", tmp_path / "bad"), "bad/a.wav: "),
        ((tmp_path / "endless",), "endless/a.wav: every sample must be finite"),
        ((tmp_path / "one", tmp_path / "more" / "one"), "--speech must be folders of different names"),
    ):
        told = call("phrases.py", "--speech", *map(str, folders), "--out", str(tmp_path / "out"))
        assert told.returncode == 2
        assert message in told.stderr.strip().splitlines()[-1]
        assert not list((tmp_path / "out").glob("*"))

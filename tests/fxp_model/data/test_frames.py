"""Encoded splits: the same from a cache, from any number of workers, after any damage."""

import errno
import os
import pwd
import re
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
import soundfile

from fxp_model.data import (
    Conditions,
    Part,
    encode_file,
    encoder_for,
    load_frames,
    open_dataset,
    open_noise,
    read_audio,
)
from fxp_model.data.cache import default_cache_dir
from fxp_model.data.frames import CHUNK
from fxp_model.data.notice import notice
from fxp_model.ear.spec import EarSpec
from fxp_model.errors import InputError

pytestmark = pytest.mark.slow

ENCODER = EarSpec.design(channels=8, sections=1)


@pytest.fixture
def folder(tmp_path):
    """A train and a val table over clips of 0.1 to 0.3 s at two rates."""
    rng = np.random.default_rng(0)
    root = tmp_path / "words"
    root.mkdir()
    for split, clips in (("train", CHUNK + 7), ("val", 3)):
        rows = ["file,class"]
        for index in range(clips):
            rate_hz = 8000 if index % 3 else 16000
            samples = int(rng.integers(rate_hz // 10, 3 * rate_hz // 10))
            soundfile.write(root / f"{split}{index}.wav", rng.uniform(-0.5, 0.5, samples), rate_hz)
            rows.append(f"{split}{index}.wav,{'ab'[index % 2]}")
        (root / f"{split}.csv").write_text("\n".join(rows), encoding="utf-8")
    return root


def load(folder, cache_dir, split="train", encoder=ENCODER, workers=1, conditions=None):
    return load_frames(open_dataset(folder), split, encoder, cache_dir, workers, False, conditions)


def assert_same(one, other):
    for field in ("counts", "labels", "lengths"):
        np.testing.assert_array_equal(getattr(one, field), getattr(other, field))
    assert one.files == other.files


@pytest.fixture
def no_encoding(monkeypatch):
    """Encoding is an error within `no_encoding()`."""

    def refuse(*_):
        raise AssertionError("encoded what the cache holds")

    return lambda: monkeypatch.setattr(EarSpec, "encode_after", refuse)


def test_a_split_is_its_clips_padded_with_zeros(folder, tmp_path):
    split = load(folder, tmp_path / "cache")
    assert split.counts.dtype == np.uint8
    assert split.labels.dtype == split.lengths.dtype == np.int64
    assert split.counts.shape == (split.lengths.max(), CHUNK + 7, 8)
    assert split.labels.tolist() == [index % 2 for index in range(CHUNK + 7)]
    for index, (file, length) in enumerate(zip(split.files, split.lengths, strict=True)):
        counts = encode_file(folder / file, ENCODER)
        assert len(counts) == length
        np.testing.assert_array_equal(split.counts[:length, index], counts)
        assert not split.counts[length:, index].any()


def test_a_hit_equals_a_miss(folder, tmp_path, no_encoding):
    first = load(folder, tmp_path / "cache")
    no_encoding()
    assert_same(load(folder, tmp_path / "cache"), first)


def test_the_number_of_workers_does_not_matter(folder, tmp_path):
    one = load(folder, tmp_path / "one", workers=1)
    assert_same(load(folder, tmp_path / "three", workers=3), one)
    entries = [sorted(path.name for path in (tmp_path / name).iterdir()) for name in ("one", "three")]
    assert entries[0] == entries[1]
    assert len(entries[0]) == 2


@pytest.mark.parametrize("damage", ["empty", "truncated", "flipped", "foreign", "pickled"])
def test_a_damaged_entry_is_made_again(folder, tmp_path, damage, no_encoding):
    cache_dir = tmp_path / "cache"
    first = load(folder, cache_dir)
    one, other = sorted(cache_dir.iterdir())
    whole = one.read_bytes()
    one.write_bytes(
        {
            "empty": b"",
            "truncated": whole[:-1],
            "flipped": whole[:-40] + bytes([whole[-40] ^ 1]) + whole[-39:],
            "foreign": other.read_bytes(),
            "pickled": b"\x80\x04N.",
        }[damage]
    )
    assert_same(load(folder, cache_dir), first)
    assert one.read_bytes() == whole
    no_encoding()
    assert_same(load(folder, cache_dir), first)


def test_another_encoder_and_another_sound_are_encoded_anew(folder, tmp_path):
    cache_dir = tmp_path / "cache"
    first = load(folder, cache_dir, "val")
    coarse = load(folder, cache_dir, "val", replace(ENCODER, count_bits=1))
    np.testing.assert_array_equal(coarse.counts, np.minimum(first.counts, 1))
    soundfile.write(folder / "val1.wav", np.zeros(800), 8000)
    changed = load(folder, cache_dir, "val")
    assert changed.lengths[1] == 10
    assert not changed.counts[:, 1].any()
    np.testing.assert_array_equal(changed.counts[: first.lengths[0], 0], first.counts[: first.lengths[0], 0])


def test_what_was_encoded_before_an_interruption_is_kept(folder, tmp_path, monkeypatch):
    cache_dir = tmp_path / "cache"
    expected = load(folder, tmp_path / "other")
    encode, calls = EarSpec.encode_after, []

    def interrupted(self, *arguments):
        calls.append(1)
        if len(calls) == CHUNK + 2:
            raise KeyboardInterrupt
        return encode(self, *arguments)

    monkeypatch.setattr(EarSpec, "encode_after", interrupted)
    with pytest.raises(KeyboardInterrupt):
        load(folder, cache_dir)
    assert len(list(cache_dir.iterdir())) == 1
    calls[:] = [1] * (CHUNK + 2)
    assert_same(load(folder, cache_dir), expected)
    assert len(calls) == CHUNK + 2 + 7


def test_the_cache_folder_comes_from_the_environment(folder, tmp_path, monkeypatch):
    monkeypatch.setenv("SPIKELINE_CACHE", str(tmp_path / "named"))
    load(folder, None, "val")
    assert len(list((tmp_path / "named").iterdir())) == 1
    monkeypatch.delenv("SPIKELINE_CACHE")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    assert default_cache_dir() == tmp_path / "home" / ".cache" / "spikeline"


def test_progress_goes_to_stderr_or_nowhere(folder, tmp_path, capsys):
    load(folder, tmp_path / "cache", "val")
    assert capsys.readouterr() == ("", "")
    load_frames(open_dataset(folder), "val", ENCODER, tmp_path / "cache", workers=1)
    out, err = capsys.readouterr()
    assert out == ""
    assert "3/3" in err


@pytest.mark.parametrize("workers", [1, 2])
def test_a_bad_clip_is_named(folder, tmp_path, workers):
    soundfile.write(folder / "train3.wav", np.zeros((100, 2)), 8000)
    with pytest.raises(InputError, match=rf"^{re.escape(str(folder / 'train3.wav'))}: must have 1 channel"):
        load(folder, tmp_path / "cache", workers=workers)


def test_a_clip_that_the_encoder_refuses_is_named(folder, tmp_path):
    soundfile.write(folder / "val2.wav", np.zeros(100), 500)
    message = "rate_hz must be an integer in 1000..1000000, not 500"
    with pytest.raises(InputError, match=rf"^val2.wav: {message}$"):
        load(folder, tmp_path / "cache", "val")
    with pytest.raises(InputError, match=rf"^{re.escape(str(folder / 'val2.wav'))}: {message}$"):
        encode_file(folder / "val2.wav", ENCODER)


def test_a_file_that_went_away_is_named(folder, tmp_path):
    dataset = open_dataset(folder)
    (folder / "val0.wav").unlink()
    message = rf"^{re.escape(str(folder / 'val0.wav'))}: No such file or directory$"
    with pytest.raises(InputError, match=message):
        load_frames(dataset, "val", ENCODER, tmp_path / "cache", workers=1, progress=False)


@pytest.fixture
def conditions(tmp_path):
    """A random gain, and noise for most clips."""
    root = tmp_path / "noise"
    root.mkdir()
    for n in range(5):
        soundfile.write(root / f"{n}.wav", np.random.default_rng(n).uniform(-0.5, 0.5, 5000), 16000)
    return Conditions(gain_db=(-30, 6), snr_db=(-10, 10), noise=open_noise(root, Part.TRAIN), noise_share=0.7)


def test_clips_are_heard_under_conditions_whoever_encodes_them(folder, tmp_path, conditions, no_encoding):
    one = load(folder, tmp_path / "one", conditions=conditions)
    for index, (file, length) in enumerate(zip(one.files, one.lengths, strict=True)):
        audio, rate_hz = read_audio(folder / file)
        counts = ENCODER.encode(conditions.heard(audio, rate_hz, index), rate_hz)
        np.testing.assert_array_equal(one.counts[:length, index], counts)
    assert_same(load(folder, tmp_path / "three", workers=3, conditions=conditions), one)
    no_encoding()
    assert_same(load(folder, tmp_path / "one", conditions=conditions), one)


def test_other_conditions_and_other_noise_are_heard_anew(folder, tmp_path, conditions):
    cache_dir = tmp_path / "cache"
    clean = load(folder, cache_dir, "val").counts
    first = load(folder, cache_dir, "val", conditions=conditions).counts
    again = load(folder, cache_dir, "val", conditions=replace(conditions, copy=1)).counts
    soundfile.write(tmp_path / "noise" / "0.wav", np.ones(5000) / 2, 16000)
    changed = replace(conditions, noise=open_noise(tmp_path / "noise", Part.TRAIN))
    other = load(folder, cache_dir, "val", conditions=changed).counts
    assert len({counts.tobytes() for counts in (clean, first, again, other)}) == 4
    # the same clips elsewhere in their split are drawn for anew
    (folder / "val.csv").write_text("file,class\nval2.wav,a\nval1.wav,b\nval0.wav,a\n", encoding="utf-8")
    moved = load(folder, cache_dir, "val", conditions=conditions)
    audio, rate_hz = read_audio(folder / "val2.wav")
    counts = ENCODER.encode(conditions.heard(audio, rate_hz, 0), rate_hz)
    np.testing.assert_array_equal(moved.counts[: moved.lengths[0], 0], counts)


@dataclass(frozen=True, kw_only=True)
class Counting(EarSpec):
    """Its level, the second count of a clip, is the number of clips before; the first count is the sound."""

    def encode_after(self, audio, rate_hz, level):
        level = level or 0
        return np.array([[round(100 * audio[0]), level] + [0] * 6], np.uint8), level + 1


@pytest.fixture
def spoken(tmp_path):
    """Clips of three speakers, one after the other, and one of nobody; a clip's sound is its number."""
    root = tmp_path / "spoken"
    root.mkdir()
    names = [f"{'abc'[n % 3]}_nohash_{n}.wav" for n in range(30)] + ["unknown.wav"]
    for n, name in enumerate(names):
        soundfile.write(root / name, np.full(100, n / 100), 16000, "FLOAT")
    rows = ["file,class", *(f"{name},{'xy'[n % 2]}" for n, name in enumerate(names))]
    (root / "train.csv").write_text("\n".join(rows), encoding="utf-8")
    return root


@pytest.mark.parametrize("workers", [1, 2])
def test_a_speakers_clips_follow_each_other_in_a_drawn_order(spoken, tmp_path, workers):
    def levels(**values):
        conditions = Conditions(**values)
        split = load(spoken, tmp_path / "cache", "train", Counting.design(channels=8), workers, conditions)
        assert split.counts[0, :, 0].tolist() == list(range(31))
        assert split.labels.tolist() == [n % 2 for n in range(31)]
        return split.counts[0, :, 1]

    orders = [levels(seed=seed, copy=copy) for seed, copy in ((0, 0), (0, 1), (1, 0), (0, 0))]
    for order in orders:
        for speaker in range(3):
            assert sorted(order[speaker:30:3]) == list(range(10))
        assert order[30] == 0
        assert not np.array_equal(order[0:30:3], order[1:30:3])
    assert len({order.tobytes() for order in orders}) == 3
    assert np.array_equal(orders[0], orders[3])
    assert not levels(carried=False).any()


def test_a_speakers_clips_have_one_gain():
    conditions = Conditions(gain_db=(-30, 6))
    loud = [conditions.heard(np.full(10, 0.1), 16000, index, 4)[0] for index in range(4, 9)]
    alone = [conditions.heard(np.full(10, 0.1), 16000, index)[0] for index in range(4, 9)]
    assert set(loud) == {alone[0]}
    assert len(set(alone)) == 5


def test_an_ear_is_designed_with_the_counts_of_the_network(folder):
    dataset = open_dataset(folder)
    small = encoder_for(dataset, 3, {"channels": 8, "sections": 1})
    assert small == EarSpec.design(channels=8, sections=1, count_bits=3)
    assert encoder_for(dataset, 3) == EarSpec.design(count_bits=3)
    with pytest.raises(InputError, match=r"^channels must be in 8\.\.256, not 7$"):
        encoder_for(dataset, 3, {"channels": 7})


def test_an_ear_hears_a_speakers_clips_as_a_session_or_each_from_rest(spoken, tmp_path):
    for index, file in enumerate(sorted(spoken.glob("*.wav"))):  # each louder than those before
        sound = np.random.default_rng(index).uniform(-0.02, 0.02, 480) * (index + 1)
        soundfile.write(file, sound, 16000, "PCM_16")
    session, rest = (
        load(spoken, tmp_path / "cache", "train", ENCODER, conditions=conditions)
        for conditions in (None, Conditions(carried=False))
    )
    sounds = [read_audio(spoken / file) for file in session.files]
    for index, sound in enumerate(sounds):
        assert np.array_equal(rest.counts[:, index], ENCODER.encode(*sound))
    for speaker in range(3):
        level = None
        for index in Conditions().order(range(speaker, 30, 3)):
            counts, level = ENCODER.encode_after(*sounds[index], level)
            assert np.array_equal(session.counts[:, index], counts)
    assert np.array_equal(session.counts[:, 30], rest.counts[:, 30])  # of nobody
    assert not np.array_equal(session.counts[:, :30], rest.counts[:, :30])


def test_workers_have_a_limit(folder, tmp_path):
    with pytest.raises(InputError, match=r"^workers must be at least 1, not 0$"):
        load(folder, tmp_path / "cache", workers=0)


def test_a_missing_split_is_refused(folder, tmp_path):
    with pytest.raises(InputError, match=r"^words: split must be one of train, val, not 'test'$"):
        load(folder, tmp_path / "cache", "test")


@pytest.mark.parametrize(
    ("place", "workers"),
    [
        ("in a file", 2),
        *((place, 1) for place in ("no home", "read-only", "full", "taken", "too long a name")),
    ],
)
def test_a_cache_that_cannot_be_used_stops_nothing(folder, tmp_path, monkeypatch, caplog, place, workers):
    notice.cache_clear()
    expected = load(folder, tmp_path / "good")
    cache_dir = tmp_path / "cache"
    if place == "in a file":
        cache_dir.write_bytes(b"mine")
    if place == "no home":
        cache_dir = None
        monkeypatch.delenv("SPIKELINE_CACHE", raising=False)
        monkeypatch.delenv("HOME")
        monkeypatch.setattr(pwd, "getpwuid", {}.__getitem__)
    if place == "read-only":
        cache_dir = Path("/proc/spikeline")
    if place == "full":
        cache_dir = Path("/dev/full")
    if place == "taken":
        for entry in (tmp_path / "good").iterdir():
            (cache_dir / entry.name).mkdir(parents=True)
    if place == "too long a name":
        cache_dir = tmp_path / ("n" * 300)
    for _ in range(2 if workers == 1 else 1):
        assert_same(load(folder, cache_dir, workers=workers), expected)
    (message,) = caplog.messages
    assert message.startswith("counts are not cached for the next run: ")
    assert "\n" not in message
    if place == "in a file":
        assert cache_dir.read_bytes() == b"mine"


def test_a_disk_that_fills_up_while_the_cache_is_written_stops_nothing(folder, tmp_path, monkeypatch, caplog):
    def full(path, content):
        path.open("wb").close()
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr(Path, "write_bytes", full)
        first = load(folder, tmp_path / "cache")
    assert caplog.messages == [
        f"counts are not cached for the next run: {tmp_path / 'cache'}: No space left on device"
    ]
    assert not (tmp_path / "cache").exists()
    assert_same(load(folder, tmp_path / "cache"), first)


def test_one_long_clip_among_short_ones_takes_no_memory_for_all(folder, tmp_path, monkeypatch):
    soundfile.write(folder / "train5.wav", np.zeros(8000 * 4), 8000)
    lengths = load(folder, tmp_path / "cache").lengths
    padding = int((400 - lengths).sum()) * 8
    monkeypatch.setattr("fxp_model.data.frames.MAX_PADDING", padding)
    load(folder, tmp_path / "cache")
    monkeypatch.setattr("fxp_model.data.frames.MAX_PADDING", padding - 1)
    message = (
        rf"^train5.wav: too long, 400 frames where the mean is {lengths.mean():.0f}: "
        r"padding 71 clips to it takes 0\.0 GiB, more than .*; cut it, or leave it out$"
    )
    with pytest.raises(InputError, match=message):
        load(folder, tmp_path / "cache")


def test_a_clip_lasts_as_long_as_memory_is_for_and_no_longer(monkeypatch):
    monkeypatch.setattr("fxp_model.data.audio.MAX_SECONDS", 2)
    encoder = ENCODER
    assert len(encoder.encode(np.zeros(2000), 1000)) == 200
    with pytest.raises(InputError, match=r"^audio must last at most 2 s, not 2\.1; cut it first$"):
        encoder.encode(np.zeros(2100), 1000)

"""SHD and SSC: counts by an independent binning, splits by speaker, and one line for each mistake."""

import subprocess
import sys
from dataclasses import replace
from fractions import Fraction

import h5py
import numpy as np
import pytest
import soundfile
from hypothesis import given
from hypothesis import strategies as st

from fxp_model.artifact import load_artifact
from fxp_model.data import (
    Conditions,
    EventBinner,
    SpikeDataset,
    encoder_for,
    frames_for,
    load_frames,
    open_dataset,
    synthesise,
)
from fxp_model.data.artifact_frames import ENCODERS
from fxp_model.ear.spec import EarSpec
from fxp_model.errors import InputError
from fxp_model.pretrained import DEFAULT
from tb.harness.depth import depth

DIGITS = [f"{language}-{digit}" for language in ("de", "en") for digit in range(10)]


def clip(rng, seconds=1.0, events=200):
    """Times and units as the files have them: float16, uint16, in order of time."""
    times = np.sort(rng.uniform(0, seconds, events)).astype(np.float16)
    return times, rng.integers(0, 700, events).astype(np.uint16)


def write(path, clips, labels, **extra):
    """A file in the layout of the published ones."""
    with h5py.File(path, "w") as file:
        for index, (name, kind) in enumerate((("times", np.float16), ("units", np.uint16))):
            column = file.create_dataset(f"spikes/{name}", (len(clips),), h5py.vlen_dtype(kind))
            for row, events in enumerate(clips):
                column[row] = events[index]
        file["labels"] = np.array(labels, np.uint16)
        for name, values in extra.items():
            file[f"extra/{name}"] = values
    return path


def shd(folder, speakers=5, takes=2, seed=0):
    """A small SHD: every speaker says every digit, in `takes` of different lengths."""
    folder.mkdir(exist_ok=True)
    rng = np.random.default_rng(seed)
    keys = np.array([name.encode() for name in DIGITS])
    for file, voices in (("train", range(speakers)), ("test", (0, 70, 71))):
        rows = [(voice, label) for label in range(20) for voice in voices for _ in range(takes)]
        rng.shuffle(rows)
        clips = [clip(rng, rng.uniform(0.2, 1.3)) for _ in rows]
        write(
            folder / f"shd_{file}.h5",
            clips,
            [label for _, label in rows],
            speaker=np.array([voice for voice, _ in rows], np.uint16),
            keys=keys,
        )
    return folder


@pytest.fixture
def folder(tmp_path):
    return shd(tmp_path / "data")


def ssc(folder):
    rng = np.random.default_rng(1)
    folder.mkdir()
    for file, clips in (("train", 40), ("valid", 9), ("test", 7)):
        labels = rng.permutation(np.arange(clips) % 35)  # each class in train
        write(folder / f"ssc_{file}.h5", [clip(rng, 1.0) for _ in range(clips)], labels)
    return folder


def binned(times, units, channels=140, width=5, frame_ms=10, limit=15):
    """Counts by exact arithmetic, event by event."""
    frames = [int(Fraction(float(t)) * 1000 / frame_ms) for t in times]
    counts = np.zeros((max(frames, default=0) + 1, channels), int)
    for frame, unit in zip(frames, units, strict=True):
        counts[frame, int(unit) // width] += 1
    return np.minimum(counts, limit)


def load(dataset, split, count_bits=4):
    return load_frames(dataset, split, encoder_for(dataset, count_bits), progress=False)


def refusal(action, *arguments):
    with pytest.raises(InputError) as caught:
        action(*arguments)
    assert "\n" not in str(caught.value)
    return str(caught.value)


@given(
    events=st.lists(st.tuples(st.floats(0, 3, width=16), st.integers(0, 699)), max_size=60),
    width=st.sampled_from([1, 5, 7, 100]),
    frame_ms=st.sampled_from([1, 3, 10, 25]),
    count_bits=st.integers(1, 8),
)
def test_counts_are_those_of_exact_arithmetic(events, width, frame_ms, count_bits):
    times = np.array([t for t, _ in events], np.float16)
    units = np.array([unit for _, unit in events], np.uint16)
    channels = 700 // width
    encoder = EventBinner(channels=channels, frame_ms=frame_ms, count_bits=count_bits)
    counts = encoder.encode(times, units)
    assert counts.dtype == np.uint8
    expected = binned(times, units, channels, width, frame_ms, 2**count_bits - 1)
    np.testing.assert_array_equal(counts, expected)


def test_worked_example():
    times = np.array([0.0, 0.0099, 0.0101, 0.0101, 0.0301], np.float32)
    units = np.array([0, 4, 5, 9, 699], np.uint16)
    expected = np.zeros((4, 140), int)
    expected[0, 0] = 2
    expected[1, 1] = 2
    expected[3, 139] = 1
    np.testing.assert_array_equal(EventBinner().encode(times, units), expected)


@pytest.mark.parametrize("split", ["train", "val", "test"])
def test_shd_is_its_clips_padded_with_zeros(folder, split):
    dataset = open_dataset(folder)
    assert isinstance(dataset, SpikeDataset)
    assert dataset.name == "SHD"
    assert dataset.classes == tuple(DIGITS)
    frames = load(dataset, split)
    assert frames.counts.dtype == np.uint8
    assert frames.labels.dtype == frames.lengths.dtype == np.int64
    assert frames.counts.shape == (frames.lengths.max(), len(frames.labels), 140)
    assert np.unique(frames.lengths).size > 10
    with h5py.File(folder / f"shd_{'test' if split == 'test' else 'train'}.h5") as file:
        for index, name in enumerate(frames.files):
            where, row = name.split("/")
            assert file.filename.endswith(where)
            expected = binned(file["spikes/times"][int(row)], file["spikes/units"][int(row)])
            length = frames.lengths[index]
            np.testing.assert_array_equal(frames.counts[:length, index], expected)
            assert not frames.counts[length:, index].any()
            assert frames.labels[index] == file["labels"][int(row)]


def speakers_of(folder, split, seed=0):
    with h5py.File(folder / "shd_train.h5") as file:
        return set(file["extra/speaker"][:][open_dataset(folder, seed).split(split).rows].tolist())


def test_no_speaker_of_shd_is_on_both_sides_and_every_clip_is_on_one(folder):
    seen = set()
    for seed in range(10):
        train, val = (speakers_of(folder, split, seed) for split in ("train", "val"))
        assert len(val) == 2
        assert train | val == set(range(5))
        assert not train & val
        seen.add(frozenset(val))
    assert len(seen) > 3
    rows = [open_dataset(folder).split(split).rows for split in ("train", "val")]
    assert sorted(np.concatenate(rows)) == list(range(5 * 20 * 2))
    assert open_dataset(folder).split("test").rows.tolist() == list(range(3 * 20 * 2))
    assert speakers_of(folder, "val", 4) == speakers_of(folder, "val", 4)


def test_validation_of_shd_does_not_read_the_test_file(folder):
    before = load(open_dataset(folder), "val")
    (folder / "shd_test.h5").unlink()
    after = load(open_dataset(folder), "val")
    np.testing.assert_array_equal(before.counts, after.counts)
    assert before.files == after.files


def test_what_lauscher_makes_of_a_recording_is_read(tmp_path):
    """The program that made SHD: its events in SHD's layout, and as arrays."""
    pytest.importorskip("lauscher", reason="lauscher is not installed")
    word, made = tmp_path / "word.wav", tmp_path / "made.npz"
    soundfile.write(word, synthesise("ai", 0, 0)[6000:7600], 16000)
    channels = str(depth(70, 700))  # its time is in proportion to them
    program = [sys.executable, "-m", "lauscher", word, made, "--num_channels", channels, "-j", "1"]
    subprocess.run(program, check=True, capture_output=True, timeout=240)
    with np.load(made) as file:
        events = file["arr_0"]
    times, units = events[0].astype(np.float16), events[1].astype(np.uint16)
    assert len(times) > 10
    write(tmp_path / "shd_test.h5", [(times, units)], [7])
    frames = load(open_dataset(tmp_path), "test")
    np.testing.assert_array_equal(frames.counts[:, 0], binned(times, units))
    assert frames.labels.tolist() == [7]
    arrays = tmp_path / "arrays"
    arrays.mkdir()
    steps = (times.astype(float) * 100).astype(int)
    shared = {"labels": [0], "lengths": [steps.max() + 1], "channels": 140}
    np.savez(arrays / "train.npz", times=steps, units=units // 5, sample=np.zeros_like(steps), **shared)
    unsaturated = load(open_dataset(tmp_path), "test", 8).counts  # as those of arrays are
    np.testing.assert_array_equal(load(open_dataset(arrays), "train").counts, unsaturated)


def test_ssc_has_its_own_splits(tmp_path):
    dataset = open_dataset(str(ssc(tmp_path / "data")))
    assert dataset.name == "SSC"
    assert dataset.classes[:2] == ("class00", "class01")
    assert len(dataset.classes) == 35
    for split, file, clips in (("train", "train", 40), ("val", "valid", 9), ("test", "test", 7)):
        frames = load(dataset, split, 1)
        assert frames.files == tuple(f"ssc_{file}.h5/{row}" for row in range(clips))
        assert frames.counts.max() == 1


def test_progress_goes_to_stderr_or_nowhere(folder, capsys):
    dataset = open_dataset(folder)
    load(dataset, "val")
    assert capsys.readouterr() == ("", "")
    load_frames(dataset, "val", EventBinner())
    out, err = capsys.readouterr()
    assert out == ""
    assert "80/80" in err


def test_class_names_may_be_of_any_kind_of_text(tmp_path):
    names = ["f\N{LATIN SMALL LETTER U WITH DIAERESIS}nf", *DIGITS[1:]]
    for keys in (names, np.array([name.encode() for name in names])):
        write(tmp_path / "shd_train.h5", [clip(np.random.default_rng(0))], [0], keys=keys)
        assert open_dataset(tmp_path).classes == tuple(names)


@pytest.mark.parametrize(
    ("absent", "md5"),
    [
        ("shd_train.h5", "f3252aeb598ac776c1b526422d90eecb"),
        ("shd_test.h5", "1503a5064faa34311c398fb0a1ed0a6f"),
        ("ssc_train.h5", "d102be95e7144fcc0553d1f45ba94170"),
        ("ssc_valid.h5", "b4eee3516a4a90dd0c71a6ac23a8ae43"),
        ("ssc_test.h5", "a35ff1e9cffdd02a20eb850c17c37748"),
    ],
)
def test_a_missing_file_is_told_with_its_place_and_checksum(tmp_path, absent, md5):
    folder = (shd if absent.startswith("shd") else ssc)(tmp_path / "data")
    (folder / absent).unlink()
    split = {"valid": "val"}.get(name := absent[4:-3], name)
    assert refusal(open_dataset(folder).split, split) == (
        f"{folder / absent} is missing: unpack it there from {absent}.zip (MD5 {md5}) "
        "at https://zenkelab.org/datasets/ and https://compneuro.net/datasets/"
    )


def test_a_folder_of_archives_asks_to_unpack_them(tmp_path):
    (tmp_path / "ssc_valid.h5.zip").touch()
    message = refusal(open_dataset, tmp_path)
    assert message.startswith(
        f"{tmp_path / 'ssc_train.h5'} is missing: unpack it there from ssc_train.h5.zip"
    )


def test_a_folder_of_both_is_refused(folder):
    (folder / "ssc_test.h5").touch()
    expected = f"{folder}: must hold one of SHD and SSC, not both: give each its own folder"
    assert refusal(open_dataset, folder) == expected


@pytest.mark.parametrize("how", ["copy", "link", "hard link"])
def test_two_splits_in_one_file_are_refused(tmp_path, how):
    folder = ssc(tmp_path / "data")
    train, valid = folder / "ssc_train.h5", folder / "ssc_valid.h5"
    valid.unlink()
    if how == "copy":
        valid.write_bytes(train.read_bytes())
    elif how == "link":
        valid.symlink_to(train)
    else:
        valid.hardlink_to(train)
    expected = f"{train} and {valid} must be different files: they are equal"
    assert refusal(open_dataset, folder) == expected


def test_a_class_that_nobody_says_in_training_is_refused(folder):
    path = folder / "shd_train.h5"
    with h5py.File(path, "r+") as file:
        labels = file["labels"][:]
        file["labels"][:] = np.where(labels == 7, 8, labels)
    expected = f"{path}: class 'de-7' must have at least 1 training clip, not 0"
    assert refusal(open_dataset(folder).split, "train") == expected
    assert len(open_dataset(folder).split("val")) > 0


@pytest.mark.parametrize("name", ["labels", "extra/keys"])
def test_no_memory_is_taken_for_a_column_that_holds_nothing(folder, name):
    path = folder / "shd_train.h5"
    kind = np.dtype("S1048576") if name == "extra/keys" else np.dtype(np.uint16)
    with h5py.File(path, "r+") as file:
        del file[name]
        file.create_dataset(name, (1 << 40,), kind, chunks=(64,))
    expected = f"{path}: {name} must take at most {1 << 26} bytes, not {1 << 40} x {kind.itemsize}"
    assert refusal(lambda: open_dataset(folder).split("train")) == expected


def test_a_missing_split_is_refused(folder):
    expected = "SHD: split must be one of train, val, test, not 'valid'"
    assert refusal(open_dataset(folder).split, "valid") == expected


def replaced(name, values):
    """A damaged file: data set `name` has other `values`, or is missing."""

    def damage(file):
        if name in file:
            del file[name]
        if values is not None:
            file[name] = values

    return damage


def at(name, row, value):
    def damage(file):
        file[name][row] = value

    return damage


def grouped(file):
    del file["labels"]
    file.create_group("labels")


TWO = np.array([0.5, 0.25], np.float16)


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (replaced("labels", None), "labels is missing"),
        (replaced("spikes", np.zeros(3)), "spikes/times is missing"),
        (replaced("extra/speaker", None), "extra/speaker is missing"),
        (grouped, "labels must have shape (clips,), not a group"),
        (replaced("labels", 7), "labels must have shape (clips,), not ()"),
        (replaced("labels", np.zeros(0, int)), "labels must have shape (clips,), not (0,)"),
        (replaced("labels", np.zeros(200)), "labels must be integers, not float64"),
        (at("labels", 3, 20), "labels[3] must be in 0..19, not 20"),
        (replaced("labels", np.full(200, -1)), "labels[0] must be in 0..19, not -1"),
        (replaced("extra/speaker", np.zeros(3, int)), "extra/speaker must have 200 rows as labels, not 3"),
        (
            replaced("extra/speaker", np.arange(200) % 2),
            "extra/speaker must name more than 2 speakers, not 2",
        ),
        (replaced("extra/keys", np.arange(20)), "extra/keys must be strings, not int64"),
        (
            replaced("extra/keys", ["en-9 ", *DIGITS[1:]]),
            "extra/keys: class must begin and end with a visible character, not 'en-9 '",
        ),
        (replaced("extra/keys", ["a", "b"]), "extra/keys must be 20 different names, not 'a', 'b'"),
        (replaced("spikes/units", np.zeros(3, int)), "spikes/units must have 200 rows as labels, not 3"),
        (
            replaced("spikes/times", np.zeros(200)),
            "sample 1: spikes/times must be floats of shape (events,), not float64 ()",
        ),
        (
            at("spikes/times", 0, TWO),
            "sample 0: spikes/units must be integers of shape (2,), as times, not uint16 (200,)",
        ),
        (
            at("spikes/units", 0, np.arange(600, 800)),
            "sample 0: spikes/units[100] must be in 0..699, not 700",
        ),
        (at("spikes/times", 0, np.full(200, np.nan)), "sample 0: spikes/times[0] must be in 0..60, not nan"),
        (at("spikes/times", 0, np.arange(200) - 1), "sample 0: spikes/times[0] must be in 0..60, not -1.0"),
        (at("spikes/times", 0, np.arange(200)), "sample 0: spikes/times[61] must be in 0..60, not 61.0"),
        (at("spikes/times", 0, np.full(200, np.inf)), "sample 0: spikes/times[0] must be in 0..60, not inf"),
    ],
)
def test_bad_content_is_refused_with_file_place_limit_and_value(folder, damage, message):
    path = folder / "shd_train.h5"
    with h5py.File(path, "r+") as file:
        damage(file)

    def use():
        dataset = open_dataset(folder)
        load(dataset, "train")
        load(dataset, "val")

    assert refusal(use) == f"{path}: {message}"


@pytest.mark.parametrize("share", [0.0, 0.001, 0.3, 0.9, 0.999])
def test_a_truncated_file_is_named(folder, share):
    path = folder / "shd_train.h5"
    whole = path.read_bytes()
    path.write_bytes(whole[: int(share * len(whole))])
    assert refusal(open_dataset, folder).startswith(f"{path}: not a valid HDF5 file: ")


@pytest.mark.parametrize("name", ["labels", "spikes/times", "extra/keys"])
def test_a_file_with_a_damaged_part_is_named(folder, name):
    path = folder / "shd_train.h5"
    with h5py.File(path) as file:
        place = h5py.h5o.get_info(file[name].id).addr
    content = bytearray(path.read_bytes())
    content[place] ^= 255  # version of the object's header
    path.write_bytes(content)
    message = refusal(lambda: load(open_dataset(folder), "train"))
    assert message.startswith(f"{path}: not a valid HDF5 file: ")


def test_a_file_of_another_kind_is_named(folder):
    path = folder / "shd_test.h5"
    path.write_bytes(b"PK\x03\x04" + bytes(5000))
    message = refusal(load, open_dataset(folder), "test")
    assert message.startswith(f"{path}: not a valid HDF5 file: ")


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"channels": 0}, "channels must be in 1..1024, not 0"),
        ({"channels": 130}, "channels must be a divisor of units = 700, not 130"),
        ({"units": 0}, "units must be in 1..65536, not 0"),
        ({"frame_ms": 0}, "frame_ms must be in 1..1000, not 0"),
        ({"frame_ms": 2.5}, "frame_ms must be an integer, not 2.5"),
        ({"count_bits": 9}, "count_bits must be in 1..8, not 9"),
    ],
)
def test_a_binner_has_limits(fields, message):
    assert refusal(lambda: EventBinner(**fields)) == message


def test_an_artifact_keeps_any_encoder():
    for encoder in (EventBinner(channels=70, count_bits=3), EarSpec.design(channels=8)):
        told = encoder.to_dict()
        assert ENCODERS[told["name"]].from_dict(told) == encoder


def test_an_encoder_of_another_kind_of_data_is_refused(folder):
    with pytest.raises(InputError, match=r"^SHD holds spikes, but encoder 'ear' takes sound$"):
        load_frames(open_dataset(folder), "val", EarSpec.design())
    with pytest.raises(InputError, match=r"^synthetic holds sound, but encoder 'event-bins' takes spikes$"):
        load_frames(open_dataset("synthetic"), "val", EventBinner())
    with pytest.raises(InputError, match=r"^SHD holds spikes; gain and noise are for sound$"):
        load_frames(open_dataset(folder), "val", EventBinner(), conditions=Conditions())
    assert isinstance(encoder_for(open_dataset("synthetic"), 3), EarSpec)
    assert encoder_for(open_dataset(folder), 3) == EventBinner(count_bits=3)


def spiking(artifact, **changes):
    """`artifact` as if it had been trained on SHD."""
    encoder = EventBinner().to_dict() | changes
    return replace(artifact, encoder=encoder, labels=tuple(DIGITS))


def test_frames_for_an_artifact_of_spikes(folder):
    frames = frames_for(spiking(load_artifact(DEFAULT)), folder, "test")
    np.testing.assert_array_equal(frames.counts, load(open_dataset(folder), "test").counts)


def test_an_artifact_of_sound_and_one_of_spikes_refuse_each_others_data(folder):
    sound = load_artifact(DEFAULT)
    expected = "SHD holds spikes, but encoder 'ear' takes sound"
    assert refusal(frames_for, sound, folder, "val") == expected
    expected = "synthetic holds sound, but encoder 'event-bins' takes spikes"
    assert refusal(frames_for, spiking(sound), "synthetic", "val") == expected


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"name": "mel"}, "encoder name must be one of ear, event-bins, counts, not 'mel'"),
        ({"version": 2}, "encoder version must be 1, not 2"),
        ({"channels": 70}, "artifact asc20-256x256-k5: channels of the encoder must be 140, not 70"),
        ({"units": 600}, "channels must be a divisor of units = 600, not 140"),
        ({"count_bits": 5}, "artifact asc20-256x256-k5: count_bits of the encoder must be 4, not 5"),
    ],
)
def test_an_encoder_that_does_not_fit_is_refused(folder, changes, message):
    assert refusal(frames_for, spiking(load_artifact(DEFAULT), **changes), folder, "val") == message

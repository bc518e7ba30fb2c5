"""Folders of npz arrays: counts and events, from the files to an artifact, and one line for each mistake."""

import json
import os
import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fxp_model.archives import Archive
from fxp_model.artifact import load_artifact, save_artifact
from fxp_model.data import (
    ArrayDataset,
    Conditions,
    CountArrays,
    encoder_for,
    frames_for,
    load_frames,
    open_dataset,
)
from fxp_model.data import arrays as arrays_module
from fxp_model.data.artifact_frames import recordings_for
from fxp_model.ear.spec import EarSpec
from fxp_model.errors import InputError
from fxp_model.network import run
from fxp_model.pretrained import DEFAULT
from fxp_model.qat.network import SpikingNetwork
from fxp_model.qat.template import Shape, network_spec

CLIPS, STEPS, CHANNELS = 6, 9, 3


def arrays(seed=0, clips=CLIPS):
    """Counts that end with each clip, labels and lengths; every class occurs."""
    rng = np.random.default_rng(seed)
    lengths = rng.integers(1, STEPS + 1, clips)
    lengths[0] = STEPS
    counts = rng.integers(0, 6, (clips, STEPS, CHANNELS))
    counts[np.arange(STEPS) >= lengths[:, None]] = 0
    counts[0, 0, 0] = 5
    return {"counts": counts, "labels": np.arange(clips) % 3, "lengths": lengths}


def per_step(seed=0):
    """The same with a label for every step; those beyond the ends and some others are not counted."""
    split = arrays(seed)
    labels = np.random.default_rng(seed).integers(-1, 3, (CLIPS, STEPS))
    labels[0, :3] = np.arange(3)
    labels[np.arange(STEPS) >= split["lengths"][:, None]] = -1
    return split | {"labels": labels}


def events(split, seed=0):
    """The same as events, in any order."""
    clip, step, channel = (
        index.repeat(split["counts"][split["counts"] > 0]) for index in split["counts"].nonzero()
    )
    order = np.random.default_rng(seed).permutation(len(clip))
    return {
        "times": step[order].astype(np.int32),
        "units": channel[order].astype(np.uint16),
        "sample": clip[order],
        "labels": split["labels"],
        "lengths": split["lengths"],
        "channels": np.array(CHANNELS),
    }


def write(folder, classes=None, **splits):
    folder.mkdir(exist_ok=True)
    for name, split in splits.items():
        np.savez_compressed(folder / f"{name}.npz", **split)
    if classes is not None:
        (folder / "classes.txt").write_text("\n".join(classes) + "\n", encoding="utf-8")
    return folder


def loaded(folder, split="train"):
    dataset = open_dataset(folder)
    return load_frames(dataset, split, encoder_for(dataset, 4), progress=False)


def refusal(action):
    with pytest.raises(InputError) as caught:
        action()
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize("form", [dict, events])
def test_counts_are_those_of_the_files(tmp_path, form):
    train, val = arrays(0), arrays(1, 4)
    folder = write(tmp_path / "data", ("no", "yes", "ü"), train=form(train), val=form(val))
    dataset = open_dataset(folder)
    assert isinstance(dataset, ArrayDataset)
    assert dataset.name == "data"
    assert dataset.classes == ("no", "yes", "ü")
    assert encoder_for(dataset, 4) == CountArrays(channels=CHANNELS, count_bits=3)
    for name, split in (("train", train), ("val", val)):
        frames = loaded(folder, name)
        assert frames.counts.dtype == np.uint8
        np.testing.assert_array_equal(frames.counts, split["counts"].transpose(1, 0, 2))
        np.testing.assert_array_equal(frames.labels, split["labels"])
        np.testing.assert_array_equal(frames.lengths, split["lengths"])
        assert frames.files == tuple(f"{name}.npz/{row}" for row in range(len(frames.labels)))


@pytest.mark.parametrize("form", [dict, events])
def test_labels_of_steps_are_those_of_the_file(tmp_path, form):
    split = per_step()
    folder = write(tmp_path / "data", train=form(split))
    assert open_dataset(folder).classes == ("0", "1", "2")
    np.testing.assert_array_equal(loaded(folder).labels, split["labels"])


def test_without_names_and_lengths_classes_are_numbers_and_clips_are_whole(tmp_path):
    split = arrays()
    del split["lengths"]
    folder = write(tmp_path / "data", train=split)
    assert open_dataset(folder).classes == ("0", "1", "2")
    np.testing.assert_array_equal(loaded(folder).lengths, np.full(CLIPS, STEPS))


@given(
    placed=st.lists(
        st.tuples(st.integers(0, STEPS - 1), st.integers(0, CHANNELS - 1), st.integers(0, CLIPS - 1)),
        max_size=40,
    )
)
def test_events_are_counted(tmp_path_factory, placed):
    expected = np.zeros((STEPS, CLIPS, CHANNELS), int)
    for step, channel, clip in placed:
        expected[step, clip, channel] += 1
    times, units, sample = np.array(placed, int).reshape(-1, 3).T
    split = {"times": times, "units": units, "sample": sample, "channels": np.array(CHANNELS)}
    split |= {"labels": np.arange(CLIPS), "lengths": np.full(CLIPS, STEPS)}
    folder = write(tmp_path_factory.mktemp("events"), train=split)
    np.testing.assert_array_equal(loaded(folder).counts, expected)


def changed(**changes):
    """Arrays of a split with changes; None removes one."""
    split = arrays() | changes
    return {name: array for name, array in split.items() if array is not None}


def with_counts(**changes):
    """Events with changes."""
    return events(arrays()) | changes


def with_step(clip, step, label):
    """Labels of steps with a change."""
    split = per_step()
    split["labels"][clip, step] = label
    return split


COUNTS = arrays()["counts"]
ENDS = arrays()["lengths"]
SHORT = int(np.flatnonzero(ENDS < STEPS)[0])
MISTAKES = {
    "labels[2, 0] must be in -1..65535, not -2": with_step(2, 0, -2),
    f"labels[{SHORT}] must be -1 from step {ENDS[SHORT]} on, its length": with_step(SHORT, STEPS - 1, 0),
    "must have at least 1 step with a class, not 0": changed(labels=np.full((CLIPS, STEPS), -1)),
    "labels must have shape (6,) or (6, 9), not (6, 8)": changed(labels=per_step()["labels"][:, :8]),
    "labels must have shape (N,), not (6, 9, 1)": changed(labels=per_step()["labels"][:, :, None]),
    "class '1' must have at least 1 training step, not 0": changed(
        labels=np.where(per_step()["labels"] == 1, 2, per_step()["labels"])
    ),
    "labels is missing": changed(labels=None),
    "labels must have shape (6,) or (6, 9), not (6, 1)": changed(labels=np.zeros((CLIPS, 1), int)),
    "labels must be integers, not float64": changed(labels=np.zeros(CLIPS)),
    "labels[1] must be in 0..65535, not -1": changed(labels=np.array([0, -1, 1, 2, 0, 0])),
    "must have at least 1 clip, not 0": changed(labels=np.zeros(0, int)),
    "class '1' must have at least 1 training clip, not 0": changed(labels=np.array([0, 2, 0, 2, 0, 0])),
    "counts must have shape (6, T, C), not (6, 9)": changed(counts=COUNTS[:, :, 0]),
    "counts must have shape (6, T, C), not (5, 9, 3)": changed(counts=COUNTS[1:]),
    "counts must have shape (6, T, C), not (6, 9, 0)": changed(counts=COUNTS[:, :, :0]),
    "counts must be integers, not float32": changed(counts=COUNTS.astype(np.float32)),
    "counts must be in 0..255, not -1": changed(counts=COUNTS - 1),
    "counts must be in 0..255, not 256": changed(counts=np.where(COUNTS == 5, 256, COUNTS)),
    "lengths must have shape (6,), not (5,)": changed(lengths=np.full(5, STEPS)),
    "lengths[2] must be in 1..9, not 0": changed(lengths=np.array([9, 9, 0, 9, 9, 9])),
    "lengths[5] must be in 1..9, not 10": changed(lengths=np.array([9, 9, 9, 9, 9, 10])),
    "counts[0] must be 0 from step 8 on, its length": changed(
        counts=np.ones_like(COUNTS), lengths=np.array([8, 9, 9, 9, 9, 9])
    ),
    "array 'lables' is unknown; known are labels, counts, lengths": changed(lables=np.zeros(CLIPS, int)),
    "array 'x' is unknown; known are labels, times, units, sample, lengths, channels": with_counts(
        x=np.zeros(1, int)
    ),
    "lengths is missing": changed(counts=None, lengths=None, channels=np.array(3)),
    "channels must have shape (), not (1,)": with_counts(channels=np.array([3])),
    "channels must be at least 1, not 0": with_counts(channels=np.array(0)),
    "lengths must be at least 1, not 0": with_counts(lengths=np.zeros(CLIPS, int)),
    "units must have shape (2,), not (3,)": with_counts(times=np.zeros(2, int), units=np.zeros(3, int)),
    "times must be integers, not float64": with_counts(times=np.zeros(2)),
    "times[1] must be in 0..8, not 9": with_counts(
        times=np.array([0, 9]), units=np.zeros(2, int), sample=np.zeros(2, int)
    ),
    "units[0] must be in 0..2, not 3": with_counts(
        times=np.zeros(1, int), units=np.array([3]), sample=np.zeros(1, int)
    ),
    "sample[0] must be in 0..5, not -1": with_counts(
        times=np.zeros(1, int), units=np.zeros(1, int), sample=np.array([-1])
    ),
    "a step and channel must have at most 255 events, not 256": with_counts(
        times=np.zeros(256, int), units=np.zeros(256, int), sample=np.zeros(256, int)
    ),
    "clips * steps * channels must be at most 4294967296, not 25769803776": with_counts(
        lengths=np.full(CLIPS, 1 << 16), channels=np.array(1 << 16)
    ),
}


@pytest.mark.parametrize("message", MISTAKES)
def test_a_mistake_is_one_line(tmp_path, message):
    folder = write(tmp_path / "data", train=MISTAKES[message])
    assert refusal(lambda: loaded(folder)) == f"{folder / 'train.npz'}: {message}"


def test_a_file_that_is_no_archive_of_numbers_is_one_line(tmp_path):
    folder = write(tmp_path / "data", train=arrays())
    path = folder / "train.npz"
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    assert refusal(lambda: open_dataset(folder)).startswith(f"{path}: not a readable npz archive: ")
    np.savez(path, labels=np.array([{}], object))
    assert refusal(lambda: open_dataset(folder)).startswith(f"{path}: not a readable npz archive: ")


def test_arrays_are_refused_before_they_are_read(tmp_path, monkeypatch):
    """By their type, and by the bytes that they take beside what the file does."""
    folder = write(tmp_path / "data", train=changed(counts=COUNTS.astype(np.float64)))
    read = Archive.read

    def small_read(archive, key):
        assert key != "counts"
        return read(archive, key)

    monkeypatch.setattr(Archive, "read", small_read)
    assert refusal(lambda: loaded(folder)).endswith("train.npz: counts must be integers, not float64")
    monkeypatch.setattr(arrays_module, "MAX_FILE_BYTES", 8000)
    write(folder, train=changed(counts=np.zeros((CLIPS, 100, CHANNELS), np.int64)))
    assert refusal(lambda: loaded(folder)).endswith(
        f"train.npz: counts must take at most 8000 bytes, not {CLIPS * 100 * CHANNELS * 8}"
    )


@pytest.mark.parametrize(
    ("other", "told"),
    [
        ("val.csv", "train.npz and val.csv"),
        ("yes/a.wav", "train.npz and yes/a.wav"),
        ("shd_test.h5", "train.npz and files of SHD"),
    ],
)
def test_a_folder_holds_one_data_set(tmp_path, other, told):
    folder = write(tmp_path / "data", train=arrays())
    (folder / other).parent.mkdir(exist_ok=True)
    (folder / other).write_bytes(b"")
    assert refusal(lambda: open_dataset(folder)) == (
        f"{folder}: must hold one data set, not {told}: give each its own folder"
    )
    (folder / "train.npz").unlink()
    if other == "shd_test.h5":
        (folder / "train.csv").write_bytes(b"")
        line = f"{folder}: must hold one data set, not files of SHD and train.csv: give each its own folder"
        assert refusal(lambda: open_dataset(folder)) == line


@pytest.mark.parametrize("name", ["classes.txt", "val.npz"])
def test_what_is_no_file_is_one_line(tmp_path, name):
    folder = write(tmp_path / "data", train=arrays())
    os.mkfifo(folder / name)
    assert refusal(lambda: open_dataset(folder)) == f"{folder / name}: must be a file"


def test_classes_and_splits(tmp_path):
    folder = write(tmp_path / "data", ("a", "b"), train=arrays(), test=arrays())
    assert refusal(lambda: loaded(folder)) == f"{folder / 'train.npz'}: labels[2] must be in 0..1, not 2"
    (folder / "classes.txt").write_text("a\na \nb\n", encoding="utf-8")
    assert refusal(lambda: open_dataset(folder)).startswith(f"{folder / 'classes.txt'}: class must begin ")
    (folder / "classes.txt").unlink()
    assert refusal(lambda: loaded(folder, "val")) == "data: split must be one of train, test, not 'val'"
    more = arrays()
    more["counts"] = more["counts"] + 3 * (more["counts"] > 0)
    write(folder, val=more)
    line = f"{folder / 'val.npz'}: counts must be in 0..7, not 8"
    assert refusal(lambda: loaded(folder, "val")) == line
    write(folder, val=arrays() | {"counts": COUNTS[:, :, :2]})
    line = f"{folder / 'val.npz'}: counts must have 3 channels, not 2"
    assert refusal(lambda: loaded(folder, "val")) == line


def test_an_encoder_is_not_of_another_kind(tmp_path):
    dataset = open_dataset(write(tmp_path / "data", train=arrays()))
    line = "data holds counts, but encoder 'ear' takes sound"
    assert refusal(lambda: encoder_for(dataset, 4, {"channels": 8})) == line
    line = "data holds counts; gain and noise are for sound"
    encoder = encoder_for(dataset, 4)
    assert refusal(lambda: load_frames(dataset, "train", encoder, conditions=Conditions())) == line
    sound = load_artifact(DEFAULT)
    assert re.match(
        "data holds counts, but encoder ", refusal(lambda: frames_for(sound, tmp_path / "data", "train"))
    )
    assert refusal(lambda: CountArrays(channels=0, count_bits=1)) == "channels must be in 1..65536, not 0"
    assert refusal(lambda: CountArrays(channels=1, count_bits=9)) == "count_bits must be in 1..8, not 9"


def test_an_artifact_takes_the_arrays_it_was_made_for(tmp_path):
    folder = write(tmp_path / "data", train=arrays(), val=arrays(1))
    encoder = encoder_for(open_dataset(folder), 4)
    network = SpikingNetwork(network_spec(Shape(hidden=(5,), input_bits=3), CHANNELS, 3)).export()
    save_artifact(
        tmp_path / "artifact",
        network=network,
        labels=("0", "1", "2"),
        encoder=encoder.to_dict(),
        provenance={},
        metrics={},
        stimulus=np.ones((4, 2, CHANNELS), np.uint8),
    )
    artifact = load_artifact(tmp_path / "artifact")
    frames = frames_for(artifact, folder, "val")
    expected = run(network, arrays(1)["counts"].transpose(1, 0, 2)).scores
    np.testing.assert_array_equal(run(artifact.network, frames.counts).scores, expected)


EAR = EarSpec.design(channels=8, sections=1)


def heard(folder):
    """Counts that an ear made, and its integers beside them."""
    counts = np.random.default_rng(0).integers(0, 16, (CLIPS, STEPS, 8))
    split = {"counts": counts, "labels": np.arange(CLIPS) % 3}
    write(folder, train=split, val=split)
    (folder / "encoder.json").write_text(json.dumps(EAR.to_dict()), encoding="utf-8")
    return folder


def test_counts_of_an_ear_keep_it(tmp_path):
    """The artifact's encoder is the ear: it takes these counts, and sound."""
    folder = heard(tmp_path / "data")
    dataset = open_dataset(folder)
    assert encoder_for(dataset, 1) == dataset.encoder() == EAR
    assert loaded(folder).counts.shape == (STEPS, CLIPS, 8)
    network = SpikingNetwork(network_spec(Shape(hidden=(5,), input_bits=4), 8, 3)).export()
    given = {"network": network, "labels": ("0", "1", "2"), "provenance": {}, "metrics": {}}
    given["stimulus"] = np.ones((4, 2, 8), np.uint8)
    artifact = save_artifact(tmp_path / "own", encoder=EAR.to_dict(), **given)
    np.testing.assert_array_equal(frames_for(artifact, folder, "val").counts, loaded(folder, "val").counts)
    line = "data must hold sound, not counts"
    assert refusal(lambda: recordings_for(artifact, folder, "val", 1)) == line
    line = "data holds counts of another ear"
    other = EAR.to_dict() | {"threshold": 300}
    artifact = save_artifact(tmp_path / "other", encoder=other, **given)
    assert refusal(lambda: frames_for(artifact, folder, "val")) == line
    assert refusal(lambda: encoder_for(dataset, 4, {"channels": 9})) == line


@pytest.mark.parametrize(
    ("content", "line"),
    [
        ("[]", "{} must hold an object, not []"),
        ("{", "{} is not JSON: Expecting property name enclosed in double quotes: line 1 column 2 (char 1)"),
        ("{}", "{}: encoder name must be 'ear', not None"),
        (json.dumps(EAR.to_dict() | {"threshold": 0}), "{}: threshold must be in 1..65535, not 0"),
    ],
)
def test_a_damaged_ear_is_one_line(tmp_path, content, line):
    folder = heard(tmp_path / "data")
    (folder / "encoder.json").write_text(content, encoding="utf-8")
    assert refusal(lambda: open_dataset(folder)) == line.format(folder / "encoder.json")


def test_counts_that_are_not_of_the_ear_are_refused(tmp_path):
    folder = write(heard(tmp_path / "data"), train=arrays())
    line = f"{folder / 'train.npz'}: counts must have 8 channels, not 3"
    assert refusal(lambda: loaded(folder)) == line

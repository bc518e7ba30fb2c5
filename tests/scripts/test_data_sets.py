"""Scripts that write folders of published data sets: what is in them, and that no digit is in two splits."""

import numpy as np
import pytest
import soundfile

from fxp_model.data import encoder_for, load_frames, open_dataset
from scripts import ecg, psmnist
from tests.calls import call


@pytest.fixture
def mnist(tmp_path, monkeypatch):
    """A small MNIST in which a digit's pixels are its number in the file, in 8 bits, and their places."""
    sizes = {"train": 60, "test": 10}
    shapes = {}
    arrays = {}
    rng = np.random.default_rng(0)
    for split, size in sizes.items():
        arrays[f"x_{split}"] = rng.integers(0, 256, (size, 28, 28), dtype=np.uint8)
        arrays[f"y_{split}"] = (np.arange(size) % 10).astype(np.uint8)
    for name, array in arrays.items():
        shapes[name] = array.shape
    monkeypatch.setattr(psmnist, "SHAPES", shapes)
    np.savez(tmp_path / "mnist.npz", **arrays)
    return arrays


@pytest.mark.parametrize("bits", [1, 4, 8])
def test_every_digit_is_in_one_split_in_one_order_of_pixels(mnist, tmp_path, bits):
    out = tmp_path / "out"
    told = call(
        "psmnist.py",
        *("--mnist", str(tmp_path / "mnist.npz"), "--out", str(out), "--val", "20", "--bits", str(bits)),
    )
    assert told.returncode == 0, told.stderr
    dataset = open_dataset(out)
    encoder = encoder_for(dataset, 4)
    assert encoder.count_bits == bits
    found = {
        split: load_frames(dataset, split, encoder, progress=False) for split in ("train", "val", "test")
    }
    assert [len(frames.labels) for frames in found.values()] == [40, 20, 10]
    np.testing.assert_array_equal(found["test"].labels, mnist["y_test"])
    order = np.random.default_rng(0).permutation(784)
    pixels = mnist["x_test"].reshape(10, 784)[:, order] >> (8 - bits)
    np.testing.assert_array_equal(found["test"].counts[:, :, 0], pixels.T)
    known = {(clip[order] >> (8 - bits)).tobytes(): label for clip, label in _flat(mnist)}
    seen = []
    for split in ("train", "val"):
        frames = found[split]
        for clip, label in zip(frames.counts[:, :, 0].T, frames.labels, strict=True):
            assert known[clip.tobytes()] == label
            seen.append(clip.tobytes())
    assert sorted(seen) == sorted(known)


def test_of_few_digits_validation_and_order_are_the_same(mnist, tmp_path):
    found = {}
    for few in ((), ("--train", "13")):
        out = tmp_path / f"out{len(few)}"
        options = ("--mnist", str(tmp_path / "mnist.npz"), "--out", str(out), "--val", "20", *few)
        assert call("psmnist.py", *options).returncode == 0
        for split in ("train", "val", "test"):
            with np.load(out / f"{split}.npz") as file:
                found[len(few), split] = file["counts"], file["labels"]
    for split in ("val", "test"):
        np.testing.assert_array_equal(found[0, split][0], found[2, split][0])
    counts, labels = found[2, "train"]
    assert len(labels) == 13
    rows = {clip.tobytes() for clip in found[0, "train"][0]}
    assert len({clip.tobytes() for clip in counts} & rows) == 13
    many = call("psmnist.py", *options[:-1], "41")
    assert (many.returncode, many.stdout) == (2, "")
    assert many.stderr.strip().endswith("--train must be at most 40, which validation leaves, not 41")


def _flat(mnist):
    return zip(mnist["x_train"].reshape(60, 784), mnist["y_train"], strict=True)


def test_another_file_is_no_mnist(tmp_path):
    np.savez(tmp_path / "mnist.npz", x_train=np.zeros((2, 28, 28), np.uint8))
    told = call("psmnist.py", "--mnist", str(tmp_path / "mnist.npz"), "--out", str(tmp_path / "out"))
    assert told.returncode == 2
    assert told.stderr.strip().endswith("mnist.npz: x_train must be uint8 of shape (60000, 28, 28)")
    assert not (tmp_path / "out").exists()


def test_of_a_damaged_mnist_nothing_is_written(mnist, tmp_path):
    file, out = tmp_path / "mnist.npz", tmp_path / "out"
    content = bytearray(file.read_bytes())
    content[content.index(mnist["x_test"].tobytes())] ^= 1
    file.write_bytes(content)
    told = call("psmnist.py", "--mnist", str(file), "--out", str(out), "--val", "20")
    assert told.returncode == 2
    assert "mnist.npz: not a readable npz archive: Bad CRC-32 for file 'x_test.npy'" in told.stderr
    assert not out.exists()


@pytest.fixture
def qtdb(tmp_path, monkeypatch):
    """Short windows; the class of a step is its number modulo 6, and every fourth has none."""
    windows, steps = {"train": 130, "test": 7}, 24
    monkeypatch.setattr(ecg, "WINDOWS", windows)
    monkeypatch.setattr(ecg, "STEPS", steps)
    rng = np.random.default_rng(0)
    arrays = {}
    for split, size in windows.items():
        given = np.broadcast_to(np.arange(steps) % 4 != 3, (size, steps)).astype(np.uint8)
        arrays[f"x_{split}"] = rng.integers(-1, 2, (size, steps, 4), dtype=np.int8)
        arrays[f"y_{split}"] = (np.arange(steps) % 6 * given).astype(np.uint8)
        arrays[f"labels_{split}"] = given
    np.savez(tmp_path / "qtdb.npz", **arrays)
    return arrays


@pytest.mark.parametrize(("labelled", "block"), [(False, 1), (True, 12)])
def test_every_heartbeat_is_in_one_split_with_a_channel_for_each_sign(qtdb, tmp_path, labelled, block):
    out = tmp_path / "out"
    more = ("--labelled", "--block", str(block)) if labelled else ()
    told = call("ecg.py", "--qtdb", str(tmp_path / "qtdb.npz"), "--out", str(out), *more)
    assert told.returncode == 0, told.stderr
    dataset = open_dataset(out)
    assert dataset.classes == ("P", "PQ", "QR", "RS", "ST", "TP")
    encoder = encoder_for(dataset, 4)
    assert (encoder.channels, encoder.count_bits) == (8, 1)
    neighbours = np.arange(130) // block % 10 == 9
    for split, source, which in (
        ("train", "train", ~neighbours),
        ("val", "train", neighbours),
        ("test", "test", np.ones(7, bool)),
    ):
        frames = load_frames(dataset, split, encoder, progress=False)
        signs = frames.counts.astype(int).transpose(1, 0, 2)
        np.testing.assert_array_equal(signs[:, :, :4] - signs[:, :, 4:], qtdb[f"x_{source}"][which])
        assert not (signs[:, :, :4] & signs[:, :, 4:]).any()
        expected = qtdb[f"y_{source}"][which].astype(int)
        expected[:, :10] = -1
        if labelled:
            expected[qtdb[f"labels_{source}"][which] == 0] = -1
        np.testing.assert_array_equal(frames.labels, expected)


def test_training_has_each_heartbeat_as_other_electrodes_would_record_it(qtdb, tmp_path):
    plain, out = tmp_path / "plain", tmp_path / "out"
    for folder, more in ((plain, ()), (out, ("--exchange",))):
        told = call("ecg.py", "--qtdb", str(tmp_path / "qtdb.npz"), "--out", str(folder), *more)
        assert told.returncode == 0, told.stderr
    for split in ("val", "test"):
        assert (out / f"{split}.npz").read_bytes() == (plain / f"{split}.npz").read_bytes()
    one, all_ = np.load(plain / "train.npz"), np.load(out / "train.npz")
    signs = [own["counts"].astype(int)[..., :4] - own["counts"][..., 4:] for own in (one, all_)]
    upright, variants = signs[0], signs[1].reshape(8, *signs[0].shape)
    np.testing.assert_array_equal(variants[0], upright)
    # by hand: a lead's two columns, crossings upwards and downwards, are those of the other lead, or inverted
    expected = {
        order: upright[..., list(order)]
        for order in (
            *((0, 1, 2, 3), (1, 0, 2, 3), (0, 1, 3, 2), (1, 0, 3, 2)),
            *((2, 3, 0, 1), (3, 2, 0, 1), (2, 3, 1, 0), (3, 2, 1, 0)),
        )
    }
    assert {own.tobytes() for own in variants} == {own.tobytes() for own in expected.values()}
    np.testing.assert_array_equal(all_["labels"], np.tile(one["labels"], (8, 1)))


def test_another_file_is_no_qt_database(tmp_path):
    np.savez(tmp_path / "qtdb.npz", x_train=np.zeros((618, 1301, 8), np.int8))
    told = call("ecg.py", "--qtdb", str(tmp_path / "qtdb.npz"), "--out", str(tmp_path / "out"))
    assert told.returncode == 2
    assert told.stderr.strip().endswith("qtdb.npz: x_train must be integers of shape (618, 1301, 4)")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("name", "value", "told"), [("y_train", 6, "0..5, not 6"), ("x_test", -2, "-1..1, not -2")]
)
def test_numbers_that_are_no_class_or_crossing_are_refused(qtdb, tmp_path, name, value, told):
    changed = qtdb[name].astype(np.int16)
    changed.flat[-1] = value
    np.savez(tmp_path / "qtdb.npz", **(qtdb | {name: changed}))
    done = call("ecg.py", "--qtdb", str(tmp_path / "qtdb.npz"), "--out", str(tmp_path / "out"))
    assert done.returncode == 2
    assert done.stderr.strip().endswith(f"qtdb.npz: {name} must be of {told}")
    assert not (tmp_path / "out").exists()


@pytest.fixture
def fsdd(tmp_path):
    folder = tmp_path / "fsdd"
    folder.mkdir()
    rng = np.random.default_rng(0)
    for digit in range(2):
        for speaker in ("ann", "bob", "cho", "dia"):
            for index in range(12):
                soundfile.write(folder / f"{digit}_{speaker}_{index}.wav", rng.uniform(-0.1, 0.1, 400), 8000)
    (folder / "notes.txt").write_text("", encoding="utf-8")
    return folder


def splits(folder):
    dataset = open_dataset(folder)
    return {
        split: {clip.name.rpartition("/")[2] for clip in dataset.split(split)} for split in dataset.splits
    }


def test_the_official_split_holds_out_the_first_five(fsdd, tmp_path):
    told = call("fsdd.py", "--fsdd", str(fsdd), "--out", str(tmp_path / "out"))
    assert told.returncode == 0, told.stderr
    found = splits(tmp_path / "out")
    for split, indices in (("test", range(5)), ("val", range(5, 10)), ("train", range(10, 12))):
        assert found[split] == {
            f"{digit}_{speaker}_{index}.wav"
            for digit in range(2)
            for speaker in ("ann", "bob", "cho", "dia")
            for index in indices
        }


@pytest.mark.parametrize(("test", "val"), [("ann", "bob"), ("dia", "ann")])
def test_by_speaker_nobody_is_in_two_splits(fsdd, tmp_path, test, val):
    told = call("fsdd.py", "--fsdd", str(fsdd), "--out", str(tmp_path / "out"), "--speaker", test)
    assert told.returncode == 0, told.stderr
    found = splits(tmp_path / "out")
    speakers = {split: {name.split("_")[1] for name in names} for split, names in found.items()}
    others = {"ann", "bob", "cho", "dia"} - {test, val}
    assert speakers == {"test": {test}, "val": {val}, "train": others}
    assert sum(map(len, found.values())) == 96


def test_an_unknown_speaker_is_refused(fsdd, tmp_path):
    told = call("fsdd.py", "--fsdd", str(fsdd), "--out", str(tmp_path / "out"), "--speaker", "eve")
    assert told.returncode == 2
    assert told.stderr.strip().endswith("--speaker must be one of ann, bob, cho, dia, not 'eve'")
    told = call("fsdd.py", "--fsdd", str(tmp_path), "--out", str(tmp_path / "out"))
    assert told.stderr.strip().endswith("must hold recordings of at least 3 speakers, not 0")


@pytest.mark.parametrize(
    ("script", "source", "suffix", "more"),
    [
        ("psmnist.py", ("--mnist", "mnist.npz", "--val", "20"), "npz", ()),
        ("fsdd.py", ("--fsdd", "fsdd"), "csv", ()),
        ("ecg.py", ("--qtdb", "qtdb.npz"), "npz", ("classes.txt",)),
    ],
)
@pytest.mark.usefixtures("mnist", "fsdd", "qtdb")
def test_only_its_own_files_are_replaced(tmp_path, monkeypatch, script, source, suffix, more):
    """A folder of the script is written again; one in which any split is a user's stays as it is."""
    monkeypatch.chdir(tmp_path)
    out = tmp_path / "out"
    for _ in range(2):
        told = call(script, *source, "--out", str(out))
        assert told.returncode == 0, told.stderr
        assert {file.name for file in out.iterdir()} == {
            *(f"{split}.{suffix}" for split in ("train", "val", "test")),
            *more,
            "dataset.json",
            "SHA256SUMS",
        }
    before = (out / f"test.{suffix}").read_bytes()
    (out / f"val.{suffix}").write_text("changed", encoding="utf-8")
    told = call(script, *source, "--out", str(out))
    assert told.returncode == 2
    assert f"val.{suffix} was changed since the earlier data set of {script} wrote it" in told.stderr
    assert (out / f"test.{suffix}").read_bytes() == before
    mine = tmp_path / "mine"
    mine.mkdir()
    (mine / f"val.{suffix}").write_text("mine", encoding="utf-8")
    told = call(script, *source, "--out", str(mine))
    assert told.returncode == 2
    assert told.stderr.strip().endswith(
        f"mine holds files and is not an earlier data set of {script}; name another folder"
    )
    assert {file.name: file.read_text(encoding="utf-8") for file in mine.iterdir()} == {
        f"val.{suffix}": "mine"
    }


def test_a_comma_in_a_folder_s_name(fsdd, tmp_path):
    fsdd.rename(tmp_path / 'digits, "spoken"')
    told = call("fsdd.py", "--fsdd", str(tmp_path / 'digits, "spoken"'), "--out", str(tmp_path / "out"))
    assert told.returncode == 0, told.stderr
    assert sum(map(len, splits(tmp_path / "out").values())) == 96


def test_a_split_without_recordings_is_refused(fsdd, tmp_path):
    for file in fsdd.glob("*_1?.wav"):
        file.unlink()
    told = call("fsdd.py", "--fsdd", str(fsdd), "--out", str(tmp_path / "out"))
    assert told.returncode == 2
    assert told.stderr.strip().endswith("fsdd: must hold at least 1 recording for train, not 0")
    assert not (tmp_path / "out").exists()

"""Readers of data sets, sounds, calibration clips and checkpoints."""

from __future__ import annotations

import io
import json
import shutil
import sys
from contextlib import redirect_stdout
from pathlib import Path
from unittest import mock

import h5py
import numpy as np
import soundfile

from fxp_model.data import (
    ArrayDataset,
    EventBinner,
    SpeechDataset,
    SpikeDataset,
    encoder_for,
    load_frames,
    open_dataset,
)
from fxp_model.data.audio import checked_clip, read_audio
from fxp_model.data.noise import Part, open_noise
from fxp_model.ear.spec import EarSpec
from fxp_model.errors import InputError
from fxp_model.exchange.calibration import read_calibration
from fxp_model.qat.template import Shape, network_spec
from fxp_model.qat.train import Recipe, Training
from scripts import psmnist
from tests.fxp_model.qat.clips import CHANNELS, CLASSES, labelled
from tests.robustness.fuzz.archives import archive_of, array_file
from tests.robustness.fuzz.folders import Files, read_files
from tests.robustness.fuzz.reader import GIVEN, Maker, Reader

EAR = EarSpec.design(channels=8, sections=1)
MEMORY = 256 << 20
"""Of clips as long as their headers may say."""


def _sound(form: str, samples: int = 800, seed: int = 0) -> bytes:
    buffer = io.BytesIO()
    soundfile.write(buffer, np.random.default_rng(seed).uniform(-0.5, 0.5, samples), 16_000, format=form)
    return buffer.getvalue()


def _words(listed: bool) -> Files:
    """Clips of two words by three speakers; in tables, or in folders with a list."""
    files = Files()
    rows = {"train": ["file,class"], "val": ["file,class"]}
    for seed, (word, speaker) in enumerate((word, speaker) for word in ("no", "yes") for speaker in range(3)):
        form = "flac" if speaker == 2 else "wav"
        name = f"{word}/s{speaker}_nohash_0.{form}"
        files[name] = _sound(form, seed=seed)
        rows["val" if speaker == 1 else "train"].append(f"{name},{word}")
    if listed:
        files |= {f"{split}.csv": "".join(f"{row}\n" for row in own).encode() for split, own in rows.items()}
    else:
        files["validation_list.txt"] = b"no/s0_nohash_0.wav\nyes/s0_nohash_0.wav\n"
    return files


def _spikes() -> Files:
    """Sixty clips of SHD."""
    rng = np.random.default_rng(0)
    buffer = io.BytesIO()
    with h5py.File(buffer, "w") as file:
        for name, kind in (("times", np.float16), ("units", np.uint16)):
            column = file.create_dataset(f"spikes/{name}", (60,), h5py.vlen_dtype(kind))
            for row in range(60):
                own = rng.uniform(0, 0.3, 9) if name == "times" else rng.integers(0, 700, 9)
                column[row] = own.astype(kind)
        file["labels"] = (np.arange(60) % 20).astype(np.uint16)
        file["extra/speaker"] = (np.arange(60) // 20).astype(np.uint16)
        file["extra/keys"] = np.array([f"word {word}" for word in range(20)], "S")
    return Files({"shd_train.h5": buffer.getvalue()})


def _arrays() -> Files:
    """Eight clips as counts, and as events."""
    rng = np.random.default_rng(0)
    labels, lengths = np.arange(8) % 2, np.arange(8) + 1
    counts = rng.integers(0, 4, (8, 8, 3)) * (np.arange(8) < lengths[:, None])[:, :, None]
    sample, times, units = counts.nonzero()
    columns = {"sample": sample, "times": times, "units": units, "channels": np.array(3)}
    both = {"labels": labels, "lengths": lengths}
    train, val = _npz(**both, counts=counts), _npz(**both, **columns)
    return Files({"classes.txt": b"no\nyes\n", "train.npz": train, "val.npz": val})


def _heard_arrays() -> Files:
    """Counts that an ear made, with its integers."""
    counts = np.random.default_rng(0).integers(0, 16, (8, 8, 8))
    split = _npz(labels=np.arange(8) % 2, counts=counts)
    return Files({"encoder.json": json.dumps(EAR.to_dict()).encode(), "train.npz": split, "val.npz": split})


def _npz(**arrays: np.ndarray) -> bytes:
    return archive_of([(f"{name}.npy", array_file(array)) for name, array in arrays.items()])


def _frames(folder: Path, cache: Path) -> None:
    """Every split of a data set as frames."""
    dataset = open_dataset(folder)
    splits = {}
    for split in dataset.splits if isinstance(dataset, SpeechDataset) else ("train", "val"):
        if isinstance(dataset, ArrayDataset):
            encoder = encoder_for(dataset, 4)
        elif isinstance(dataset, SpikeDataset):
            encoder = EventBinner(channels=7)
        else:
            encoder = EAR
        splits[split] = load_frames(dataset, split, encoder, cache, workers=1, progress=False)
    files = [file for frames in splits.values() for file in frames.files]
    pairs = {(split, file) for split, frames in splits.items() for file in frames.files}
    assert len(set(files)) == len(pairs) == len(files) > 0
    assert len(set(dataset.classes)) == len(dataset.classes) > 0
    for frames in splits.values():
        steps, clips, _ = frames.counts.shape
        assert clips == len(frames.labels) == len(frames.files) == len(frames.lengths) > 0
        assert 1 <= frames.lengths.min() <= frames.lengths.max() == steps
        assert 0 <= frames.labels.min() <= frames.labels.max() < len(dataset.classes)


def _dataset(files: Files) -> Maker:
    def make(folder: Path) -> Reader:
        def use(given: Path) -> None:
            _frames(given, folder / "cache")

        return Reader((files,), use, nodes=True, most_bytes=MEMORY, named=rf"(?i){GIVEN}|\.(wav|flac)\b")

    return make


def _heard(form: str) -> Maker:
    def make(folder: Path) -> Reader:
        def use(given: Path) -> None:
            audio, _ = read_audio(given / f"sound.{form}")
            assert audio.ndim == 1
            assert len(audio)
            assert np.isfinite(audio).all()

        return Reader((Files({f"sound.{form}": _sound(form, 1200)}),), use, most_bytes=MEMORY)

    return make


def noise(folder: Path) -> Reader:
    def use(given: Path) -> None:
        for part in Part:
            stretch = open_noise(given, part).stretch(0.5, 0.5, 400, 16_000)
            assert stretch.shape == (400,)
            assert stretch.any()
            checked_clip(stretch, 16_000)

    sounds = Files({f"traffic/{seed}.wav": _sound("wav", 300, seed) for seed in range(5)})
    return Reader((sounds,), use, nodes=True, most_bytes=MEMORY)


def calibration(folder: Path) -> Reader:
    counts, lengths = np.random.default_rng(0).integers(0, 4, (6, 5, 3)), np.arange(6) % 5 + 1
    counts[np.arange(5) >= lengths[:, np.newaxis]] = 0
    clips = _npz(counts=counts, labels=np.arange(6) % 2, lengths=lengths)

    def use(given: Path) -> None:
        found = read_calibration(str(given / "clips.npz"), (3, 2), 2)
        steps, clips, channels = found.counts.shape
        assert (clips, channels) == (len(found.lengths), 3)
        assert 1 <= found.lengths.min() <= found.lengths.max() == steps

    return Reader((Files({"clips.npz": clips}),), use)


def checkpoint(folder: Path) -> Reader:
    spec = network_spec(Shape(hidden=(4,), max_delay=3), CHANNELS, CLASSES)
    recipe = Recipe(epochs=2, batch=8)
    Training(spec, recipe, folder / "run", ("a", "b", "c")).run(
        labelled(1, 8, 2.0, 0.2), labelled(2, 8, 2.0, 0.2)
    )

    def use(given: Path) -> None:
        resumed = Training(spec, recipe, given, ("a", "b", "c"))
        resumed.resume()
        assert len(resumed.rows) <= recipe.epochs
        resumed.selected()

    return Reader((read_files(folder / "run"),), use)


def mnist(folder: Path) -> Reader:
    """The script that makes a data set of it writes all three files, or none."""
    shapes = {"x_train": (60, 28, 28), "y_train": (60,), "x_test": (10, 28, 28), "y_test": (10,)}
    sound = Files({"mnist.npz": _npz(**{name: np.ones(shape, np.uint8) for name, shape in shapes.items()})})
    out = folder / "out"

    def use(given: Path) -> None:
        argv = ["psmnist.py", "--mnist", str(given / "mnist.npz"), "--out", str(out), "--val", "9"]
        with mock.patch.object(psmnist, "SHAPES", shapes), mock.patch.object(sys, "argv", argv):
            try:
                with redirect_stdout(io.StringIO()):
                    psmnist.main()
            except InputError:
                assert not out.exists()
                raise
        assert {"test.npz", "train.npz", "val.npz"} < {path.name for path in out.iterdir()}
        shutil.rmtree(out)

    return Reader((sound,), use)


READERS: dict[str, Maker] = {
    "csv": _dataset(_words(listed=True)),
    "folders": _dataset(_words(listed=False)),
    "spikes": _dataset(_spikes()),
    "arrays": _dataset(_arrays()),
    "heard_arrays": _dataset(_heard_arrays()),
    "wav": _heard("wav"),
    "flac": _heard("flac"),
    "noise": noise,
    "calibration": calibration,
    "checkpoint": checkpoint,
    "mnist": mnist,
}

"""Mutated data folders: each is valid or refused in one line, quickly, in little memory, and unchanged."""

import io
import os
import resource
import shutil
import struct
import time
from contextlib import suppress

import h5py
import numpy as np
import pytest
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
from fxp_model.ear.spec import EarSpec
from fxp_model.errors import InputError
from tb.harness.depth import depth

pytestmark = pytest.mark.slow

FOLDERS = depth(60, 2000)
SECONDS = 30
"""Most seconds that a folder of a few short clips may take, on a busy machine."""
MEMORY = 1 << 30
"""Most bytes that all of them may add to the memory of this process."""
ODD = (
    *(
        "",
        " ",
        "yes ",
        "Yes",
        "caf\u00e9",
        "cafe\u0301",
        "a\nb",
        "a\0b",
        "\u2028",
        "\ufeffno",
        "\u200b",
        ".",
        "..",
        "/",
    ),
    *(
        "../words",
        "x" * 300,
        "x" * 200_000,
        "-",
        "'",
        '"',
        '"a',
        "a,b",
        "\x1b[2J",
        "\udcff",
        "_no",
        ".no",
        "no\\a",
    ),
    *(
        "no/s0_nohash_0.wav",
        "./no/s0_nohash_0.wav",
        "no//s0_nohash_0.wav",
        "yes",
        "no",
        "con",
        "%s",
        "val.csv",
    ),
)
"""Unusual but possible names, cells and entries."""
NUMBERS = (0, 1, 2, 3, 0x7F, 0xFF, 0x100, 999_983, 0x7FFFF000, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF)


class Mutator:
    """Changes a folder at random, the same for the same seed."""

    def __init__(self, folder, seed):
        self.folder, self.rng = folder, np.random.default_rng(seed)

    def pick(self, items):
        return items[self.rng.integers(len(items))]

    def paths(self, pattern="*"):
        return sorted(path for path in self.folder.rglob(pattern) if path.is_file() and not path.is_symlink())

    def change(self):
        kinds = [self.bytes, self.bytes, self.field, self.name, self.node, self.lines, self.other_format]
        hdf5 = self.paths("*.h5")
        self.pick([*kinds, *[self.hdf5] * (6 if hdf5 else 0)])()

    def bytes(self):
        """Flip, cut, put in, take out or repeat bytes of a file."""
        if not (paths := self.paths()):
            return
        path = self.pick(paths)
        content = bytearray(path.read_bytes())
        start, end = sorted(self.rng.integers(0, len(content) + 1, 2))
        match self.rng.integers(5):
            case 0:
                for place in self.rng.integers(0, max(1, len(content)), 8):
                    content[place : place + 1] = self.rng.bytes(1)
            case 1:
                del content[start:]
            case 2:
                content[start:start] = self.rng.bytes(int(self.rng.integers(1, 64)))
            case 3:
                del content[start:end]
            case _:
                content += content[start:end]
        path.write_bytes(content)

    def field(self):
        """Replace a number in a header by an unusual one."""
        if not (paths := self.paths()):
            return
        path = self.pick(paths)
        content = bytearray(path.read_bytes())
        place = int(self.rng.integers(0, 64))
        content[place : place + 4] = struct.pack(self.pick(["<I", ">I"]), self.pick(NUMBERS))
        path.write_bytes(content)

    def other_format(self):
        """Audio of another format, rate, width or length under an existing name."""
        paths = [*self.paths("*.wav"), *self.paths("*.flac")]
        if not paths:
            return
        form = self.pick(["WAV", "WAVEX", "RF64", "W64", "AIFF", "FLAC", "OGG", "MP3", "AU", "CAF"])
        samples = self.rng.uniform(-1, 1, (int(self.pick([0, 1, 900])), int(self.pick([1, 1, 2]))))
        endian = self.pick(["FILE", "BIG"]) if form == "WAV" else "FILE"
        subtype = self.pick(["FLOAT", "DOUBLE", "PCM_U8", "IMA_ADPCM", "ULAW"]) if form == "WAV" else None
        if subtype == "DOUBLE" and len(samples):
            samples[0] = self.pick([np.nan, np.inf, 1e300, 1e5])
        file = io.BytesIO()
        soundfile.write(file, samples, 16_000, subtype, endian, form)
        self.pick(paths).write_bytes(file.getvalue())

    def name(self):
        """Rename a file or a folder."""
        everything = sorted(self.folder.rglob("*"))
        path = self.pick(everything)
        suffix = self.pick(["", path.suffix, ".mp3", ".WAV"])
        self.at(path.with_name("x"), self.pick(ODD) + suffix, path.rename)

    def node(self):
        """A link, a pipe, a folder or nothing where a file was, or beside it."""
        everything = sorted(self.folder.rglob("*"))
        path, other = self.pick(everything), self.pick(everything)
        if self.rng.integers(2):
            path = path.with_name(self.pick(["new.wav", "val.csv", "validation_list.txt", "new"]))
        if path.exists() or path.is_symlink():
            shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()
        match self.rng.integers(7):
            case 0:
                path.symlink_to(other)
            case 1:
                path.symlink_to(path.name)
            case 2:
                path.symlink_to(self.pick(["absent", "..", "/dev/null", "/dev/zero", "/"]))
            case 3:
                os.mkfifo(path)
            case 4:
                path.mkdir()
            case 5 if other.is_file():
                path.hardlink_to(other)

    def lines(self):
        """Unusual cells, and lines that are missing, repeated or moved, in a table or list."""
        paths = [*self.paths("*.csv"), *self.paths("*.txt")]
        if not paths:
            return
        path = self.pick(paths)
        text = path.read_bytes().decode("utf-8", "surrogateescape")
        lines = text.split("\n")
        index = int(self.rng.integers(len(lines)))
        cells = lines[index].split(",")
        match self.rng.integers(5):
            case 0:
                cells[self.rng.integers(len(cells))] = self.pick(ODD)
                lines[index] = ",".join(cells)
            case 1:
                lines.insert(index, self.pick(ODD))
            case 2:
                del lines[index]
            case 3:
                lines.append(self.pick(lines))
            case _:
                self.rng.shuffle(lines)
        path.write_bytes("\n".join(lines).encode("utf-8", "surrogateescape"))

    def hdf5(self):
        """Another column in place of one."""
        path = self.pick(self.paths("*.h5"))
        name = self.pick(
            ["labels", "spikes/times", "spikes/units", "extra/keys", "extra/speaker", "spikes", "extra"]
        )
        values = self.pick(
            [
                None,
                np.arange(60) % 20,
                np.arange(60.0),
                np.zeros((60, 3)),
                np.full(60, -1),
                np.full(60, 1 << 63, np.uint64),
                np.array(["a ", "a"] * 10, "S"),
                [name * 2 for name in "abcdefghijklmnopqrst"],
                h5py.SoftLink("/labels"),
                h5py.SoftLink(f"/{name}"),
                h5py.ExternalLink("/dev/null", "labels"),
                h5py.Empty("f4"),
                1 << 40,
            ]
        )
        damaged = (OSError, RuntimeError, KeyError, ValueError, TypeError)
        copy = self.folder.with_name("copy.h5")  # a damaged file may stay open, and be written at its end
        shutil.copyfile(path, copy)
        with suppress(*damaged), h5py.File(copy, "r+") as file:
            if name in file:
                del file[name]
            if isinstance(values, int):
                file.create_dataset(name, (values,), self.pick(["u2", "S1000000"]), chunks=(64,))
            elif values is not None:
                file[name] = values
        path.write_bytes(copy.read_bytes())
        copy.unlink()

    def at(self, path, name, make):
        """`make` something named `name` beside `path`; not every name is possible."""
        with suppress(OSError, ValueError):
            make(path.with_name(name))


@pytest.fixture(scope="module")
def templates(tmp_path_factory):
    """A data set of each layout, of few and short clips."""
    root, rng = tmp_path_factory.mktemp("templates"), np.random.default_rng(0)
    tables, folders, spikes, arrays = (root / name for name in ("tables", "folders", "spikes", "arrays"))
    for folder in (tables, folders):
        rows = {"train": ["file,class"], "val": ["file,class"]}
        for word in ("no", "yes"):
            (folder / word).mkdir(parents=True)
            for speaker in range(4):
                file = f"{word}/s{speaker}_nohash_0.{'flac' if speaker == 3 else 'wav'}"
                soundfile.write(folder / file, rng.uniform(-0.5, 0.5, 800), 16_000)
                rows["val" if speaker == 1 else "train"].append(f"{file},{word}")
        for split, lines in rows.items():
            if folder == tables:
                (folder / f"{split}.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    (folders / "validation_list.txt").write_text(
        "no/s0_nohash_0.wav\nyes/s0_nohash_0.wav\n", encoding="utf-8"
    )
    spikes.mkdir()
    with h5py.File(spikes / "shd_train.h5", "w") as file:
        for name, kind in (("times", np.float16), ("units", np.uint16)):
            column = file.create_dataset(f"spikes/{name}", (60,), h5py.vlen_dtype(kind))
            for row in range(60):
                column[row] = (rng.uniform(0, 0.3, 9) if name == "times" else rng.integers(0, 700, 9)).astype(
                    kind
                )
        file["labels"] = (np.arange(60) % 20).astype(np.uint16)
        file["extra/speaker"] = (np.arange(60) // 20).astype(np.uint16)
        file["extra/keys"] = np.array([f"word {word}" for word in range(20)], "S")
    arrays.mkdir()
    (arrays / "classes.txt").write_text("no\nyes\n", encoding="utf-8")
    labels, lengths = np.arange(8) % 2, np.arange(8) + 1
    counts = rng.integers(0, 4, (8, 8, 3)) * (np.arange(8) < lengths[:, None])[:, :, None]
    np.savez(arrays / "train.npz", counts=counts, labels=labels, lengths=lengths)
    sample, times, units = counts.nonzero()
    columns = {"sample": sample, "times": times, "units": units, "channels": np.array(3)}
    np.savez_compressed(arrays / "val.npz", labels=labels, lengths=lengths, **columns)
    return tables, folders, spikes, arrays


def contents(folder):
    """Everything in a folder, of any kind."""
    found = {}
    for path in sorted(folder.rglob("*")):
        status = path.lstat()
        content = path.read_bytes() if path.is_file() and not path.is_symlink() else None
        found[path] = (status.st_mode, status.st_ino, content)
    return found


def use(folder, cache):
    """Every split of the data set as frames; a line if it is refused."""
    try:
        dataset = open_dataset(folder)
        spikes = isinstance(dataset, SpikeDataset)
        splits = {}
        for split in dataset.splits if isinstance(dataset, SpeechDataset) else ("train", "val"):
            if isinstance(dataset, ArrayDataset):
                encoder = encoder_for(dataset, 4)
            else:
                encoder = EventBinner(channels=7) if spikes else EarSpec.design(channels=8, sections=1)
            splits[split] = load_frames(dataset, split, encoder, cache, workers=1, progress=False)
    except InputError as error:
        return str(error)
    files = [file for frames in splits.values() for file in frames.files]
    assert len(files) > 0
    assert len(set(files)) == len(
        {(split, file) for split, frames in splits.items() for file in frames.files}
    )
    assert len(set(dataset.classes)) == len(dataset.classes) > 0
    for frames in splits.values():
        steps, clips, _ = frames.counts.shape
        assert clips == len(frames.labels) == len(frames.files) == len(frames.lengths) > 0
        assert 1 <= frames.lengths.min() <= frames.lengths.max() == steps
        assert 0 <= frames.labels.min() <= frames.labels.max() < len(dataset.classes)
    return None


@pytest.mark.timeout(1800)
def test_a_mutated_folder_is_a_data_set_or_one_line(templates, tmp_path):
    used, lines = 0, set()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for template in templates:
        assert use(template, tmp_path / "cache") is None
    for seed in range(FOLDERS):
        folder = tmp_path / "data"
        shutil.copytree(templates[seed % len(templates)], folder)
        mutator = Mutator(folder, seed)
        for _ in range(mutator.rng.integers(1, 4)):
            if any(folder.iterdir()):
                mutator.change()
        held, started = contents(folder), time.monotonic()
        line = use(folder, tmp_path / "cache")
        assert time.monotonic() - started < SECONDS, f"folder {seed}"
        assert contents(folder) == held, f"folder {seed}"
        if line is None:
            used += 1
        else:
            assert line, f"folder {seed}"
            assert len(line.splitlines()) == 1, f"folder {seed}: {line!r}"
            line.encode()
            lines.add(line.replace(str(folder), "DATA"))
        shutil.rmtree(folder)
    assert used > FOLDERS / 20
    assert len(lines) > FOLDERS / 20
    assert (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024 < MEMORY

"""Mutated artifacts: each is refused in one line, or is valid and runs.

A mutation changes fields of the description, arrays of an archive, or bytes of a file; mostly the digests are
recomputed, so that the checks of the content are reached.
"""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fxp_model.artifact import FILES, SUMS, load_artifact, save_artifact
from fxp_model.errors import InputError
from fxp_model.network import run
from fxp_model.random_networks import conv_network, random_counts, random_network
from tb.harness.depth import depth
from tests.robustness.artifacts import sums
from tests.robustness.mutations import Rng, bounded, changed, check_message

EXAMPLES = depth(200, 2000)
MOST_BYTES = 48 << 20
"""Memory that an example may take: JSON that is nested 10,000 deep and a bomb among them."""

Members = dict[str, bytes]


def changed_description(rng: Rng, content: bytes) -> bytes:
    """A description with fields changed."""
    return changed(rng, json.loads(content)).encode()


# -- archives -----------------------------------------------------------------------------------


def members(content: bytes) -> Members:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def archive_of(rng: Rng, parts: Members) -> bytes:
    buffer = io.BytesIO()
    methods = (zipfile.ZIP_DEFLATED, zipfile.ZIP_STORED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA)
    method = methods[rng.choice(4, p=(0.6, 0.3, 0.05, 0.05))]
    with zipfile.ZipFile(buffer, "w", method) as archive:
        for name, data in parts.items():
            archive.writestr(name, data)
    return buffer.getvalue()


def array_file(array: Any) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, array, allow_pickle=True)
    return buffer.getvalue()


BOMB = array_file(np.zeros((1, 1), np.uint8)).replace(b"(1, 1), }", b"(8192, 8192), }".ljust(9))[:-1]
"""Header of an array of 64 MiB; only decompressing shows how much data follows."""


def changed_archive(rng: Rng, content: bytes) -> bytes:
    """An archive with one or two members changed."""
    parts = members(content)
    sound = dict(parts)
    for _ in range(int(rng.integers(1, 3))):
        names = list(parts)
        if not names:
            break
        name = names[rng.integers(len(names))]
        own = parts[name]
        array = np.load(io.BytesIO(own)) if own == sound.get(name) else None
        match rng.integers(18):
            case 0:
                del parts[name]
            case 12 | 13 | 14 if array is not None:
                parts[name] = array_file(rng.permuted(array))
            case 15 if array is not None and array.ndim == 3:
                parts[name] = array_file(array[:, ::-1][: int(rng.integers(1, 5))])
            case 16 if array is not None:
                parts[name] = array_file(np.asfortranarray(array.astype(">i8" if array.ndim < 3 else "u1")))
            case 17:
                parts = dict(reversed(parts.items()))
            case 1:
                parts[
                    str(rng.choice(["counts", "counts.npy", "layer9.weight.npy", "../x.npy", "a\nb.npy"]))
                ] = own
            case 2 if array is not None:
                parts[name] = array_file(
                    array.astype(rng.choice(["i1", ">i2", "<i8", "u8", "f4", "b1", "U3", "c8"]))
                )
            case 3 if array is not None:
                parts[name] = array_file(array.T)
            case 4 if array is not None:
                parts[name] = array_file(array.reshape(-1, *([1] * int(rng.integers(3)))))
            case 5 if array is not None:
                parts[name] = array_file(array[: int(rng.integers(len(array) + 1))] if array.ndim else array)
            case 6 if array is not None:
                other = array.astype(np.int64)
                other.flat[rng.integers(max(1, other.size))] = rng.choice(
                    [-1, 0, 127, 128, 300, 2**40, -(2**62)]
                )
                parts[name] = array_file(other)
            case 7:  # a header that promises more
                size = str(
                    rng.choice(["1", "0", "-1", "9" * 11, "2, 3", "True", "1e3", "(1,)", "1L"])
                ).encode()
                parts[name] = (
                    own[:10] + own[10:128].replace(b"(", b"(" + size + b", ", 1)[:117] + b"\n" + own[128:]
                )
            case 8:
                data = bytearray(own)
                data[rng.integers(min(128, len(data)))] = int(rng.integers(256))
                parts[name] = bytes(data)
            case 9:
                parts[name] = own[: int(rng.integers(len(own)))]
            case 10:
                parts[name] = BOMB + b"\0" * int(rng.choice([0, 100, 1 << 22]))
            case _:
                parts[name] = array_file(np.array([{"a": 1}, None], dtype=object))
    return archive_of(rng, parts)


def changed_bytes(rng: Rng, content: bytes) -> bytes:
    """A file with bytes changed, taken out, put in or cut off."""
    data = bytearray(content)
    for _ in range(int(rng.integers(1, 9))):
        place = int(rng.integers(len(data) + 1))
        match rng.integers(4):
            case 0:
                data[place : place + 1] = bytes(rng.integers(0, 256, 1, np.uint8))
            case 1:
                data[place : place + int(rng.integers(1, 40))] = b""
            case 2:
                data[place:place] = bytes(rng.integers(0, 256, int(rng.integers(1, 40)), np.uint8))
            case _:
                data = data[:place] if rng.random() < 0.2 else data
    return bytes(data)


# -- the test -----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> list[Members]:
    """Files of a few artifacts."""
    folder = tmp_path_factory.mktemp("sound")
    artifacts = []
    for seed in range(4):
        rng = np.random.default_rng(seed)
        network = conv_network(seed) if seed % 2 else random_network(rng)
        save_artifact(
            folder / str(seed),
            network=network,
            labels=tuple(f"word {index}" for index in range(network.spec.n_out)),
            encoder={"name": "ear", "version": 1},
            provenance={"seed": 7, "data": {"name": "synthetic"}},
            metrics={"val": {"accuracy": 0.5, "events_per_step": {"layer0": 1.5}}},
            stimulus=random_counts(rng, network.spec, 5, 2).astype(np.uint8),
        )
        artifacts.append({name: (folder / str(seed) / name).read_bytes() for name in (*FILES, SUMS)})
    return artifacts


def mutated(rng: Rng, files: Members) -> Members:
    """`files` with one or two of them changed, and mostly with digests that fit."""
    files = dict(files)
    changes: dict[str, Callable[[Rng, bytes], bytes]] = {
        "spec.json": changed_description,
        "stimulus.npz": changed_archive,
        "weights.npz": changed_archive,
    }
    for name in rng.choice(FILES, int(rng.integers(1, 3)), p=(0.5, 0.2, 0.3), replace=False):
        change = changes[name] if rng.random() < 0.85 else changed_bytes
        files[str(name)] = change(rng, files[name])
    if rng.random() < 0.95:
        files[SUMS] = sums(files)
    elif rng.random() < 0.5:
        files[SUMS] = changed_bytes(rng, files[SUMS])
    return files


def test_a_damaged_artifact_is_refused_in_one_line_or_runs(sound: list[Members], tmp_path: Path) -> None:
    outcomes = {"refused": 0, "runs": 0}
    for seed in range(EXAMPLES):
        rng = np.random.default_rng([17, seed])
        files = mutated(rng, sound[rng.integers(len(sound))])
        folder = tmp_path / str(seed)
        folder.mkdir()
        for name, data in files.items():
            (folder / name).write_bytes(data)
        with bounded(MOST_BYTES):
            try:
                artifact = load_artifact(folder)
            except InputError as error:
                check_message(error, str(folder))
                outcomes["refused"] += 1
            else:
                trace = run(artifact.network, artifact.stimulus)
                assert trace.scores.shape == (artifact.stimulus.shape[1], len(artifact.labels))
                assert trace.scores.size > 0
                outcomes["runs"] += 1
        assert {file.name: file.read_bytes() for file in folder.iterdir()} == files, "something was written"
        for file in folder.iterdir():
            file.unlink()
    assert min(outcomes.values()) > EXAMPLES // 20, outcomes

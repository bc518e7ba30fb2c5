"""Artifacts are read back as written, and are refused when anything is wrong."""

import hashlib
import io
import json
import pickle
import re
import shutil
import subprocess
import zipfile

import numpy as np
import pytest

from fxp_model.artifact import FILES, FORMAT, SUMS, load_artifact, save_artifact
from fxp_model.errors import InputError
from fxp_model.fixed import QFormat
from fxp_model.network import Network, StageParams, run
from fxp_model.random_networks import random_counts, random_network
from fxp_model.spec import LayerSpec, NetworkSpec, ReadoutSpec, RecurrenceKind, RecurrenceSpec

BYTE = QFormat(True, 2, 6)
WORD = QFormat(True, 6, 10)
SPEC = NetworkSpec(
    (
        LayerSpec(
            n_in=3,
            n_out=4,
            input_bits=4,
            weight=BYTE,
            bias=WORD,
            membrane=WORD,
            beta=240,
            v_th=1024,
            recurrence=RecurrenceSpec(RecurrenceKind.CONV, BYTE, max_delay=9, kernel_size=3),
        ),
    ),
    ReadoutSpec(n_in=4, n_out=2, weight=BYTE, bias=WORD, membrane=WORD, beta=250),
)
NETWORK = Network(
    SPEC,
    (
        StageParams(
            np.arange(12).reshape(4, 3) * 10 - 60,
            np.array([0, 1000, -1000, 5]),
            np.array([-128, 5, 127]),
            np.array([0, 3, 9, 1]),
        ),
        StageParams(np.arange(8).reshape(2, 4) - 4, np.array([300, -300])),
    ),
)
STIMULUS = np.random.default_rng(5).integers(0, 16, (6, 2, 3)).astype(np.uint8)
PARTS = {
    "network": NETWORK,
    "labels": ("yes", "no"),
    "encoder": {"channels": 3, "frame_s": 0.01},
    "provenance": {"command": "train", "seed": 7},
    "metrics": {"accuracy": 0.9375},
    "stimulus": STIMULUS,
}


@pytest.fixture
def saved(tmp_path):
    """A valid artifact."""
    path = tmp_path / "model"
    save_artifact(path, **PARTS)
    return path


def content(folder):
    return {file.name: file.read_bytes() for file in folder.iterdir()}


def resign(folder):
    """Digests made to agree with the files, so that the next check is reached."""
    lines = [f"{hashlib.sha256((folder / name).read_bytes()).hexdigest()}  {name}\n" for name in FILES]
    (folder / SUMS).write_text("".join(lines), encoding="utf-8")


def refused(folder, message, file=None):
    """Assert that `folder` is refused with exactly `message`, after the name of `file`."""
    place = f"{re.escape(str(folder / file))}: " if file else ""
    with pytest.raises(InputError, match=rf"\A{place}{message}\Z"):
        load_artifact(folder)


# -- round trip ---------------------------------------------------------------------------------


def test_an_artifact_comes_back_as_it_was(saved):
    artifact = load_artifact(saved)
    assert artifact.name == "model"
    assert artifact.network.spec == SPEC
    for ours, theirs in zip(artifact.network.params, NETWORK.params, strict=True):
        pairs = zip(ours.arrays(), theirs.arrays(), strict=True)
        for (name, mine), (other_name, other) in pairs:
            assert name == other_name
            assert mine.dtype == np.int64
            assert np.array_equal(mine, other)
    assert artifact.labels == PARTS["labels"]
    assert (artifact.encoder, artifact.provenance, artifact.metrics) == (
        PARTS["encoder"],
        PARTS["provenance"],
        PARTS["metrics"],
    )
    assert artifact.stimulus.dtype == np.uint8
    assert np.array_equal(artifact.stimulus, STIMULUS)
    assert artifact.sha256 == hashlib.sha256((saved / SUMS).read_bytes()).hexdigest()


@pytest.mark.parametrize("seed", range(10))
def test_any_network_runs_the_same_after_the_way_to_disk(tmp_path, seed):
    rng = np.random.default_rng(seed)
    network = random_network(rng)
    counts = random_counts(rng, network.spec, steps=5, samples=2)
    labels = tuple(f"class {c}" for c in range(network.spec.n_out))
    artifact = save_artifact(
        tmp_path / "any",
        **{
            **PARTS,
            "network": network,
            "labels": labels,
            "encoder": None,
            "stimulus": counts.astype(np.uint8),
        },
    )
    assert artifact.encoder is None
    assert run(network, counts).first_mismatch(run(artifact.network, artifact.stimulus)) is None


def test_the_same_input_gives_the_same_bytes(tmp_path):
    first = save_artifact(tmp_path / "a", **PARTS)
    second = save_artifact(tmp_path / "deeper" / "b", **PARTS)
    assert content(tmp_path / "a") == content(tmp_path / "deeper" / "b")
    assert first.sha256 == second.sha256
    changed = save_artifact(tmp_path / "c", **{**PARTS, "metrics": {"accuracy": 0.5}})
    assert changed.sha256 != first.sha256


def test_the_folder_holds_these_files_and_nothing_else(saved):
    assert sorted(content(saved)) == sorted([*FILES, SUMS])
    assert [path.name for path in saved.parent.iterdir()] == ["model"]
    with np.load(saved / "weights.npz", allow_pickle=False) as archive:
        assert {name: archive[name].dtype.itemsize for name in archive.files} == {
            "layer0.weight": 1,
            "layer0.bias": 2,
            "layer0.recurrent": 1,
            "layer0.delay_steps": 1,
            "readout.weight": 1,
            "readout.bias": 2,
        }


@pytest.mark.skipif(shutil.which("sha256sum") is None, reason="sha256sum is not installed")
def test_sha256sum_agrees(saved):
    done = subprocess.run(
        ["sha256sum", "-c", SUMS], cwd=saved, capture_output=True, text=True, encoding="utf-8", check=False
    )
    assert (done.returncode, done.stdout) == (0, "spec.json: OK\nstimulus.npz: OK\nweights.npz: OK\n")


def test_extra_files_stand_beside_and_outside_the_digest(tmp_path):
    plain = save_artifact(tmp_path / "plain", **PARTS)
    carded = save_artifact(tmp_path / "carded", **PARTS, extra_files={"MODEL_CARD.md": "# Card\n"})
    assert (tmp_path / "carded" / "MODEL_CARD.md").read_text(encoding="utf-8") == "# Card\n"
    assert plain.sha256 == carded.sha256


# -- writing ------------------------------------------------------------------------------------


def test_an_earlier_artifact_is_replaced_and_what_a_user_put_there_stays(saved):
    save_artifact(saved, **PARTS, extra_files={"README.md": "card"})
    (saved / "notes.txt").write_text("mine", encoding="utf-8")
    save_artifact(saved, **{**PARTS, "labels": ("on", "off")})
    assert load_artifact(saved).labels == ("on", "off")
    assert sorted(content(saved)) == sorted([*FILES, SUMS, "notes.txt"])
    assert [path.name for path in saved.parent.iterdir()] == ["model"]


def test_an_empty_folder_is_filled(tmp_path):
    (tmp_path / "empty").mkdir()
    assert save_artifact(tmp_path / "empty", **PARTS).labels == ("yes", "no")


def test_an_artifact_has_the_name_of_its_folder_or_of_its_training(saved):
    assert load_artifact(saved).name == saved.name
    training = saved.with_name("artifact")
    saved.rename(training)
    assert load_artifact(training).name == training.parent.name


@pytest.mark.parametrize("names", [["notes.txt"], [SUMS, "debian.iso"], ["spec.json", "weights.npz"]])
def test_what_is_not_an_artifact_is_not_overwritten(tmp_path, names):
    folder = tmp_path / "thesis"
    folder.mkdir()
    for name in names:
        (folder / name).write_text("years of work", encoding="utf-8")
    message = rf"^{re.escape(str(folder))} holds files and is not an earlier artifact; name another folder$"
    with pytest.raises(InputError, match=message):
        save_artifact(folder, **PARTS)
    assert content(folder) == dict.fromkeys(names, b"years of work")
    file = tmp_path / "file"
    file.write_text("years of work", encoding="utf-8")
    with pytest.raises(InputError, match=r"is not a folder; name another$"):
        save_artifact(file, **PARTS)
    assert file.read_text(encoding="utf-8") == "years of work"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"labels": ("yes",)}, r".*spec\.json: labels must be 2 \(n_out\), not 1"),
        (
            {"labels": ("yes", 3)},
            r".*spec\.json: labels\[1\] must be a string without control characters, not 3",
        ),
        ({"stimulus": np.full((1, 1, 3), 16)}, r"input count must be 0\.\.15, not 16"),
        ({"stimulus": np.full((1, 1, 3), 256)}, r"input count must be 0\.\.15, not 256"),
        ({"stimulus": np.zeros((1, 3), np.uint8)}, r"input must have shape \(T >= 1, B, 3\), .*"),
        ({"extra_files": {"spec.json": "{}"}}, r"extra_files must have other names than .*, not spec\.json"),
    ],
)
def test_what_cannot_be_read_back_is_not_written(saved, changes, message):
    before = content(saved)
    with pytest.raises(InputError, match=f"^{message}$"):
        save_artifact(saved, **{**PARTS, **changes})
    assert content(saved) == before
    assert [path.name for path in saved.parent.iterdir()] == ["model"]
    with pytest.raises(InputError, match=f"^{message}$"):
        save_artifact(saved.parent / "new", **{**PARTS, **changes})
    assert [path.name for path in saved.parent.iterdir()] == ["model"]


def test_an_interrupted_write_leaves_the_old_artifact(saved, monkeypatch):
    before = content(saved)

    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("fxp_model.artifact.load_artifact", interrupted)
    with pytest.raises(KeyboardInterrupt):
        save_artifact(saved, **{**PARTS, "labels": ("on", "off")})
    assert content(saved) == before
    assert [path.name for path in saved.parent.iterdir()] == ["model"]


# -- damage detected by the digests ---------------------------------------------------------------


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("place", [0.0, 0.3, 0.7, 1.0])
def test_one_flipped_bit_is_found(saved, name, place):
    data = bytearray((saved / name).read_bytes())
    data[int(place * (len(data) - 1))] ^= 1
    (saved / name).write_bytes(data)
    refused(saved, r"sha256 must be [0-9a-f]{64} \(SHA256SUMS\), not [0-9a-f]{64}: damaged", name)


def test_a_flipped_bit_anywhere_in_the_sums_is_found(saved):
    sound = (saved / SUMS).read_bytes()
    for place in range(len(sound)):
        data = bytearray(sound)
        data[place] ^= 1
        (saved / SUMS).write_bytes(data)
        with pytest.raises(InputError, match=rf"^{re.escape(str(saved))}/"):
            load_artifact(saved)


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("kept", [0, 10, -1])
def test_a_truncated_file_is_found(saved, name, kept):
    (saved / name).write_bytes((saved / name).read_bytes()[:kept])
    refused(saved, r"sha256 must be .*: damaged", name)


@pytest.mark.parametrize("name", [*FILES, SUMS])
def test_a_missing_file_is_named(saved, name):
    (saved / name).unlink()
    refused(saved, r"No such file or directory", name)


@pytest.mark.parametrize("text", ["", "abc  spec.json\n", "hello\nworld\n", f"{'0' * 64}  ../x\n"])
def test_sums_of_something_else_are_refused(saved, text):
    (saved / SUMS).write_text(text, encoding="utf-8")
    with pytest.raises(InputError, match=rf"{SUMS} line 1: must be a digest and the name of a file, each"):
        load_artifact(saved)


def test_sums_of_other_files_are_refused(saved):
    (saved / SUMS).write_text(f"{'0' * 64}  spec.json\n", encoding="utf-8")
    refused(saved, r"must list spec\.json, stimulus\.npz, weights\.npz, not spec\.json", SUMS)


def test_what_is_no_folder_is_refused(saved):
    for path in (saved / "spec.json", saved.parent / "nowhere"):
        with pytest.raises(InputError, match=rf"^artifact {re.escape(str(path))} is not a folder$"):
            load_artifact(path)


# -- matching digests, but invalid ---------------------------------------------------------------


def forged(folder, change):
    """`folder` with `change` done to the table of spec.json, and new digests."""
    file = folder / "spec.json"
    table = json.loads(file.read_text(encoding="utf-8"))
    change(table)
    file.write_text(json.dumps(table), encoding="utf-8")
    resign(folder)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            lambda t: t.update(format="onnx"),
            rf"format must be '{FORMAT}': this is not an artifact of Spikeline",
        ),
        (lambda t: t.clear(), rf"format must be '{FORMAT}': this is not an artifact of Spikeline"),
        (lambda t: t.update(schema_version=2), r"schema_version must be 1, not 2: made by a newer Spikeline"),
        (lambda t: t.update(schema_version=0), r"schema_version must be 1, not 0"),
        (lambda t: t.update(schema_version=True), r"schema_version must be 1, not True"),
        (lambda t: t.update(schema_version="1"), r"schema_version must be 1, not '1'"),
        (lambda t: t.pop("schema_version"), r"schema_version must be 1, not None"),
        (lambda t: t.pop("network"), r"network is missing"),
        (lambda t: t.pop("provenance"), r"provenance is missing"),
        (lambda t: t.update(network=[]), r"network must be an object, not \[\]"),
        (lambda t: t.update(labels="yes"), r"labels must be an array, not 'yes'"),
        (lambda t: t.update(encoder=1), r"encoder must be an object or null, not 1"),
        (lambda t: t.update(labels=["yes"]), r"labels must be 2 \(n_out\), not 1"),
        (
            lambda t: t.update(labels=["yes", None]),
            r"labels\[1\] must be a string without control characters, not None",
        ),
        (lambda t: t["network"].pop("readout"), r"network\.readout is missing"),
        (
            lambda t: t["network"]["layers"][0].update(beta=256),
            r"network\.layers\[0\]: beta must be an integer of 0\.\.255, not 256",
        ),
    ],
)
def test_descriptions_that_do_not_fit_are_refused(saved, change, message):
    forged(saved, change)
    refused(saved, message, "spec.json")


@pytest.mark.parametrize("text", ["", "{", "<html>", "\xff"])
def test_what_is_no_json_is_refused(saved, text):
    (saved / "spec.json").write_bytes(text.encode("latin1"))
    resign(saved)
    with pytest.raises(InputError, match=r"spec\.json(:| is not JSON:) .+$"):
        load_artifact(saved)


@pytest.mark.parametrize("text", ["[]", "3", "null"])
def test_json_of_something_else_is_refused(saved, text):
    (saved / "spec.json").write_text(text, encoding="utf-8")
    resign(saved)
    with pytest.raises(InputError, match=r"spec\.json must hold an object, not "):
        load_artifact(saved)


def forged_arrays(folder, name, **changes):
    """`folder` with arrays of the archive `name` replaced, or dropped when None, and new digests."""
    with np.load(folder / name) as archive:
        arrays = {key: archive[key] for key in archive.files}
    for key, array in changes.items():
        arrays[key.replace("__", ".")] = array
    np.savez(folder / name, **{key: array for key, array in arrays.items() if array is not None})
    resign(folder)


WEIGHT = NETWORK.params[0].weight


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"layer0__weight": WEIGHT + 200},
            r"layer0\.weight\[.*\] must be -128\.\.127 \(fixed<8,2>\), not .*",
        ),
        ({"layer0__weight": WEIGHT.T}, r"layer0\.weight must have shape \(4, 3\), not \(3, 4\)"),
        ({"layer0__weight": WEIGHT.astype(float)}, r"layer0\.weight must hold integers, not float64"),
        ({"layer0__weight": None}, r"layer0\.weight is missing"),
        ({"readout__bias": None}, r"readout\.bias is missing"),
        ({"layer0__recurrent": None}, r"layer0\.recurrent is missing"),
        ({"layer0__delay_steps": np.array([0, 0, 0, 10])}, r"layer0\.delay_steps must be 0\.\.9, not 10"),
        ({"layer1__weight": WEIGHT}, r"array 'layer1\.weight' is unknown"),
        ({"layer0__gain": WEIGHT}, r"array 'layer0\.gain' is unknown"),
        ({"notes": WEIGHT}, r"array 'notes' is unknown"),
        (
            {"readout__recurrent": WEIGHT[0]},
            r"readout\.recurrent must be absent: the spec has none",
        ),
        (
            {"layer0__weight": np.array([print], dtype=object)},
            r"not a readable npz archive: 'layer0\.weight' is not an array of numbers",
        ),
    ],
)
def test_weights_that_do_not_fit_are_refused(saved, changes, message):
    forged_arrays(saved, "weights.npz", **changes)
    refused(saved, message, "weights.npz")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"counts": STIMULUS + 16}, r"input count must be 0\.\.15, not [0-9]+"),
        ({"counts": STIMULUS[:, 0]}, r"input must have shape .*, not \(6, 3\)"),
        ({"counts": STIMULUS.astype(int)}, r"must hold one array 'counts' of uint8"),
        ({"counts": None}, r"must hold one array 'counts' of uint8"),
        ({"more": STIMULUS}, r"must hold one array 'counts' of uint8"),
    ],
)
def test_stimuli_that_do_not_fit_are_refused(saved, changes, message):
    forged_arrays(saved, "stimulus.npz", **changes)
    refused(saved, message, "stimulus.npz")


class Harmful:
    """Ends the test run when it is unpickled."""

    def __reduce__(self):
        return (exit, (3,))


def a_member(name, data):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr(name, data)
    return buffer.getvalue()


def an_array_file():
    buffer = io.BytesIO()
    np.save(buffer, WEIGHT)
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", r"not a readable npz archive: .*"),
        (b"PK\x03\x04", r"not a readable npz archive: .*"),
        (pickle.dumps(Harmful()), r"not a readable npz archive: .*"),
        (a_member("layer0.weight.npy", pickle.dumps(Harmful())), r".*"),
        (a_member("layer0.weight.npy", b"\x93NUMPY\x01\x00"), r"not a readable npz archive: .*"),
        (a_member("layer0.weight.npy", an_array_file()[:-1]), r"not a readable npz archive: .*"),
        (a_member("layer0.weight", b"text"), r"member 'layer0\.weight' is not an array"),
        (an_array_file(), r"not a readable npz archive: .*"),
    ],
    ids=["empty", "zip head", "pickle", "pickled member", "array head", "cut array", "text member", "npy"],
)
@pytest.mark.parametrize("name", ["weights.npz", "stimulus.npz"])
def test_archives_of_something_else_are_refused_and_never_unpickled(saved, name, data, message):
    (saved / name).write_bytes(data)
    resign(saved)
    refused(saved, message, name)


def test_any_damage_behind_sound_digests_is_refused_in_one_line_or_harmless(saved):
    rng = np.random.default_rng(11)
    sound = (saved / "weights.npz").read_bytes()
    refusals = 0
    for _ in range(300):
        data = bytearray(sound)
        data[rng.integers(len(data))] ^= 1 << rng.integers(8)
        (saved / "weights.npz").write_bytes(data)
        resign(saved)
        message = ""
        try:
            load_artifact(saved)
        except InputError as error:
            message = str(error)
            refusals += 1
        assert "\n" not in message
    assert refusals > 100

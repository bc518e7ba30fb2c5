"""scripts/import_network.py and export_nir.py: from a file to an artifact and back, and one-line errors."""

import json
from pathlib import Path

import numpy as np
import pytest

from fxp_model.artifact import load_artifact
from fxp_model.data import frames_for
from fxp_model.network import run
from fxp_model.spec import ReadoutMode, ResetMode
from tests.calls import call
from tests.foreign import dense_net
from tests.paths import ROOT

NIR = ROOT / "tests" / "fxp_model" / "exchange" / "nir"
BRAILLE = str(NIR / "braille_noDelay_bias_zero.nir")
SAID = ("--dt", "1e-4", "--reset", "zero", "--cycle-delay", "1")


def imported(*arguments):
    return call("import_network.py", *map(str, arguments))


@pytest.fixture
def counts(tmp_path):
    rng = np.random.default_rng(0)
    file = tmp_path / "clips.npz"
    lengths = np.array([40, 30, 40, 25, 40, 40])
    counts = (rng.random((6, 40, 12)) < 0.2) & (np.arange(40)[:, None] < lengths[:, None, None])
    np.savez(file, counts=counts.astype(np.uint8), labels=np.arange(6), lengths=lengths)
    return file


def test_a_network_becomes_an_artifact(tmp_path, counts):
    out, report = tmp_path / "a", tmp_path / "report.json"
    done = imported(
        BRAILLE, "--out", out, *SAID, "--calibrate", counts, "--name", "braille", "--report", report
    )
    assert (done.returncode, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    assert lines[0] == f"{out}: 12-38-7, spike_count readout"
    assert [line.split()[0] for line in lines[1:4]] == ["stage", "lif1.lif", "lif2"]
    assert lines[4].startswith("6 clips, ")
    artifact = load_artifact(out)
    spec = artifact.network.spec
    assert spec.readout.mode is ReadoutMode.SPIKE_COUNT
    assert spec.layers[0].reset_mode is ResetMode.ZERO
    assert spec.layers[0].synapse is not None
    assert artifact.labels == tuple("0123456")
    assert artifact.provenance["name"] == "braille"
    assert artifact.provenance["said"] == {"dt": 1e-4, "reset": "zero", "cycle_delay": 1}
    assert artifact.stimulus.shape == (40, 4, 12)
    assert run(artifact.network, artifact.stimulus).scores.sum() > 0
    told = json.loads(report.read_text(encoding="utf-8"))
    assert told["losses"] == artifact.metrics["calibration"]
    assert [stage["neurons"] for stage in told["stages"]] == [38, 7]
    again = tmp_path / "b"
    assert imported(BRAILLE, "--out", again, *SAID, "--calibrate", counts).returncode == 0
    assert (again / "weights.npz").read_bytes() == (out / "weights.npz").read_bytes()


def test_widths_are_searched(tmp_path, counts):
    out = tmp_path / "a"
    done = imported(
        BRAILLE, "--out", out, *SAID, "--calibrate", counts, "--weight-bits", 10, "--spike-loss", 0.9
    )
    assert done.returncode == 0, done.stderr
    artifact = load_artifact(out)
    assert artifact.metrics["calibration"]["differing"] <= 0.9
    assert min(spec.weight.width for spec in artifact.network.spec.stages) < 10


def test_without_clips_ranges_are_assumed(tmp_path):
    done = imported(
        BRAILLE, "--out", tmp_path / "a", *SAID, "--report", "-", "--input-bits", 3, "--weight-bits", 6
    )
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["losses"] is None
    spec = load_artifact(tmp_path / "a").network.spec
    assert spec.layers[0].input_bits == 3
    assert {stage.weight.width for stage in spec.stages} == {6}
    assert spec.readout.membrane.to_real(spec.readout.membrane.max_raw) >= 31.9


def test_integers_come_without_a_table(tmp_path, counts):
    file = dense_net(
        tmp_path / "net.net", [{"weight": np.eye(12, dtype=int) * 40, "vDecay": 512, "vThMant": 60}]
    )
    done = imported(file, "--out", tmp_path / "a", "--calibrate", counts)
    assert (done.returncode, done.stdout) == (0, f"{tmp_path / 'a'}: 12-12-12, spike_count readout\n")


@pytest.fixture
def data(tmp_path):
    """A data set of 12 channels and 12 classes, whose counts need 2 bits."""
    folder = tmp_path / "data"
    folder.mkdir()
    counts = np.random.default_rng(0).integers(0, 4, (12, 5, 12))
    for split in ("train", "val"):
        np.savez(folder / f"{split}.npz", counts=counts, labels=np.arange(12))
    return folder


@pytest.mark.parametrize("bits", [None, 2, 4])
@pytest.mark.parametrize("kind", ["integers", "real numbers"])
def test_the_network_takes_the_data_it_was_calibrated_with(tmp_path, data, kind, bits):
    """With the bits of the data, or with as many as are asked for; an integer network too."""
    if kind == "integers":
        layer = {"weight": np.eye(12, dtype=int) * 40, "vDecay": 512, "vThMant": 60}
        file, said = dense_net(tmp_path / "net.net", [layer]), ()
    else:
        file, said = tmp_path / "net.npz", ("--reset", "zero", "--readout", "sum")
        stages = {"layer0.weight": np.eye(12), "layer0.beta": 0.5, "layer0.v_th": 1.0}
        np.savez(file, **stages, **{"readout.weight": np.eye(12), "readout.beta": 0.5})
    asked = () if bits is None else ("--input-bits", bits)
    done = imported(file, "--out", tmp_path / "a", *said, "--calibrate", data, *asked)
    assert done.returncode == 0, done.stderr
    artifact = load_artifact(tmp_path / "a")
    assert artifact.network.spec.layers[0].input_bits == artifact.encoder["count_bits"] == (bits or 2)
    frames = frames_for(artifact, data, "val")
    assert run(artifact.network, frames.counts).scores.shape == (12, 12)


def test_counts_that_need_more_bits_than_are_asked_for(tmp_path, data):
    file = dense_net(tmp_path / "net.net", [{"weight": np.eye(12), "vDecay": 512, "vThMant": 60}])
    done = imported(file, "--out", tmp_path / "a", "--calibrate", data, "--input-bits", 1)
    line = f"import_network.py: {data / 'train.npz'}: counts must be in 0..1, not 3\n"
    assert (done.returncode, done.stderr) == (2, line)


def test_a_network_of_our_own_says_its_bits(tmp_path, data):
    """A NIR file of export_nir.py; data of fewer bits do for it, data of more do not."""
    file = dense_net(tmp_path / "net.net", [{"weight": np.eye(12), "vDecay": 512, "vThMant": 60}])
    assert imported(file, "--out", tmp_path / "a", "--input-bits", 4).returncode == 0
    file = tmp_path / "net.nir"
    assert call("export_nir.py", str(tmp_path / "a"), "--out", str(file), "--dt", "1").returncode == 0
    for asked, told in (
        (("--input-bits", 3), "--input-bits must be 4, as the metadata say, not 3"),
        (("--calibrate", data), "--input-bits must be 4, as the metadata say, not 2"),
    ):
        done = imported(file, "--out", tmp_path / "b", *asked)
        assert (done.returncode, done.stderr) == (2, f"import_network.py: {file}: {told}\n")
    assert imported(file, "--out", tmp_path / "b", "--calibrate", data, "--input-bits", 4).returncode == 0
    artifact = load_artifact(tmp_path / "b")
    assert artifact.network.spec.layers[0].input_bits == artifact.encoder["count_bits"] == 4
    assert imported(file, "--out", tmp_path / "c").returncode == 0
    assert load_artifact(tmp_path / "c").network.spec == artifact.network.spec


def test_an_artifact_goes_out_and_comes_back(tmp_path):
    file = tmp_path / "net.nir"
    done = call("export_nir.py", "asc20-256x256-k5-sparse", "--out", str(file), "--dt", "1e-3")
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[0] == f"{file}: 3 layers, dt 0.001 s, {file.stat().st_size} bytes"
    assert done.stdout.splitlines()[1] == "not said by NIR: layer0: reset subtract, where NIR means zero"
    assert imported(file, "--out", tmp_path / "a", "--input-bits", 4).returncode == 0
    back = (tmp_path / "a" / "weights.npz").read_bytes()
    assert back == (ROOT / "fxp_model/pretrained/asc20-256x256-k5-sparse/weights.npz").read_bytes()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((BRAILLE,), "import_network.py: the following arguments are required: --out"),
        (
            (BRAILLE, "--out", "{out}"),
            "import_network.py: {file}: a NIR file does not say the step of time: name it in seconds with "
            "--dt",
        ),
        (
            (BRAILLE, "--out", "{out}", "--dt", "0"),
            "import_network.py: --dt must be a number from 1e-12 to 1e+06, not 0",
        ),
        (
            (BRAILLE, "--out", "{out}", *SAID, "--spike-loss", "0.1"),
            "import_network.py: --spike-loss requires --calibrate",
        ),
        (
            (BRAILLE, "--out", "{out}", *SAID, "--weight-bits", "1"),
            "import_network.py: --weight-bits must be at least 2, not 1",
        ),
        (
            (BRAILLE, "--out", "{out}", *SAID, "--readout", "sum"),
            "import_network.py: {file}: lif2: fires, so --readout must be spike_count, not sum",
        ),
        (("nowhere.nir", "--out", "{out}"), "import_network.py: nowhere.nir: No such file or directory"),
    ],
)
def test_errors_are_one_line_and_nothing_is_written(tmp_path, arguments, message):
    out = tmp_path / "a"
    done = imported(*(argument.format(out=out) for argument in arguments))
    assert done.returncode == 2
    assert done.stderr == message.format(file=BRAILLE) + "\n"
    assert not out.exists()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"counts": np.ones((3, 4, 5), int)}, "channels must be 12 (inputs of the network), not 5"),
        ({"counts": np.full((3, 4, 12), 300)}, "counts must be in 0..255, not 300"),
        ({"counts": np.full((3, 4, 12), 8)}, "counts must be in 0..7, not 8"),
        ({"counts": np.ones((3, 12), int)}, "counts must have shape (N, T, C), not (3, 12)"),
        (
            {"counts": np.zeros((1, 1 << 20, 12), np.uint8)},
            f"steps x (channels + neurons) must be at most {1 << 25}, not {(1 << 20) * (12 + 38 + 7)}",
        ),
        ({"labels": np.array([0, 1, 7])}, "classes must be 7 (outputs of the network), not 8"),
        ({"labels": np.array([0, 1])}, "counts must have shape (2, T, C), not (3, 4, 12)"),
        ({"lengths": np.array([0, 1, 2])}, "lengths[0] must be in 1..4, not 0"),
        ({"more": np.ones(3, int)}, "array 'more' is unknown; known are labels, counts, lengths"),
        ({"labels": np.ones(3)}, "labels must be integers, not float64"),
    ],
)
def test_clips_that_do_not_fit(tmp_path, change, message):
    file = tmp_path / "clips.npz"
    np.savez_compressed(file, **({"counts": np.ones((3, 4, 12), int)} | change))
    done = imported(BRAILLE, "--out", tmp_path / "a", *SAID, "--calibrate", file, "--input-bits", 3)
    assert (done.returncode, done.stderr) == (2, f"import_network.py: {file}: {message}\n")
    assert not (tmp_path / "a").exists()


def test_a_network_of_too_many_bits_is_named(tmp_path):
    file, out = tmp_path / "net.npz", tmp_path / "a"
    arrays = {"layer0.weight": np.full((2, 1), 1e15), "layer0.v_th": 1.0, "layer0.beta": 0.5}
    np.savez(file, **arrays, **{"readout.weight": np.ones((2, 2)), "readout.beta": 0.5})
    done = imported(file, "--out", out, "--reset", "zero", "--readout", "sum")
    assert done.returncode == 2
    assert (
        done.stderr
        == f"import_network.py: {file}: layer0: exact sum of the membrane must fit 62 bits, not 73\n"
    )
    assert not out.exists()


def test_what_is_there_is_not_overwritten(tmp_path):
    out = tmp_path / "a"
    out.mkdir()
    (out / "mine.txt").write_text("mine", encoding="utf-8")
    done = imported(BRAILLE, "--out", out, *SAID)
    assert done.returncode == 2
    assert [path.name for path in out.iterdir()] == ["mine.txt"]
    done = call("export_nir.py", "--out", str(out), "--dt", "1")
    assert done.returncode == 2
    assert Path(out).is_dir()

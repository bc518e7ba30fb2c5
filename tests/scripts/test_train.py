"""scripts/train.py from a folder of audio files to an artifact, and its one-line errors."""

import json
import shutil
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

from fxp_model.artifact import load_artifact
from fxp_model.ear.spec import EarSpec
from fxp_model.errors import InputError
from fxp_model.qat import checkpoint
from fxp_model.qat.train import CHECKPOINT, LOG, training_folder
from scripts.train import AUGMENTATIONS
from tests import sounds
from tests.calls import call
from tests.paths import ROOT

pytestmark = pytest.mark.slow

KEYS = {
    "artifact",
    "data",
    "split",
    "gain_db",
    "snr_db",
    "noise",
    "seed",
    "from_rest",
    "engine",
    "clips",
    "answer",
    "stride",
    "counted",
    "accuracy",
    "seconds",
    "predictions_sha256",
    "scores_sha256",
}
SMALL = ("--hidden", "8", "--epochs", "2", "--batch", "4")


def train(*arguments):
    return call("train.py", *map(str, arguments))


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return sounds.tones(tmp_path_factory.mktemp("tones"))


@pytest.fixture(scope="module")
def trained(folder, tmp_path_factory):
    """By a process of its own; what else `train` is asked is answered in this one."""
    out = tmp_path_factory.mktemp("out") / "run"
    command = [sys.executable, "scripts/train.py", "--data", str(folder), "--out", str(out), *SMALL]
    return out, subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, encoding="utf-8", timeout=240, check=False
    )


def test_it_writes_an_artifact_with_its_card(trained, folder):
    out, result = trained
    assert result.returncode == 0, result.stderr
    artifact = load_artifact(out / "artifact")
    assert artifact.labels == ("high", "low")
    assert artifact.provenance["seed"] == 0
    assert artifact.provenance["command"].startswith("python scripts/train.py --data ")
    assert artifact.metrics["val"]["clips"] == 4
    accuracy = artifact.metrics["val"]["accuracy"]
    assert result.stdout == f"{out / 'artifact'}: accuracy {accuracy:.4f} on 4 validation clips\n"
    assert "140-8-2 neurons. Classes: high, low." in (out / "artifact" / "README.md").read_text(
        encoding="utf-8"
    )
    assert len((out / "log.csv").read_text(encoding="utf-8").splitlines()) == 3


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "train.py: {out}/checkpoint.npz exists: continue with --resume, or name another folder"),
        (
            ("--resume", "--seed", 7),
            "train.py: {out}/checkpoint.npz: recipe.seed of the checkpoint is 0, not 7 as requested",
        ),
        (("--resume", "--kernel", 4), "train.py: kernel_size must be odd, not 4"),
        (("--resume", "--batch", 0), "train.py: --batch must be at least 1, not 0"),
        (("--resume", "--dropout", 1), "train.py: --dropout must be a number from 0 to 0.95, not 1"),
        (("--resume", "--weight-bits", 1), "train.py: --weight-bits must be at least 2, not 1"),
    ],
)
def test_errors_are_one_line_and_status_2(trained, folder, arguments, message):
    out, _ = trained
    result = train("--data", folder, "--out", out, *SMALL, *arguments)
    assert result.returncode == 2
    assert result.stderr.splitlines() == [message.format(out=out)]


def test_a_missing_split_is_refused_before_encoding(folder, tmp_path):
    data = tmp_path / "data"
    shutil.copytree(folder, data)
    (data / "val.csv").unlink()
    result = train("--data", data, "--out", tmp_path / "run", *SMALL)
    assert result.returncode == 2
    assert len(result.stderr.splitlines()) == 1
    assert "val" in result.stderr.removeprefix(f"train.py: {data}")


def test_a_foreign_artifact_folder_is_refused_before_encoding(folder, tmp_path):
    out = tmp_path / "run"
    (out / "artifact").mkdir(parents=True)
    (out / "artifact" / "mine.txt").touch()
    result = train("--data", folder, "--out", out, *SMALL)
    assert result.returncode == 2
    line = f"train.py: {out} holds files and is not an earlier training; name another folder"
    assert result.stderr.splitlines() == [line]


def test_it_starts_from_an_artifact(trained, folder, tmp_path):
    """A batch of all clips as they are has the statistics that the batch norm starts with."""
    out, _ = trained
    start = ("--from", out / "artifact", "--data", folder, "--epochs", 1, "--batch", 8, "--lr", 1e-6)
    unchanged = [f"--{name.replace('_', '-')}=0" for name in AUGMENTATIONS]
    still = (*unchanged, "--dropout", 0, "--recurrent-dropout", 0)
    result = train(*start, *still, "--out", tmp_path / "run")
    assert result.returncode == 0, result.stderr
    begun, tuned = (load_artifact(own / "artifact").network for own in (out, tmp_path / "run"))
    assert tuned.params[0].delay_steps.tolist() == begun.params[0].delay_steps.tolist()
    assert abs(tuned.params[0].weight - begun.params[0].weight).max() <= 1
    result = train(*start, "--out", tmp_path / "other", "--hidden", 9)
    assert result.stderr.splitlines() == ["train.py: --hidden must not be given with --from"]


def test_other_data_are_not_resumed(trained, folder, tmp_path):
    out, _ = trained
    data = tmp_path / "data"
    shutil.copytree(folder, data)
    shutil.copyfile(data / "high_1.wav", data / "high_0.wav")
    result = train("--data", data, "--out", out, *SMALL, "--resume")
    assert result.returncode == 2
    line = result.stderr.splitlines()[-1]
    assert line.startswith(f"train.py: {out / CHECKPOINT}: frames_sha256 of the checkpoint is '")
    assert line.endswith("' as requested: it belongs to other data")
    assert "Traceback" not in result.stderr


def test_both_engines_evaluate_the_artifact_alike(trained, folder):
    out, _ = trained
    results = []
    for engine in ("golden", "torch"):
        options = ("--artifact", str(out / "artifact"), "--data", str(folder), "--engine", engine)
        result = call("evaluate.py", *options, "--json", "-")
        assert result.returncode == 0, result.stderr
        results.append(json.loads(result.stdout))  # one object and nothing else
        assert set(results[-1]) == KEYS
        assert results[-1]["engine"] == engine
        assert results[-1]["clips"] == 4
    golden, by_torch = results
    for key in ("accuracy", "predictions_sha256", "scores_sha256"):
        assert golden[key] == by_torch[key]


def test_a_network_that_answers_each_step_is_trained_and_measured(tmp_path):
    """Channel 0 or 1 is busy for 8 steps; then the label, for 4 of them."""
    rng = np.random.default_rng(0)
    data, out = tmp_path / "steps", tmp_path / "out"
    data.mkdir()
    for split in ("train", "val"):
        words = rng.integers(0, 2, (12, 5)).repeat(8, axis=1)
        counts = rng.random((12, 40, 2)) < np.where(np.arange(2) == words[:, :, None], 0.9, 0.1)
        labels = np.where(np.arange(40) % 8 < 4, -1, words)
        np.savez(data / f"{split}.npz", counts=counts.astype(np.uint8), labels=labels)
    steps = ("--answer", "step", "--stride", 2, "--readout", "last", "--forward-delay", 0, 3, "--alpha", 0.5)
    result = train("--data", data, "--out", out, *SMALL, *steps)
    assert result.returncode == 0, result.stderr
    artifact = load_artifact(out / "artifact")
    readout = artifact.network.spec.readout
    assert (readout.answer, readout.stride, readout.max_input_delay) == ("step", 2, 3)
    assert artifact.network.spec.layers[0].max_input_delay is None
    assert artifact.network.spec.layers[0].synapse.alpha == 128
    assert artifact.metrics["val"]["answers"] == 12 * 5 * 2
    card = (out / "artifact" / "README.md").read_text(encoding="utf-8")
    assert f"- accuracy {artifact.metrics['val']['accuracy']:.4f} over 120 steps" in card
    told = []
    for engine in ("golden", "engine", "torch"):
        options = ("--artifact", str(out / "artifact"), "--data", str(data), "--engine", engine)
        done = call("evaluate.py", *options, "--json", "-")
        assert done.returncode == 0, done.stderr
        told.append(json.loads(done.stdout))
    assert {(one["answer"], one["stride"], one["counted"]) for one in told} == {("step", 2, 120)}
    assert {one["accuracy"] for one in told} == {artifact.metrics["val"]["accuracy"]}
    assert len({one["scores_sha256"] for one in told}) == 1
    result = train("--data", data, "--out", tmp_path / "other", *SMALL, "--forward-delay", 1, 2, 3)
    assert result.returncode == 2
    assert result.stderr.strip().endswith("must be one value, or one for each of 2 stages, not 3")


def test_a_network_of_samples_goes_on_with_an_answer_per_step(tmp_path):
    """Of two classes, to which labels per step add a third; its ear is that of the data."""
    rng = np.random.default_rng(1)
    whole, steps = tmp_path / "whole", tmp_path / "steps"
    for folder, labels in ((whole, np.arange(12) % 2), (steps, rng.integers(0, 3, (12, 40)))):
        folder.mkdir()
        names = ("left", "right") if labels.ndim == 1 else ("left", "right", "none")
        (folder / "classes.txt").write_text("\n".join(names) + "\n", encoding="utf-8")
        for split in ("train", "val"):
            np.savez(folder / f"{split}.npz", counts=rng.integers(0, 2, (12, 40, 2)), labels=labels)
    assert train("--data", whole, "--out", tmp_path / "begun", *SMALL).returncode == 0
    origin = ("--from", tmp_path / "begun" / "artifact", "--data", steps, "--epochs", 1, "--batch", 8)
    result = train(*origin, "--out", tmp_path / "out", "--answer", "step", "--stride", 4)
    assert result.returncode == 0, result.stderr
    artifact = load_artifact(tmp_path / "out" / "artifact")
    readout = artifact.network.spec.readout
    assert (readout.answer, readout.stride, readout.n_out) == ("step", 4, 3)
    assert artifact.labels == ("left", "right", "none")
    result = train(*origin, "--out", tmp_path / "other", "--readout-beta", 0.5)
    assert result.stderr == "train.py: --readout-beta with --from requires --answer step\n"
    result = train(*origin, "--out", tmp_path / "other", "--stride", 4)
    assert result.stderr == "train.py: --stride requires --answer\n"


@pytest.fixture(scope="module")
def noise(tmp_path_factory):
    return sounds.noise(tmp_path_factory.mktemp("noise"))


def test_a_network_trains_on_copies_in_noise_and_is_measured_in_other_noise(trained, folder, noise, tmp_path):
    out = tmp_path / "noisy"
    copies = ("--noise", noise, "--copies", 3, "--noise-share", 1, "--snr-db", 0, 20, "--gain-db", -20, 0)
    result = train("--data", folder, "--out", out, *SMALL, *copies)
    assert result.returncode == 0, result.stderr
    clean, noisy = (load_artifact(path / "artifact").provenance["data"] for path in (trained[0], out))
    assert noisy["train_clips"] == clean["train_clips"] == 8
    assert noisy["frames_sha256"] != clean["frames_sha256"]
    for number in range(4):  # the measuring part is read alone
        (noise / f"{number}.wav").write_bytes(b"no sound")
    results = []
    for more in (
        (),
        ("--gain-db", 0.0),
        ("--gain-db", -20),
        ("--noise", noise, "--snr-db", -10, "--seed", 3),
    ):
        done = call(
            "evaluate.py", *map(str, ("--artifact", out / "artifact", "--data", folder, *more, "--json", "-"))
        )
        assert done.returncode == 0, done.stderr
        results.append(json.loads(done.stdout))
    told = [[result[key] for key in ("gain_db", "snr_db", "noise", "seed")] for result in results]
    assert told == [[0, None, None, 0], [0, None, None, 0], [-20, None, None, 0], [0, -10, str(noise), 3]]
    recorded, same, *others = (result["scores_sha256"] for result in results)
    assert recorded == same
    assert len({recorded, *others}) == 3


def test_a_network_of_an_ear_is_measured_with_the_level_of_a_session_and_from_rest(tmp_path):
    (tmp_path / "data").mkdir()
    data, out = sounds.spoken(tmp_path / "data"), tmp_path / "ear"
    result = train("--data", data, "--out", out, *SMALL, "--encoder", "ear", "--channels", 8, "--sections", 1)
    assert result.returncode == 0, result.stderr
    artifact = load_artifact(out / "artifact")
    assert EarSpec.from_dict(artifact.encoder) == EarSpec.design(channels=8, sections=1)
    assert artifact.network.spec.n_in == 8
    accuracies, scores = [], []
    for more in ((), ("--from-rest",)):
        done = call(
            "evaluate.py", "--artifact", str(out / "artifact"), "--data", str(data), *more, "--json", "-"
        )
        assert done.returncode == 0, done.stderr
        told = json.loads(done.stdout)
        assert told["from_rest"] == bool(more)
        accuracies.append(told["accuracy"])
        scores.append(told["scores_sha256"])
    assert accuracies[0] == artifact.metrics["val"]["accuracy"]
    assert scores[0] != scores[1]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--channels", 7), "--channels must be at least 8, not 7"),
        (("--sections", 5), "--sections must be at most 4, not 5"),
    ],
)
def test_an_ear_has_limits(folder, tmp_path, options, message):
    result = train("--data", folder, "--out", tmp_path / "run", *SMALL, *options)
    assert result.returncode == 2
    assert result.stderr.splitlines() == [f"train.py: {message}"]


def test_copies_of_other_conditions_are_not_resumed(trained, folder):
    out, _ = trained
    result = train("--data", folder, "--out", out, *SMALL, "--resume", "--copies", 2)
    assert result.returncode == 2
    assert result.stderr.splitlines()[-1].endswith("' as requested: it belongs to other data")


def heed_interrupts() -> None:
    """Restore the signals that a shell ignores in a background job, as these tests may run in one."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def test_an_interrupted_training_leaves_a_whole_checkpoint(folder, tmp_path):
    out = tmp_path / "run"
    many = ("--hidden", "8", "--epochs", "100000", "--batch", "4")
    command = [sys.executable, "scripts/train.py", "--data", str(folder), "--out", str(out), *many]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with subprocess.Popen(command, cwd=ROOT, preexec_fn=heed_interrupts, **pipes) as process:
        deadline = time.monotonic() + 120
        while not (out / LOG).exists() and time.monotonic() < deadline:
            time.sleep(0.05)
        with pytest.raises(InputError, match=r"run is in use by another process"), training_folder(out):
            pass
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=60)
    assert process.returncode == 130
    assert errors.decode().splitlines()[-1] == "train.py: interrupted"
    assert "Traceback" not in errors.decode()
    assert {path.name for path in out.iterdir()} == {CHECKPOINT, LOG}
    _, description = checkpoint.load(out / CHECKPOINT)
    rows = len((out / LOG).read_text(encoding="utf-8").splitlines()) - 1
    assert len(description["rows"]) - rows in (0, 1)  # the log follows the checkpoint


def test_a_network_learns_from_an_artifact(trained, folder, tmp_path):
    out = tmp_path / "taught"
    teacher = trained[0] / "artifact"
    result = train("--data", folder, "--out", out, "--teacher", teacher, *SMALL)
    assert result.returncode == 0, result.stderr
    load_artifact(out / "artifact")
    assert (out / LOG).read_text(encoding="utf-8") != (trained[0] / LOG).read_text(encoding="utf-8")


def test_a_teacher_of_other_words_is_refused(folder, tmp_path):
    out = tmp_path / "refused"
    teacher = ROOT / "fxp_model" / "pretrained" / "asc20-256x256-k5"
    result = train("--data", folder, "--out", out, "--teacher", teacher, *SMALL)
    assert result.returncode == 2
    assert result.stderr.startswith(
        f"train.py: teacher {teacher}: classes must be ('high', 'low'), not ('close',"
    )
    assert not out.exists()


def test_two_processes_under_torchrun_write_one_artifact(folder, tmp_path):
    out = tmp_path / "two"
    launch = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    command = [*launch, "scripts/train.py", "--data", str(folder), "--out", str(out), *SMALL]
    result = subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, encoding="utf-8", timeout=240, check=False
    )
    assert result.returncode == 0, result.stderr
    assert result.stdout.count("accuracy") == 1
    artifact = load_artifact(out / "artifact")
    assert artifact.metrics["val"]["clips"] == 4
    assert sorted(path.name for path in out.iterdir()) == ["artifact", CHECKPOINT, LOG]


def test_arrays_are_trained_as_they_are_and_evaluated(tmp_path):
    rng = np.random.default_rng(0)
    (tmp_path / "data").mkdir()
    for split, clips in (("train", 12), ("val", 6), ("test", 4)):
        counts = rng.integers(0, 3, (clips, 30, 2))
        np.savez(tmp_path / "data" / f"{split}.npz", counts=counts, labels=np.arange(clips) % 3)
    options = (
        "--data",
        tmp_path / "data",
        *SMALL,
        "--hidden",
        "10",
        "6",
        "--kernel",
        "3",
        "--readout",
        "last",
    )
    line = ("--delay-line", "1", "--beta", "0.5", "0.9", "--readout-beta", "0.8", "--start-delays", "2", "40")
    out = tmp_path / "run"
    told = train(*options, *line, "--recurrent-dropout", "0", "--out", out)
    assert told.returncode == 0, told.stderr
    artifact = load_artifact(out / "artifact")
    assert artifact.encoder == {"name": "counts", "version": 1, "channels": 2, "count_bits": 2}
    assert [stage.beta / 256 for stage in artifact.network.spec.stages] == [0.5, 230 / 256, 205 / 256]
    assert set(artifact.network.params[0].delay_steps) == {1}
    _, description = checkpoint.load(out / CHECKPOINT)
    recipe = description["recipe"]
    assert set(recipe["augmentation"].values()) == {0}
    assert recipe["start_delays"] == [2.0, 40.0]
    assert recipe["noise"]["recurrent_dropout"] == 0
    told = call(
        "evaluate.py",
        *(
            "--artifact",
            str(out / "artifact"),
            "--data",
            str(tmp_path / "data"),
            "--split",
            "test",
            "--json",
            "-",
        ),
    )
    assert json.loads(told.stdout)["clips"] == 4
    told = train(*options, "--time-shift", "3", "--epochs", "1", "--out", tmp_path / "moved")
    assert told.returncode == 0, told.stderr
    _, description = checkpoint.load(tmp_path / "moved" / CHECKPOINT)
    moved = description["recipe"]["augmentation"]
    assert {name for name, value in moved.items() if value != 0} == {"time_shift"}
    told = train(*options, "--float", "--truncate", "4", "--epochs", "1", "--out", tmp_path / "real")
    assert (told.returncode, told.stdout) == (0, ""), told.stderr
    assert {own.name for own in (tmp_path / "real").iterdir()} >= {CHECKPOINT, "log.csv"}
    assert not (tmp_path / "real" / "artifact").exists()
    _, description = checkpoint.load(tmp_path / "real" / CHECKPOINT)
    assert (description["recipe"]["quantized"], description["recipe"]["truncate"]) == (False, 4)

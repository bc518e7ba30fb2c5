"""scripts/scenes.py and scripts/stream.py: from recordings to a network that listens, and one-line errors."""

import hashlib
import json
from contextlib import contextmanager
from dataclasses import replace

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st

from fxp_model.artifact import load_artifact
from fxp_model.data import Part, Scenes, SceneSpec, open_dataset, open_noise
from fxp_model.data.arrays import read_split
from fxp_model.data.scene_frames import STREAM_LEVEL
from fxp_model.detector import DetectorSpec, words
from fxp_model.ear.spec import EarSpec
from fxp_model.engine import Engine
from fxp_model.files import read_json_lines
from fxp_model.pretrained import bundled, find
from fxp_model.results.det import draw
from fxp_model.spec import Answer
from fxp_model.spotting.curve import miss_bounds
from fxp_model.spotting.detectors import HOLD_MS, REFRACTORY_MS
from scripts import stream as stream_script
from tb.harness.runner import Workspace, missing_tool
from tests import scene_sounds
from tests.calls import call
from tests.paths import ROOT
from tests.spotters import EAR, spotter_artifact


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    """Words, noise, and networks that answer per step and per sample."""
    folder = tmp_path_factory.mktemp("world")
    scene_sounds.word_folder(folder / "words")
    scene_sounds.noise_folder(folder / "noise")
    spotter_artifact(folder / "step", Answer.STEP)
    spotter_artifact(folder / "sample", Answer.SAMPLE)
    return folder


def stream(world, artifact, *more):
    own = ("--artifact", world / artifact, "--data", world / "words", "--noise", world / "noise")
    return call("stream.py", *map(str, own), "--hours", "0.03", *more)


def measured(world, artifact, *more):
    told = stream(world, artifact, "--json", "-", *more)
    assert told.returncode == 0, told.stderr
    return json.loads(told.stdout)


def test_what_is_measured_is_what_the_golden_models_decide(world):
    found = measured(world, "step", "--snr-db", "15", "--seed", "3", "--other-share", "0.3", "--gap-s", "2")
    assert (found["hours"], found["answer"], found["stride"]) == (2 / 60, "step", 2)
    assert (found["hold"], found["refractory"]) == (round(HOLD_MS / 20), round(REFRACTORY_MS / 20))
    spec = SceneSpec(snr_db=(15.0, 15.0), gap_s=2.0, other_share=0.3, seed=3)
    noise = open_noise(world / "noise", Part.MEASURE)
    scenes = Scenes(spec, open_dataset(world / "words").split("val"), noise)
    pieces = [scenes.piece(index) for index in range(2)]
    assert found["words"] == sum(len(piece.words) for piece in pieces) > 10
    assert found["others"] == sum(len(piece.others) for piece in pieces)
    assert found["noise_sha256"] == noise.sha256
    artifact = load_artifact(world / "step")
    ear = EarSpec.from_dict(artifact.encoder)
    counts = ear.encode(np.concatenate([piece.samples for piece in pieces]) / 2.0**15, 16000)
    answers = Engine(artifact.network).run(counts[:, np.newaxis]).answers
    chosen = found["at_1_per_hour"]
    detector = DetectorSpec(
        margin=chosen["threshold"], hold=found["hold"], refractory=found["refractory"], silent=2
    )
    decided = np.array(words(detector, answers), "<i8")
    assert found["decisions_sha256"] == hashlib.sha256(decided.tobytes()).hexdigest()
    assert chosen in found["curve"]
    assert found["miss_at_1_per_hour"] == chosen["miss"]
    assert chosen["false_alarms_per_hour"] <= 1
    low, high = chosen["miss_bounds"]
    assert low <= chosen["miss"] <= high
    again = measured(world, "step", "--snr-db", "15", "--seed", "3", "--other-share", "0.3", "--gap-s", "2")
    assert again | {"seconds": 0} == found | {"seconds": 0}
    other = measured(world, "step", "--snr-db", "15", "--seed", "4", "--other-share", "0.3", "--gap-s", "2")
    assert other["curve"] != found["curve"]


@pytest.mark.slow
def test_the_device_decides_the_same(world, tmp_path, monkeypatch):
    """A quarter of a minute through the RTL, and a golden detector that is none."""
    missing = missing_tool("verilator")
    if missing is not None:
        pytest.skip(missing)

    @contextmanager
    def of_run(folder):
        yield Workspace(tmp_path / "builds", tmp_path / "runs", brief=True)

    monkeypatch.setattr(Workspace, "of_run", of_run)
    scene = ("--snr-db", "15", "--seed", "3", "--gap-s", "2")
    device = ("--rtl", "0.25", "--preset", "tiny", "--margin", "0")
    found = measured(world, "step", *scene, "--hold", "2", *device)
    rtl = found.pop("rtl")
    assert (rtl["minutes"], rtl["answers"]) == (0.25, 15 * 100 // 2)
    assert rtl["words"] > 0
    assert 0 < rtl["cycles"] - 15 * 16000 * 8 < 1000  # as fast as its ear
    assert found | {"seconds": 0} == measured(world, "step", *scene, "--hold", "2") | {"seconds": 0}

    monkeypatch.setattr(stream_script, "words", lambda detector, answers: [])
    told = stream(world, "step", *scene, "--hold", "2", *device)
    assert (told.returncode, told.stdout) == (1, "")
    line = told.stderr.splitlines()[-1]
    assert line.startswith("stream.py: the device decides otherwise: word: expected none, got ")


def test_a_network_that_answers_per_sample_stands_behind_the_trigger(world, tmp_path):
    found = measured(world, "sample", "--gap-s", "2", "--figure", str(tmp_path / "det.svg"))
    assert (found["answer"], found["hold"], found["refractory"]) == ("sample", 1, 0)
    assert 0 < found["answers"] < 100  # a sample has 30 frames
    assert "false alarms per hour" in (tmp_path / "det.svg").read_text(encoding="utf-8")


def test_a_table_is_printed(world):
    told = stream(world, "step", "--snr-db", "0", "30", "--distance-m", "0.5", "2")
    assert told.returncode == 0, told.stderr
    names = [line.split()[0] for line in told.stdout.splitlines()]
    assert {"miss_at_1_per_hour", "latency_ms_median", "hours", "words", "by_snr_db"} <= set(names)
    assert "curve" not in names


@pytest.mark.parametrize(
    ("artifact", "more", "line"),
    [
        (
            "sample",
            ("--hold", "2"),
            "sample answers per sample; --hold and --refractory are for answers per step",
        ),
        ("step", ("--snr-db", "1", "2", "3"), "--snr-db must be 1 or 2 values, not 3"),
        ("step", ("--snr-db", "9", "2"), "snr_db must be a low and a high value, not 9 and 2"),
        (
            "step",
            ("--data", "synthetic"),
            "classes of synthetic must be those of the artifact (high, low, none), not ",
        ),
        ("step", ("--split", "test"), "words: split must be one of train, val, not 'test'"),
        (
            "step",
            ("--gap-s", "600", "--seed", "2"),
            "a stream must have at least 1 word, not 0: ask for more hours",
        ),
        ("sample", ("--rtl", "1"), "sample answers per sample; --rtl is for answers per step"),
        ("step", ("--rtl", "2.5"), "--rtl must be at most the 2 minutes of --hours, not 2.5"),
        ("step", ("--multipliers", "2"), "--multipliers requires --rtl"),
        ("step", ("--hours", "0"), "--hours must be a number from 0.01 to 1000, not 0"),
    ],
)
def test_bad_input_is_one_line(world, artifact, more, line):
    told = stream(world, artifact, *more)
    assert told.returncode == 2
    assert told.stdout == ""
    assert told.stderr.splitlines()[-1].startswith(f"stream.py: {line}")


def test_what_has_no_ear_or_hears_too_fast_is_refused(world, tmp_path):
    spotter_artifact(tmp_path / "deaf", Answer.STEP, encoder=None)
    told = stream(world, tmp_path / "deaf")
    assert told.stderr == "stream.py: deaf must have an ear, not frames without an encoder\n"
    fast = EarSpec.design(channels=8, sections=1, rate_hz=32000)
    spotter_artifact(tmp_path / "fast", Answer.STEP, encoder=fast.to_dict())
    told = stream(world, tmp_path / "fast")
    assert told.stderr == "stream.py: rate_hz of the ear of scenes must be 16000, not 32000\n"


def make(world, out, *more):
    own = ("--data", world / "words", "--noise", world / "noise", "--out", out)
    ear = ("--channels", "8", "--sections", "1")
    return call("scenes.py", *map(str, own), *ear, "--hours", "0.1", "--gap-s", "1.2", *more)


def test_scenes_become_arrays_that_keep_their_ear(world, tmp_path):
    told = make(world, tmp_path / "out", "--steps", "300")
    assert told.returncode == 0, told.stderr
    files = ["SHA256SUMS", "classes.txt", "dataset.json", "encoder.json", "train.npz", "val.npz"]
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == files
    dataset = open_dataset(tmp_path / "out")
    assert dataset.classes == ("high", "low", "none")
    assert dataset.encoder() == replace(EAR, **STREAM_LEVEL)
    splits = [read_split(dataset.files[name]) for name in ("train", "val")]
    assert [split.counts.shape for split in splits] == [(300, 120, 8), (300, 12, 8)]
    for split in splits:
        assert set(np.unique(split.labels)) == {-1, 0, 1, 2}
    again = make(world, tmp_path / "again", "--steps", "300")
    assert again.stdout.replace("again", "out") == told.stdout
    for name in ("train.npz", "val.npz"):
        assert (tmp_path / "out" / name).read_bytes() == (tmp_path / "again" / name).read_bytes()
    other = make(world, tmp_path / "again", "--steps", "300", "--seed", "1")
    assert other.returncode == 0, other.stderr
    assert (tmp_path / "out" / "val.npz").read_bytes() != (tmp_path / "again" / "val.npz").read_bytes()


def test_other_speech_is_heard_and_told(world, tmp_path):
    speech = [tmp_path / "speech", tmp_path / "more-speech"]
    for folder, files in zip(speech, (5, 2), strict=True):
        folder.mkdir()
        for number in range(files):
            soundfile.write(folder / f"{number}.wav", scene_sounds.burst(6000, 0, 8000), 16000)
    plain, more = tmp_path / "plain", tmp_path / "more"
    assert make(world, plain).returncode == 0
    told = make(world, more, "--other-speech", *map(str, speech))
    assert told.returncode == 0, told.stderr
    mark = json.loads((more / "dataset.json").read_text(encoding="utf-8"))
    digests = [open_noise(folder, Part.TRAIN).sha256 for folder in speech]
    assert mark["other_speech_sha256"] == digests
    assert len(set(digests)) == 2
    assert "other_speech_sha256" not in json.loads((plain / "dataset.json").read_text(encoding="utf-8"))
    counts = [read_split(folder / "train.npz").counts.sum() for folder in (plain, more)]
    assert counts[0] != counts[1]


def test_colours_are_of_words_for_training_alone(world, tmp_path):
    plain, coloured = tmp_path / "plain", tmp_path / "coloured"
    assert make(world, plain).returncode == 0
    told = make(world, coloured, "--colour-db", "12")
    assert told.returncode == 0, told.stderr
    assert json.loads((coloured / "dataset.json").read_text(encoding="utf-8"))["colour_db"] == 12
    assert (coloured / "val.npz").read_bytes() == (plain / "val.npz").read_bytes()
    one, other = (read_split(folder / "train.npz") for folder in (plain, coloured))
    assert not np.array_equal(one.counts, other.counts)


@pytest.mark.slow
def test_a_network_trains_on_scenes_and_listens_with_their_ear(world, tmp_path):
    assert make(world, tmp_path / "scenes").returncode == 0
    told = call(
        "train.py",
        *(
            "--data",
            str(tmp_path / "scenes"),
            "--out",
            str(tmp_path / "run"),
            "--answer",
            "step",
            "--stride",
            "4",
        ),
        *("--readout", "last", "--hidden", "64", "--epochs", "1", "--batch", "16"),
    )
    assert told.returncode == 0, told.stderr
    artifact = load_artifact(tmp_path / "run" / "artifact")
    assert EarSpec.from_dict(artifact.encoder) == replace(EAR, **STREAM_LEVEL)
    assert artifact.labels == ("high", "low", "none")
    found = measured(world, tmp_path / "run" / "artifact")
    assert found["stride"] == 4
    assert found["hold"] == 2


@pytest.mark.slow
def test_a_gru_listens_to_the_same_stream(world, tmp_path):
    """In place of the network, with its classes, ear and detector; one of other widths is refused."""
    assert make(world, tmp_path / "scenes").returncode == 0
    own = ("--data", tmp_path / "scenes", "--stride", "2", "--epochs", "1")
    for name, hidden in (("gru", "6"), ("wide", "7")):
        told = call("gru.py", *map(str, (*own, "--hidden", hidden, "--out", tmp_path / name)))
        assert told.returncode == 0, told.stderr
    of_network = measured(world, "step", "--seed", "3")
    of_gru = measured(world, "step", "--seed", "3", "--gru", str(tmp_path / "gru" / "gru-0.npz"))
    assert of_gru["gru"] == str(tmp_path / "gru" / "gru-0.npz")
    for key in ("words", "others", "answers", "stride", "hold", "refractory"):
        assert of_gru[key] == of_network[key]
    assert of_gru["decisions_sha256"] != of_network["decisions_sha256"]
    told = stream(world, "step", "--gru", str(tmp_path / "wide" / "gru-0.npz"))
    assert told.returncode == 2
    shapes = "must be of shape (18, 8), not (21, 8)"
    assert told.stderr.endswith(f"gru-0.npz: recurrent.weight_ih_l0 {shapes}\n")
    told = stream(world, "sample", "--gru", str(tmp_path / "gru" / "gru-0.npz"))
    assert told.stderr.endswith("gru-0.npz: stride of the answers must be 'none', as in the network, not 2\n")


@pytest.mark.parametrize(
    ("more", "line"),
    [
        (("--split", "test"), "words: split must be one of train, val, not 'test'"),
        (("--level-db", "-10", "-20"), "level_db must be a low and a high value, not -10 and -20"),
        (("--hours", "1000", "--channels", "256"), "steps * channels must be at most 4294967296, not "),
        (("--noise", "nowhere"), "nowhere: noise must be a folder"),
    ],
)
def test_bad_scenes_are_one_line_and_leave_nothing(world, tmp_path, more, line):
    told = make(world, tmp_path / "out", *more)
    assert told.returncode == 2
    assert told.stderr.startswith(f"scenes.py: {line}")
    assert told.stderr.count("\n") == 1
    assert not (tmp_path / "out").exists()


def test_a_word_called_none_is_refused(world, tmp_path):
    words_ = scene_sounds.word_folder(tmp_path / "words")
    for table in words_.glob("*.csv"):
        table.write_text(table.read_text(encoding="utf-8").replace(",low", ",none"), encoding="utf-8")
    told = make(world, tmp_path / "out", "--data", str(words_))
    assert told.stderr == "scenes.py: words: 'none' must not be a class, it is what no word is\n"


@settings(max_examples=5, deadline=None)
@given(st.lists(st.tuples(st.floats(0, 1000), st.floats(0, 1)), max_size=5))
def test_any_curve_is_drawn(tmp_path_factory, points):
    rows = [
        {
            "false_alarms_per_hour": alarms,
            "miss": miss,
            "miss_bounds": [max(0, miss - 0.1), min(1, miss + 0.1)],
        }
        for alarms, miss in points
    ]
    path = draw(tmp_path_factory.mktemp("det") / "det.svg", {"a $ name": rows})
    assert path.read_text(encoding="utf-8").startswith("<?xml")


ROWS = [row for _, row in read_json_lines(ROOT / "scripts" / "results" / "streams.jsonl")]


def test_there_are_the_rows_of_the_manual():
    found = {(row["artifact"], row["snr_db"][0]) for row in ROWS}
    stream = "asc20-stream-64ch-256x256-k5"
    assert found >= {("asc20-256x256-k5", 20), ("asc20-256x256-k5", 10), ("asc20-64ch-256x256-k5", 20)}
    assert found >= {(name, snr) for name in (stream, f"{stream}-4bit") for snr in (20, 10)}
    assert {row["snr_db"][0] for row in ROWS if "gru" in row} == {20, 10}


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row['artifact']}-{row['snr_db'][0]:g}")
def test_a_stored_row_is_a_result_with_its_command(row):
    for part in (
        f"--artifact {row['artifact']}",
        f"--hours {row['hours']:g}",
        f"--snr-db {row['snr_db'][0]:g}",
        f"--seed {row['seed']}",
    ):
        assert part in row["command"]
    assert row["artifact"] in bundled()
    assert ("gru" in row) == ("--gru" in row["command"])
    best, first = row["at_1_per_hour"], row["at_threshold_0"]
    assert best["miss"] == row["miss_at_1_per_hour"] >= first["miss"]
    alarms = sum(row["false_alarms"].values())
    assert best["false_alarms_per_hour"] == alarms / row["hours_without_words"] <= 1
    assert row["hours_without_words"] < row["hours"]
    in_all = row["at_1_per_hour_in_all"]
    said = in_all["false_alarms_per_hour"] * row["hours_without_words"]
    assert said + in_all["confusions_per_hour"] * row["hours"] <= row["hours"]
    assert tuple(best["miss_bounds"]) == miss_bounds(round(best["miss"] * row["words"]), row["words"])
    assert len(row["decisions_sha256"]) == 64
    assert {"spikeline", "numpy", "numba"} <= row["versions"].keys()
    assert len(row["date"]) == 10
    assert len(row["commit"]) == 7


def test_the_stored_run_of_the_device_is_of_ten_minutes():
    row = json.loads((ROOT / "scripts" / "results" / "stream_rtl.json").read_text(encoding="utf-8"))
    artifact, rtl = load_artifact(find(row["artifact"])), row["rtl"]
    assert rtl["minutes"] == 10
    assert rtl["answers"] == 10 * 60 * 100 // artifact.network.spec.readout.stride
    assert rtl["words"] > 0
    # four multipliers: 64 cycles for each of 16,000 samples in a second, and what resets and the end take
    assert 0 < rtl["cycles"] - 10 * 60 * 16000 * 64 < 10_000
    for part in (f"--artifact {row['artifact']}", "--rtl 10", f"--margin {rtl['margin']}", "--preset tiny"):
        assert part in row["command"]

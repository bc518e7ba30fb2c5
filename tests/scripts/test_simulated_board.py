"""play.py and listen.py with a simulated board: the RTL, behind its line and its microphone's pins."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile

from fxp_model.artifact import load_artifact
from fxp_model.detector import MAX_MARGIN, Detector, DetectorSpec
from fxp_model.ear.device import Device, StepDevice
from hw.ear import EarConfig, ear_of, trigger_of
from tb.harness.cores import save_network
from tb.harness.ears import hearing_artifact
from tb.harness.microphones import Played
from tb.harness.runner import Workspace, missing_tool
from tb.harness.stimulus import retrained
from tests.calls import call
from tests.tiny import tiny_artifact

pytestmark = pytest.mark.slow

if (missing := missing_tool("verilator")) is not None:
    pytest.skip(missing, allow_module_level=True)

NETWORKS = {"i2s": 59, "pdm": 16}
"""Seeds of networks with 8 inputs."""
STEPPED = 86
"""Seed of a network that says words when it answers per step."""


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("simulated")


@pytest.fixture(autouse=True)
def one_workspace(place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Boards are built once, and quickly."""

    @contextmanager
    def of_run(folder: Path) -> Iterator[Workspace]:
        yield Workspace(place / "builds", tmp_path, brief=True)

    monkeypatch.setattr(Workspace, "of_run", of_run)


@pytest.fixture(scope="module")
def own(place: Path) -> Path:
    tiny_artifact(place / "own")
    return place / "own"


PLAY = ("--port", "sim", "--reload", "--json", "-")
COUNTED = ("cycles", "sent", "received", "played", "lost", "doubled", "flipped")


def test_all_scores_are_equal(own: Path) -> None:
    done = call("play.py", *PLAY, "--artifact", str(own))
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)
    assert {key: result[key] for key in ("clips", "equal", "errors", "resyncs")} == {
        "clips": 2,
        "equal": 2,
        "errors": 0,
        "resyncs": 0,
    }
    assert tuple(result["simulated"]) == COUNTED
    assert result["simulated"]["sent"] > 0


@pytest.mark.parametrize(
    ("option", "planted"), [("lose", "lost"), ("double", "doubled"), ("flip", "flipped")]
)
def test_no_fault_of_the_line_changes_a_score(own: Path, option: str, planted: str) -> None:
    done = call("play.py", *PLAY, "--artifact", str(own), f"--{option}", "0.01", "--timeout", "0.5")
    result = json.loads(done.stdout)
    assert (done.returncode, result["clips"], result["equal"]) == (0, 2, 2)
    assert result["errors"] > 0
    assert result["simulated"][planted] > 0


def test_another_network_is_loaded(own: Path, place: Path) -> None:
    other = save_network(place / "other", retrained(load_artifact(own).network, 1))
    done = call("play.py", *PLAY, "--artifact", str(own), "--load", str(other))
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["equal"] == 1


def test_a_board_that_breaks_off_a_byte_is_no_board(own: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stuck = """module board(input aclk, input aresetn, input rx, output reg tx, output [7:0] leds);
        always @(posedge aclk) tx <= ~aresetn;
    endmodule"""
    monkeypatch.setattr("tb.harness.board_sim.board_of", lambda *arguments, **others: None)
    monkeypatch.setattr("tb.harness.board_sim.emit_top", lambda top, name: (stuck, ()))
    done = call("play.py", *PLAY, "--artifact", str(own))
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "play.py: board ended with status 3: no stop bit on tx after 0 bytes\n"


@pytest.mark.parametrize("microphone", list(NETWORKS))
def test_sound_at_the_pins_is_words_on_the_line(microphone: str, tmp_path: Path) -> None:
    """Two bursts of noise, then silence."""
    folder = tmp_path / "heard"
    artifact = hearing_artifact(folder, NETWORKS[microphone], 16_000)
    ear, trigger = ear_of(artifact), trigger_of(artifact)
    frames, rng = 45, np.random.default_rng(0)
    amplitude = np.full(frames, 20)
    amplitude[15:25] = amplitude[39:] = 9000
    samples = rng.integers(-1, 2, frames * ear.samples_per_frame) * np.repeat(
        amplitude, ear.samples_per_frame
    )
    soundfile.write(tmp_path / "bursts.wav", samples.astype(np.int16), ear.rate_hz)

    options = ("--artifact", str(folder), "--microphone", microphone, "--json", "-")
    done = call("listen.py", "--port", "sim", "--sound", str(tmp_path / "bursts.wav"), *options)
    assert done.returncode == 0, done.stderr
    records = [json.loads(line) for line in done.stdout.splitlines()]
    words = [record for record in records if "meter" not in record]

    played = Played.to(EarConfig(microphone, 4, settles=False), ear, samples)
    golden = Device(artifact.network, ear, trigger).step(played.samples)
    assert len(golden) == 2
    assert [(word["word"], word["score"], word["margin"]) for word in words] == [
        told(artifact.labels, scores) for scores in golden
    ]
    assert 0.15 < words[0]["time_s"] < 0.25 < 0.39 < words[1]["time_s"] < 0.5
    meter = records[-1]["meter"]
    assert (meter["overruns"], meter["dropped_frames"], meter["absent"]) == (0, 0, 0)


def test_words_of_a_network_that_answers_per_step_are_on_the_line(tmp_path: Path) -> None:
    """Louder and quieter noise; and the same network plays clips to the end."""
    folder = tmp_path / "heard"
    artifact = hearing_artifact(folder, STEPPED, 16_000, stride=1)
    ear = ear_of(artifact)
    amplitude = np.repeat([40, 9000, 9000, 40, 9000] * 5, ear.samples_per_frame)
    samples = np.random.default_rng(0).integers(-amplitude, amplitude + 1)
    soundfile.write(tmp_path / "noise.wav", samples.astype(np.int16), ear.rate_hz)
    options = ("--artifact", str(folder), "--json", "-", "--port", "sim")
    detector = ("--margin", "1", "--hold", "2", "--refractory", "1")
    done = call("listen.py", "--sound", str(tmp_path / "noise.wav"), *options, *detector)
    assert done.returncode == 0, done.stderr
    records = [json.loads(line) for line in done.stdout.splitlines()]
    words = [record for record in records if "meter" not in record]

    played = Played.to(EarConfig("i2s", 4, settles=False), ear, samples)
    answers = StepDevice(artifact.network, ear).step(played.samples)
    found = [(word["word"], word["score"], word["margin"]) for word in words]
    # the board hears before its detector is set, with the margin last
    expected = [said(artifact.labels, answers, begin) for begin in range(len(answers))]
    assert any(len(own) > 1 and found[: len(own)] == own for own in expected)
    assert words[0]["time_s"] < words[1]["time_s"] < 1

    done = call("play.py", "--ear", *options)
    assert done.returncode == 0, done.stderr
    assert {key: json.loads(done.stdout)[key] for key in ("clips", "equal", "errors")} == {
        "clips": 1,
        "equal": 1,
        "errors": 0,
    }


def said(
    labels: tuple[str, ...], answers: list[tuple[int, int, int]], begin: int
) -> list[tuple[str, int, int]]:
    """Words of a detector that has its margin from the answer `begin` on."""
    spec = DetectorSpec(margin=1, hold=2, refractory=1)
    heard, found = Detector(replace(spec, margin=MAX_MARGIN)), []
    for index, (label, score, margin) in enumerate(answers):
        if index == begin:
            heard.spec = spec
        if heard.step(label, margin) is not None:
            found.append((labels[label], score, margin))
    return found


def told(labels: tuple[str, ...], scores: np.ndarray) -> tuple[str, int, int]:
    """Class, score and margin of a line."""
    best = int(np.argmax(scores))
    rest = np.delete(scores, best)
    return labels[best], int(scores[best]), int(scores[best] - rest.max()) if rest.size else 0

"""Clips on a board: every score equal, or the difference; whatever the line does."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fxp_model import network as golden
from fxp_model.artifact import load_artifact
from hw.config import HardwareConfig
from tb.harness.cores import save_network
from tb.harness.ears import hearing_artifact
from tb.harness.stimulus import retrained
from tests.calls import Done, call
from tests.hw.driver import board_model
from tests.hw.driver.board_model import Board, Line
from tests.scripts.serial_board import at_a_port
from tests.tiny import tiny_artifact

pytestmark = pytest.mark.slow

TIMEOUT = ("--timeout", "0.05")


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tiny") / "own"
    tiny_artifact(folder)
    return folder


@pytest.fixture(scope="module")
def other(own: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Another network for the same core."""
    network = retrained(load_artifact(own).network, 1)
    return save_network(tmp_path_factory.mktemp("other") / "other", network)


def board_of(folder: Path, *others: Path, **settings: Any) -> Board:
    artifact = load_artifact(folder)
    config = HardwareConfig.uniform(artifact.network.spec, reload=bool(others))
    return Board(artifact, config, tuple(load_artifact(other) for other in others), **settings)


def play(port: str, folder: Path, *options: str) -> Done:
    return call("play.py", "--port", port, "--artifact", str(folder), *TIMEOUT, *options)


def test_all_scores_are_equal(own: Path) -> None:
    with at_a_port(board_of(own)) as port:
        done = play(port, own, "--json", "-")
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)
    assert result.pop("seconds") < 30
    assert result == {"clips": 2, "equal": 2, "errors": 0, "resyncs": 0}


def test_one_other_score_is_named_and_status_1(own: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def wrong(network: golden.Network, counts: np.ndarray) -> golden.Trace:
        trace = golden.run(network, counts)
        trace.scores[0, -1] += 1 if trace.scores[0].argmax() == len(trace.scores[0]) - 1 else -1
        return trace

    monkeypatch.setattr(board_model, "run", wrong)
    with at_a_port(board_of(own)) as port:
        done = play(port, own)
    assert done.returncode == 1
    last = len(load_artifact(own).labels) - 1
    told = [line for line in done.stderr.splitlines() if line.startswith("play.py: ")]
    assert len(told) == 2
    assert told[0].startswith(f"play.py: clip 0 class {last}: expected score ")
    assert done.stdout.startswith("0 of 2 clips equal, 0 errors and 0 resyncs of the line, ")


def test_faults_of_the_line_cost_time_only(own: Path) -> None:
    with at_a_port(board_of(own), faults=0.002) as port:
        done = play(port, own, "--json", "-")
    result = json.loads(done.stdout)
    assert (done.returncode, result["clips"], result["equal"]) == (0, 2, 2)
    assert result["errors"] > 0


class Interrupted(Line):
    """Is dead for as many requests as are tried, in the midst of a clip."""

    def _receive(self, chunk: bytes) -> None:
        self.seen = getattr(self, "seen", 0) + bool(chunk)
        self.dead = 17 < self.seen <= 22
        super()._receive(chunk)


def test_a_line_that_was_dead_is_greeted_again_and_the_clip_repeated(own: Path) -> None:
    with at_a_port(board_of(own), line=Interrupted) as port:
        done = play(port, own, "--json", "-")
    result = json.loads(done.stdout)
    result.pop("seconds")
    assert result == {"clips": 2, "equal": 2, "errors": 5, "resyncs": 1}


class Dead(Line):
    """Takes all and says nothing."""

    def _receive(self, chunk: bytes) -> None:
        pass


def test_a_dead_line_is_one_line(own: Path) -> None:
    with at_a_port(board_of(own), line=Dead) as port:
        done = play(port, own)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "play.py: no answer on the line: 5 tries of 0.05 s\n"


def test_another_network_is_loaded_and_played(own: Path, other: Path) -> None:
    board = board_of(own, other)
    with at_a_port(board) as port:
        done = play(port, own, "--reload", "--load", str(other))
    assert done.returncode == 0, done.stderr
    assert board.running.sha256 == load_artifact(other).sha256
    assert done.stdout.startswith("1 of 1 clips equal")


def test_another_board_is_refused(own: Path, other: Path) -> None:
    with at_a_port(board_of(other)) as port:
        done = play(port, own)
    assert done.returncode == 1
    assert done.stderr.startswith("play.py: the network must be of artifact ")
    with at_a_port(board_of(own)) as port:
        done = play(port, own, "--load", str(other))
    assert (done.returncode, done.stderr) == (2, "play.py: the core was generated without reload\n")


def test_an_ear_hears_again_after_the_clips(tmp_path: Path) -> None:
    heard = tmp_path / "heard"
    hearing_artifact(heard, 16)
    board = board_of(heard, ear=True)
    with at_a_port(board) as port:
        done = play(port, heard, "--ear")
    assert done.returncode == 0, done.stderr
    assert board.samples == 1
    assert board.words[board_model.EAR_BASE, "SOURCE"] == 0
    assert board.words[board_model.MAILBOX_BASE, "MODE"] & 1 == 0

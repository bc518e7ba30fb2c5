"""The driver on a board whose network answers per step: golden answers, its detector, and what is refused."""

import numpy as np
import pytest

from fxp_model.artifact import Artifact
from fxp_model.detector import MAX_MARGIN
from fxp_model.network import run
from hw.config import HardwareConfig
from hw.driver.description import description_of
from hw.driver.spikeline import DeviceError, Spikeline
from hw.mailbox_registers import CORE_BASE, EAR_BASE
from tb.harness.ears import hearing_artifact
from tests.hw.driver.board_model import Board
from tests.hw.driver.conftest import Case

STRIDE = 2


@pytest.fixture(scope="module")
def heard(tmp_path_factory: pytest.TempPathFactory) -> Artifact:
    return hearing_artifact(tmp_path_factory.mktemp("steps") / "own", 86, stride=STRIDE)


def board_of(heard: Artifact, ear: bool = False, pace: int = 100) -> tuple[Board, Spikeline]:
    config = HardwareConfig.uniform(heard.network.spec)
    board = Board(heard, config, ear=ear, pace=pace)
    return board, Spikeline(board, description_of(heard, config, "net", ear), timeout_s=0.05)


def counts_of(heard: Artifact, steps: int) -> np.ndarray:
    layer = heard.network.spec.layers[0]
    return np.random.default_rng(steps).integers(0, layer.max_input + 1, (steps, layer.n_in), dtype=np.uint8)


def golden(heard: Artifact, counts: np.ndarray) -> list[tuple[int, str, int, int]]:
    answers = run(heard.network, counts[:, np.newaxis]).answers
    columns = (column[:, 0].tolist() for column in answers)
    return [
        (label, heard.labels[label], score, margin) for label, score, margin in zip(*columns, strict=True)
    ]


@pytest.mark.parametrize("pace", [3, 5000])
def test_a_sequence_comes_in_parts(heard: Artifact, pace: int) -> None:
    _, device = board_of(heard, pace=pace)
    counts = counts_of(heard, 401)
    found = []
    for first, last in ((0, 2), (2, 8), (8, 400)):
        found += device.steps(counts[first:last], ends=False)
    found += device.steps(counts[400:])
    assert found == golden(heard, counts)
    assert device.steps(counts[:7]) == golden(heard, counts[:7])
    with pytest.raises(ValueError, match=r"^counts must be of a multiple of 2 steps, not 3$"):
        device.steps(counts[:3], ends=False)


@pytest.mark.parametrize("pace", [3, 5000])
def test_answers_are_the_golden_ones(heard: Artifact, pace: int) -> None:
    board, device = board_of(heard, pace=pace)
    device.check()
    for steps in (1, 2, 7, 400):
        counts = counts_of(heard, steps)
        assert device.steps(counts) == golden(heard, counts)
    assert device.counters()["SAMPLES"] == board.samples == 0 + 1 + 3 + 200
    assert not any(name.startswith("DETECT") for name in device.counters())


def test_the_numbers_of_the_detector_are_set(heard: Artifact) -> None:
    board, device = board_of(heard)
    for silent, word in ((1, 1), (None, 1 << 16)):
        device.detect(MAX_MARGIN, 3, 700, silent)
        names = ("DETECT_MARGIN", "DETECT_HOLD", "DETECT_REFRACTORY", "DETECT_SILENT")
        assert [board.words[CORE_BASE, name] for name in names] == [MAX_MARGIN, 3, 700, word]
    with pytest.raises(ValueError, match=r"^DETECT_HOLD HOLD must be 0\.\.255, not 256$"):
        device.detect(0, 256, 0)


def test_answers_to_the_ear_are_read_one_by_one(heard: Artifact) -> None:
    board, device = board_of(heard, ear=True)
    with pytest.raises(DeviceError, match=r"^the core hears its ear: call listen\(False\) before$"):
        device.steps(counts_of(heard, 2))
    assert device.answer() is None
    board.answers += [1, 2**32 - 5, 7]
    assert device.answer() == (1, heard.labels[1], -5, 7)
    assert device.answer() is None
    board.answers += [len(heard.labels), 0, 0]
    with pytest.raises(DeviceError, match=r"^an answer must begin with a class below 3, not 3$"):
        device.answer()
    assert "floor" not in device.meter()


def test_a_sequence_that_was_left_is_ended_before_the_ear_is_heard(heard: Artifact) -> None:
    board, device = board_of(heard, ear=True)
    device.listen(False)
    board.queue.append((1 << 31, False))
    device.listen()
    assert board.words[EAR_BASE, "SOURCE"] == 0
    assert (board.begun, len(board.answers)) == (False, 0)
    device.listen(False)
    device.steps(counts_of(heard, 4), ends=False)
    device.reset()
    assert board.within
    device.listen()
    assert not board.within


def test_there_is_no_room_without_an_end(heard: Artifact) -> None:
    _, device = board_of(heard, pace=0)
    with pytest.raises(TimeoutError, match=r"^no answer within 0\.05 s$"):
        device.steps(counts_of(heard, 2))
    with pytest.raises(TimeoutError, match=r"^no room for events within 0\.05 s$"):
        device.steps(counts_of(heard, 400))


def test_each_kind_of_answer_has_its_call(heard: Artifact, case: Case) -> None:
    _, device = board_of(heard)
    with pytest.raises(DeviceError, match=r"^the network answers per step: call steps$"):
        device.run(counts_of(heard, 2))
    other = Spikeline(case.board(), case.description)
    with pytest.raises(DeviceError, match=r"^the network answers per sample: call run$"):
        other.steps(case.samples[0])
    with pytest.raises(DeviceError, match=r"^the network answers per sample, and has no detector$"):
        other.detect(0, 1, 0)

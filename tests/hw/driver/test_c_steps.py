"""The C driver of a network that answers per step, on the board in Python."""

import shutil

import numpy as np
import pytest

from fxp_model.detector import MAX_MARGIN
from fxp_model.network import run
from hw.mailbox_registers import CORE_BASE
from hw.registers import DETECT_SILENT
from tests.hw.driver.c_driver import ANSWER, COUNT, HEARS_EAR, NONE, OK, SETTING, TIMEOUT, StepDriver
from tests.hw.driver.conftest import Case

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not shutil.which("gcc"), reason="gcc not found: apt-get install gcc"),
]
N_OUT = 3


@pytest.fixture(scope="module")
def built(stepping: Case, tmp_path_factory: pytest.TempPathFactory) -> StepDriver:
    assert stepping.own.network.spec.n_out == N_OUT
    return StepDriver(stepping, tmp_path_factory.mktemp("c"))


def golden(case: Case, counts: np.ndarray) -> list[tuple[int, int, int]]:
    answers = run(case.own.network, counts[:, np.newaxis]).answers
    return list(zip(*(own[:, 0].tolist() for own in answers), strict=True))


@pytest.mark.parametrize("pace", [1, 5000])
def test_answers_are_the_golden_ones(built: StepDriver, stepping: Case, pace: int) -> None:
    built.attach(board := stepping.board(pace=pace))
    assert built.check() == OK
    assert built.steps(stepping.samples[0], True)[0] == HEARS_EAR
    assert built.listen(False) == OK
    for counts in stepping.samples:
        assert built.steps(counts, True) == (OK, golden(stepping, counts))
    counts = np.concatenate(stepping.samples)
    (first, own), (second, others) = built.steps(counts[:6], False), built.steps(counts[6:], True)
    assert (first, second, own + others) == (OK, OK, golden(stepping, counts))
    assert len({label for label, *_ in own + others}) > 1
    assert built.refused == []
    assert not board.answers


def test_what_is_wrong_is_told(built: StepDriver, stepping: Case) -> None:
    board = stepping.board()
    built.attach(board)
    assert built.listen(False) == OK
    counts = stepping.samples[-1]
    assert built.steps(counts[:3], False)[0] == COUNT
    assert built.steps(counts[:0], True)[0] == COUNT
    assert built.steps(np.full_like(counts, 255), True)[0] == COUNT
    board.pace = 0
    assert built.steps(counts, True)[0] == TIMEOUT
    board.pace = 100
    assert built.steps(counts, True) == (OK, golden(stepping, counts))


def test_answers_are_read_one_by_one(built: StepDriver, stepping: Case) -> None:
    board = stepping.board()
    built.attach(board)
    assert built.answer_of_step()[0] == NONE
    board.answers += [1, 1 << 31, 7, N_OUT, 0, 0]
    assert built.answer_of_step() == (OK, (1, -(1 << 31), 7))
    assert built.answer_of_step()[0] == ANSWER
    assert built.decode_step([2, 0xFFFFFFFF, 0xFFFFFFFF]) == (OK, (2, -1, 0xFFFFFFFF))


def test_the_numbers_of_the_detector_are_set(built: StepDriver, stepping: Case) -> None:
    board = stepping.board()
    built.attach(board)
    none, names = DETECT_SILENT["NONE"].mask, ("MARGIN", "HOLD", "REFRACTORY", "SILENT")
    for own in ((MAX_MARGIN, 3, 700, 1), (0, 255, 65535, none)):
        assert built.detect(*own) == OK
        assert tuple(board.words[CORE_BASE, f"DETECT_{name}"] for name in names) == own
    for wrong in ((0, 0, 0, 0), (0, 256, 0, 0), (0, 1, 65536, 0), (0, 1, 0, N_OUT), (0, 1, 0, none + 1)):
        assert built.detect(*wrong) == SETTING
    assert built.refused == []

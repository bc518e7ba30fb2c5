"""The C driver: freestanding without a warning, and with the golden answers on the board in Python."""

import shutil
import subprocess

import numpy as np
import pytest

from hw.driver.spikeline import events
from hw.mailbox_registers import CORE_BASE, EAR_BASE, MAILBOX_BASE
from tests.hw.driver.c_driver import (
    ANSWER,
    ARTIFACT,
    COUNT,
    CRC,
    HEARS_EAR,
    IDENTITY,
    LENGTH,
    NONE,
    OK,
    STRICT,
    TIMEOUT,
    VERSION,
    Driver,
)
from tests.hw.driver.conftest import Case

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not shutil.which("gcc"), reason="gcc not found: apt-get install gcc"),
]


@pytest.fixture(scope="module")
def built(case: Case, tmp_path_factory: pytest.TempPathFactory) -> Driver:
    return Driver(case, tmp_path_factory.mktemp("c"))


@pytest.fixture(scope="module")
def built_with_ear(hearing: Case, tmp_path_factory: pytest.TempPathFactory) -> Driver:
    return Driver(hearing, tmp_path_factory.mktemp("c"))


def assert_golden(driver: Driver, case: Case, reloaded: bool = False) -> None:
    for counts in case.samples:
        wanted = case.scores(counts, case.other if reloaded else case.own)
        assert driver.run(counts) == (OK, wanted, int(np.argmax(wanted)))
    assert driver.refused == []


@pytest.mark.parametrize("kind", ["case", "hearing", "stepping"])
def test_it_compiles_for_memory_without_a_library(
    kind: str, request: pytest.FixtureRequest, tmp_path
) -> None:
    """With loads and stores as it is shipped; the object calls nothing but what every compiler brings."""
    folder = request.getfixturevalue(kind).driver
    target = tmp_path / "driver.o"
    subprocess.run(["gcc", *STRICT, "-c", str(folder / "spikeline_driver.c"), "-o", str(target)], check=True)
    command = ["nm", "-u", str(target)]
    listed = subprocess.run(command, check=True, capture_output=True, encoding="utf-8").stdout
    assert set(listed.split()) - {"U", "memcpy", "memset"} <= {"_GLOBAL_OFFSET_TABLE_"}


@pytest.mark.parametrize("pace", [1, 7, 5000])
def test_answers_are_the_golden_ones(built: Driver, case: Case, pace: int) -> None:
    built.attach(case.board(pace=pace))
    assert built.check() == OK
    assert_golden(built, case)


def test_a_sample_that_is_longer_than_the_room(built: Driver, case: Case) -> None:
    counts = np.random.default_rng(1).integers(0, 8, (700, 6), dtype=np.uint8)
    built.attach(case.board(pace=0))
    assert built.run(counts)[0] == TIMEOUT
    assert built.refused == []
    built.attach(case.board(pace=1))
    assert built.run(counts)[:2] == (OK, case.scores(counts))
    assert built.refused == []


@pytest.mark.parametrize(
    ("base", "register", "result"),
    [
        (CORE_BASE, "IDENTITY", IDENTITY),
        (EAR_BASE, "IDENTITY", IDENTITY),
        (MAILBOX_BASE, "IDENTITY", IDENTITY),
        (CORE_BASE, "VERSION", VERSION),
    ],
)
def test_another_device_is_told(
    built_with_ear: Driver, hearing: Case, base: int, register: str, result: int
) -> None:
    board = hearing.board()
    built_with_ear.attach(board)
    assert built_with_ear.check() == OK
    board.words[base, register] ^= 1 << 31
    assert built_with_ear.check() == result


def test_another_network_is_told(built: Driver, case: Case) -> None:
    board = case.board()
    board.running = case.other
    built.attach(board)
    assert built.check() == ARTIFACT


def test_after_an_error_the_next_answer_is_its_own(built: Driver, case: Case) -> None:
    board = case.board(pace=0)
    built.attach(board)
    assert built.run(case.samples[1])[0] == TIMEOUT
    board.pace = 100
    assert built.answer()[0] == NONE
    assert_golden(built, case)
    board.answers += [3, 4, 5, 4, 3, 1]
    assert built.answer()[0] == ANSWER
    for counts in (np.full((1, 6), 8), np.zeros((0, 6))):
        assert built.run(counts)[0] == COUNT
    assert_golden(built, case)


def test_words_for_a_dma_and_those_that_it_wrote(built: Driver, case: Case) -> None:
    for counts in case.samples:
        words = events(counts).tolist()
        assert built.encode(counts, len(words)) == words
        assert built.encode(counts, len(words) - 1) == []
        wanted = case.scores(counts)
        label = int(np.argmax(wanted))
        written = [score & 0xFFFFFFFF for score in wanted]
        assert built.decode([*written, label]) == (OK, wanted, label)
        assert built.decode([*written, label + 1])[0] == ANSWER
    for counts in (np.full((1, 6), 8), np.zeros((0, 6))):
        assert built.encode(counts, 100) == []


def test_scores_are_twos_complement(built: Driver, case: Case) -> None:
    board = case.board()
    built.attach(board)
    board.answers += [0x80000000, 0xFFFFFFFF, 0x7FFFFFFF, 0, 0x80000001, 2]
    assert built.answer() == (OK, [-(1 << 31), -1, (1 << 31) - 1, 0, 1 - (1 << 31)], 2)


def test_a_network_is_replaced_or_the_old_one_stays(built: Driver, case: Case) -> None:
    board, words, crc32 = case.board(), case.image.words, case.image.crc32
    built.attach(board)
    assert built.reload(words[1:], crc32) == LENGTH
    assert built.reload(words, crc32 ^ 1) == CRC
    for word in words[:5]:
        board.write32(0x64, word)  # of a host that was interrupted
    assert_golden(built, case)
    board.write32(MAILBOX_BASE + 0x18, 1 << 16)
    assert built.reload(words, crc32) == TIMEOUT
    board.write32(0x0C, 1)
    assert_golden(built, case, reloaded=True)


def test_a_device_hears_its_ear_or_its_host(built_with_ear: Driver, hearing: Case) -> None:
    board, driver = hearing.board(), built_with_ear
    driver.attach(board)
    assert driver.run(hearing.samples[0])[0] == HEARS_EAR
    assert driver.listen(False) == OK
    assert board.words[MAILBOX_BASE, "MODE"] == 3
    assert_golden(driver, hearing)
    assert driver.listen(True) == OK
    assert board.words[MAILBOX_BASE, "MODE"] == 2
    assert driver.run(hearing.samples[0])[0] == HEARS_EAR
    assert driver.listen(False) == OK
    board.write32(MAILBOX_BASE + 0x18, 1 << 31)  # a sample that is left
    board.write32(0x0C, 1)
    assert driver.listen(True) == OK
    assert driver.answer()[0] == NONE

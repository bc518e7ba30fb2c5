"""The C driver: freestanding without a warning, and with the golden answers on the board in Python."""

import ctypes
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

from hw.mailbox_registers import CORE_BASE, EAR_BASE, MAILBOX_BASE
from tests.hw.driver.board_model import Board, SlaveError
from tests.hw.driver.conftest import Case

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not shutil.which("gcc"), reason="gcc not found: apt-get install gcc"),
]
STRICT = ("-std=c11", "-ffreestanding", "-Wall", "-Wextra", "-Werror", "-pedantic", "-Wconversion", "-O1")
SHIM = Path(__file__).with_name("shim.h")
READ, WRITE = (
    ctypes.CFUNCTYPE(ctypes.c_uint32, ctypes.c_uint32),
    ctypes.CFUNCTYPE(None, *[ctypes.c_uint32] * 2),
)
OK, NONE = 0, 1
IDENTITY, VERSION, ARTIFACT, TIMEOUT, COUNT, HEARS_EAR, ANSWER, LENGTH, CRC = range(-1, -10, -1)


class Driver:
    """The functions of the driver, compiled for `case`, on a board."""

    def __init__(self, case: Case, folder: Path) -> None:
        library = folder / "driver.so"
        program = folder / "shim.c"
        program.write_text(
            f'#include "{SHIM}"\nuint32_t (*shim_read)(uint32_t);\nvoid (*shim_write)(uint32_t, uint32_t);\n',
            encoding="utf-8",
        )
        sources = [str(case.driver / "spikeline_driver.c"), str(program)]
        command = ["gcc", *STRICT, "-shared", "-fPIC", "-include", str(SHIM), *sources, "-o", str(library)]
        subprocess.run(command, check=True)
        self._library = ctypes.CDLL(str(library))
        self._n_out = case.own.network.spec.n_out

    def attach(self, board: Board) -> None:
        """The functions act on `board`; what it refuses is remembered, as C cannot be told."""
        self.refused: list[str] = []

        def read(offset: int) -> int:
            try:
                return board.read32(offset)
            except SlaveError as error:
                self.refused.append(str(error))
                return 0

        def write(offset: int, value: int) -> None:
            try:
                board.write32(offset, value)
            except SlaveError as error:
                self.refused.append(str(error))

        self._kept = READ(read), WRITE(write)
        for name, function in zip(("shim_read", "shim_write"), self._kept, strict=True):
            ctypes.c_void_p.in_dll(self._library, name).value = ctypes.cast(function, ctypes.c_void_p).value

    def check(self) -> int:
        return self._library.spikeline_check(ctypes.c_size_t(0))

    def run(self, counts: np.ndarray) -> tuple[int, list[int], int]:
        data = np.ascontiguousarray(counts, dtype=np.uint8).tobytes()
        return self._answered(self._library.spikeline_run, data, ctypes.c_size_t(len(counts)))

    def answer(self) -> tuple[int, list[int], int]:
        return self._answered(self._library.spikeline_answer)

    def listen(self, ear: bool) -> int:
        return self._library.spikeline_listen(ctypes.c_size_t(0), int(ear))

    def reload(self, words: tuple[int, ...], crc32: int) -> int:
        data = (ctypes.c_uint32 * len(words))(*words)
        return self._library.spikeline_reload(
            ctypes.c_size_t(0), data, ctypes.c_size_t(len(words)), ctypes.c_uint32(crc32)
        )

    def _answered(self, function: object, *arguments: object) -> tuple[int, list[int], int]:
        scores, label = (ctypes.c_int32 * self._n_out)(), ctypes.c_uint32()
        result = function(ctypes.c_size_t(0), *arguments, scores, ctypes.byref(label))
        return result, list(scores), label.value


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


@pytest.mark.parametrize("kind", ["case", "hearing"])
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

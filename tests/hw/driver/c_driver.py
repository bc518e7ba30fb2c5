"""The C driver, compiled, on the board in Python."""

import ctypes
import subprocess
from pathlib import Path

import numpy as np

from tests.hw.driver.board_model import Board, SlaveError
from tests.hw.driver.conftest import Case

STRICT = ("-std=c11", "-ffreestanding", "-Wall", "-Wextra", "-Werror", "-pedantic", "-Wconversion", "-O1")
SHIM = Path(__file__).with_name("shim.h")
READ, WRITE = (
    ctypes.CFUNCTYPE(ctypes.c_uint32, ctypes.c_uint32),
    ctypes.CFUNCTYPE(None, *[ctypes.c_uint32] * 2),
)
OK, NONE = 0, 1
IDENTITY, VERSION, ARTIFACT, TIMEOUT, COUNT, HEARS_EAR, ANSWER, LENGTH, CRC, SETTING = range(-1, -11, -1)


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
        self.library = ctypes.CDLL(str(library))
        self.case, self._n_out = case, case.own.network.spec.n_out

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
            ctypes.c_void_p.in_dll(self.library, name).value = ctypes.cast(function, ctypes.c_void_p).value

    def check(self) -> int:
        return self.library.spikeline_check(ctypes.c_size_t(0))

    def run(self, counts: np.ndarray) -> tuple[int, list[int], int]:
        data = np.ascontiguousarray(counts, dtype=np.uint8).tobytes()
        return self._answered(self.library.spikeline_run, data, ctypes.c_size_t(len(counts)))

    def answer(self) -> tuple[int, list[int], int]:
        return self._answered(self.library.spikeline_answer)

    def decode(self, words: list[int]) -> tuple[int, list[int], int]:
        """Of words that a DMA has written."""
        scores, label = (ctypes.c_int32 * self._n_out)(), ctypes.c_uint32()
        result = self.library.spikeline_decode(
            (ctypes.c_uint32 * len(words))(*words), scores, ctypes.byref(label)
        )
        return result, list(scores), label.value

    def encode(self, counts: np.ndarray, room: int) -> list[int]:
        """Words for a DMA."""
        words = (ctypes.c_uint32 * room)()
        encode = self.library.spikeline_encode
        encode.restype = ctypes.c_size_t
        data = np.ascontiguousarray(counts, dtype=np.uint8).tobytes()
        used = encode(data, ctypes.c_size_t(len(counts)), words, ctypes.c_size_t(room))
        return list(words)[:used]

    def listen(self, ear: bool) -> int:
        return self.library.spikeline_listen(ctypes.c_size_t(0), int(ear))

    def reload(self, words: tuple[int, ...], crc32: int) -> int:
        data = (ctypes.c_uint32 * len(words))(*words)
        return self.library.spikeline_reload(
            ctypes.c_size_t(0), data, ctypes.c_size_t(len(words)), ctypes.c_uint32(crc32)
        )

    def _answered(self, function: object, *arguments: object) -> tuple[int, list[int], int]:
        scores, label = (ctypes.c_int32 * self._n_out)(), ctypes.c_uint32()
        result = function(ctypes.c_size_t(0), *arguments, scores, ctypes.byref(label))
        return result, list(scores), label.value


class Step(ctypes.Structure):
    """`struct spikeline_step`."""

    _fields_ = (("label", ctypes.c_uint32), ("score", ctypes.c_int32), ("margin", ctypes.c_uint32))

    def values(self) -> tuple[int, int, int]:
        return self.label, self.score, self.margin


class StepDriver(Driver):
    """With answers per step."""

    def steps(self, counts: np.ndarray, ends: bool) -> tuple[int, list[tuple[int, int, int]]]:
        stride = self.case.own.network.spec.readout.stride
        found = (Step * (len(counts) // stride))()
        data = np.ascontiguousarray(counts, dtype=np.uint8).tobytes()
        size = ctypes.c_size_t(len(counts))
        result = self.library.spikeline_steps(ctypes.c_size_t(0), data, size, int(ends), found)
        return result, [own.values() for own in found]

    def answer_of_step(self) -> tuple[int, tuple[int, int, int]]:
        found = Step()
        return self.library.spikeline_answer(ctypes.c_size_t(0), ctypes.byref(found)), found.values()

    def decode_step(self, words: list[int]) -> tuple[int, tuple[int, int, int]]:
        found = Step()
        result = self.library.spikeline_decode((ctypes.c_uint32 * 3)(*words), ctypes.byref(found))
        return result, found.values()

    def detect(self, *numbers: int) -> int:
        return self.library.spikeline_detect(ctypes.c_size_t(0), *map(ctypes.c_uint32, numbers))

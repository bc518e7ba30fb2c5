"""A device that hears and answers per step, under Verilator at full speed: PCM in, answers and words out.

The C++ around it is ``device_sim.cpp``. Its sound is never late and its answers are taken at once, so that it
is as fast as its ear, and no frame is dropped.
"""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterable, Sequence
from itertools import zip_longest
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from fxp_model.artifact import Artifact
from fxp_model.detector import DetectorSpec
from fxp_model.trace import Answers
from hw.config import HardwareConfig
from hw.ear import EarConfig, device_of, ear_of
from hw.registers import (
    DETECT_HOLD,
    DETECT_MARGIN,
    DETECT_REFRACTORY,
    DETECT_SILENT,
    DETECTED,
)
from hw.verilog import emit_top
from tb.harness.runner import BenchFailure, Workspace

WORDS = 5
"""Of an answer in the file of the simulator, of 32 bits."""
PAUSE_S = 0.2
"""Between two looks at that file."""

_MAIN = Path(__file__).with_suffix(".cpp")


class Played(NamedTuple):
    """What a simulated device answers.

    answers : (A, 1), as of the engine
    words : index of the answer, and class, of every word that was said
    cycles : of the simulation
    """

    answers: Answers
    words: list[tuple[int, int]]
    cycles: int


def built(artifact: Artifact, config: HardwareConfig, multipliers: int, workspace: Workspace) -> Path:
    """The program of an artifact's device, whose microphone is PCM and whose ear has so many `multipliers`.

    Raises
    ------
    InputError
        The artifact has no ear, does not answer per step, or does not fit `config`.
    BenchFailure
        The simulator cannot be built.
    """
    own = EarConfig("pcm", multipliers)
    verilog, _ = emit_top(device_of(artifact, config, own, None), "device")
    return workspace.program("device", verilog, _MAIN, [])


def play(
    program: Path,
    artifact: Artifact,
    detector: DetectorSpec,
    pieces: Iterable[NDArray[np.int16]],
    workspace: Workspace,
    seed: int = 1,
) -> Played:
    """Play sound in `pieces` (n,) to the device `built`; `seed` is that of all that is undefined.

    Raises
    ------
    BenchFailure
        An answer is missing or has not three beats, or words follow each other faster than they can be told.
    """
    workspace.runs.mkdir(parents=True, exist_ok=True)
    sound, found = workspace.runs / "sound.i16", workspace.runs / "answers.u32"
    samples = 0
    with sound.open("wb") as file:
        for piece in pieces:
            file.write(piece.astype("<i2").tobytes())
            samples += len(piece)
    steps = samples // ear_of(artifact).samples_per_frame
    count = steps // artifact.network.spec.readout.stride
    numbers = (
        (DETECT_MARGIN, detector.margin),
        (DETECT_HOLD, detector.hold),
        (DETECT_REFRACTORY, detector.refractory),
        (DETECT_SILENT, DETECT_SILENT["NONE"].mask if detector.silent is None else detector.silent),
    )
    command = [str(program), str(sound), str(found), str(count)]
    command += [str(value) for register, number in numbers for value in (register.offset, number)]
    command += [str(DETECTED.offset), "+verilator+rand+reset+2", f"+verilator+seed+{seed}"]
    cycles = _run(command, found, count)
    rows = np.fromfile(found, "<u4").reshape(-1, WORDS)
    answers = Answers(*(column.astype(np.int64)[:, np.newaxis] for column in _signed(rows)))
    return Played(answers, _words(rows[:, 3].astype(np.int64)), cycles)


def first_difference(
    played: Played, answers: Answers, words: Sequence[tuple[int, int]], names: Sequence[str]
) -> str | None:
    """The first answer, or else word, of the device that is not the golden one, or None."""
    shape, wanted = played.answers.classes.shape, answers.classes.shape
    if shape != wanted:
        return f"there are {shape[0]} answers, not {wanted[0]}"
    for kind, own, golden in zip(Answers._fields, played.answers, answers, strict=True):
        wrong = np.flatnonzero(own != golden)
        if wrong.size:
            index = wrong[0]
            return f"{kind} of answer {index}: expected {golden[index, 0]}, got {own[index, 0]}"
    for pair, golden_pair in zip_longest(played.words, words):
        if pair != golden_pair:
            return f"word: expected {_told(golden_pair, names)}, got {_told(pair, names)}"
    return None


def _told(word: tuple[int, int] | None, names: Sequence[str]) -> str:
    return "none" if word is None else f"{names[word[1]]} with answer {word[0]}"


def _run(command: Sequence[str], found: Path, count: int) -> int:
    """The cycles of a simulation that writes `count` answers to the file `found`."""
    pipes: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "encoding": "utf-8"}
    bar = tqdm(total=count, desc="device", unit="answer")
    with bar, subprocess.Popen(command, **pipes) as process:
        try:
            while process.poll() is None:
                time.sleep(PAUSE_S)
                if found.exists():
                    bar.update(found.stat().st_size // (4 * WORDS) - bar.n)
        except BaseException:
            process.kill()
            raise
        told, wrong = process.communicate()
    if process.returncode:
        raise BenchFailure(f"device ended with status {process.returncode}: {wrong.strip()}")
    return int(told)


def _signed(rows: NDArray[np.uint32]) -> tuple[NDArray[np.int64], ...]:
    classes, scores, margins = rows[:, 0], rows[:, 1], rows[:, 2]
    return classes.astype(np.int64), scores.view(np.int32).astype(np.int64), margins.astype(np.int64)


def _words(detected: NDArray[np.int64]) -> list[tuple[int, int]]:
    """Of the register DETECTED after each answer, which answers said a word, and which."""
    counts = detected >> DETECTED["COUNT"].low
    said = np.diff(counts, prepend=0) % (1 << DETECTED["COUNT"].width)
    if said.max(initial=0) > 1:
        raise BenchFailure(f"an answer says {said.max()} words")
    words = detected & (1 << DETECTED["WORD"].width) - 1
    return [(int(index), int(words[index])) for index in np.flatnonzero(said)]

"""A board under Verilator, at full speed: its line is a pseudo-terminal, its microphone plays a recording.

The C++ around the board is ``board_sim.cpp``. Simulated time and the host's are not related: the board waits
for no one, and a byte that the host has not read yet is kept.
"""

from __future__ import annotations

import json
import os
import subprocess
import tty
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fxp_model.artifact import Artifact
from hw.board import board_of
from hw.config import HardwareConfig
from hw.ear import EarConfig, ear_of
from hw.verilog import emit_top
from tb.harness.microphones import Played
from tb.harness.runner import BenchFailure, Workspace

DIVIDER = 4
"""Cycles of a bit on the line: the fewest, so that the line takes the least of a simulation."""
CLOCK_HZ = 4_000_000
"""Of a board without an ear."""
END_S = 30.0
"""Within which a simulation ends that is told to."""

_MAIN = Path(__file__).with_suffix(".cpp")


@dataclass(frozen=True)
class Faults:
    """Planted faults of the line, in both directions.

    lose, double, flip : probability that a byte is lost, comes twice, or has a bit flipped
    """

    lose: float = 0.0
    double: float = 0.0
    flip: float = 0.0


@dataclass(frozen=True)
class SimulatedBoard:
    """A board that runs.

    path : of its serial port
    clock_hz, baud : as it was built
    figures : at its end: `cycles`, bytes `sent` to it and `received`, words `played`, bytes `lost`, `doubled`
        and `flipped`
    """

    path: str
    clock_hz: int
    baud: int
    figures: dict[str, int] = field(default_factory=dict)


@contextmanager
def board_simulation(
    artifact: Artifact,
    config: HardwareConfig,
    workspace: Workspace,
    *,
    own: EarConfig | None = None,
    sound: NDArray[np.int64] | None = None,
    faults: Faults | None = None,
    seed: int = 1,
) -> Iterator[SimulatedBoard]:
    """A simulated board of an artifact, for a ``with`` block.

    Parameters
    ----------
    artifact : Artifact
    config : HardwareConfig
        Of the core.
    workspace : Workspace
        Where it is built, once, and runs.
    own : EarConfig, optional
        Of its ear, whose microphone is ``i2s`` or ``pdm``; by default there is none.
    sound : (n,) int, optional
        16-bit PCM at the rate of the microphone, which plays it from the reset on, and then silence.
    faults : Faults, optional
    seed : int
        Of the faults and of all that is undefined.

    Raises
    ------
    InputError
        The artifact has no ear but should, or `config` does not fit it.
    BenchFailure
        The simulator cannot be built, or the board sent a byte without a stop bit.
    """
    clock_hz = (
        CLOCK_HZ if own is None else own.sample_cycles(ear_of(artifact)) * own.rate_of(ear_of(artifact))
    )
    baud = clock_hz // DIVIDER
    verilog, _ = emit_top(board_of(artifact, config, own, clock_hz=clock_hz, baud=baud), "board")
    macros = [] if own is None else [own.microphone.upper()]
    program = workspace.program("board", verilog, _MAIN, macros)
    planted = faults or Faults()
    chances = [str(chance) for chance in (planted.lose, planted.double, planted.flip)]
    master, slave = os.openpty()
    try:
        tty.setraw(slave)
        board = SimulatedBoard(os.ttyname(slave), clock_hz, baud)
        command = [str(program), str(master), str(DIVIDER), str(seed), *chances]
        if sound is not None:
            assert own is not None
            command.append(str(_words(artifact, own, sound, workspace)))
        command += ["+verilator+rand+reset+2", f"+verilator+seed+{seed}"]
        process = subprocess.Popen(
            command, pass_fds=(master,), stdout=subprocess.PIPE, stderr=subprocess.PIPE, encoding="utf-8"
        )
    except BaseException:
        os.close(slave)
        raise
    finally:
        os.close(master)  # of the process from now on, so that its end is the end of the line
    try:
        yield board
    finally:
        process.terminate()
        told, wrong = process.communicate(timeout=END_S)
        os.close(slave)
        if process.returncode:  # the reason of whatever went wrong before
            raise BenchFailure(f"board ended with status {process.returncode}: {wrong.strip()}")
        board.figures.update(json.loads(told))


def _words(artifact: Artifact, own: EarConfig, sound: NDArray[np.int64], workspace: Workspace) -> Path:
    """File of what the microphone gives, from its start-up on."""
    given = Played.to(own, ear_of(artifact), sound).given
    if own.microphone == "i2s":
        given = np.pad(given, (own.i2s.settle_frames - 1, 0))
    workspace.runs.mkdir(parents=True, exist_ok=True)
    file = workspace.runs / "sound.i32"
    given.astype("<i4").tofile(file)
    return file

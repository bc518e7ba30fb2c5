"""Boards as the scripts of a host reach them: at a serial port, or simulated."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fxp_model.artifact import Artifact
from fxp_model.errors import CheckFailed, InputError
from fxp_model.options import SEED, Parser, nonempty, real, some_path, whole
from hw.config import HardwareConfig
from hw.driver.description import description_of
from hw.driver.spikeline import Spikeline
from hw.driver.uart import UartLine
from hw.ear import EarConfig
from hw.options import config_of
from hw.rtl.board.board import BAUD

SIM = "sim"
"""The port of a simulated board."""
PAUSE_S = 0.01
"""Of a read of the port."""
TRIES = 5
"""Of a request, before the line counts as lost and is greeted again."""
SIM_TIMEOUT_S = 30.0
"""For a reply of a simulated board: a large one computes some 10,000 cycles in a second."""


@dataclass(frozen=True)
class Connected:
    """A board, the line to it, and what was simulated (`tb.harness.board_sim.SimulatedBoard`) at its end."""

    board: Spikeline
    line: UartLine
    figures: dict[str, int] = field(default_factory=dict)


def add_board_options(parser: Parser) -> None:
    """Give a script ``--port`` and what belongs to it."""
    add = parser.add_argument_group("board").add_argument
    add(
        "--port",
        type=nonempty,
        required=True,
        metavar="DEV",
        help=f"serial port of a board, such as /dev/ttyUSB0; {SIM} for a simulated one",
    )
    add("--baud", type=whole(1, 10**8), default=BAUD, help="of a serial port (default: %(default)s)")
    add(
        "--timeout",
        type=real(0.001, 3600),
        metavar="S",
        help="for a reply of the board (default: 0.5; of a simulated one 30)",
    )
    add("--seed", type=SEED, default=1, help="of a simulation (default: %(default)s)")
    add(
        "--out",
        type=some_path,
        default=Path("build/board"),
        help="work folder of a simulation (default: %(default)s)",
    )


@contextmanager
def connected(
    args: argparse.Namespace,
    artifact: Artifact,
    *,
    own: EarConfig | None = None,
    sound: NDArray[np.int64] | None = None,
    faults: tuple[float, float, float] = (0.0, 0.0, 0.0),
) -> Iterator[Connected]:
    """The board of the options, for a ``with`` block; `sound` and `faults` are those of a simulated one.

    Raises
    ------
    InputError
        The port cannot be opened, or there is no simulator.
    CheckFailed
        The simulation failed.
    """
    config = config_of(args, artifact.network.spec)
    if args.port != SIM:
        with _opened(args.port, args.baud, artifact, config, own, args.timeout or 0.5) as reached:
            yield reached
        return
    from tb.harness.board_sim import Faults, board_simulation
    from tb.harness.runner import BenchFailure, Workspace, missing_tool

    missing = missing_tool("verilator")
    if missing is not None:
        raise InputError(missing)
    planted, timeout_s = Faults(*faults), args.timeout or SIM_TIMEOUT_S
    try:
        with (
            Workspace.of_run(args.out.resolve()) as workspace,
            board_simulation(
                artifact, config, workspace, own=own, sound=sound, faults=planted, seed=args.seed
            ) as simulated,
            _opened(simulated.path, BAUD, artifact, config, own, timeout_s) as reached,
        ):
            yield Connected(reached.board, reached.line, simulated.figures)
    except BenchFailure as failure:
        raise CheckFailed(str(failure)) from None


@contextmanager
def _opened(
    path: str,
    baud: int,
    artifact: Artifact,
    config: HardwareConfig,
    own: EarConfig | None,
    timeout_s: float,
) -> Iterator[Connected]:
    import serial

    description = description_of(artifact, config, artifact.name, own is not None)
    try:
        port = serial.Serial(path, baud, timeout=PAUSE_S)
    except (serial.SerialException, ValueError, OSError) as error:
        raise InputError(f"{path} must be a serial port: {error}") from None
    with port:
        line = UartLine(port, timeout_s, TRIES)
        yield Connected(Spikeline(line, description, timeout_s=10 * timeout_s), line)

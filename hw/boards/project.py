"""A device on a board as a folder of a build, for the board's own tools, without Spikeline."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from fxp_model.artifact import Artifact
from fxp_model.errors import InputError
from hw.board import emit_board
from hw.boards.boards import BOARDS
from hw.boards.plan import TOP, planned
from hw.config import HardwareConfig
from hw.ear import EarConfig


@dataclass(frozen=True)
class Project:
    """Files by name, and what a user must know of them."""

    files: dict[str, str]
    about: dict[str, Any]


def project_of(
    artifact: Artifact, config: HardwareConfig, ear: EarConfig | None, name: str, board: str
) -> Project:
    """The project of `board`: the device ``<name>_board.v``, the top level around it, constraints, scripts.

    The scripts are those of Amaranth's platform of the board: ``sh build_top.sh`` runs yosys, nextpnr-ecp5
    and ecppack, or Vivado. `build_board` has passes of its own for ECP5, which make a device smaller.

    Raises
    ------
    InputError
        There is no such board, or `amaranth-boards` is missing; also as `hw.board.board_of`.
    """
    if board not in BOARDS:
        raise InputError(f"boards must be of {', '.join(BOARDS)}, not {board!r}")
    from hw.flows.tool import version_of  # of the extra

    versions = {"amaranth-boards": version_of("amaranth-boards")}
    own = BOARDS[board]
    device = emit_board(artifact, config, ear, f"{name}_board", clock_hz=own.clock_hz)
    plan = planned(own, device, None if ear is None else ear.microphone)
    about = {
        "device": device.manifest,
        "build": f"sh build_{TOP}.sh",
        "load": f"openFPGALoader -b {own.loader} {TOP}.bit",
        "versions": versions,
    }
    return Project(plan.project, about)

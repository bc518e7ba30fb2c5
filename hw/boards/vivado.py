"""A device as a project for Vivado, which is not run here: sources, constraints and script."""

from __future__ import annotations

from hw.boards.boards import Board
from hw.boards.plan import TOP, planned
from hw.ear import EmittedDevice


def project(board: Board, device: EmittedDevice, microphone: str | None) -> dict[str, str]:
    """Its files, by name; ``vivado -mode batch -source top.tcl`` makes ``top.bit``."""
    plan = planned(board, device, microphone)
    names = (f"{device.name}.v", *(f"{TOP}.{kind}" for kind in ("v", "xdc", "tcl")))
    return {name: plan.text(name) for name in names}

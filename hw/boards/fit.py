"""Which presets a board has room for, by the estimates."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from fxp_model.artifact import Artifact
from fxp_model.spec import Answer
from hw.boards.boards import BOARDS, Board
from hw.config import PRESETS, HardwareConfig
from hw.ear import EarConfig, ear_of
from hw.estimates.resources import Area, estimate, estimate_board
from hw.parts import PARTS
from hw.rtl.board.teller import NAME_BYTES


def lacking(board: Board, cells: Area) -> str | None:
    """What `cells` need and the board does not have, as ``ebr: 64 of 56``; None if it has all."""
    has = PARTS[board.part].capacity
    short = [f"{kind}: {cells[kind]:g} of {own}" for kind, own in has.items() if cells.get(kind, 0) > own]
    return ", ".join(short) or None


def estimated(artifact: Artifact, config: HardwareConfig, board: Board, ear: EarConfig | None) -> Area:
    """Estimated cells of core and ear, and of what is around them, with names as long as a board tells."""
    own = None if ear is None else (ear_of(artifact), ear)
    target = PARTS[board.part].target
    found = estimate(artifact.network, config, target, own)
    names = [name.encode()[:NAME_BYTES].decode(errors="ignore") for name in artifact.labels]
    steps = artifact.network.spec.readout.answer is Answer.STEP
    around = estimate_board(names, ear is not None, board.clock_hz, target, steps=steps)
    more: list[Area] = [around.total, *([] if found.ear is None else [found.ear.total])]
    return {kind: amount + sum(area.get(kind, 0) for area in more) for kind, amount in found.total.items()}


def narrower_preset(
    artifact: Artifact, config: HardwareConfig, board: Board, ear: EarConfig | None
) -> str | None:
    """The widest preset that is estimated to be smaller than `config` and to fit the board; None if there is
    none.
    """
    logic = "comb" if PARTS[board.part].target == "ecp5" else "lut"
    least = estimated(artifact, config, board, ear)[logic]
    found = {}
    for name in PRESETS:
        other = HardwareConfig.uniform(
            artifact.network.spec,
            preset=name,
            reload=config.reload,
            programmable_delays=config.programmable_delays,
        )
        cells = estimated(artifact, other, board, ear)
        if cells[logic] < least and lacking(board, cells) is None:
            found[name] = cells[logic]
    return max(found, key=lambda name: found[name], default=None)


def advice(artifact: Artifact, config: HardwareConfig, board: Board, ear: EarConfig | None) -> str:
    """What to build where `config` is too large or too slow, in words."""
    preset = narrower_preset(artifact, config, board, ear)
    if preset is None:
        return "no narrower preset is estimated to fit"
    return f"--preset {preset} is the nearest that is estimated to fit"


def fitting(artifact: Artifact, config: HardwareConfig, ear: EarConfig | None) -> list[dict[str, Any]]:
    """What each board has for a core, and for an ear if one is given.

    Returns
    -------
    list of dict
        ``board``, ``title``, ``part``, ``clock_mhz`` of a device there; ``share``, the largest of the cells
        of a kind by the estimates; ``lacking``, what the board does not have, or None.
    """
    rows = []
    for board in BOARDS.values():
        capacity = PARTS[board.part].capacity
        cells = estimated(artifact, config, board, ear)
        rows.append(
            {
                "board": board.name,
                "title": board.title,
                "part": board.part,
                "clock_mhz": board.clock_hz / 1e6,
                "share": max(cells[kind] / own for kind, own in capacity.items()),
                "lacking": lacking(board, cells) or _too_slow(artifact, board, ear) or _too_long(artifact),
            }
        )
    return rows


def _too_slow(artifact: Artifact, board: Board, ear: EarConfig | None) -> str | None:
    """The clock that an ear needs with its microphone, where that of the board is slower."""
    if ear is None:
        return None
    spec = ear_of(artifact)
    needed = replace(ear, clock_hz=None).sample_cycles(spec) * ear.rate_of(spec)
    return f"clock: {needed / 1e6:g} of {board.clock_hz / 1e6:g} MHz" if needed > board.clock_hz else None


def _too_long(artifact: Artifact) -> str | None:
    """The bytes of the longest name of a class, where a board cannot tell it."""
    longest = max(len(name.encode()) for name in artifact.labels)
    return f"name of a class: {longest} of {NAME_BYTES} bytes" if longest > NAME_BYTES else None

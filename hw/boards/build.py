"""An artifact on a board as a folder: bitstream, or project for Vivado, and what a host must know of it."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path
from typing import Any

from fxp_model import __version__
from fxp_model.artifact import Artifact
from fxp_model.files import json_text, write_text
from fxp_model.folders import FolderKind
from hw.board import emit_board
from hw.boards import ecp5
from hw.boards.boards import Board
from hw.boards.ecp5 import Effort
from hw.boards.fit import advice, lacking
from hw.boards.plan import planned
from hw.config import HardwareConfig, preset_of
from hw.ear import EarConfig, EmittedDevice
from hw.flows import yosys
from hw.flows.tool import FlowError, version_of
from hw.names import free_name
from hw.parts import PARTS

FOLDER = FolderKind("bitstream", "board.json", "spikeline-board")


def build_board(
    artifact: Artifact, config: HardwareConfig, ear: EarConfig | None, board: Board, out: Path, effort: Effort
) -> dict[str, Any]:
    """Build `artifact` for `board` in the folder `out`.

    Writes ``<name>.bit`` or ``<name>.dfu`` and the constraints ``top.lpf``, or for a board of AMD the project
    for Vivado; the Verilog of the device, ``<name>_board.v``; ``description.json``, which a driver reads; and
    ``board.json``, the result. They appear all together or not at all, and replace those of an earlier build.

    Returns
    -------
    dict
        ``board``, ``artifact``, ``preset`` (None with other widths), ``bitstream`` (its path), its ``bytes``,
        ``utilisation`` (``used`` and ``available`` of each kind of cell), ``fmax_mhz`` of each seed (None if
        it was not routed in time), ``clock_mhz``, ``met`` (by the best seed), ``seconds``, ``versions``. What
        only Vivado could say is None.

    Raises
    ------
    InputError
        The artifact has no ear, the configuration does not fit it, or `out` holds something else.
    FlowError
        A tool failed, no seed was routed in time, or the board has too few cells; the message says what is
        estimated to fit.
    """
    FOLDER.check(out)
    began = time.monotonic()
    name = free_name(artifact.name)
    device = emit_board(artifact, config, ear, f"{name}_board", clock_hz=board.clock_hz)
    result: dict[str, Any] = {
        "board": board.name,
        "artifact": artifact.name,
        "preset": preset_of(artifact.network.spec, config),
        **dict.fromkeys(("bitstream", "bytes", "utilisation", "fmax_mhz")),
        "clock_mhz": board.clock_hz / 1e6,
        "met": None,
    }
    open_tools = PARTS[board.part].target == ecp5.TARGET
    tools = ("amaranth", "amaranth-boards", *((yosys.PACKAGE, ecp5.PACKAGE) if open_tools else ()))
    versions = {"spikeline": __version__, **{tool: version_of(tool) for tool in tools}}
    microphone = None if ear is None else ear.microphone
    with FOLDER.writing(out) as folder:
        if open_tools:
            found = _built(artifact, config, ear, board, device, effort)
            file = f"{name}.{found.suffix}"
            (folder / file).write_bytes(found.content)
            write_text(folder / "top.lpf", found.pins)
            write_text(folder / f"{device.name}.v", device.verilog)
            result |= _figures(found, board) | {"bitstream": str(out / file)}
        else:
            for file, text in planned(board, device, microphone).project.items():
                write_text(folder / file, text)
        result |= {"seconds": round(time.monotonic() - began, 1), "versions": versions}
        write_text(folder / "description.json", json_text(device.manifest))
        write_text(folder / FOLDER.mark, json_text({"format": FOLDER.format, **result}))
    return result


def _built(
    artifact: Artifact,
    config: HardwareConfig,
    ear: EarConfig | None,
    board: Board,
    device: EmittedDevice,
    effort: Effort,
) -> ecp5.Bitstream:
    """Through the tools, in a temporary folder."""
    with tempfile.TemporaryDirectory(prefix="spikeline-") as name:
        effort.progress(f"yosys {yosys.SYNTHESIS[ecp5.TARGET]} ...")
        microphone = None if ear is None else ear.microphone
        design = ecp5.synthesise(board, device, microphone, Path(name), effort.timeout_s)
        short = lacking(board, yosys.area(yosys.cells_of(design.module), ecp5.TARGET))
        if short is not None:
            instead = advice(artifact, config, board, ear)
            raise FlowError(f"{board.name} has too few cells, {short}; {instead}")
        return ecp5.route(design, effort)


def _figures(found: ecp5.Bitstream, board: Board) -> dict[str, Any]:
    """Those of a bitstream."""
    best = found.best
    return {
        "bytes": len(found.content),
        "utilisation": {
            kind: {"used": used, "available": best.available[kind]} for kind, used in best.area.items()
        },
        "fmax_mhz": [None if run is None else round(run.fmax_mhz, 2) for run in found.routed],
        "met": best.fmax_mhz >= board.clock_hz / 1e6,
    }

"""For LiteX in every build: a module that adds the core and its ear to a SoC, and a mailbox beside it."""

from __future__ import annotations

from dataclasses import asdict
from importlib.resources import files
from pathlib import Path

from fxp_model.artifact import Artifact
from fxp_model.files import write_text
from hw.config import HardwareConfig
from hw.ear import EmittedDevice
from hw.names import MAX_LENGTH
from hw.rtl.answer_unit import unit_of
from hw.rtl.board.hub import Hub
from hw.verilog import emit_top

COPIED = "spikeline_litex.py", "spikeline_dma.h"
"""The same for every build; the differences are in its manifest."""


def mailbox_name(name: str) -> str:
    """Name of the mailbox of the core `name`, which may be as long as a name can be."""
    suffix = "_mailbox"
    return name[: MAX_LENGTH - len(suffix)].rstrip("_") + suffix


def emit_mailbox(
    artifact: Artifact, config: HardwareConfig, ear: bool, clock_hz: int, name: str
) -> EmittedDevice:
    """Generate the `Hub` of a core as the module `name`; `clock_hz` is the clock of both.

    Raises
    ------
    InputError
        If `name` cannot be that of a core.
    """
    spec = artifact.network.spec
    hub = Hub(unit_of(spec.readout).beats(spec.n_out), config.stages[0].events_per_cycle, ear, clock_hz)
    verilog, ports = emit_top(hub, name)
    about = {"name": name, "clock_hz": clock_hz, "ports": [asdict(port) for port in ports]}
    return EmittedDevice(name, verilog, about)


def write_litex(folder: Path, mailbox: EmittedDevice) -> None:
    """Write the files `COPIED` and the Verilog of `mailbox` into the new `folder` of a build."""
    folder.mkdir()
    for name in COPIED:
        write_text(folder / name, (files("hw.litex") / name).read_text(encoding="utf-8"))
    write_text(folder / f"{mailbox.name}.v", mailbox.verilog)

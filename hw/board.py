"""The top level of an artifact on a board, and the description of it that a driver reads."""

from __future__ import annotations

from dataclasses import asdict, replace
from typing import Any

from fxp_model.artifact import Artifact
from fxp_model.errors import InputError
from hw import ear_registers, mailbox_registers, registers
from hw.config import HardwareConfig
from hw.ear import EarConfig, EmittedDevice, device_of, trigger_of
from hw.mailbox_registers import CORE_BASE, EAR_BASE, MAILBOX_BASE
from hw.rtl.board.board import BAUD, BoardDevice
from hw.rtl.core import Core
from hw.rtl.ear.device import Device
from hw.verilog import emit_top


def board_of(
    artifact: Artifact,
    config: HardwareConfig,
    own: EarConfig | None = None,
    *,
    clock_hz: int,
    baud: int = BAUD,
) -> BoardDevice:
    """The top level of an artifact on a board, whose clock is `clock_hz`, with an ear if `own` is given.

    Raises
    ------
    InputError
        Artifact, configuration, microphone, clock and baud rate do not fit each other.
    """
    if own is None:
        config.check(artifact.network.spec)
        device: Core | Device = Core(artifact.network, config, artifact.sha256)
    else:
        if own.microphone == "pcm":
            raise InputError("microphone of a board must be i2s or pdm, not pcm")
        device = device_of(artifact, config, replace(own, clock_hz=clock_hz), trigger_of(artifact))
    return BoardDevice(device, artifact.labels, clock_hz=clock_hz, baud=baud)


def description(
    artifact: Artifact,
    config: HardwareConfig,
    own: EarConfig | None = None,
    *,
    clock_hz: int,
    baud: int = BAUD,
) -> dict[str, Any]:
    """What a driver needs to know of a board: classes, limits, and registers with their addresses."""
    spec = artifact.network.spec
    core = registers.register_map(spec.stage_names, config.reload)
    blocks = {"core": (CORE_BASE, core), "mailbox": (MAILBOX_BASE, mailbox_registers.ALL)}
    if own is not None:
        blocks["ear"] = EAR_BASE, ear_registers.ALL
    return {
        "artifact": artifact.name,
        "artifact_sha256": artifact.sha256,
        "classes": list(artifact.labels),
        "n_in": spec.n_in,
        "max_count": spec.layers[0].max_input,
        "reload": config.reload,
        "clock_hz": clock_hz,
        "baud": baud,
        "blocks": {
            name: {"base": base, "registers": [asdict(register) for register in own_registers]}
            for name, (base, own_registers) in blocks.items()
        },
    }


def emit_board(
    artifact: Artifact,
    config: HardwareConfig,
    own: EarConfig | None,
    name: str,
    *,
    clock_hz: int,
    baud: int = BAUD,
) -> EmittedDevice:
    """Generate the top level of `board_of` as the module `name`, with its `description` and ``ports``.

    Raises
    ------
    InputError
        As of `board_of`, or `name` cannot be that of a core.
    """
    verilog, ports = emit_top(board_of(artifact, config, own, clock_hz=clock_hz, baud=baud), name)
    about = description(artifact, config, own, clock_hz=clock_hz, baud=baud)
    return EmittedDevice(name, verilog, {"name": name, **about, "ports": [asdict(port) for port in ports]})

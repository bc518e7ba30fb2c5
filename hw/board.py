"""The top level of an artifact on a board."""

from __future__ import annotations

from dataclasses import asdict, replace

from fxp_model.artifact import Artifact
from fxp_model.errors import InputError
from fxp_model.spec import Answer
from hw.config import HardwareConfig
from hw.driver.description import description_of
from hw.ear import EarConfig, EmittedDevice, device_of, own_trigger
from hw.rtl.board.board import BAUD, BoardDevice
from hw.rtl.board.teller import name_bytes
from hw.rtl.board.uart import cycles_per_bit
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
    # before a Component exists: Amaranth warns about one that is never elaborated
    cycles_per_bit(clock_hz, baud)
    name_bytes(artifact.labels)
    if own is None:
        config.check(artifact.network.spec)
        device: Core | Device = Core(artifact.network, config, artifact.sha256)
    else:
        if own.microphone == "pcm":
            raise InputError("microphone of a board must be i2s or pdm, not pcm")
        device = device_of(artifact, config, replace(own, clock_hz=clock_hz), own_trigger(artifact))
    steps = artifact.network.spec.readout.answer is Answer.STEP
    return BoardDevice(device, artifact.labels, steps=steps, clock_hz=clock_hz, baud=baud)


def emit_board(
    artifact: Artifact,
    config: HardwareConfig,
    own: EarConfig | None,
    name: str,
    *,
    clock_hz: int,
    baud: int = BAUD,
) -> EmittedDevice:
    """Generate the top level of `board_of` as the module `name`.

    Its manifest is what a driver takes (`hw.driver.description.description_of`), with ``clock_hz``, ``baud``
    and ``ports``.

    Raises
    ------
    InputError
        As of `board_of`, or `name` cannot be that of a core.
    """
    verilog, ports = emit_top(board_of(artifact, config, own, clock_hz=clock_hz, baud=baud), name)
    about = description_of(artifact, config, name, own is not None)
    more = {"clock_hz": clock_hz, "baud": baud, "ports": [asdict(port) for port in ports]}
    return EmittedDevice(name, verilog, about | more)

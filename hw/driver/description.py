"""What a driver has to know of one build: ``driver/description.json``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from fxp_model import __version__
from fxp_model.artifact import Artifact
from fxp_model.spec import Answer
from hw import ear_registers, mailbox_registers, registers
from hw.config import HardwareConfig
from hw.ear import ear_of, own_trigger
from hw.registers import Register, register_map, version_word

FORMAT = "spikeline-driver"
PEAK_FRAC_BITS = 15
"""PEAK is the magnitude of 16-bit PCM."""


def answers_per_step(artifact: Artifact) -> bool:
    """Whether the network of an artifact has answers per step."""
    return artifact.network.spec.readout.answer is Answer.STEP


def blocks_of(artifact: Artifact, config: HardwareConfig, ear: bool) -> dict[str, tuple[Register, ...]]:
    """Registers of each block on a board's bus."""
    spec, steps = artifact.network.spec, answers_per_step(artifact)
    core = register_map(spec.stage_names, config.reload, steps)
    own = {"ear": ear_registers.register_map(not steps)} if ear else {}
    return {"core": core, **own, "mailbox": mailbox_registers.ALL}


BASES = {
    "core": mailbox_registers.CORE_BASE,
    "ear": mailbox_registers.EAR_BASE,
    "mailbox": mailbox_registers.MAILBOX_BASE,
}
IDENTITIES = {
    "core": registers.IDENTITY_WORD,
    "ear": ear_registers.IDENTITY_WORD,
    "mailbox": mailbox_registers.IDENTITY_WORD,
}


def description_of(
    artifact: Artifact, config: HardwareConfig, name: str, ear: bool = False, vlnv: str = ""
) -> dict[str, Any]:
    """What `hw.driver.spikeline.Spikeline` takes, for the core `name` of `artifact`.

    Parameters
    ----------
    artifact : Artifact
    config : HardwareConfig
    name : str
        Verilog module of the core.
    ear : bool
        There is an ear in front of it.
    vlnv : str
        Of the packaged core in Vivado (`hw.vivado.vlnv`), by which PYNQ finds it.

    With answers per step there is a ``stride``, the steps of an answer.
    """
    maps = blocks_of(artifact, config, ear)
    blocks: dict[str, Any] = {
        block: {"base": BASES[block], "identity": IDENTITIES[block], "registers": _described(own)}
        for block, own in maps.items()
    }
    if ear:
        level, trigger = ear_of(artifact), own_trigger(artifact)
        floor = {} if trigger is None else {"FLOOR": trigger.log_frac_bits + trigger.floor_shift}
        blocks["ear"]["fractions"] = {
            "LEVEL": level.log_frac_bits + level.level_shift,
            **floor,
            "LOUDNESS": level.log_frac_bits,
            "PEAK": PEAK_FRAC_BITS,
        }
    layer = artifact.network.spec.layers[0]
    return {
        "format": FORMAT,
        "name": name,
        "vlnv": vlnv,
        "version": __version__,
        "version_word": version_word(__version__),
        "artifact": artifact.name,
        "artifact_sha256": artifact.sha256,
        "n_in": layer.n_in,
        "max_count": layer.max_input,
        "classes": list(artifact.labels),
        **({"stride": artifact.network.spec.readout.stride} if answers_per_step(artifact) else {}),
        "blocks": blocks,
    }


def _described(own: Sequence[Register]) -> dict[str, Any]:
    return {
        register.name: {
            "offset": register.offset,
            "access": register.access,
            "fields": {field.name: {"low": field.low, "width": field.width} for field in register.fields},
        }
        for register in own
    }

"""The folder ``driver/`` of a build: drivers in Python and C, and the registers in the formats of others."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

from fxp_model.artifact import Artifact
from fxp_model.files import json_text, write_text
from hw.config import HardwareConfig
from hw.driver.description import blocks_of, description_of
from hw.driver.header import header
from hw.driver.rdl import rdl
from hw.driver.svd import svd
from hw.driver.tree import tree

COPIED = (
    *("spikeline.py", "uart.py", "linux_tty.py", "uio.py", "overlay.py"),
    *("c/spikeline_driver.h", "c/spikeline_driver.c"),
)
"""The same for every device; the differences are in ``description.json`` and ``spikeline.h``."""


def write_driver(
    folder: Path, artifact: Artifact, config: HardwareConfig, name: str, ear: bool = False, vlnv: str = ""
) -> None:
    """Write the new `folder` for the core `name`; the arguments are those of `description_of`."""
    folder.mkdir()
    description = description_of(artifact, config, name, ear, vlnv)
    blocks = blocks_of(artifact, config, ear)
    texts = {
        "description.json": json_text(description),
        "spikeline.h": header(description, blocks),
        "spikeline.svd": svd(description, blocks),
        "spikeline.rdl": rdl(description, blocks),
        "spikeline.dtsi": tree(description),
    }
    texts |= {Path(own).name: (files("hw.driver") / own).read_text(encoding="utf-8") for own in COPIED}
    for file, text in texts.items():
        write_text(folder / file, text)

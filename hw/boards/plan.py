"""What Amaranth's platform of a board makes of a device: sources, constraints, and commands of its tools."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass

from hw.boards.boards import Board
from hw.boards.top import BoardTop
from hw.ear import EmittedDevice

TOP = "top"
"""The module around the device."""


@dataclass(frozen=True)
class Plan:
    """Files of the platform, by name."""

    files: dict[str, str | bytes]

    def text(self, name: str) -> str:
        """A file's text."""
        content = self.files[name]
        return content if isinstance(content, str) else content.decode("utf-8")

    @property
    def project(self) -> dict[str, str]:
        """Sources, constraints and scripts, for ``sh build_top.sh``, which makes ``top.bit``."""
        others = (".bat", ".json", ".debug.v")
        return {name: self.text(name) for name in self.files if not name.endswith(others)}

    @property
    def commands(self) -> dict[str, list[str]]:
        """Arguments of each tool, by its name."""
        commands = json.loads(self.text(f"build_{TOP}.json"))["commands"]
        return {tool: arguments for tool, *arguments in commands}


def planned(board: Board, device: EmittedDevice, microphone: str | None) -> Plan:
    """The plan of `device` on `board`; none of the tools that the platform names need be there."""
    os.environ.setdefault("AMARANTH_USE_YOSYS", "builtin")  # not the system's: its Verilog may differ
    platform = board.make()
    platform.add_file(f"{device.name}.v", device.verilog)
    plan = platform.prepare(BoardTop(board, device, microphone), TOP, emit_src=False)
    return Plan(dict(plan.files))

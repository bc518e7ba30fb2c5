"""Tcl scripts for Vivado in every build: an IP of the core, a Zynq around it, out-of-context synthesis."""

from __future__ import annotations

import hashlib
from importlib.resources import files
from pathlib import Path

from fxp_model import __version__
from hw.registers import ADDRESS_BITS
from hw.verilog import EmittedCore

SCRIPTS = ("create_ip.tcl", "block_design.tcl", "synth.tcl", "ooc.xdc")
"""The same for every core; the differences are in ``core.tcl``."""


def vlnv(core: EmittedCore) -> str:
    """Vendor, library, name and version, which identify an IP in Vivado.

    Digits of the Verilog's SHA-256 in the name distinguish cores of different artifacts, whose hash is
    in the Verilog, or configurations. Vivado takes two numbers of Spikeline's version.
    """
    digits = hashlib.sha256(core.verilog.encode()).hexdigest()[:8]
    return f"spikeline:core:{core.name}_{digits}:{'.'.join(__version__.split('.')[:2])}"


def write_scripts(folder: Path, core: EmittedCore) -> None:
    """Write `SCRIPTS` and ``core.tcl`` into the new `folder`; the Verilog of `core` is in its parent."""
    folder.mkdir()
    for script in SCRIPTS:
        (folder / script).write_text(
            (files("hw.vivado") / script).read_text(encoding="utf-8"), encoding="utf-8"
        )
    settings = {
        "core_name": core.name,
        "core_vlnv": vlnv(core),
        "core_address_bytes": 2**ADDRESS_BITS,
        "core_input_bits": next(p.width for p in core.ports if p.name == "s_axis_tdata"),
        "core_input_ports": " ".join(p.name for p in core.ports if p.name.startswith("s_axis_")),
        "core_output_ports": " ".join(p.name for p in core.ports if p.name.startswith("m_axis_")),
        "core_control_ports": " ".join(p.name for p in core.ports if p.name.startswith("s_axil_")),
    }
    lines = [f"set {key} {{{value}}}" for key, value in settings.items()]
    (folder / "core.tcl").write_text(
        "# Settings of this core for the scripts.\n" + "\n".join(lines) + "\n", encoding="utf-8"
    )

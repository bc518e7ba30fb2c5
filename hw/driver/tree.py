"""The node of a device in a device tree, by which Linux makes it a ``/dev/uioN``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hw.registers import ADDRESS_BITS

BUS_BYTES = 4 << ADDRESS_BITS
"""Of a board's map."""
ADDRESS = 0x43C0_0000
"""Where Vivado puts the first slave of a Zynq-7000's M_AXI_GP0."""


def tree(description: Mapping[str, Any]) -> str:
    """Text of ``spikeline.dtsi``, for a bus with addresses and sizes of one cell."""
    return f"""\
/* Linux binds it with uio_pdrv_genirq.of_id=generic-uio on its command line.
 * 0x{ADDRESS:x} is an example: put the address of your design in both places. */
/ {{
\tspikeline@{ADDRESS:x} {{
\t\tcompatible = "spikeline,device-{".".join(description["version"].split(".")[:2])}", "generic-uio";
\t\tlabel = "{description["name"]}";
\t\treg = <0x{ADDRESS:x} 0x{BUS_BYTES:x}>;
\t}};
}};
"""

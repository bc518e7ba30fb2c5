"""The registers of a device as CMSIS-SVD, for debuggers and for generators of other languages."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from xml.etree import ElementTree
from xml.etree.ElementTree import Element, SubElement

from hw.driver.description import BASES
from hw.registers import ADDRESS_BITS, Access, Register

ACCESS = {
    Access.RO: "read-only",
    Access.RW: "read-write",
    Access.W1C: "read-write",
    Access.WO: "write-only",
}
TAKEN = "ANSWER"
"""The register that a read changes."""


def svd(description: Mapping[str, Any], blocks: Mapping[str, Sequence[Register]]) -> str:
    """Text of ``spikeline.svd``; addresses are those on the bus of the device."""
    device = Element("device", {"schemaVersion": "1.3"})
    _texts(
        device,
        name=description["name"],
        version=description["version"],
        description="Spikeline device; addresses are relative to its own",
        addressUnitBits="8",
        width="32",
        size="32",
    )
    peripherals = SubElement(device, "peripherals")
    for block, registers in blocks.items():
        peripheral = SubElement(peripherals, "peripheral")
        _texts(peripheral, name=block.upper(), baseAddress=f"0x{BASES[block]:04X}")
        _texts(
            SubElement(peripheral, "addressBlock"), offset="0", size=hex(1 << ADDRESS_BITS), usage="registers"
        )
        listed = SubElement(peripheral, "registers")
        for register in registers:
            _add(SubElement(listed, "register"), register)
    ElementTree.indent(device)
    return (
        '<?xml version="1.0" encoding="utf-8"?>\n' + ElementTree.tostring(device, encoding="unicode") + "\n"
    )


def _add(element: Element, register: Register) -> None:
    _texts(
        element,
        name=register.name,
        description=register.meaning,
        addressOffset=f"0x{register.offset:02X}",
        access=ACCESS[register.access],
        **dict(_effects(register)),
    )
    if register.fields:
        fields = SubElement(element, "fields")
        for field in register.fields:
            _texts(
                SubElement(fields, "field"),
                name=field.name,
                description=field.meaning,
                bitOffset=str(field.low),
                bitWidth=str(field.width),
            )


def _effects(register: Register) -> Iterator[tuple[str, str]]:
    if register.access is Access.W1C:
        yield "modifiedWriteValues", "oneToClear"
    if register.name == TAKEN:
        yield "readAction", "modify"


def _texts(element: Element, **texts: str) -> None:
    for name, text in texts.items():
        SubElement(element, name).text = text

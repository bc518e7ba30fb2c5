"""Tests with known results, to test the runner."""

from __future__ import annotations

from typing import Any

import cocotb
from cocotb.triggers import Timer

from tb.harness.plan import Figures, load_plan


@cocotb.test()
async def passes(dut: Any) -> None:
    dut.a.value = load_plan()["a"]
    await Timer(1, "ns")
    assert dut.y.value == load_plan()["a"] + 1
    Figures().add("passes", {"y": int(dut.y.value)})


@cocotb.test()
async def fails(dut: Any) -> None:
    dut.a.value = 1
    await Timer(1, "ns")
    assert dut.y.value == 3, "as it must"

"""The driver of a build in a bench: its own code, whose reads and writes are transfers on the bus.

`AxiLite` fails where an access of the driver is refused.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

from cocotb.clock import Clock
from cocotb.task import resume
from cocotb.triggers import RisingEdge

from hw.registers import Access, Register
from hw.rtl.core import RESET_LATENCY
from tb.harness.block_bench import PERIOD_NS
from tb.harness.drivers import AxiLite


def module_of(folder: str, name: str) -> ModuleType:
    """A module in the driver's folder."""
    spec = importlib.util.spec_from_file_location(name, Path(folder) / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class Bus:
    """Registers of the driver, in a thread of its own; `lost` says which writes do not arrive, or raises."""

    def __init__(self, dut: Any, lost: Callable[[int], bool] = lambda offset: False) -> None:
        self._host, self._lost = AxiLite(dut), lost

    def read32(self, offset: int) -> int:
        return resume(self._host.read)(_register(offset))

    def write32(self, offset: int, value: int) -> None:
        if not self._lost(offset):
            resume(self._host.write)(_register(offset), value)


def _register(offset: int) -> Register:
    return Register("", offset, Access.RW, "")


async def begin(dut: Any) -> None:
    """Start the clock, and reset."""
    Clock(dut.aclk, PERIOD_NS, unit="ns", impl="gpi").start(start_high=False)
    AxiLite(dut)
    dut.aresetn.value = 0
    for _ in range(6):
        await RisingEdge(dut.aclk)
    dut.aresetn.value = 1
    for _ in range(RESET_LATENCY):
        await RisingEdge(dut.aclk)


def fails(kind: type[Exception], action: Callable[[], object]) -> None:
    """Fail unless `action` raises an exception of this kind."""
    try:
        action()
    except kind:
        return
    raise AssertionError(f"{kind.__name__} was to be raised")

"""A design that drives and compares two others by itself: let it run, and read the result."""

from __future__ import annotations

from typing import Any

import cocotb
from cocotb.triggers import Timer

from tb.harness.plan import Figures, load_plan

PLAN = load_plan()
FIGURES = Figures()


@cocotb.test()
async def no_difference(dut: Any) -> None:
    """The outputs of both change, and never differ; unknown bits are equal to unknown bits."""
    await Timer(PLAN["ns"], "ns")
    figures = {name: int(getattr(dut, name).value) for name in ("compared", "changes", "differences")}
    FIGURES.add("no_difference", figures)
    assert figures["differences"] == 0, figures
    assert figures["compared"] > 0, "nothing was compared"
    assert figures["changes"] > 0, "nothing changed"

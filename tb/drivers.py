"""What the benches drive: reset, the input stream and the output's ready."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from itertools import cycle
from typing import Any

import numpy as np
from cocotb.triggers import RisingEdge

from hw.protocol import Beat

Gaps = Callable[[], int]
"""Idle cycles before the next beat, or length of the next phase of a ready."""


def no_gaps() -> int:
    """Full rate."""
    return 0


def random_gaps(rng: np.random.Generator) -> Gaps:
    """Bursts at full rate, short gaps, and now and then a long one."""
    gaps = cycle(rng.choice([0, 1, 2, 3, 60], p=[0.7, 0.13, 0.1, 0.06, 0.01], size=1009).tolist())
    return lambda: next(gaps)


class Axis:
    """The nets of one AXI4-Stream of `dut`, ``<prefix>_tdata`` and so on."""

    def __init__(self, dut: Any, prefix: str) -> None:
        self.clock = dut.aclk
        self.tdata = getattr(dut, f"{prefix}_tdata")
        self.tvalid = getattr(dut, f"{prefix}_tvalid")
        self.tready = getattr(dut, f"{prefix}_tready")
        self.tlast = getattr(dut, f"{prefix}_tlast")


async def reset(dut: Any, cycles: int = 3) -> None:
    """Hold the synchronous reset for `cycles`, with the streams at rest."""
    dut.aresetn.value = 0
    dut.s_axis_tvalid.value = 0
    dut.m_axis_tready.value = 0
    for _ in range(cycles):
        await RisingEdge(dut.aclk)
    dut.aresetn.value = 1


async def drive(axis: Axis, beats: Iterable[Beat], gaps: Gaps, rng: np.random.Generator) -> None:
    """Offer `beats` one after the other, each until it is taken; garbage lies on an idle bus."""
    edge = RisingEdge(axis.clock)
    for beat in beats:
        idle = gaps()
        if idle:
            axis.tvalid.value = 0
            axis.tdata.value = int(rng.integers(1 << 32))
            axis.tlast.value = int(rng.integers(2))
            for _ in range(idle):
                await edge
        axis.tdata.value = beat.tdata
        axis.tlast.value = int(beat.tlast)
        axis.tvalid.value = 1
        await edge
        while not axis.tready.value:
            await edge
    axis.tvalid.value = 0


async def accept(axis: Axis, gaps: Gaps) -> None:
    """Be ready for one cycle after `gaps()` cycles of refusal, for ever."""
    edge = RisingEdge(axis.clock)
    while True:
        refused = gaps()
        if refused:
            axis.tready.value = 0
            for _ in range(refused):
                await edge
        axis.tready.value = 1
        await edge


async def accept_late(axis: Axis, gaps: Gaps) -> None:
    """Be ready only for a beat that is already there: valid must not wait for ready."""
    edge = RisingEdge(axis.clock)
    axis.tready.value = 0
    while True:
        await edge
        if axis.tvalid.value and not axis.tready.value:
            for _ in range(gaps()):
                await edge
            axis.tready.value = 1
        else:
            axis.tready.value = 0

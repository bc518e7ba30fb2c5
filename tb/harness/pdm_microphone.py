"""A PDM microphone at the pins of a design."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
from cocotb.triggers import FallingEdge, RisingEdge, Timer

HOLD_NS = 1
"""Time after its last edge for which the line stays as it was."""


class PdmMicrophone:
    """Gives a bit per period of its clock, some time after one edge of it; then something else has the line.

    Parameters
    ----------
    clock, data : handle
        Of the pins.
    select : int
        0: the bit comes after the falling edge and stays until the rising one; 1: the other way round.
    delay_ns : int
        From the edge to the bit, below the time to the next edge.
    rng : Generator
        Of what is on the line when it is not the microphone's.
    """

    def __init__(self, clock: Any, data: Any, select: int, delay_ns: int, rng: np.random.Generator) -> None:
        rise, fall = RisingEdge(clock), FallingEdge(clock)
        self._begin: Any = rise if select else fall
        self._end: Any = fall if select else rise
        self._data, self._delay_ns, self._rng = data, delay_ns, rng
        self._garbage()

    async def play(self, bits: Iterable[int]) -> None:
        """Give all of `bits`, a period of the clock for each."""
        for bit in bits:
            await self._begin
            await Timer(self._delay_ns, unit="ns")
            self._data.value = int(bit)
            await self._end
            await Timer(HOLD_NS, unit="ns")
            self._garbage()

    def _garbage(self) -> None:
        self._data.value = int(self._rng.integers(2))

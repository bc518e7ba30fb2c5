"""Common parts of the benches of single components."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Sequence
from typing import Any

import cocotb
import numpy as np
from cocotb.clock import Clock
from cocotb.triggers import RisingEdge

from fxp_model.fixed import QFormat
from fxp_model.spec import LayerSpec
from hw.rtl.events import block_size, spikes_layout
from tb.harness.drivers import BlockStream, accept, drive, no_gaps, random_gaps
from tb.harness.monitors import watch_stream
from tb.harness.plan import load_plan
from tb.harness.scoreboard import MismatchError

PERIOD_NS = 10


def layer_spec(**fields: Any) -> LayerSpec:
    """A layer with defaults for all fields that a case does not give."""
    common: dict[str, Any] = {
        "n_in": 1,
        "n_out": 1,
        "weight": QFormat(True, 2, 6),
        "bias": QFormat(True, 4, 8),
        "membrane": QFormat(True, 6, 10),
        "beta": 240,
        "v_th": 1024,
    }
    return LayerSpec(**{**common, **fields})


def codes(rng: np.random.Generator, fmt: QFormat, *shape: int) -> np.ndarray[Any, np.dtype[np.int64]]:
    """Random codes of `fmt`, including its extremes."""
    drawn = rng.integers(fmt.min_raw, fmt.max_raw + 1, shape)
    ends = np.where(rng.random(shape) < 0.5, fmt.min_raw, fmt.max_raw)
    return np.where(rng.random(shape) < 0.1, ends, drawn)


def signed_lanes(word: int, width: int, lanes: int) -> list[int]:
    """Two's complement lanes of `word`, lowest first."""
    sign = 1 << (width - 1)
    return [((word >> lane * width & ((1 << width) - 1)) ^ sign) - sign for lane in range(lanes)]


def step_word(spikes: Sequence[int], last: int, n: int, events: int) -> int:
    """Bits of `hw.rtl.events.spikes_layout` for `n` neurons, of which `spikes` spike, in order."""
    lists = [spikes[part::events] for part in range(events)]
    words = [sum(1 << address for address in own) for own in lists]
    blocks = []
    for own in lists:
        filled = [1 << block for block in sorted({address // block_size(n) for address in own})]
        blocks.append({"first": sum(filled[:1]), "later": sum(filled[1:]), "found": bool(filled)})
    step = {"spikes": words, "blocks": blocks} if events == 2 else {"spikes": words[0], "blocks": blocks[0]}
    return spikes_layout(n, events).const({**step, "last": last}).as_bits()


def pack_lanes(values: Any, width: int) -> int:
    """Inverse of `signed_lanes`."""
    return sum((int(value) & ((1 << width) - 1)) << lane * width for lane, value in enumerate(values))


class BlockBench:
    """Clock, reset and a seeded generator for one component, and lists to compare.

    Outputs are compared in order with the expected items, as soon as both exist.
    """

    def __init__(self, dut: Any) -> None:
        plan = load_plan()
        self.dut, self.case = dut, plan["case"]
        self.rng = np.random.default_rng(plan["seed"])
        self.edge = RisingEdge(dut.clk)
        self.compared = 0
        self._expected: list[Any] = []
        self._seen: list[Any] = []
        # a clock in the simulator, not in Python; it first rises when the first inputs are set
        Clock(dut.clk, PERIOD_NS, unit="ns", impl="gpi").start(start_high=False)

    async def reset(self, **inputs: int) -> None:
        """Reset with `inputs` at these values."""
        self.dut.rst.value = 1
        for name, value in inputs.items():
            getattr(self.dut, name).value = value
        for _ in range(3):
            await self.edge
        self.dut.rst.value = 0

    def expect(self, item: Any) -> None:
        """Append `item` to the expected outputs."""
        self._expected.append(item)
        self._compare()

    def see(self, item: Any) -> None:
        """Compare the output `item`."""
        self._seen.append(item)
        self._compare()

    async def stream(
        self,
        items: list[int],
        predict: Callable[[int], object],
        interpret: Callable[[int], Any],
        pauses: bool = True,
    ) -> None:
        """Send raw `items` through a component with streams `i` and `o`, both with random `pauses`.

        `predict` gets every accepted input, `interpret` decodes every output.
        """
        source, sink = BlockStream(self.dut, "i"), BlockStream(self.dut, "o")
        self.start(watch_stream(source, predict))
        self.start(watch_stream(sink, lambda raw: self.see(interpret(raw))))
        gaps = [random_gaps(self.rng) if pauses else no_gaps for _ in range(2)]
        self.start(accept(sink, gaps[0]))
        await drive(source, items, gaps[1], self.rng)

    def start(self, coroutine: Coroutine[Any, Any, None]) -> None:
        """Run `coroutine` concurrently with the test."""
        cocotb.start_soon(coroutine)

    async def finish(self) -> None:
        """Wait for the rest; fail if items are missing or unexpected."""
        for _ in range(2000):
            if not self._expected:
                break
            await self.edge
        for _ in range(20):
            await self.edge
        if self._expected or self._seen:
            raise MismatchError(
                f"{len(self._expected)} items are missing, {len(self._seen)} are too many, "
                f"after {self.compared} that are equal"
            )
        assert self.compared > 0, "nothing was compared"

    def _compare(self) -> None:
        while self._expected and self._seen:
            expected, seen = self._expected.pop(0), self._seen.pop(0)
            if expected != seen:
                raise MismatchError(f"item {self.compared}: expected {expected}, got {seen}")
            self.compared += 1

"""PdmInput: every sample and its cycle, lost samples, an absent microphone (NUMERICS.md section 16)."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import cocotb
import numpy as np
from amaranth.lib import wiring
from cocotb.triggers import FallingEdge, RisingEdge, Timer
from numpy.typing import NDArray

from fxp_model.ear.delta_sigma import recorded
from fxp_model.ear.pdm import ABSENT_BITS, DATA, SAMPLE, SAMPLE_HZ, SETTLING, PdmDecimator, PdmSpec
from hw.rtl.ear.pdm import PdmInput
from tb.harness.block_bench import PERIOD_NS, BlockBench, signed_lanes
from tb.harness.depth import FULL
from tb.harness.drivers import BlockStream, accept
from tb.harness.monitors import watch_stream
from tb.harness.pdm_microphone import PdmMicrophone
from tb.harness.scoreboard import MismatchError

CASES: dict[str, dict[str, Any]] = {
    "rising": {"pdm_hz": 1_024_000, "divider": 4, "delay_ns": 19},
    "falling": {"pdm_hz": 1_200_000, "divider": 5, "select": 1, "delay_ns": 19},
    "stalled": {"pdm_hz": 1_024_000, "divider": 4, "delay_ns": 11, "most_refused": 900},
    "stuck": {"pdm_hz": 1_280_000, "divider": 4, "select": 1, "delay_ns": 11, "stuck": 1},
    "wild": {"pdm_hz": 1_200_000, "divider": 4, "delay_ns": 11, "wild": True},
}
"""`delay_ns` is below half a period of the microphone's clock, in which a cycle of the design takes 10 ns."""
if FULL:
    CASES |= {
        "missing": {"pdm_hz": 1_024_000, "divider": 4, "missing": True},
        "odd": {"pdm_hz": 1_024_000, "divider": 9, "delay_ns": 45},
        "fast": {"pdm_hz": 3_072_000, "divider": 4, "select": 1, "delay_ns": 3},
        "most": {"pdm_hz": 3_200_000, "divider": 16, "delay_ns": 60},
    }
SAMPLES = 10
"""That are delivered after the last reset."""


def specified(pdm_hz: int, wild: bool) -> PdmSpec:
    """The decimator, with few samples dropped; `wild` with taps that reach every end of the arithmetic."""
    spec = replace(PdmSpec.design(pdm_hz), dropped=SETTLING)
    if wild:
        taps = np.repeat([DATA.min_raw, DATA.max_raw] * 2, len(spec.taps) // 4)
        spec = replace(spec, taps=tuple(taps.tolist()))
    return spec


def component(pdm_hz: int, divider: int, wild: bool = False, **_: Any) -> wiring.Component:
    return PdmInput(specified(pdm_hz, wild), divider)


def heard(spec: PdmSpec, case: dict[str, Any], rng: np.random.Generator) -> NDArray[np.int64]:
    """Bits of a microphone for the time from a reset to its end: garbage at power-up, then sound."""
    count = spec.dropped + SAMPLES + 1
    if case.get("wild"):  # from one end of the range to the other
        runs = rng.integers(4 * spec.ratio, 12 * spec.ratio, count)
        return np.repeat(np.arange(count) % 2, runs)[: count * spec.ratio]
    seconds = np.arange(count) / SAMPLE_HZ
    sound = 0.7 * np.sin(2 * np.pi * 900 * seconds) + rng.uniform(-0.3, 0.3, count)
    bits = recorded(sound, SAMPLE_HZ, spec.pdm_hz)
    still, awake = ABSENT_BITS - 20, 20 * spec.ratio
    bits[:still] = rng.integers(2)
    bits[still:awake] = rng.integers(2, size=awake - still)
    if "stuck" in case:
        bits[awake:] = case["stuck"]
    return bits


class Listener:
    """Follows what is on the line since a reset, and compares what comes of it."""

    def __init__(self, dut: Any, spec: PdmSpec, select: int) -> None:
        self._dut, self._spec = dut, spec
        self._edge = FallingEdge(dut.pdm_clk) if select else RisingEdge(dut.pdm_clk)
        self._golden = PdmDecimator(spec)
        self._held: int | None = None
        self._run = 0
        self.bits: list[int] = []
        self.samples: list[int] = []
        self.lost = self.absences = 0

    async def listen(self, bits: int) -> None:
        """Until so many bits were on the line, and what comes of them is there."""
        while len(self.bits) < bits:
            await self._edge
            self._equal("absent", int(self._dut.absent.value), int(self._run >= ABSENT_BITS))
            bit = int(self._dut.pdm_data.value)  # the microphone has not yet let go
            self._run = self._run + 1 if self.bits and bit == self.bits[-1] else 1
            self.absences += self._run >= ABSENT_BITS
            self.bits.append(bit)
            if len(self.bits) % self._spec.ratio == 0:
                samples = self._golden.step(self.bits[-self._spec.ratio :]).tolist()
                assert self._golden.absent == (self._run >= ABSENT_BITS)
                cocotb.start_soon(self._arrive(samples))
        await Timer((PdmInput.LATENCY + 1) * PERIOD_NS, unit="ns")

    async def _arrive(self, samples: list[int]) -> None:
        """The clock of the microphone has moved by the last bit of a sample: at which cycle it comes."""
        await Timer((2 * PdmInput.LATENCY - 3) * PERIOD_NS // 2, unit="ns")
        self._equal("valid", int(self._dut.o__valid.value), int(self._held is not None))
        await Timer(PERIOD_NS, unit="ns")
        for sample in samples:
            if self._held is None:
                self._held = sample
            else:
                self.lost += 1
        self._equal("valid", int(self._dut.o__valid.value), int(self._held is not None))

    def take(self, raw: int) -> None:
        """The consumer took `raw`."""
        (sample,) = signed_lanes(raw, SAMPLE.width, 1)
        self._equal("sample", sample, self._held)
        self.samples.append(sample)
        self._held = None

    def _equal(self, name: str, seen: int, expected: int | None) -> None:
        if seen != expected:
            place = f"bit {len(self.bits)}, sample {len(self.samples)}"
            raise MismatchError(f"{place}: {name}: expected {expected}, got {seen}")


@cocotb.test()
async def samples(dut: Any) -> None:
    bench = BlockBench(dut)
    case, rng = bench.case, bench.rng
    spec, select = specified(case["pdm_hz"], case.get("wild", False)), case.get("select", 0)
    most_refused = case.get("most_refused", 20)
    dut.pdm_data.value = 0
    sink = BlockStream(dut, "o")
    bench.start(accept(sink, lambda: int(rng.integers(most_refused))))
    listener = Listener(dut, spec, select)
    bench.start(watch_stream(sink, lambda raw: listener.take(raw)))
    for count in (5, spec.dropped + SAMPLES):  # the second reset finds other things in the memories
        await bench.reset(select=select, clear=1)
        dut.clear.value = 0
        listener = Listener(dut, spec, select)
        bits = heard(spec, case, rng)
        if "missing" not in case:
            microphone = PdmMicrophone(dut.pdm_clk, dut.pdm_data, select, case["delay_ns"], rng)
            playing = cocotb.start_soon(microphone.play(bits.tolist()))
        await listener.listen(count * spec.ratio)
        if "missing" not in case:
            playing.cancel()
            # the first bit may be taken before the microphone has seen an edge to give one
            late = 0 if select else 1
            assert listener.bits[late:] == bits[: len(listener.bits) - late].tolist()
        assert int(dut.overruns.value) == listener.lost
    assert len(listener.samples) + listener.lost in (SAMPLES - 1, SAMPLES)  # one may be held
    assert len(listener.samples) > 2
    assert (listener.lost > 0) == ("most_refused" in case)
    if "wild" in case:
        assert {SAMPLE.min_raw, SAMPLE.max_raw} <= set(listener.samples)
    else:
        assert (listener.absences > 0) == ("missing" in case or "stuck" in case)

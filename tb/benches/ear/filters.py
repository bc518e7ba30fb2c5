"""Filter bank: every state of every section after every sample, every envelope, and the promised cycles."""

from __future__ import annotations

from typing import Any

import cocotb
import numpy as np
from amaranth.lib import wiring
from cocotb.utils import get_sim_time
from numpy.typing import NDArray

from fxp_model.ear.model import Ear
from fxp_model.ear.spec import SAMPLE_BITS, EarSpec
from hw.estimates.ear import filter_cycles
from hw.rtl.ear.filters import FilterBank
from hw.rtl.ear.schedule import MULTIPLIERS, Schedule
from tb.harness.block_bench import PERIOD_NS, BlockBench, pack_lanes, signed_lanes
from tb.harness.depth import depth, ears
from tb.harness.drivers import BlockStream, Gaps, accept, drive, no_gaps, random_gaps
from tb.harness.filter_banks import SectionStates, loud_sound, random_filters, square_wave
from tb.harness.monitors import watch_stream

WIDE = {"channels": 8, "sections": 1, "low_hz": 200.0, "high_hz": 2000.0, "width": 4.0}
"""Filters that full-scale square waves take to the highest bit of their states and of their envelopes."""
CASES: dict[str, dict[str, Any]] = {
    "least": {"multipliers": 4, "design": WIDE},
    "one_too_many": {"multipliers": 4, "design": {"channels": 9, "sections": 1}},
    **{f"random_{s}": {"multipliers": MULTIPLIERS[s % 3], "seed": s} for s in range(ears(3))},
    **({} if depth(1, 2) == 1 else {
        f"whole_{multipliers}": {"multipliers": multipliers, "design": {"channels": 140, "sections": 4}}
        for multipliers in MULTIPLIERS
    }),
}  # fmt: skip


def spec_of(design: dict[str, Any] | None = None, seed: int = 0, **_: int) -> EarSpec:
    return random_filters(seed) if design is None else EarSpec.design(**design)


def component(**case: Any) -> wiring.Component:
    return FilterBank(spec_of(**case), case["multipliers"])


class Setup:
    """The component, with the golden ear beside it that hears what the component takes."""

    def __init__(self, dut: Any) -> None:
        self.bench = bench = BlockBench(dut)
        self.spec = spec_of(**bench.case)
        self.schedule = Schedule(self.spec, bench.case["multipliers"])
        self.source, self.sink = BlockStream(dut, "i"), BlockStream(dut, "o")
        self.states = SectionStates(self.spec, bench.case["multipliers"])
        self.envelopes = self.largest_state = self.largest_envelope = 0
        self.taken: list[int] = []
        self.delays: list[int] = []
        self._forget()

    def _forget(self) -> None:
        self._ear = Ear(self.spec)
        self._envelope = np.zeros(self.spec.channels, np.int64)
        self._place = 0
        self._closed = 0
        self.states.forget()

    @property
    def cycle(self) -> int:
        """Of the clock, the same for all who look at an edge."""
        return round(get_sim_time("ns")) // PERIOD_NS

    @property
    def millisecond(self) -> int:
        """Cycles, where every sample waits."""
        return self.schedule.cycles * self.spec.samples_per_ms

    async def begin(self) -> None:
        """Reset; nothing of what was heard before counts from now on."""
        await self.bench.reset(i__valid=0, i__payload=0, o__ready=0, restart=0)
        self._forget()

    def watch(self) -> None:
        """Compare from now on."""
        self.bench.start(self._watch())
        self.bench.start(watch_stream(self.sink, self._receive))

    async def _watch(self) -> None:
        dut = self.bench.dut
        while True:
            await self.bench.edge
            if dut.rst.value:
                continue
            if dut.probe_valid.value:
                self.states.see(int(dut.probe_slot.value), int(dut.probe_states.value))
            if dut.i__valid.value and dut.i__ready.value:
                self._hear(signed_lanes(self.source.read(), SAMPLE_BITS, 1)[0])
            if dut.restart.value:
                self._envelope[:] = self._place = 0

    def _receive(self, envelope: int) -> None:
        if self.bench.compared % self.spec.channels == 0:
            self.delays.append(self.cycle - self._closed)
        self.bench.see(envelope)

    def _hear(self, sample: int) -> None:
        self.taken.append(self.cycle)
        self._ear.step([sample])
        states = self._ear.state.sections[:, 0].copy()
        self.states.expect(len(self.taken), states)
        self._envelope += np.maximum(states[-1], 0)
        self.largest_state = max(self.largest_state, int(np.abs(states).max()))
        self._place += 1
        if self._place == self.spec.samples_per_ms:
            for value in self._envelope.tolist():
                self.bench.expect(value)
            self._closed = self.cycle
            self.envelopes += self.spec.channels
            self.largest_envelope = max(self.largest_envelope, int(self._envelope.max()))
            self._envelope[:] = self._place = 0

    async def send(self, samples: NDArray[np.int64], gaps: Gaps) -> None:
        """Drive samples."""
        words = [pack_lanes([sample], SAMPLE_BITS) for sample in samples.tolist()]
        await drive(self.source, words, gaps, self.bench.rng)

    async def finish(self) -> None:
        """Wait for the rest, of which nothing may be missing."""
        for _ in range(10 * self.millisecond):
            if not self.states.due and self.bench.compared == self.envelopes:
                break
            await self.bench.edge
        await self.bench.finish()
        assert not self.states.due, f"{self.states.due} samples are not complete"

    def sound(self, cycles: int) -> NDArray[np.int64]:
        """Loud samples that keep the component busy for so long, three milliseconds at least."""
        samples = max(3 * self.spec.samples_per_ms, cycles // self.schedule.cycles)
        return loud_sound(self.bench.rng, self.spec, samples)


@cocotb.test()
async def sound(dut: Any) -> None:
    """Gaps before samples, refused envelopes, and milliseconds that begin anew."""
    setup = Setup(dut)
    bench = setup.bench
    await setup.begin()
    setup.watch()

    async def restart() -> None:
        while True:
            for _ in range(int(bench.rng.integers(6 * setup.millisecond))):
                await bench.edge
            dut.restart.value = 1
            await bench.edge
            dut.restart.value = 0

    bench.start(restart())
    # about as long as a millisecond, so that many wait for the one before
    slowly = 4 * setup.millisecond // setup.spec.channels
    refusals = random_gaps(bench.rng)
    bench.start(accept(setup.sink, lambda: min(3, refusals()) * int(bench.rng.integers(1 + slowly))))
    samples = setup.sound(6000)
    await setup.send(samples, random_gaps(bench.rng))
    await setup.finish()
    assert setup.states.compared == len(samples) * setup.spec.sections * setup.spec.channels
    assert setup.envelopes > 0


@cocotb.test()
async def cycles(dut: Any) -> None:
    """Samples that wait, envelopes that do not: in the promised cycles, and after the promised delay."""
    setup = Setup(dut)
    await setup.begin()
    setup.watch()
    setup.bench.start(accept(setup.sink, no_gaps))
    await setup.send(setup.sound(2000), no_gaps)
    if setup.bench.case.get("design") == WIDE:
        await setup.send(square_wave(setup.spec, 0, 240), no_gaps)
        assert setup.largest_state >> setup.spec.state_bits - 2 == 1
        assert setup.largest_envelope >> setup.spec.envelope_bits - 1 == 1
    await setup.finish()
    multipliers = setup.bench.case["multipliers"]
    promised = filter_cycles(setup.spec, multipliers)
    assert set(np.diff(setup.taken).tolist()) == {promised}
    assert set(setup.delays) == {promised + (4 if multipliers == 1 else 5)}


@cocotb.test()
async def resets(dut: Any) -> None:
    """Nothing is left of samples before a reset, whenever it comes."""
    setup = Setup(dut)
    bench = setup.bench
    await setup.begin()
    setup.watch()
    bench.start(accept(setup.sink, random_gaps(bench.rng)))
    for _ in range(6):
        before = len(setup.taken)
        samples = int(bench.rng.integers(1, setup.spec.samples_per_ms))
        await setup.send(loud_sound(bench.rng, setup.spec, samples), no_gaps)
        for _ in range(1 + int(bench.rng.integers(setup.schedule.cycles))):
            await bench.edge
        assert len(setup.taken) == before + samples
        await setup.begin()
    await setup.send(setup.sound(0), no_gaps)
    await setup.finish()

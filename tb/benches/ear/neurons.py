"""EarNeurons: every potential, raised threshold, count and level; frames that are broken off; cycles."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count, islice
from typing import Any

import cocotb
import numpy as np
from amaranth.lib import wiring
from cocotb.triggers import RisingEdge

from fxp_model.ear.logarithm import log2_code
from fxp_model.ear.model import Ear
from fxp_model.ear.spec import FRAME_MS, EarSpec
from hw.estimates.ear import closing_cycles, neuron_cycles
from hw.rtl.ear.neurons import EarNeurons, counts_layout
from tb.harness.block_bench import BlockBench
from tb.harness.depth import ears
from tb.harness.drivers import BlockStream, Gaps, drive, no_gaps, random_gaps
from tb.harness.ears import random_ear
from tb.harness.monitors import watch_stream

CASES: dict[str, dict[str, Any]] = {
    "default": {"ear": None},
    **{f"random{seed}": {"ear": seed} for seed in range(ears(3))},
}
FRAMES = 12
REST = 80
"""Cycles after which nothing moves any more."""


def ear_of(seed: int | None) -> EarSpec:
    return EarSpec.design() if seed is None else random_ear(seed)


def component(ear: int | None) -> wiring.Component:
    return EarNeurons(ear_of(ear))


class Envelopes(BlockStream):
    """The stream `i` of (envelope, first)."""

    def __init__(self, dut: Any) -> None:
        super().__init__(dut, "i")
        self._first = dut.first

    def write(self, item: Any) -> None:
        super().write(item[0])
        self._first.value = item[1]

    def read(self) -> Any:
        return super().read(), int(self._first.value)

    def write_garbage(self, rng: np.random.Generator) -> None:
        self.write((int.from_bytes(rng.bytes(8)) % (1 << len(self._payload)), int(rng.integers(2))))


def random_envelopes(spec: EarSpec, rng: np.random.Generator) -> Iterator[tuple[int, int]]:
    """Envelopes of some frames, of which some are not complete; 0 and the largest are among them."""
    most = spec.samples_per_ms * spec.state_limits[-1]
    for frame in range(FRAMES):
        whole = frame % 4 != 3
        loudest = most if frame % 3 == 0 else most ** rng.random()
        for ms in range(FRAME_MS if whole else int(rng.integers(1, FRAME_MS))):
            drawn = (loudest ** rng.uniform(0.5, 1, spec.channels)).astype(np.int64)
            drawn = np.where(rng.random(spec.channels) < 0.1, rng.choice([0, 1, most]), drawn)
            for channel, envelope in enumerate(np.minimum(drawn, most).tolist()):
                yield envelope, int(ms == 0) if channel == 0 else int(rng.integers(2))


class Ledger:
    """The golden ear behind what went in, and what of the component is compared with it."""

    def __init__(self, bench: BlockBench) -> None:
        self.bench, self.spec = bench, ear_of(bench.case["ear"])
        self.ear = Ear(self.spec)
        self.spikes = self.frames = 0
        self._ms, self._envelopes = 0, list[int]()

    def take(self, item: tuple[int, int]) -> None:
        """One transfer."""
        spec, state, expect = self.spec, self.ear.state, self.bench.expect
        envelope, first = item
        if not self._envelopes and first:
            state.counts[:] = state.energy = self._ms = 0
        self._envelopes.append(envelope)
        if len(self._envelopes) < spec.channels:
            return
        state.envelope[:] = self._envelopes
        self._envelopes = []
        self.ear.fire()
        self._ms += 1
        counts = np.minimum(state.counts, spec.max_count).tolist()
        for channel, counted in enumerate(counts):
            given = (channel, counted) if self._ms == FRAME_MS else None
            level = state.level if channel == 0 else None
            expect((int(state.potential[channel]), int(state.raised[channel]), counted, given, level))
        if self._ms == FRAME_MS:
            loudness = int(log2_code(np.array(max(state.energy, 1)), spec.log_frac_bits))
            self.spikes += int(self.ear.end_frame().sum())
            self.frames += 1
            expect(("end", loudness))

    async def watch(self, dut: Any) -> None:
        """Every write, and every end of a frame."""
        edge, layout, channel = RisingEdge(dut.clk), counts_layout(self.spec), 0
        while True:
            await edge
            if dut.ends.value:
                self.bench.see(("end", int(dut.loudness.value)))
            given = layout.from_bits(int(dut.counts.value))
            if not dut.probe_valid.value:
                assert not given.valid
                continue
            written = tuple(
                int(getattr(dut, f"probe_{name}").value) for name in ("potential", "raised", "count")
            )
            counted = (given.channel, given.count) if given.valid else None
            level = int(dut.level.value) if channel == 0 else None
            self.bench.see((*written, counted, level))
            channel = (channel + 1) % self.spec.channels


async def _run(dut: Any, gaps: Gaps | None) -> Ledger:
    """Broken off by a reset, and then from rest."""
    bench = BlockBench(dut)
    gaps = gaps or random_gaps(bench.rng)
    ledger, source = Ledger(bench), Envelopes(dut)
    items = random_envelopes(ledger.spec, bench.rng)
    await bench.reset(i__valid=0, i__payload=0, first=0)
    begun = islice(items, int(bench.rng.integers(1, 30 * ledger.spec.channels)))
    await drive(source, begun, gaps, bench.rng)
    await bench.reset()
    bench.start(watch_stream(source, ledger.take))
    bench.start(ledger.watch(dut))
    await drive(source, random_envelopes(ledger.spec, bench.rng), gaps, bench.rng)
    for _ in range(REST):
        await bench.edge
    await bench.finish()
    assert ledger.frames >= FRAMES // 2
    return ledger


@cocotb.test()
async def fires(dut: Any) -> None:
    ledger = await _run(dut, None)
    assert ledger.spikes > 0, "no neuron fired"


@cocotb.test()
async def fires_without_a_pause(dut: Any) -> None:
    await _run(dut, no_gaps)


@cocotb.test()
async def takes_its_cycles(dut: Any) -> None:
    """Two frames; every millisecond finds all at rest, but the first of the second frame comes at once."""
    bench = BlockBench(dut)
    spec = ear_of(bench.case["ear"])
    await bench.reset(i__valid=0, i__payload=1, first=0)
    taken, written = list[int](), list[int]()

    async def watch() -> None:
        for cycle in count():
            await bench.edge
            if dut.i__valid.value and dut.i__ready.value:
                taken.append(cycle)
            if dut.probe_valid.value:
                written.append(cycle)

    bench.start(watch())
    for ms in range(2 * FRAME_MS):
        dut.i__valid.value = int(ms == FRAME_MS)
        for _ in range(0 if ms == FRAME_MS else REST):
            await bench.edge
        dut.i__valid.value, dut.first.value = 1, int(ms % FRAME_MS == 0)
        for _ in range(spec.channels):
            await bench.edge
            while not dut.i__ready.value:
                await bench.edge
    dut.i__valid.value = 0
    for _ in range(REST):
        await bench.edge
    firsts, lasts = taken[:: spec.channels], written[spec.channels - 1 :: spec.channels]
    cycles = [last - first + 1 for first, last in zip(firsts, lasts, strict=True)]
    assert cycles[:FRAME_MS] == [neuron_cycles(spec)] * FRAME_MS
    assert cycles[FRAME_MS + 1 :] == [neuron_cycles(spec)] * (FRAME_MS - 1)
    assert firsts[FRAME_MS] - firsts[FRAME_MS - 1] == closing_cycles(spec)

"""The whole ear: every section's state, level, count and event; lost samples; frames nobody takes."""

from __future__ import annotations

from collections import deque
from dataclasses import replace
from typing import Any

import cocotb
import numpy as np
from amaranth.lib import wiring
from numpy.typing import NDArray

from fxp_model.ear.model import Ear as GoldenEar
from fxp_model.ear.spec import SAMPLE_BITS, EarSpec
from fxp_model.ear.trigger import Trigger, TriggerSpec
from hw.estimates.ear import filter_cycles, sample_cycles
from hw.rtl.ear.ear import Ear
from hw.rtl.ear.schedule import MULTIPLIERS
from hw.rtl.events import event_layout
from tb.harness.block_bench import BlockBench, pack_lanes, signed_lanes
from tb.harness.depth import depth, ears
from tb.harness.drivers import BlockStream, Gaps, accept, drive, no_gaps, random_gaps
from tb.harness.ears import other_settings, random_ear, random_trigger, settings_word
from tb.harness.filter_banks import SectionStates, loud_sound
from tb.harness.monitors import watch_stream

CASES: dict[str, dict[str, Any]] = {
    "neurons": {"seed": 5, "multipliers": 4, "slow": {"spike_limit": 15, "sections": 1}},
    **{f"random{seed}": {"seed": seed, "multipliers": MULTIPLIERS[seed % 3]} for seed in range(ears(3))},
}
VISIBLE = tuple(("block.filters", net) for net in ("probe_valid", "probe_slot", "probe_states"))
LEVEL_AFTER = 40
"""Cycles after the end of a frame when its level is there, whatever the ear."""


def specs(seed: int, slow: dict[str, Any] | None = None, **_: int) -> tuple[EarSpec, TriggerSpec]:
    """Of a low rate and few channels, as a frame takes their product."""
    spec = replace(random_ear(seed, most_channels=12), rate_hz=8000, **slow or {})
    trigger = random_trigger(seed)
    limit = min(trigger.preroll_limit, 3)
    most = min(trigger.preroll, limit)
    return spec, replace(trigger, log_frac_bits=spec.log_frac_bits, preroll_limit=limit, preroll=most)


def component(multipliers: int, **case: Any) -> wiring.Component:
    return Ear(*specs(**case), multipliers)


class Ledger:
    """The golden ear and trigger behind what the component takes, and all that is compared with them."""

    def __init__(self, dut: Any) -> None:
        self.bench = bench = BlockBench(dut)
        self.dut, self.multipliers = dut, bench.case["multipliers"]
        self.spec, self.trigger = specs(**bench.case)
        self.source, self.sink = BlockStream(dut, "i"), BlockStream(dut, "o")
        self.states = SectionStates(self.spec, self.multipliers)
        self.taken: list[int] = []
        self.overruns = self.dropped = self.frames = self.sent = self.events = 0
        self._ear, self._decides = GoldenEar(self.spec), Trigger(self.trigger)
        self._due: deque[tuple[int, NDArray[np.uint8], int]] = deque()
        self._place, self._dropping = 0, False
        self._known = {settings_word(self.trigger): self.trigger}
        self._layout = event_layout(self.spec.channels, self.spec.count_bits)

    async def begin(self) -> None:
        """Reset, and compare from then on."""
        settings = settings_word(self.trigger)
        await self.bench.reset(i__valid=0, i__payload=0, live=0, settings=settings, o__ready=0)
        self.bench.start(self._watch())
        self.bench.start(watch_stream(self.sink, self._receive))

    def set(self, trigger: TriggerSpec) -> None:
        """Other settings, from this cycle on."""
        word = settings_word(trigger)
        self._known[word] = trigger
        self.dut.settings.value = word

    async def _watch(self) -> None:
        """Every cycle."""
        dut, settings, since_end = self.dut, settings_word(self.trigger), LEVEL_AFTER
        decides: tuple[int, NDArray[np.uint8]] | None = None
        level = self._ear.state.level
        cycle = 0
        while True:
            await self.bench.edge
            cycle += 1
            if dut.filters.probe_valid.value:
                self.states.see(int(dut.filters.probe_slot.value), int(dut.filters.probe_states.value))
            lost = bool(dut.overrun.value)
            if dut.i__valid.value and dut.i__ready.value:
                self.taken.append(cycle)
                self._hear(signed_lanes(self.source.read(), SAMPLE_BITS, 1)[0], lost)
            else:
                assert not lost
            since_end += 1
            if since_end == LEVEL_AFTER:
                assert int(dut.level.value) == level
            if decides is not None:
                self._decide(*decides, bool(dut.probe_waits.value))
                decides = None
            if dut.ends.value:
                assert self._due, "a frame ended that was dropped"
                loudness, counts, level = self._due.popleft()
                assert int(dut.loudness.value) == loudness
                assert int(dut.floor.value) == self._decides.floor
                self.frames += 1
                since_end = 0
                self._decides.spec = self._known[settings]
                if dut.dropped.value:
                    assert dut.probe_waits.value
                    self.dropped += 1
                else:
                    decides = loudness, counts
            settings = int(dut.settings.value)

    def _hear(self, sample: int, lost: bool) -> None:
        """A sample at the input; one is lost only where there would have been something to hear."""
        assert not (lost and self._dropping)
        self.overruns += lost
        if lost:
            self._ear.drop()
        elif not self._dropping:
            counts = self._ear.step([sample])
            self.states.expect(len(self.taken), self._ear.state.sections[:, 0].copy())
            self._due.extend((self._ear.loudness, own, self._ear.state.level) for own in counts)
        self._place = (self._place + 1) % self.spec.samples_per_frame
        self._dropping = (lost or self._dropping) and self._place != 0

    def _decide(self, loudness: int, counts: NDArray[np.uint8], waits: bool) -> None:
        for frame in self._decides.step(loudness, counts, waits):
            expected = [(channel, count) for channel, count in enumerate(frame.counts.tolist()) if count]
            for item in [*expected, ("marker", int(frame.last))]:
                self.bench.expect(item)
            self.events += len(expected)
            self.sent += 1

    def _receive(self, raw: int) -> None:
        event = self._layout.from_bits(raw)
        if event.marker:
            self.bench.see(("marker", event.last))
        else:
            self.bench.see((event.address, event.count if self.spec.count_bits > 1 else 1))

    async def play(self, samples: int, gaps: Gaps) -> None:
        """Loud samples."""
        sound = loud_sound(self.bench.rng, self.spec, samples)
        words = [pack_lanes([sample], SAMPLE_BITS) for sample in sound.tolist()]
        await drive(self.source, words, gaps, self.bench.rng)

    async def finish(self) -> None:
        """All that was heard became frames, all that was to be sent is sent."""
        for _ in range(3 * self.period + 20 * self.spec.channels * self.spec.spike_limit):
            await self.bench.edge
        await self.bench.finish()
        assert not self.states.due
        assert not self._due
        assert self.states.compared > 0

    @property
    def period(self) -> int:
        """Cycles per sample that are promised to be enough."""
        return sample_cycles(self.spec, self.multipliers)

    @property
    def frame(self) -> int:
        """Samples."""
        return self.spec.samples_per_frame


@cocotb.test()
async def hears(dut: Any) -> None:
    """Sources that wait and that do not, some too fast; a consumer that stops at times; other settings."""
    ledger = Ledger(dut)
    bench, rng, frame, period = ledger.bench, ledger.bench.rng, ledger.frame, ledger.period
    await ledger.begin()
    pause = 1  # refusals of an event are shorter
    bench.start(accept(ledger.sink, lambda: int(rng.integers(pause))))
    for turn in range(depth(4, 12)):
        await ledger.play(int(rng.integers(frame, 2 * frame)), random_gaps(rng))  # ends a dropped frame
        dut.live.value = 1
        before = ledger.overruns  # there may be one at once, as samples of the source before wait
        await ledger.play(int(rng.integers(1, frame)), lambda: period - 1)
        await ledger.play(int(rng.integers(5, 20)), no_gaps)
        assert ledger.overruns > before
        await ledger.play(int(rng.integers(1, frame)), lambda: period - 1)
        dut.live.value = 0
        settings = {**other_settings(ledger.trigger, rng), "free": turn % 2 == 0}
        ledger.set(replace(ledger.trigger, **settings))
        pause = int(rng.choice([1, 20, 200]))
    # each event keeps the next for a frame
    ledger.set(replace(ledger.trigger, free=True, duration=2))
    pause, dropped = 2 * frame * period, ledger.dropped
    await ledger.play(frame * (ledger.trigger.preroll_limit + 5), no_gaps)
    assert ledger.dropped > dropped
    pause = 1
    while dut.probe_waits.value:
        await bench.edge
    await ledger.finish()
    assert ledger.frames >= ledger.trigger.preroll_limit + 4
    assert ledger.events > 0


@cocotb.test()
async def cycles(dut: Any) -> None:
    """A source that waits is heard at the rate of the filters; one that cannot loses nothing at its own."""
    ledger = Ledger(dut)
    filters = filter_cycles(ledger.spec, ledger.multipliers)
    await ledger.begin()
    ledger.set(replace(ledger.trigger, free=True))
    ledger.bench.start(accept(ledger.sink, no_gaps))
    await ledger.play(ledger.frame, no_gaps)
    if ledger.period == filters:
        assert set(np.diff(ledger.taken[4:]).tolist()) == {filters}
    else:
        assert np.diff(ledger.taken).max() > filters
    for _ in range(4 * ledger.period):
        await ledger.bench.edge
    dut.live.value = 1
    await ledger.play(2 * ledger.frame, lambda: ledger.period - 1)
    assert ledger.overruns == 0
    if ledger.period == filters:
        await ledger.play(5 * filters, lambda: filters - 2)
        assert ledger.overruns > 0
    await ledger.finish()
    assert (ledger.bench.case.get("slow") is None) == (ledger.period == filters)

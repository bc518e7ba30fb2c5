"""FrameEvents behind a Trigger: every event and marker, frames before the onset, dropped frames, cycles."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import cocotb
from amaranth.hdl import Module
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from fxp_model.ear.spec import EarSpec
from fxp_model.ear.trigger import Trigger as Golden
from fxp_model.ear.trigger import TriggerSpec
from hw.estimates.ear import sending_cycles
from hw.rtl.ear.frames import FrameEvents
from hw.rtl.ear.neurons import counts_layout
from hw.rtl.ear.trigger import Trigger, settings_layout
from hw.rtl.events import event_layout
from tb.harness.block_bench import BlockBench
from tb.harness.depth import ears
from tb.harness.drivers import BlockStream, accept
from tb.harness.ears import loudness_walk, other_settings, random_ear, random_trigger, settings_word
from tb.harness.monitors import watch_stream

CASES: dict[str, dict[str, Any]] = {f"random{seed}": {"seed": seed} for seed in range(ears(2))}
FRAMES = 200
STUCK = 4000
"""Cycles, of which a frame has a hundred at most."""


class Frames(wiring.Component):
    """Counts in, events out."""

    def __init__(self, spec: EarSpec, trigger: TriggerSpec) -> None:
        self._spec, self._trigger = spec, trigger
        super().__init__(
            {
                "counts": In(counts_layout(spec)),
                "ends": In(1),
                "loudness": In(6 + trigger.log_frac_bits),
                "settings": In(settings_layout(trigger)),
                "arrived": Out(1),
                "dropped": Out(1),
                "decides": Out(1),
                "waits": Out(1),
                "o": Out(stream.Signature(event_layout(spec.channels, spec.count_bits))),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.submodules.frames = frames = FrameEvents(self._spec, self._trigger)
        m.submodules.trigger = trigger = Trigger(self._trigger)
        wiring.connect(m, frames.o, wiring.flipped(self.o))
        m.d.comb += [
            frames.counts.eq(self.counts),
            frames.ends.eq(self.ends),
            frames.decision.eq(trigger.decision),
            trigger.ends.eq(frames.arrived),
            trigger.loudness.eq(self.loudness),
            trigger.settings.eq(self.settings),
            trigger.waits.eq(frames.waits),
            self.arrived.eq(frames.arrived),
            self.dropped.eq(frames.dropped),
            self.decides.eq(trigger.decision.valid),
            self.waits.eq(frames.waits),
        ]
        return m


def component(seed: int) -> wiring.Component:
    return Frames(random_ear(seed), random_trigger(seed))


@cocotb.test()
async def sends_frames(dut: Any) -> None:
    bench = BlockBench(dut)
    rng, spec, trigger = bench.rng, random_ear(bench.case["seed"]), random_trigger(bench.case["seed"])
    golden, banks = Golden(trigger), trigger.preroll_limit + 2
    layout, events = counts_layout(spec), event_layout(spec.channels, spec.count_bits)
    unsent: list[int] = []  # banks of the frames that are to be sent
    frame = (0, [0] * spec.channels)  # the last one: loudness and counts
    arrived = 0
    totals = {"sent": 0, "last": 0, "before": 0, "dropped": 0, "events": 0}

    def interpret(raw: int) -> tuple[str | int, int]:
        event = events.from_bits(raw)
        if event.marker:
            return "marker", event.last
        return event.address, event.count if spec.count_bits > 1 else 1

    async def model() -> None:
        """Every cycle: what waits, which frames arrive and which are dropped, what is to be sent."""
        nonlocal arrived
        drops = False
        while True:
            await bench.edge
            assert bool(dut.waits.value) == bool(unsent)
            given = layout.from_bits(int(dut.counts.value))
            if given.valid and given.channel == 0:
                drops = arrived % banks in unsent
            ends = bool(dut.ends.value)
            assert (bool(dut.arrived.value), bool(dut.dropped.value)) == (ends and not drops, ends and drops)
            totals["dropped"] += ends and drops
            waits = bool(unsent)
            if (
                dut.o__valid.value
                and dut.o__ready.value
                and events.from_bits(int(dut.o__payload.value)).marker
            ):
                unsent.pop(0)
            if dut.decides.value:
                sent = golden.step(*frame, waits)
                for before in range(len(sent)):
                    unsent.insert(len(unsent) - before, (arrived - before) % banks)
                for own in sent:
                    expected = [(c, count) for c, count in enumerate(own.counts.tolist()) if count]
                    for item in [*expected, ("marker", int(own.last))]:
                        bench.expect(item)
                    totals["events"] += len(expected)
                    totals["last"] += own.last
                totals["sent"] += len(sent)
                totals["before"] += max(0, len(sent) - 1)
                arrived += 1

    idle = layout.const({"valid": 0, "channel": 0, "count": 0}).as_bits()
    await bench.reset(counts=idle, ends=0, loudness=0, settings=settings_word(trigger), o__ready=0)
    source = BlockStream(dut, "o")
    bench.start(watch_stream(source, lambda raw: bench.see(interpret(raw))))
    least, most = 0, 1  # cycles for which an event is refused
    bench.start(accept(source, lambda: int(rng.integers(least, most))))
    bench.start(model())
    # First a word after silence, with all the frames before it that there is room for.
    golden.spec = replace(trigger, free=False, rise=8, fall=8, onset=1, preroll=trigger.preroll_limit)
    word = [0] * (trigger.preroll_limit + 1) + [(64 << trigger.log_frac_bits) - 1]
    for number, loudness in enumerate([*word, *loudness_walk(trigger, rng, FRAMES - len(word))]):
        if len(word) <= number < FRAMES - banks - 3 and rng.random() < 0.05:
            most = int(rng.choice([1, 2, 40, 400]))
        largest = int(rng.choice([0, 1, spec.max_count]))
        counts = rng.integers(0, largest + 1, spec.channels).tolist()
        for channel, count in enumerate(counts):
            dut.counts.value = layout.const({"valid": 1, "channel": channel, "count": count}).as_bits()
            await bench.edge
            dut.counts.value = layout.const({"valid": 0, "channel": channel, "count": count}).as_bits()
            for _ in range(int(rng.integers(2))):
                await bench.edge
        if number == FRAMES - banks - 3:  # more than there is room for, and none is taken
            golden.spec = replace(trigger, free=True, duration=2)
            least, most = STUCK, STUCK + 1
        elif len(word) <= number < FRAMES - banks - 3 and rng.random() < 0.1:
            golden.spec = replace(golden.spec, **other_settings(trigger, rng))
        dut.settings.value = settings_word(golden.spec)
        frame = (loudness, counts)
        dut.ends.value, dut.loudness.value = 1, loudness
        await bench.edge
        dut.ends.value = 0
        for _ in range(int(rng.integers(2, 20))):
            await bench.edge
    least, most = 0, 1
    while unsent:
        await bench.edge
    await bench.finish()
    assert totals["events"] > 0
    assert totals["last"] > 0
    assert totals["dropped"] > 0
    assert totals["before"] >= trigger.preroll_limit


@cocotb.test()
async def takes_its_cycles(dut: Any) -> None:
    """Frames that follow each other, each sent, to a sink that is always ready."""
    bench = BlockBench(dut)
    spec, trigger = random_ear(bench.case["seed"]), random_trigger(bench.case["seed"])
    layout = counts_layout(spec)
    settings = settings_word(replace(trigger, free=True, duration=1))
    await bench.reset(counts=0, ends=0, loudness=0, settings=settings, o__ready=1)
    markers: list[int] = []
    events = event_layout(spec.channels, spec.count_bits)
    cycle = decided = 0
    for frame in range(3):
        for channel in range(spec.channels):
            dut.counts.value = layout.const({"valid": 1, "channel": channel, "count": channel % 2}).as_bits()
            await bench.edge
        dut.counts.value, dut.ends.value = 0, 1
        await bench.edge
        dut.ends.value = 0
        for cycle in range(2 * spec.channels):
            await bench.edge
            if dut.decides.value:
                decided = cycle
            if dut.o__valid.value and events.from_bits(int(dut.o__payload.value)).marker:
                markers.append(cycle - decided)
        assert len(markers) == frame + 1
    assert markers == [sending_cycles(spec)] * 3

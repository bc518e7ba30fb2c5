"""The ear behind a microphone, on sound: all that `tb.harness.ear_recorder` writes, against the golden chain.

The golden chain begins at the pins, as they were.
"""

from __future__ import annotations

import os
import time
from collections import deque
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import cocotb
import numpy as np
from cocotb.triggers import ClockCycles, Timer
from numpy.typing import NDArray

from fxp_model.archives import Archive
from fxp_model.ear.gain import amplify
from fxp_model.ear.i2s import FRAME, receive
from fxp_model.ear.model import Ear
from fxp_model.ear.pdm import PdmDecimator
from fxp_model.ear.spec import EarSpec
from fxp_model.ear.trigger import Trigger, TriggerSpec
from hw.ear import EarConfig
from hw.rtl.ear.schedule import Schedule
from hw.rtl.events import index_shape
from tb.harness.block_bench import PERIOD_NS
from tb.harness.ear_recorder import SOUND, records, waits
from tb.harness.ears import settings_word
from tb.harness.i2s_microphone import I2sMicrophone
from tb.harness.pdm_microphone import PdmMicrophone
from tb.harness.plan import Figures, load_plan
from tb.harness.scoreboard import MismatchError

Codes = NDArray[np.int64]
PLAN = load_plan()
SPEC = EarSpec.from_dict(PLAN["ear"])
TRIGGER = TriggerSpec(**PLAN["trigger"])
OWN = EarConfig(**PLAN["own"])
SCHEDULE = Schedule(SPEC, OWN.multipliers)
PERIOD = OWN.sample_cycles(SPEC)
TURN = 50 * SPEC.samples_per_frame
"""Samples from one comparison to the next. In the first turn frames are sent whatever their loudness."""
START = 100
"""Samples that the start of a microphone takes at most."""
CHANNEL = index_shape(SPEC.channels).width
ROWS: dict[str, tuple[tuple[int, ...], str]] = {
    "samples": ((2,), "field"),
    "states": ((SPEC.sections, SPEC.channels), "section channel"),
    "neurons": ((SPEC.channels, 4), "channel field"),
    "levels": ((1,), "field"),
    "frames": ((4,), "field"),
    "events": ((1,), "field"),
}
"""Shape and axes of a sample of states, of a millisecond of neurons, and of the other records."""


class Rows:
    """Rows of a record that are expected, and those that came, compared as soon as there are both.

    compared : int
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self.shape, axes = ROWS[name]
        self._axes = axes.split()
        self.compared = 0
        self.due = self.seen = np.empty((0, *self.shape), np.int64)

    def expect(self, rows: Any) -> None:
        self.due = np.concatenate([self.due, np.asarray(rows, np.int64).reshape(-1, *self.shape)])

    def see(self, rows: Codes) -> None:
        self.seen = np.concatenate([self.seen, rows.reshape(-1, *self.shape)])

    def compare(self) -> None:
        """`MismatchError` that names the first difference."""
        both = min(len(self.due), len(self.seen))
        differing = np.argwhere(self.due[:both] != self.seen[:both])
        if len(differing):
            row, *index = differing[0].tolist()
            place = "".join(f", {axis} {number}" for axis, number in zip(self._axes, index, strict=True))
            expected, got = self.due[row, *index], self.seen[row, *index]
            number = self.compared + row
            raise MismatchError(f"{self.name} {number}{place}: expected {expected}, got {got}")
        self.due, self.seen = self.due[both:], self.seen[both:]
        self.compared += both


class Written:
    """What a recorder has written since the last look, in whole rows of `size` integers."""

    def __init__(self, name: str, size: int) -> None:
        record = records(SPEC, OWN)[name]
        self._path, self._type, self._size = Path(f"{name}.bin"), f"<i{record.bits // 8}", size
        self._left = np.empty(0, np.int64)

    def take(self) -> Codes:
        """Rows (n, size)."""
        left = np.concatenate([self._left, np.fromfile(self._path, self._type)])
        os.truncate(self._path, 0)
        whole = len(left) // self._size * self._size
        self._left = left[whole:]
        return left[:whole].reshape(-1, self._size)


class Microphone:
    """Plays the sound of the plan, and knows what the golden receiver makes of the pins.

    samples : (n,) that must come out
    """

    def __init__(self, dut: Any) -> None:
        archive = Archive(Path(PLAN["sound"]).read_bytes(), PLAN["sound"])
        self._given, self.samples = archive.read("given"), archive.read("samples")
        self._dut, self._rng = dut, np.random.default_rng(PLAN["seed"])
        self._receive: Callable[[Codes], Codes] = getattr(self, f"_begin_{OWN.microphone}")()
        self._line = None if OWN.microphone == "pcm" else Written("line", 1)
        self._heard = 0

    def play(self) -> None:
        """From a reset on."""
        getattr(self, f"_play_{OWN.microphone}")()

    def take(self) -> Codes:
        """Samples since the last look, up to those of the sound, by the golden receiver."""
        if self._line is None:
            new = self.samples[self._heard : self._heard + TURN]
        else:
            new = self._receive(self._line.take()[:, 0])
        wanted = self.samples[self._heard : self._heard + len(new)]
        self._heard += len(wanted)
        if not np.array_equal(new[: len(wanted)], wanted):
            raise MismatchError(f"the pins are not those of the sound, up to sample {self._heard}")
        return wanted

    def _begin_pcm(self) -> Callable[[Codes], Codes]:
        self._given.astype(">i2").tofile(SOUND)
        return lambda line: line

    def _play_pcm(self) -> None:
        """It plays by itself."""

    def _begin_i2s(self) -> Callable[[Codes], Codes]:
        self._dut.sd.value, self._dut.right.value = 0, 0
        bits = np.empty(0, np.int64)
        settles = OWN.i2s.settle_frames

        def heard(line: Codes) -> Codes:
            nonlocal bits, settles
            bits = np.concatenate([bits, line])
            whole = len(bits) // FRAME
            frames, bits = bits[: whole * FRAME].reshape(-1, FRAME), bits[whole * FRAME :]
            received = receive(replace(OWN.i2s, settle_frames=settles), frames).samples
            settles = max(0, settles - whole)
            return received

        return heard

    def _play_i2s(self) -> None:
        dut, startup = self._dut, OWN.i2s.settle_frames - 1  # one passes before the first change of WS
        words = self._given.tolist()
        microphone = I2sMicrophone(
            dut.sck, dut.ws, dut.sd, words, False, (1, 9), self._rng, startup_words=startup
        )
        cocotb.start_soon(microphone.run())

    def _begin_pdm(self) -> Callable[[Codes], Codes]:
        self._dut.pdm_data.value, self._dut.select.value = 0, 1
        return PdmDecimator(OWN.pdm(SPEC)).step

    def _play_pdm(self) -> None:
        dut = self._dut
        microphone = PdmMicrophone(dut.pdm_clk, dut.pdm_data, 1, 5, self._rng)
        cocotb.start_soon(microphone.play(self._given.tolist()))


class Golden:
    """The golden gain, ear and trigger, and all that is compared with them.

    frames : that were sent
    """

    def __init__(self) -> None:
        self.rows = {name: Rows(name) for name in ROWS}
        sizes = {name: int(np.prod(shape)) for name, (shape, _) in ROWS.items()}
        sizes["states"] = SCHEDULE.slots * SCHEDULE.lanes
        self._written = {name: Written(name, size) for name, size in sizes.items()}
        self._takes, self._taken = Written("takes", 1), np.empty(0, np.int64)
        self._ear, self._decides = Ear(SPEC), Trigger(TRIGGER)
        self._ended: deque[tuple[int, Codes]] = deque()
        self._level = self._ear.state.level
        self._known: dict[int, TriggerSpec] = {}
        self.spikes = self.frames = self.cycles = 0
        self._columns = np.empty((SPEC.sections, SPEC.channels), np.int64)
        for slot in range(SCHEDULE.slots):
            section, first = SCHEDULE.place(slot)
            for lane in range(min(SCHEDULE.lanes, SPEC.channels - first)):
                self._columns[section, first + lane] = slot * SCHEDULE.lanes + lane

    def set(self, dut: Any, trigger: TriggerSpec) -> None:
        """Other settings."""
        word = settings_word(trigger)
        self._known[word] = trigger
        dut.settings.value = word

    def hear(self, samples: Codes) -> None:
        """Expect what is computed of `samples` of 24 bits."""
        pcm, clipped = amplify(samples, PLAN["gain"])
        self.rows["samples"].expect(np.stack([pcm, clipped], axis=1))
        ear, state = self._ear, self._ear.state
        states, neurons, levels = [], [], []
        for sample in pcm.tolist():
            counts = ear.step([sample])
            states.append(state.sections[:, 0].copy())
            if state.samples % SPEC.samples_per_ms == 0:
                neurons.append(self._neurons(counts))
            if len(counts):
                self.spikes += int(counts.sum())
                self._ended.append((ear.loudness, counts[0]))
                if state.level != self._level:
                    levels.append(state.level)
                self._level = state.level
        self.rows["states"].expect(states)
        self.rows["neurons"].expect(neurons)
        self.rows["levels"].expect(levels)

    def _neurons(self, ended: NDArray[np.uint8]) -> Codes:
        """After a millisecond; with what a frame that has `ended` gives."""
        state = self._ear.state
        if len(ended):
            counts = ended[0].astype(np.int64)
            given = 1 | np.arange(SPEC.channels) << 1 | counts << 1 + CHANNEL
        else:
            counts = np.minimum(state.counts, SPEC.max_count)
            given = np.zeros_like(counts)
        return np.stack([state.potential, state.raised, counts, given], axis=1)

    def compare(self) -> None:
        """All that was written since the last time."""
        for name, written in self._written.items():
            getattr(self, f"_see_{name}", self.rows[name].see)(written.take())
        self._decide()
        for rows in self.rows.values():
            rows.compare()
        self._time()

    def _see_states(self, written: Codes) -> None:
        self.rows["states"].see(written[:, self._columns])

    def _see_neurons(self, written: Codes) -> None:
        own = written.reshape(-1, SPEC.channels, 4)
        own[..., 3] *= own[..., 3] & 1  # without `valid` the rest is anything
        self.rows["neurons"].see(own)

    def _see_events(self, written: Codes) -> None:
        self.rows["events"].see(np.where(written & 1, written & 3, written))  # nor is the address of a marker

    def _decide(self) -> None:
        """The frames that came, with the settings that were seen at their ends."""
        events: list[int] = []
        frames = self.rows["frames"]
        for *_, word in frames.seen[: len(self._ended)].tolist():
            loudness, counts = self._ended.popleft()
            frames.expect([loudness, self._decides.floor, 0, word])
            self._decides.spec = self._known[word]
            for sent in self._decides.step(loudness, counts):
                (channels,) = np.nonzero(sent.counts)
                own = channels << 2
                if SPEC.count_bits > 1:
                    own |= sent.counts[channels].astype(np.int64) << 2 + CHANNEL
                events += [*own.tolist(), 1 | sent.last << 1]
                self.frames += 1
        self.rows["events"].expect(events)

    def _time(self) -> None:
        """Every sample takes the cycles of the formula; a source that does not wait sets them itself."""
        taken = np.concatenate([self._taken, self._takes.take()[:, 0]])
        if OWN.microphone != "pcm" or waits(SPEC, OWN):
            differing = np.flatnonzero(np.diff(taken) != PERIOD)
            if len(differing):
                got = np.diff(taken)[differing[0]]
                raise MismatchError(f"cycles from a sample to the next: expected {PERIOD}, got {got}")
        self.cycles += int(taken[-1] - taken[0]) if len(taken) else 0
        self._taken = taken[-1:]

    def due(self) -> list[str]:
        """Names of what did not come yet."""
        frames = ["frames"] if self._ended else []
        return frames + [name for name, rows in self.rows.items() if len(rows.due)]


@cocotb.test()
async def hears(dut: Any) -> None:
    """At full rate."""
    microphone, golden = Microphone(dut), Golden()
    golden.set(dut, replace(TRIGGER, free=True))
    dut.rst.value, dut.flush.value, dut.start.value, dut.gain.value = 1, 0, 0, PLAN["gain"]
    await ClockCycles(dut.clk, 3)
    dut.rst.value, dut.start.value = 0, 1
    microphone.play()
    await ClockCycles(dut.clk, 2)
    dut.start.value = 0
    total, heard = len(microphone.samples), 0
    left = total + START + 4 * SPEC.samples_per_frame
    seconds = {"simulate": 0.0, "compare": 0.0}
    while heard < total or golden.due():
        times = [time.process_time()]
        length = min(TURN, max(total - heard, SPEC.samples_per_frame))
        left -= length
        await Timer(length * PERIOD * PERIOD_NS, unit="ns")
        dut.flush.value = 1
        await ClockCycles(dut.clk, 2)
        dut.flush.value = 0
        golden.set(dut, TRIGGER)
        times.append(time.process_time())
        samples = microphone.take()
        heard += len(samples)
        golden.hear(samples)
        golden.compare()
        assert not dut.lost.value, "a sample is lost"
        times.append(time.process_time())
        for key, begin, end in zip(seconds, times, times[1:], strict=False):
            seconds[key] += end - begin
        if left < 0:
            raise MismatchError(f"{', '.join(golden.due())} did not come")
    if OWN.microphone == "pcm":
        for name, rows in golden.rows.items():
            assert not len(rows.seen), f"more {name} than expected"
    assert golden.spikes > 0, "no neuron fired"
    compared = {name: rows.compared for name, rows in golden.rows.items()}
    compared["states"] *= SPEC.sections * SPEC.channels
    Figures().add(
        "hears",
        {
            **compared,
            "spikes": golden.spikes,
            "sent": golden.frames,
            "cycles": golden.cycles,
            "seconds": {key: round(own, 1) for key, own in seconds.items()},
        },
    )

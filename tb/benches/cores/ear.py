"""The ear on recordings: every state of every section, every neuron, every count and the level."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any, NamedTuple

import cocotb
import numpy as np
from cocotb.clock import Clock
from cocotb.triggers import ClockCycles, RisingEdge
from cocotb.utils import get_sim_time
from numpy.typing import NDArray

from fxp_model.archives import Archive
from fxp_model.ear.model import Ear
from fxp_model.ear.spec import SAMPLE_BITS, EarSpec
from hw.rtl.ear.schedule import Schedule
from hw.rtl.events import index_shape
from tb.harness.ear_chain import NEURON_FIELDS, NEURONS, STATES
from tb.harness.plan import Figures, load_plan
from tb.harness.scoreboard import MismatchError

Codes = NDArray[np.int64]
PLAN = load_plan()
FIGURES = Figures()
SPEC = EarSpec.from_dict(PLAN["ear"])
SCHEDULE = Schedule(SPEC, PLAN["multipliers"])
PERIOD_NS = 10
REST = 100
"""Cycles after a frame in which the level follows it."""


class Heard(NamedTuple):
    """What an ear computes of a recording.

    states : (samples, sections, channels)
    neurons : (ms, channels, 5), `NEURON_FIELDS`; of the level, only that of channel 0 counts
    """

    states: Codes
    neurons: Codes


def recordings() -> list[Codes]:
    """Samples (n,) of whole frames."""
    archive = Archive(Path(PLAN["recordings"]).read_bytes(), PLAN["recordings"])
    samples, lengths = archive.read("samples").astype(np.int64), archive.read("lengths")
    assert lengths.min() > 0, "no recording, or an empty one"
    assert not (lengths % SPEC.samples_per_frame).any(), "a frame is not complete"
    return np.split(samples, np.cumsum(lengths)[:-1])


def by_model(ear: Ear, samples: Codes) -> Heard:
    """What the golden ear computes."""
    state, channels = ear.state, np.arange(SPEC.channels)
    states = np.empty((len(samples), SPEC.sections, SPEC.channels), np.int64)
    neurons = np.zeros((len(samples) // SPEC.samples_per_ms, SPEC.channels, len(NEURON_FIELDS)), np.int64)
    for index, sample in enumerate(samples):
        level = state.level
        frames = ear.step([sample])
        states[index] = state.sections[:, 0]
        ms, place = divmod(index, SPEC.samples_per_ms)
        if place == SPEC.samples_per_ms - 1:
            counts = np.minimum(state.counts, SPEC.max_count)
            given = np.zeros_like(counts)
            if len(frames):
                counts = frames[0].astype(np.int64)
                given = 1 | channels << 1 | counts << 1 + index_shape(SPEC.channels).width
            neurons[ms].T[:4] = state.potential, state.raised, counts, given
            neurons[ms, 0, 4] = level
    return Heard(states, neurons)


def by_rtl() -> Heard:
    """What the recorder has written."""
    shape = (-1, SCHEDULE.slots, SCHEDULE.lanes)
    written = np.fromfile(STATES, "<i4").astype(np.int64).reshape(shape)
    states = np.empty(
        (len(written), SPEC.sections, SCHEDULE.slots * SCHEDULE.lanes // SPEC.sections), np.int64
    )
    for slot in range(SCHEDULE.slots):
        section, channel = SCHEDULE.place(slot)
        states[:, section, channel : channel + SCHEDULE.lanes] = written[:, slot]
    neurons = np.fromfile(NEURONS, "<i8").reshape(-1, SPEC.channels, len(NEURON_FIELDS))
    neurons[..., 3] *= neurons[..., 3] & 1
    neurons[:, 1:, 4] = 0
    return Heard(states[..., : SPEC.channels], neurons)


def compare(recording: int, expected: Heard, got: Heard) -> None:
    """`MismatchError` that names the first difference."""
    for name, axes in (("states", ("sample", "section", "channel")), ("neurons", ("ms", "channel", "field"))):
        wanted, own = getattr(expected, name), getattr(got, name)
        if wanted.shape != own.shape:
            raise MismatchError(f"recording {recording}: expected {name} {wanted.shape}, got {own.shape}")
        differing = np.argwhere(wanted != own)
        if len(differing):
            index = tuple(differing[0].tolist())
            place = ", ".join(f"{axis} {number}" for axis, number in zip(axes, index, strict=True))
            raise MismatchError(
                f"recording {recording}, {name}: {place}: expected {wanted[index]}, got {own[index]}"
            )


async def play(dut: Any, samples: Codes) -> None:
    """Offer one sample after the other; wakes only where one is taken."""
    edge, taken = RisingEdge(dut.clk), RisingEdge(dut.i__ready)
    dut.i__valid.value = 1
    for sample in samples.tolist():
        dut.i__payload.value = sample % (1 << SAMPLE_BITS)
        await taken
        await edge
    dut.i__valid.value = 0


@cocotb.test()
async def hears(dut: Any) -> None:
    """All recordings one after the other, at full rate: the state is carried on."""
    ends = RisingEdge(dut.ends)
    Clock(dut.clk, PERIOD_NS, unit="ns", impl="gpi").start(start_high=False)
    dut.rst.value, dut.record.value, dut.i__valid.value, dut.i__payload.value = 1, 0, 0, 0
    await ClockCycles(dut.clk, 3)
    dut.rst.value = 0
    ear = Ear(SPEC)
    figures = {"recordings": 0, "samples": 0, "states": 0, "spikes": 0, "cycles": 0}
    seconds = {"model": 0.0, "simulate": 0.0, "compare": 0.0}
    for number, samples in enumerate(recordings()):
        times = [time.perf_counter()]
        expected = by_model(ear, samples)
        times.append(time.perf_counter())
        dut.record.value = 1
        await ClockCycles(dut.clk, 2)
        began = get_sim_time("ns")
        await play(dut, samples)
        figures["cycles"] += round((get_sim_time("ns") - began) / PERIOD_NS)
        await ends
        await ClockCycles(dut.clk, REST)
        dut.record.value = 0
        await ClockCycles(dut.clk, 3)
        times.append(time.perf_counter())
        compare(number, expected, by_rtl())
        if (level := int(dut.level.value)) != ear.state.level:
            raise MismatchError(
                f"recording {number}, level after it: expected {ear.state.level}, got {level}"
            )
        times.append(time.perf_counter())
        figures["recordings"] += 1
        figures["samples"] += len(samples)
        figures["states"] += expected.states.size
        figures["spikes"] += int((expected.neurons[..., 3] >> 1 + index_shape(SPEC.channels).width).sum())
        for key, begin, end in zip(seconds, times, times[1:], strict=False):
            seconds[key] += end - begin
    assert figures["spikes"] > 0, "no neuron fired"
    FIGURES.add("hears", {**figures, "seconds": {key: round(own, 1) for key, own in seconds.items()}})

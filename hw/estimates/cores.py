"""Cores followed step by step: the cycles in which each stage takes events, sweeps and sends.

Every constant comes from the component that causes it (ARCHITECTURE.md, "Cycles").
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from operator import attrgetter, methodcaller

import numpy as np
from numpy.typing import NDArray

from fxp_model.spec import Answer, NetworkSpec, RecurrenceKind
from hw.config import HardwareConfig, StageConfig
from hw.rtl.answer_unit import unit_of
from hw.rtl.event_encoder import EventEncoder
from hw.rtl.events import DELAYED_AFTER
from hw.rtl.input_delays import InputDelays
from hw.rtl.neuron_update import NeuronUpdate
from hw.rtl.recurrent_synapses import RecurrentSynapses, recurrent_config
from hw.rtl.spike_queue import SpikeQueue
from hw.rtl.synapse_array import SynapseArray

Cycles = NDArray[np.int64]

NEVER = -(1 << 40)
"""Cycle of an event that has not happened yet."""


@dataclass(frozen=True)
class RunTiming:
    """Cycles of the transfers of a run, counted from its first transfer at ``s_axis`` (cycle 0).

    With answers per step, for each of these instead of each sample; what is said of a sample then holds for
    the step that is answered: its first transfer, its marker, its class and its margin.

    first_in, last_in : (B,) transfers of the first and the TLAST beat of each sample at ``s_axis``
    first_out, last_out : (B,) transfers of its first score and its TLAST beat at ``m_axis``
    """

    first_in: NDArray[np.int64]
    last_in: NDArray[np.int64]
    first_out: NDArray[np.int64]
    last_out: NDArray[np.int64]

    @property
    def run_cycles(self) -> int:
        """Cycles of the whole run, from the first beat in to the last beat out, both included."""
        return int(self.last_out[-1] + 1)

    @property
    def answer_cycles(self) -> NDArray[np.int64]:
        """Cycles of each answer per step, from the marker in to the last beat out, both included."""
        return self.last_out - self.last_in + 1


class Cores:
    """Cores of one kind, each with its own sample; all arrays have shape (cores,)."""

    def __init__(self, spec: NetworkSpec, configs: Sequence[HardwareConfig]) -> None:
        """`configs` are the widths of each core."""
        stages = list(zip(spec.stages, zip(*(config.stages for config in configs), strict=True), strict=True))
        never = np.full(len(configs), NEVER)
        self._every = np.arange(len(configs))
        self._n_out, self._unit = spec.n_out, unit_of(spec.readout)
        self._stride = spec.readout.stride if spec.readout.answer is Answer.STEP else None
        first, widths = stages[0]
        self._input = None
        if delays_inputs(spec):
            beats = _each(widths, attrgetter("events_per_cycle"))
            words = beats // _each(widths, lambda own: InputDelays.taken(first, own.events_per_cycle))
            self._input = _Link(words, beats, never, beats=True, alone=1)
        self._links = [
            _Link(
                _each(widths, methodcaller("words", stage.n_out)),
                _each(widths, attrgetter("events_per_cycle")),
                never,
                beats=index == 0 and self._input is None,
            )
            for index, (stage, widths) in enumerate(stages)
        ]
        self._latencies = [_each(widths, partial(SynapseArray.latency, stage)) for stage, widths in stages]
        self._groups = [_each(widths, methodcaller("groups", stage.n_out)) for stage, widths in stages]
        self._released = [_each(widths, partial(SynapseArray.released, stage)) for stage, widths in stages]
        # the starts of the latest sweeps, a ring of as many as steps have a place in the queue
        self._places = [_each(widths, partial(SynapseArray.steps, stage)) for stage, widths in stages]
        self._starts = [np.full((int(places.max()), len(configs)), NEVER) for places in self._places]
        self._steps = 0
        self._updates = [NeuronUpdate.latency(stage) for stage in spec.stages]
        self._distances = [_each(widths, partial(NeuronUpdate.distance, stage)) for stage, widths in stages]
        # of the events into each stage, which takes them one by one or in pairs
        self._queued = [
            _each(widths, partial(_queued, stage.max_input_delay is not None)) for stage, widths in stages
        ]
        # when the latest steps of the inputs and of each layer were sent, the oldest first
        self._sent = [deque([never] * SpikeQueue.STEPS, SpikeQueue.STEPS) for _ in stages]
        self._recurrent = {}
        for index in dense_layers(spec):
            layer, widths = spec.layers[index], stages[index][1]
            own = [recurrent_config(layer, each) for each in widths]
            words = _each(own, methodcaller("words", layer.n_out))
            events = _each(own, attrgetter("events_per_cycle"))
            offered = _each(widths, partial(RecurrentSynapses.offered, layer))
            latency = _each(widths, partial(RecurrentSynapses.latency, layer))
            self._recurrent[index] = _Link(words, events, never), offered, latency
        self._position = np.zeros(len(configs), np.int64)  # of the next step in its sample
        self._opens = np.full(len(configs), True)  # whether a sample begins with the next step
        self._occupied_until = never

    def step(self, counts: Cycles, closes: NDArray[np.bool_]) -> RunTiming:
        """Follow a step through the cores: `counts` (synapse arrays, cores), `closes` where a sample ends.

        The beats of `RunTiming` are those of the step as if it were the first and last of a sample.
        """
        readout = len(self._links) - 1
        self._position += 1
        answered = closes if self._stride is None else self._position % self._stride == 0
        self._position[closes] = 0
        ready_from = np.zeros_like(counts[0])
        first = self._links[0]
        if self._input is not None:
            first = self._input
            first.transfer(counts[-1], ready_from, self._sent[0][0] + 1)
            ready_from = first.taken + self._queued[0] + EventEncoder.LATENCY
        recurrent = iter(counts[readout + 1 :])
        for stage, (link, count) in enumerate(zip(self._links, counts, strict=False)):
            starts, places = self._starts[stage], self._places[stage]
            latest = starts[(self._steps - 1) % len(starts)]
            oldest = starts[(self._steps - places) % len(starts), self._every]
            link.transfer(count, ready_from, oldest + self._released[stage])
            self._sent[stage].append(link.marker_in)
            start = np.maximum(link.taken + self._latencies[stage] + 1, latest + self._distances[stage])
            if stage == readout:
                start = np.maximum(start, np.where(answered, self._occupied_until, NEVER))
            else:
                if stage in self._recurrent:
                    ready = self._recurrence(stage, next(recurrent), latest)
                    start = np.maximum(start, np.where(self._opens, NEVER, ready))
                start = np.maximum(start, self._sent[stage + 1][0] + 1)
                written = start + self._groups[stage] - 1 + self._updates[stage]
                ready_from = written + self._queued[stage + 1] + EventEncoder.LATENCY
            starts[self._steps % len(starts)] = start
        self._steps += 1
        first_out = start + self._updates[readout] + self._unit.latency(self._n_out)
        last_out = first_out + self._unit.beats(self._n_out) - 1
        self._occupied_until = np.where(answered, last_out - self._unit.RELEASE, self._occupied_until)
        self._opens = closes
        return RunTiming(first.first_in, first.marker_in, first_out, last_out)

    def _recurrence(self, stage: int, count: Cycles, latest: Cycles) -> Cycles:
        """First cycle in which the dense recurrence of a layer offers its step of `count` delayed spikes.

        `latest` is the start of its previous sweep.
        """
        link, offered, latency = self._recurrent[stage]
        written = latest + self._groups[stage] - 1 + self._updates[stage]
        link.transfer(count, written + offered + EventEncoder.LATENCY, latest)
        return link.taken + latency + 1


def _each(widths: Sequence[StageConfig], value: Callable[[StageConfig], int]) -> Cycles:
    """`value` of the widths of every core, (cores,)."""
    known = {own: value(own) for own in set(widths)}
    return np.array([known[own] for own in widths], dtype=np.int64)


def _queued(late: bool, config: StageConfig) -> int:
    """Cycles from spikes to the offer of their step to an encoder; `late`, with forward delays."""
    return SpikeQueue.latency(config.events_per_cycle) + (DELAYED_AFTER if late else 0)


class _Link:
    """A source of events (``s_axis`` or an encoder), its buffer of two, and what takes them behind it.

    That is a synapse array, or the delays of the inputs.

    first_in, marker_in : cycles in which the first item and the marker of the latest step enter the buffer
    taken : cycle in which the array takes the marker
    """

    def __init__(
        self,
        words: Cycles,
        events_per_cycle: Cycles,
        never: Cycles,
        beats: bool = False,
        alone: Cycles | int | None = None,
    ) -> None:
        """`words` are the cycles of an item of `events_per_cycle` events; `alone`, of a single one."""
        self._words, self._events, self._beats = words, events_per_cycle, beats
        self._alone = words if alone is None else alone
        self._before = self.taken = never  # when the last two items left the buffer
        self.first_in = self.marker_in = never

    def transfer(self, events: Cycles, ready_from: Cycles, released: Cycles) -> None:
        """Pass on a step of `events` (cores,), then its marker.

        The source has the first item in cycle `ready_from`, and one more each cycle; an item enters
        the buffer when the item two before it has left, and leaves it at least one cycle
        later. What is behind takes an item of events with its last word, and the marker not before
        cycle `released`. So all items leave W cycles apart, and each enters in
        the cycle after the item two before it leaves. Where items are beats of two words, the marker
        shares the beat of an event without a partner, which alone may take fewer cycles.
        """
        words, items = self._words, -(-events // self._events)
        shared = events % self._events if self._beats else 0
        first = np.maximum(np.maximum(ready_from, self.marker_in + 1), self._before + 1)
        base = np.maximum(first, self.taken)  # item i leaves in cycle base + (i + 1) W
        self.first_in = first
        ahead = items - shared  # what enters, or leaves, before the marker does
        self.marker_in = np.where(ahead > 0, base + (ahead - 1) * words + 1, first)
        self._before = np.where(ahead > 0, base + ahead * words, self.taken)
        whole, rest = events // self._events, events % self._events
        self.taken = np.maximum(base + whole * words + rest * self._alone + 1, released)


def delays_inputs(spec: NetworkSpec) -> bool:
    """Whether the input channels have delays."""
    return spec.layers[0].max_input_delay is not None


def input_config(spec: NetworkSpec, config: HardwareConfig) -> StageConfig:
    """Widths of the delays of the inputs, as of a stage of one neuron."""
    return StageConfig(1, 1, InputDelays.taken(spec.layers[0], config.stages[0].events_per_cycle))


def dense_layers(spec: NetworkSpec) -> list[int]:
    """Indices of the layers with dense recurrence."""
    kinds = [layer.recurrence and layer.recurrence.kind for layer in spec.layers]
    return [index for index, kind in enumerate(kinds) if kind is RecurrenceKind.DENSE]


def recurrent_events(spec: NetworkSpec, events: Sequence[Cycles]) -> dict[int, Cycles]:
    """Those of the recurrence of each dense layer, by its index, of one array for each synapse array.

    `events` are in the order of `hw.estimates.latency.event_counts`.
    """
    layers, first = dense_layers(spec), len(spec.stages)
    return dict(zip(layers, events[first : first + len(layers)], strict=True))

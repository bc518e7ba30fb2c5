"""The cycles of a run, exactly, from its event counts.

The cycles of a sample are the clock cycles from the one that transfers its first beat at
``s_axis`` to the one that transfers its TLAST beat at ``m_axis``, both included. They are
predicted for a core that comes out of reset, an input that is never idle between the first beat of the
run and the last, has one word per event, no faulty words and every step in beats of its own, and an
output that is always ready. The timing depends on how many events each stage gets in each step, of even and
of odd addresses, and on nothing else: not on which, nor on any weight.

The recurrence follows each step through the core (ARCHITECTURE.md, "Cycles"); every
constant comes from the component that causes it. It equals simulation, or a bench fails.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fxp_model.errors import InputError
from fxp_model.network import Network
from fxp_model.spec import NetworkSpec, RecurrenceKind
from fxp_model.trace import Trace
from hw.config import HardwareConfig, StageConfig
from hw.rtl.event_encoder import EventEncoder
from hw.rtl.neuron_update import NeuronUpdate
from hw.rtl.recurrent_synapses import RecurrentSynapses, recurrent_config
from hw.rtl.score_unit import ScoreUnit
from hw.rtl.spike_queue import SpikeQueue
from hw.rtl.synapse_array import SynapseArray

Counts = NDArray[np.integer]
Cycles = NDArray[np.int64]

NEVER = -(1 << 40)
"""Cycle of what has not happened yet."""


@dataclass(frozen=True)
class RunTiming:
    """Cycles in which a run does what, counted from its first transfer at ``s_axis`` (cycle 0).

    first_in, last_in : (B,) transfers of the first and the TLAST beat of each sample at ``s_axis``
    first_out, last_out : (B,) transfers of its first score and its TLAST beat at ``m_axis``
    """

    first_in: NDArray[np.int64]
    last_in: NDArray[np.int64]
    first_out: NDArray[np.int64]
    last_out: NDArray[np.int64]

    @property
    def sample_cycles(self) -> NDArray[np.int64]:
        """Cycles of each sample (B,), from its first beat in to its last beat out, both included."""
        return self.last_out - self.first_in + 1

    @property
    def run_cycles(self) -> int:
        """Cycles of the whole run, from the first beat in to the last beat out, both included."""
        return int(self.last_out[-1] - self.first_in[0] + 1)


def event_counts(network: Network, trace: Trace, counts: Counts) -> tuple[Cycles, ...]:
    """Events of the run of `trace` on the input `counts` (T, B, n_in), (T, B, 2) for each synapse array.

    The last axis tells those of even addresses from those of odd ones. First the events into each stage,
    then, in the order of the layers, the delayed spikes of each dense recurrence.
    """
    inputs = [np.asarray(counts), *(layer.spikes for layer in trace.layers)]
    own = [_by_parity(x) for x in inputs]
    for index in dense_layers(network.spec):
        spikes, delay_steps = trace.layers[index].spikes, network.params[index].delay_steps
        assert delay_steps is not None
        own.append(_delayed_counts(spikes, delay_steps))
    return tuple(own)


def _delayed_counts(spikes: NDArray[np.uint8], delay_steps: NDArray[np.integer]) -> Cycles:
    """How many neurons have s[m](t) = y[m](t - 1 - d[m]) of NUMERICS.md section 5, (T, B, 2)."""
    steps = len(spikes)
    delayed = np.zeros_like(spikes)
    for delay in np.unique(delay_steps):
        if delay + 1 < steps:
            alike = delay_steps == delay
            delayed[delay + 1 :, :, alike] = spikes[: steps - 1 - delay, :, alike]
    return _by_parity(delayed)


def _by_parity(active: Counts) -> Cycles:
    """How many of (T, B, n) are not 0 at even and at odd places, (T, B, 2)."""
    halves = [np.count_nonzero(active[:, :, parity::2], axis=2) for parity in (0, 1)]
    return np.stack(halves, axis=-1).astype(np.int64)


def dense_layers(spec: NetworkSpec) -> list[int]:
    """Indices of the layers with dense recurrence."""
    kinds = [layer.recurrence and layer.recurrence.kind for layer in spec.layers]
    return [index for index, kind in enumerate(kinds) if kind is RecurrenceKind.DENSE]


def lower_bound(
    spec: NetworkSpec, config: HardwareConfig, events: Sequence[Counts], lengths: Sequence[int] | Cycles
) -> Cycles:
    """Cycles (B,) that no core of these widths can go below: words and markers through its busiest stage.

    `events` (T, B, 2) and `lengths` (B,) as of `clip_cycles`.
    """
    counts = _checked(spec, config, events, 3).sum(axis=3)
    busy = [
        (-(-count // own.events_per_cycle)).sum(axis=0) * own.words(n_out)
        for count, (own, n_out) in zip(counts, _arrays(spec, config), strict=True)
    ]
    busiest: Cycles = np.max(busy, axis=0)
    return busiest + np.asarray(lengths)


def _arrays(spec: NetworkSpec, config: HardwareConfig) -> list[tuple[StageConfig, int]]:
    """Widths and neurons of every synapse array, in the order of `event_counts`."""
    own = [(widths, stage.n_out) for stage, widths in zip(spec.stages, config.stages, strict=True)]
    dense = [(recurrent_config(spec.layers[i], config.stages[i]), own[i][1]) for i in dense_layers(spec)]
    return own + dense


def clip_cycles(
    spec: NetworkSpec, config: HardwareConfig, events: Sequence[Counts], lengths: Sequence[int] | Cycles
) -> Cycles:
    """Cycles of each of several samples (B,), each on an idle core.

    Parameters
    ----------
    spec : NetworkSpec
    config : HardwareConfig
    events : (T, B, 2) integers for each synapse array
        As `event_counts` gives them.
    lengths : (B,) integers
        Steps of each sample, 1 .. T.

    Raises
    ------
    InputError
        If the shapes do not agree.
    """
    return _answers(spec, config, events, lengths, 1)[0] + 1


def clip_intervals(
    spec: NetworkSpec, config: HardwareConfig, events: Sequence[Counts], lengths: Sequence[int] | Cycles
) -> Cycles:
    """Cycles between the answers to each of several samples (B,), when it follows itself without a pause.

    The initiation interval: of three in a row, from the answer to the second one to that of the third.
    Arguments and errors as of `clip_cycles`.
    """
    answers = _answers(spec, config, events, lengths, 3)
    return answers[2] - answers[1]


def _answers(
    spec: NetworkSpec,
    config: HardwareConfig,
    events: Sequence[Counts],
    lengths: Sequence[int] | Cycles,
    times: int,
) -> list[Cycles]:
    """When each sample, sent `times` times to a core of its own, is answered (B,), from its first beat on."""
    counts = _checked(spec, config, events, 3)
    steps, samples = counts.shape[1:3]
    own = np.asarray(lengths, dtype=np.int64)
    if own.shape != (samples,) or np.any((own < 1) | (own > steps)):
        raise InputError(f"lengths of samples must be {samples} of 1..{steps}, not {list(lengths)}")
    cores, every = _Cores(spec, config, samples), np.arange(samples)
    answers = [np.zeros(samples, np.int64) for _ in range(times)]
    for step in range(times * int(own.max(initial=0))):
        beats = cores.step(counts[:, step % own, every], (step + 1) % own == 0)
        if step == 0:
            first_in = beats.first_in
        for turn, answered in enumerate(answers):
            answered[:] = np.where(step + 1 == (turn + 1) * own, beats.last_out - first_in, answered)
    return answers


def run_timing(
    spec: NetworkSpec, config: HardwareConfig, events: Sequence[Counts], lengths: Sequence[int]
) -> RunTiming:
    """When each of several samples, sent back to back, enters and leaves the core.

    Parameters
    ----------
    spec : NetworkSpec
    config : HardwareConfig
    events : (T, 2) integers for each synapse array
        As of `clip_cycles`, over all samples.
    lengths : sequence of int
        Steps of each sample, 1 or more; their sum is T.

    Raises
    ------
    InputError
        If the shapes do not agree.
    """
    counts = _checked(spec, config, events, 2)
    if any(length < 1 for length in lengths) or sum(lengths) != counts.shape[1]:
        raise InputError(
            f"lengths of samples must be positive and sum to {counts.shape[1]}, not {list(lengths)}"
        )
    core = _Cores(spec, config, 1)
    beats = np.zeros((4, len(lengths)), dtype=np.int64)
    step = 0
    for sample, length in enumerate(lengths):
        for place in range(length):
            now = core.step(counts[:, step, np.newaxis], np.array([place == length - 1]))
            if place == 0:
                beats[0, sample] = now.first_in[0]
            step += 1
        beats[1:, sample] = now.last_in[0], now.first_out[0], now.last_out[0]
    return RunTiming(*beats)


class _Cores:
    """Cores of one kind, each with a sample of its own; all arrays are of shape (cores,)."""

    def __init__(self, spec: NetworkSpec, config: HardwareConfig, cores: int) -> None:
        stages = list(zip(spec.stages, config.stages, strict=True))
        never = np.full(cores, NEVER)
        self._n_out = spec.n_out
        self._links = [
            _Link(widths.words(stage.n_out), widths.events_per_cycle, never, beats=index == 0)
            for index, (stage, widths) in enumerate(stages)
        ]
        self._latencies = [SynapseArray.latency(stage, widths) for stage, widths in stages]
        self._groups = [widths.groups(stage.n_out) for stage, widths in stages]
        self._released = [SynapseArray.released(stage, widths) for stage, widths in stages]
        # the first fetches of the latest sweeps, the oldest first: as many as steps have a place in the queue
        places = [SynapseArray.steps(stage, widths) for stage, widths in stages]
        self._starts = [deque([never] * steps, steps) for steps in places]
        self._distances = [NeuronUpdate.distance(stage, widths) for stage, widths in stages]
        # the latest transfers from each spike queue to its encoder, the oldest first
        self._taken = [deque([never] * SpikeQueue.DEPTH, SpikeQueue.DEPTH) for _ in spec.layers]
        self._recurrent = {}
        for index in dense_layers(spec):
            layer, widths = spec.layers[index], config.stages[index]
            own = recurrent_config(layer, widths)
            link = _Link(own.words(layer.n_out), own.events_per_cycle, never)
            self._recurrent[index] = link, RecurrentSynapses.latency(layer, widths)
        self._opens = np.full(cores, True)  # whether a sample begins with the next step
        self._occupied_until = never

    def step(self, counts: Cycles, closes: NDArray[np.bool_]) -> RunTiming:
        """Follow a step through the cores: `counts` (synapse arrays, cores, 2), `closes` where a sample ends.

        The beats of `RunTiming` are those of the step as if it were the first and last of a sample.
        """
        readout = len(self._links) - 1
        ready_from = np.zeros_like(counts[0, :, 0])
        recurrent = iter(counts[readout + 1 :])
        for stage, (link, count) in enumerate(zip(self._links, counts, strict=False)):
            starts = self._starts[stage]
            link.transfer(count, ready_from, starts[0] + self._released[stage])
            start = np.maximum(link.taken + self._latencies[stage] + 1, starts[-1] + self._distances[stage])
            if stage == readout:
                start = np.maximum(start, np.where(closes, self._occupied_until, NEVER))
            else:
                if stage in self._recurrent:
                    ready = self._recurrence(stage, next(recurrent))
                    start = np.maximum(start, np.where(self._opens, NEVER, ready))
                taken = self._taken[stage]
                start = np.maximum(start, taken[0] + 1)
                offered = start + self._groups[stage] - 1 + NeuronUpdate.LATENCY + SpikeQueue.LATENCY
                taken.append(np.maximum(offered, self._links[stage + 1].source_free))
                ready_from = taken[-1] + EventEncoder.LATENCY
            starts.append(start)
        first_out = start + NeuronUpdate.LATENCY + ScoreUnit.LATENCY
        last_out = first_out + self._n_out
        self._occupied_until = np.where(closes, last_out - ScoreUnit.RELEASE, self._occupied_until)
        self._opens = closes
        first = self._links[0]
        return RunTiming(first.first_in, first.marker_in, first_out, last_out)

    def _recurrence(self, stage: int, count: Cycles) -> Cycles:
        """Cycle from which on the dense recurrence of a layer offers its step, of `count` delayed spikes."""
        link, latency = self._recurrent[stage]
        latest = self._starts[stage][-1]
        written = latest + self._groups[stage] - 1 + NeuronUpdate.LATENCY
        link.transfer(count, written + 1 + EventEncoder.LATENCY, latest)
        return link.taken + latency + 1


class _Link:
    """A source of events (``s_axis`` or an encoder), its buffer of two, and the synapse array behind it.

    first_in, marker_in : cycles in which the first item and the marker of the latest step enter the buffer
    taken : cycle in which the array takes the marker
    source_free : cycle from which on the encoder takes another step
    """

    def __init__(self, words: int, events_per_cycle: int, never: Cycles, beats: bool = False) -> None:
        """`words` are the cycles of an item in the array; of `beats`, an item holds any two events."""
        self._words, self._pairs, self._beats = words, events_per_cycle == 2, beats
        self._before = self.taken = never  # when the last two items left the buffer
        self.first_in = self.marker_in = self.source_free = never

    def transfer(self, events: Cycles, ready_from: Cycles, released: Cycles) -> None:
        """Pass on a step of `events` (cores, 2), then its marker.

        The source has the first item from cycle `ready_from` on, and one more each cycle; an item enters
        the buffer when the item two before it has left, and leaves it one cycle later at the
        earliest. The array takes an item of events with its last word, and the marker from the
        cycle `released` on. So items leave W cycles apart from the first one on, and each enters in
        the cycle after the item two before it leaves. Where items are beats of two words, the marker
        shares the beat of an event without a partner.
        """
        total, words = events.sum(axis=1), self._words
        items, shared = total, np.zeros_like(total)
        if self._pairs:
            items = -(-total // 2) if self._beats else events.max(axis=1)
            shared = total % 2 if self._beats else shared
        first = np.maximum(np.maximum(ready_from, self.marker_in + 1), self._before + 1)
        base = np.maximum(first, self.taken)  # item i leaves in cycle base + (i + 1) W
        enters = base + (items - 2) * words + 1  # the last item of events
        idle = np.maximum(ready_from - 1, self.marker_in)
        self.source_free = np.where(items > 0, np.where(items > 1, enters, first), idle)
        self.first_in = first
        ahead = items - shared  # what enters, or leaves, before the marker does
        self.marker_in = np.where(ahead > 0, base + (ahead - 1) * words + 1, first)
        self._before = np.where(ahead > 0, base + ahead * words, self.taken)
        self.taken = np.maximum(base + items * words + 1, released)


def _checked(
    spec: NetworkSpec, config: HardwareConfig, events: Sequence[Counts], dimensions: int
) -> NDArray[np.int64]:
    """`events` as one array (synapse arrays, T, .., 2); `InputError` unless they and `config` fit `spec`."""
    config.check(spec)
    names = (*spec.stage_names, *(f"the recurrence of {spec.stage_names[i]}" for i in dense_layers(spec)))
    if len(events) != len(names):
        raise InputError(f"events must be of {', '.join(names)}, not {len(events)} arrays")
    shape = np.shape(events[0])
    wanted = "(T, 2)" if dimensions == 2 else "(T, B, 2)"
    for name, counts in zip(names, events, strict=True):
        array = np.asarray(counts)
        if array.dtype.kind not in "iu" or array.shape != shape or array.ndim != dimensions or shape[-1] != 2:
            raise InputError(
                f"events into {name} must be integers of one shape {wanted} for all stages, "
                f"not {array.dtype} of shape {array.shape}"
            )
        if array.size and array.min() < 0:
            raise InputError(f"events into {name} must be 0 or more, not {array.min()}")
    return np.stack([np.asarray(counts, dtype=np.int64) for counts in events])

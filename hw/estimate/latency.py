"""The cycles of a run, exactly, from its event counts.

The cycles of a sample are the clock cycles from the one that transfers its first beat at
``s_axis`` to the one that transfers its TLAST beat at ``m_axis``, both included. They are
predicted for a core that comes out of reset, an input that is never idle between the first beat of the
run and the last, has one beat per event and no faulty beats, and an output that is
always ready. The timing depends on how many events each stage gets in each step, and on nothing
else: not on which, nor on any weight.

The recurrence follows each step through the core (ARCHITECTURE.md, "Cycles"); every
constant comes from the component that causes it. It equals simulation, or a bench fails.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fxp_model.errors import InputError
from fxp_model.spec import NetworkSpec
from fxp_model.trace import Trace
from hw.config import HardwareConfig
from hw.rtl.event_encoder import EventEncoder
from hw.rtl.neuron_update import NeuronUpdate
from hw.rtl.score_unit import ScoreUnit
from hw.rtl.skid_buffer import SkidBuffer
from hw.rtl.spike_queue import SpikeQueue
from hw.rtl.synapse_array import SynapseArray

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


def event_counts(trace: Trace, counts: NDArray[np.integer]) -> tuple[NDArray[np.int64], ...]:
    """Events into each stage, (T, B) per stage, of the run of `trace` on the input `counts` (T, B, n_in)."""
    inputs = [np.asarray(counts), *(layer.spikes for layer in trace.layers)]
    return tuple(np.count_nonzero(x, axis=2).astype(np.int64) for x in inputs)


def sample_cycles(spec: NetworkSpec, config: HardwareConfig, events: Sequence[NDArray[np.integer]]) -> int:
    """Cycles of one sample on an idle core; `events` (T,) per stage."""
    return int(run_timing(spec, config, events, [len(events[0])]).sample_cycles[0])


def lower_bound(spec: NetworkSpec, config: HardwareConfig, events: Sequence[NDArray[np.integer]]) -> int:
    """Cycles that no core of these widths can go below: words and markers through its busiest stage."""
    _check(spec, config, events)
    return max(
        int(np.sum(np.asarray(count) * widths.words(stage.n_out) + 1))
        for stage, widths, count in zip(spec.stages, config.stages, events, strict=True)
    )


def run_timing(
    spec: NetworkSpec,
    config: HardwareConfig,
    events: Sequence[NDArray[np.integer]],
    lengths: Sequence[int],
) -> RunTiming:
    """When each of several samples, sent back to back, enters and leaves the core.

    Parameters
    ----------
    spec : NetworkSpec
    config : HardwareConfig
    events : (T,) integers per stage
        Events into each stage in each step, over all samples.
    lengths : sequence of int
        Steps of each sample, 1 or more; their sum is T.

    Raises
    ------
    InputError
        If the shapes do not agree.
    """
    _check(spec, config, events)
    if any(length < 1 for length in lengths) or sum(lengths) != len(events[0]):
        raise InputError(
            f"lengths of samples must be positive and sum to {len(events[0])}, not {list(lengths)}"
        )
    ends = np.cumsum(lengths) - 1
    stages = list(zip(spec.stages, config.stages, strict=True))
    links = [_Link(widths.words(stage.n_out)) for stage, widths in stages]
    latencies = [SynapseArray.latency(stage) for stage in spec.stages]
    groups = [widths.groups(stage.n_out) for stage, widths in stages]
    released = [SynapseArray.released(stage, widths) for stage, widths in stages]
    distances = [NeuronUpdate.distance(stage, widths) for stage, widths in stages]
    readout = len(links) - 1
    start = [NEVER] * len(links)  # first fetch of the latest sweep
    taken = [(NEVER,) * SpikeQueue.DEPTH] * len(links)  # latest transfers from spike queue to encoder
    occupied_until = NEVER
    beats = np.zeros((len(ends), 4), dtype=np.int64)

    sample = 0
    opens = True
    for step, counts in enumerate(zip(*(np.asarray(count).tolist() for count in events), strict=True)):
        closes = step == ends[sample]
        ready_from = 0
        for stage, (link, count) in enumerate(zip(links, counts, strict=True)):
            link.transfer(count, ready_from, start[stage] + released[stage])
            if stage == 0:
                beats[sample, 1] = link.marker_in
                if opens:
                    beats[sample, 0] = link.first_in
            offered = link.taken + latencies[stage] + 1
            swept = start[stage] + distances[stage]
            if stage == readout:
                start[stage] = max(offered, swept, occupied_until if closes else NEVER)
                continue
            oldest, *later = taken[stage]
            start[stage] = max(offered, swept, oldest + 1)
            complete = start[stage] + groups[stage] - 1 + NeuronUpdate.LATENCY + SpikeQueue.LATENCY
            taken[stage] = (*later, max(complete, links[stage + 1].source_free))
            ready_from = taken[stage][-1] + EventEncoder.LATENCY
        opens = closes
        if closes:
            first_score = start[readout] + NeuronUpdate.LATENCY + ScoreUnit.LATENCY
            beats[sample, 2:] = first_score, first_score + spec.n_out
            occupied_until = first_score + spec.n_out - ScoreUnit.RELEASE
            sample += 1
    return RunTiming(*beats.T)


class _Link:
    """A source of events (``s_axis`` or an encoder), its buffer of two, and the synapse array behind it.

    first_in, marker_in : cycles in which the first item and the marker of the latest step enter the buffer
    taken : cycle in which the array takes the marker
    source_free : cycle from which on the encoder takes another step
    """

    def __init__(self, words: int) -> None:
        self._words = words
        self._before = self.taken = NEVER  # when the array took the last two items
        self.first_in = self.marker_in = self.source_free = NEVER

    def transfer(self, count: int, ready_from: int, released: int) -> None:
        """Pass on a step of `count` events, then its marker.

        The source has the first item from cycle `ready_from` on, and one more each cycle; an item enters
        the buffer when the item two before it has left. The array takes an event with its last
        word, and the marker from the cycle `released` on.
        """
        enters = max(ready_from, self.marker_in + 1) - 1
        self.source_free = max(ready_from - 1, self.marker_in)
        for item in range(count + 1):
            enters = max(enters, self._before) + 1
            if item == 0:
                self.first_in = enters
            leaves = max(enters + SkidBuffer.LATENCY, self.taken + 1)
            if item < count:
                self.source_free = enters
                leaves += self._words - 1
            else:
                leaves = max(leaves, released)
            self._before, self.taken = self.taken, leaves
        self.marker_in = enters


def _check(spec: NetworkSpec, config: HardwareConfig, events: Sequence[NDArray[np.integer]]) -> None:
    """Raise `InputError` unless `config` and `events` fit `spec`."""
    config.check(spec)
    if len(events) != len(spec.stages):
        raise InputError(f"events must be of {len(spec.stages)} stages, not {len(events)}")
    for name, counts in zip(spec.stage_names, events, strict=True):
        array = np.asarray(counts)
        if array.dtype.kind not in "iu" or array.shape != np.shape(events[0]) or array.ndim != 1:
            raise InputError(
                f"events into {name} must be integers of shape ({len(events[0])},), "
                f"not {array.dtype} of shape {array.shape}"
            )
        if array.size and array.min() < 0:
            raise InputError(f"events into {name} must be 0 or more, not {array.min()}")

"""Clips as a core sees them: events of its synapse arrays, step by step, and spikes in its delay lines."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fxp_model.network import Network
from fxp_model.trace import Trace
from hw.estimates.latency import event_counts

BATCH = 64
"""Clips whose traces are in memory at once."""


@dataclass(frozen=True)
class Clips:
    """Some clips in one core: everything that its cycles and its work depend on.

    events : (T, B) for each synapse array, as of `event_counts`; 0 after the end of a clip
    lengths : (B,) steps of each clip
    toggles : (B,) for each layer, bits that change in its delay lines: each edge of a neuron's spike train
        passes all d + 1 registers of its line, in this clip or in the next; forward delays have d, and those
        of the inputs belong to the first layer
    """

    events: tuple[NDArray[np.int64], ...]
    lengths: NDArray[np.int64]
    toggles: tuple[NDArray[np.int64], ...]


def follow(
    cores: Sequence[Network],
    counts: NDArray[np.integer],
    lengths: Sequence[int] | NDArray[np.integer],
    run: Callable[[NDArray[np.integer]], Trace],
) -> list[Clips]:
    """Effect of the spikes of one network in each of `cores`, which differ only in their recurrence.

    Parameters
    ----------
    cores : sequence of Network
    counts : (T, B, n_in) integers
        Clips, the shorter ones padded.
    lengths : (B,) integers
        Steps of each, 1 .. T.
    run : function of counts
        The network: `fxp_model.network.run`, or faster `fxp_model.engine.Engine.trace`.
    """
    steps, every = np.arange(len(counts))[:, np.newaxis], np.asarray(lengths, dtype=np.int64)
    batches: list[list[tuple[list[NDArray[np.int64]], list[NDArray[np.int64]]]]] = [[] for _ in cores]
    for first in range(0, counts.shape[1], BATCH):
        inputs = counts[:, first : first + BATCH]
        within = steps < every[first : first + BATCH]
        trace = run(inputs)
        for core, own in zip(cores, batches, strict=True):
            events = [count * within for count in event_counts(core, trace, inputs)]
            own.append((events, _toggles(core, trace, inputs, within[:, :, np.newaxis])))
    return [
        Clips(
            tuple(np.concatenate(parts, axis=1) for parts in zip(*(e for e, _ in own), strict=True)),
            every,
            tuple(np.concatenate(parts) for parts in zip(*(t for _, t in own), strict=True)),
        )
        for own in batches
    ]


def _toggles(
    core: Network, trace: Trace, inputs: NDArray[np.integer], within: NDArray[np.bool_]
) -> list[NDArray[np.int64]]:
    """`Clips.toggles` of a batch."""
    toggles = []
    for layer, params, following in zip(trace.layers, core.params, core.params[1:], strict=False):
        lines = np.zeros(layer.spikes.shape[2], np.int64)
        if params.delay_steps is not None:
            lines += params.delay_steps + 1
        if following.input_delay_steps is not None:
            lines += following.input_delay_steps
        toggles.append(_edges(layer.spikes, within) @ lines)
    if core.params[0].input_delay_steps is not None:
        toggles[0] += _edges(inputs != 0, within) @ core.params[0].input_delay_steps
    return toggles


def _edges(active: NDArray[np.generic], within: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Changes of each bit over a clip, (B, N)."""
    bits = (active * within).astype(np.int8)
    return np.abs(np.diff(bits, axis=0, prepend=0, append=0)).sum(axis=0, dtype=np.int64)

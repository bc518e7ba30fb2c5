"""From a trained module to an artifact, checked on the way."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fxp_model import network as golden
from fxp_model.network import Network
from fxp_model.qat.network import SpikingNetwork
from fxp_model.qat.train import Frames


class NotEqual(RuntimeError):
    """Torch and the golden model gave different integers: a bug, never an input error."""


def measure(
    module: SpikingNetwork,
    network: Network,
    frames: Frames,
    batch: int = 50,
    progress: Callable[[int], object] = lambda done: None,
) -> dict[str, Any]:
    """Accuracy and activity of the golden integers on `frames`, after torch has agreed with each of them.

    Returns
    -------
    dict
        `clips`, `accuracy`; per stage, mean `events_per_step` into it (nonzero inputs or
        spikes); per hidden layer, `spikes_per_neuron_step`; `spikes_per_clip` of all layers.

    Raises
    ------
    NotEqual
        Naming the first integer that differs.
    """
    stages = network.spec.stage_names
    events = dict.fromkeys(stages, 0)
    steps = right = 0
    for length in np.unique(frames.lengths):
        group = np.flatnonzero(frames.lengths == length)
        for part in np.split(group, range(batch, len(group), batch)):
            counts = frames.counts[:length, part]
            expected = golden.run(network, counts)
            mismatch = expected.first_mismatch(module.trace(counts))
            if mismatch is not None:
                raise NotEqual(f"torch differs from the golden model: {mismatch}")
            inputs: list[NDArray[np.integer]] = [counts, *(layer.spikes for layer in expected.layers)]
            for name, array in zip(stages, inputs, strict=True):
                events[name] += int(np.count_nonzero(array))
            steps += int(length) * len(part)
            right += int(np.sum(expected.classes == frames.labels[part]))
            progress(len(part))
    widths = {name: spec.n_out for name, spec in zip(stages, network.spec.layers, strict=False)}
    after = dict(pairwise(stages))
    spikes = {name: events[after[name]] for name in widths}
    return {
        "clips": len(frames),
        "accuracy": right / len(frames),
        "events_per_step": {name: round(count / steps, 3) for name, count in events.items()},
        "spikes_per_neuron_step": {
            name: round(count / steps / widths[name], 4) for name, count in spikes.items()
        },
        "spikes_per_clip": round(sum(spikes.values()) / len(frames), 1),
    }


def delay_table(network: Network, width: int = 4) -> str:
    """Delays of each layer as a text table: neurons per `width` steps.

    Empty for a network without recurrence.
    """
    columns = {
        name: params.delay_steps
        for name, params in zip(network.spec.stage_names, network.params, strict=True)
        if params.delay_steps is not None
    }
    if not columns:
        return ""
    top = max(int(delays.max()) for delays in columns.values())
    lines = [f"{'delay_steps':>11}" + "".join(f"{name:>9}" for name in columns)]
    for low in range(0, top + 1, width):
        counts = [int(np.sum((d >= low) & (d < low + width))) for d in columns.values()]
        lines.append(f"{f'{low}..{low + width - 1}':>11}" + "".join(f"{count:>9}" for count in counts))
    return "\n".join(lines) + "\n"

"""What a core does for a sample: the counts that its energy goes with."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fxp_model.spec import IntegratorSpec, LayerSpec, NetworkSpec, RecurrenceKind
from hw.config import HardwareConfig
from hw.estimate.latency import dense_layers


@dataclass(frozen=True)
class Work:
    """Totals of one stage over its events and steps, (B,) per sample.

    events : inputs that were active
    additions : of weights to currents, of the terms of the update, and of scores
    bits_read : of weights, biases, membranes and currents, at the widths of their formats; lanes beyond the
        last neuron included, a second port without an event not
    """

    events: NDArray[np.int64]
    additions: NDArray[np.int64]
    bits_read: NDArray[np.int64]


def work(
    spec: NetworkSpec,
    config: HardwareConfig,
    events: Sequence[NDArray[np.integer]],
    lengths: Sequence[int] | NDArray[np.integer],
) -> dict[str, Work]:
    """Work of each stage, for `events` (T, B, 2) and `lengths` (B,) of `hw.estimate.latency.clip_cycles`.

    An event adds a weight to each neuron's current, in `words` words of `lanes` weights, and so does a
    delayed spike of a dense recurrence. A step updates every neuron: it adds bias, current and what is left
    of the membrane, and i_rec; the K taps of a kernel, though a table, count as K - 1 additions more. This is
    a proxy: what an addition or a bit costs, says who knows the chip.
    """
    totals = [np.asarray(count, dtype=np.int64).sum(axis=(0, 2)) for count in events]
    steps = np.asarray(lengths, dtype=np.int64)
    recurrent = dict(zip(dense_layers(spec), totals[len(spec.stages) :], strict=True))
    done = {}
    for index, (name, stage, widths) in enumerate(
        zip(spec.stage_names, spec.stages, config.stages, strict=True)
    ):
        delayed = recurrent.get(index, np.zeros_like(steps))
        per_event = widths.words(stage.n_out) * widths.lanes
        state = stage.membrane.width + stage.bias.width + stage.accumulator_bits
        swept = widths.groups(stage.n_out) * widths.update_lanes
        weight_bits = totals[index] * stage.weight.width
        recurrence = stage.recurrence if isinstance(stage, LayerSpec) else None
        if recurrence is not None:
            weight_bits = weight_bits + delayed * recurrence.weight.width
        done[name] = Work(
            totals[index],
            (totals[index] + delayed + steps * _terms(stage)) * stage.n_out,
            weight_bits * per_event + steps * swept * state,
        )
    return done


def _terms(stage: IntegratorSpec) -> int:
    """Additions of one update of one neuron."""
    recurrence = stage.recurrence if isinstance(stage, LayerSpec) else None
    if not isinstance(stage, LayerSpec):
        return 3  # the score, too
    if recurrence is None:
        return 2
    return 2 + (recurrence.kernel_size if recurrence.kind is RecurrenceKind.CONV else 1)

"""The work of a core for a sample: the counts from which its energy is computed."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fxp_model.spec import SCORE, IntegratorSpec, LayerSpec, NetworkSpec, RecurrenceKind
from hw.config import HardwareConfig, StageConfig
from hw.estimates.clips import Clips
from hw.estimates.cores import dense_layers
from hw.rtl.events import counts_beside

Totals = NDArray[np.int64]


@dataclass(frozen=True)
class Work:
    """Totals of one stage over its events and steps, (B,) per sample, at the widths of its formats.

    events : inputs that were active
    additions : of weights to currents, of the terms of the update, and of scores
    adder_bits : full adders of these, and of the products, one for each pair of bits
    weight_bits : weight bits read; includes lanes beyond the last neuron, not a second port without an event
    state_bits_read, state_bits_written : of sums, biases, membranes, scores and queued spikes
    toggles : registers of delay lines that change
    """

    events: Totals
    additions: Totals
    adder_bits: Totals
    weight_bits: Totals
    state_bits_read: Totals
    state_bits_written: Totals
    toggles: Totals

    @property
    def bits_read(self) -> Totals:
        """Of all memories."""
        return self.weight_bits + self.state_bits_read


def work(spec: NetworkSpec, config: HardwareConfig, clips: Clips) -> dict[str, Work]:
    """Work of each stage.

    An event adds a weight to each neuron's current, in `words` words of `lanes` weights, and so does a
    delayed spike of a dense recurrence. A step updates every neuron: it adds bias, current, leaked
    membrane and i_rec; the K taps of a kernel, although a table, count as K - 1 more additions.
    Sums are in a memory where an event has several words, and in registers, which are not counted, where it
    has one. The energy of an addition or a bit depends on the chip (`hw.estimates.energy`).
    """
    totals = [count.sum(axis=0) for count in clips.events]
    recurrent = dict(zip(dense_layers(spec), totals[len(spec.stages) :], strict=False))
    idle = np.zeros_like(clips.lengths)
    done = {}
    for index, (name, stage, widths) in enumerate(
        zip(spec.stage_names, spec.stages, config.stages, strict=True)
    ):
        toggles = clips.toggles[index] if index < len(spec.layers) else idle
        delayed = totals[-1] if index == 0 and counts_beside(stage) else idle
        done[name] = _of_stage(
            stage, widths, totals[index], recurrent.get(index, idle), clips.lengths, toggles, delayed
        )
    return done


def _of_stage(
    stage: IntegratorSpec,
    widths: StageConfig,
    events: Totals,
    delayed: Totals,
    steps: Totals,
    toggles: Totals,
    counts: Totals,
) -> Work:
    """Work for some `events` and `delayed` spikes of a dense recurrence in some `steps`.

    Some `counts` of inputs with delays are added up in one memory, written to another, and looked up there.
    """
    n, v_bits, sums = stage.n_out, stage.membrane.width, stage.accumulator_bits
    per_event = widths.words(n) * widths.lanes
    swept = widths.groups(n) * widths.update_lanes
    added, terms = (events + delayed) * n, steps * n * _terms(stage)
    counted = events * n * stage.weight.width * stage.input_bits if stage.input_bits > 1 else 0
    leaked = steps * n * v_bits * stage.beta_format.width
    weights = events * stage.weight.width
    recurrence = stage.recurrence if isinstance(stage, LayerSpec) else None
    if recurrence is not None:
        weights = weights + delayed * recurrence.weight.width
    open_sums = (events + delayed) * per_event * sums if widths.words(n) > 1 else 0
    # the queue of spikes, or the scores
    kept = steps * (n if isinstance(stage, LayerSpec) else n * SCORE.width)
    return Work(
        events=events,
        additions=added + terms,
        adder_bits=added * sums + terms * stage.sum_bits + counted + leaked,
        weight_bits=weights * per_event,
        state_bits_read=open_sums
        + steps * swept * (v_bits + stage.bias.width + sums)
        + kept
        + (counts + events * (counts > 0)) * stage.input_bits,
        state_bits_written=open_sums
        + steps * swept * (v_bits + sums * (widths.words(n) == 1))
        + kept
        + 2 * counts * stage.input_bits,
        toggles=toggles,
    )


def _terms(stage: IntegratorSpec) -> int:
    """Additions of one update of one neuron."""
    recurrence = stage.recurrence if isinstance(stage, LayerSpec) else None
    if not isinstance(stage, LayerSpec):
        return 3  # the score, too
    if recurrence is None:
        return 2
    return 2 + (recurrence.kernel_size if recurrence.kind is RecurrenceKind.CONV else 1)

"""The work of a core for a sample: the counts from which its energy is computed."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fxp_model.spec import SCORE, IntegratorSpec, LayerSpec, NetworkSpec, RecurrenceKind, ResetMode, fires
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
    membrane and i_rec, a synaptic current and what a delayed reset subtracts; the K taps of a kernel,
    although a table, count as K - 1 more additions. Each state is read and written, and a neuron's codes
    are read. Sums are in a memory where an event has several words, and in registers, which are not
    counted, where it has one. The energy of an addition or a bit depends on the chip (`hw.estimates.energy`).
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
    states, products, codes = v_bits, v_bits * stage.beta_format.width, _own_bits(stage)
    exact = terms * stage.input_sum.bits
    if stage.synapse is not None:
        c_bits = stage.synapse.current.width
        states, products = states + c_bits, products + c_bits * stage.synapse.alpha_format.width
        terms, exact = terms + steps * n, exact + steps * n * stage.sum_bits
    leaked = steps * n * products
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
        adder_bits=added * sums + exact + counted + leaked,
        weight_bits=weights * per_event,
        state_bits_read=open_sums
        + steps * swept * (states + codes + sums)
        + kept
        + (counts + events * (counts > 0)) * stage.input_bits,
        state_bits_written=open_sums
        + steps * swept * (states + sums * (widths.words(n) == 1))
        + kept
        + 2 * counts * stage.input_bits,
        toggles=toggles,
    )


def _own_bits(stage: IntegratorSpec) -> int:
    """Bits of a neuron's codes that an update reads: the bias, shares and threshold of its own."""
    bits = stage.bias.width
    if stage.beta is None:
        bits += stage.beta_format.width
    if stage.synapse is not None and stage.synapse.alpha is None:
        bits += stage.synapse.alpha_format.width
    return bits + (stage.membrane.width if fires(stage) and stage.v_th is None else 0)


def _terms(stage: IntegratorSpec) -> int:
    """Additions of one update of one neuron, but for that of a synaptic current to its membrane."""
    recurrence = stage.recurrence if isinstance(stage, LayerSpec) else None
    spent = int(fires(stage) and stage.reset_mode is ResetMode.DELAYED)
    if not isinstance(stage, LayerSpec):
        return 3 + spent  # the score, too
    if recurrence is None:
        return 2 + spent
    return 2 + spent + (recurrence.kernel_size if recurrence.kind is RecurrenceKind.CONV else 1)

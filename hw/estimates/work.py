"""The work of a core for a sample: the counts from which its energy is computed."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from fxp_model.spec import (
    SCORE,
    IntegratorSpec,
    LayerSpec,
    NetworkSpec,
    ReadoutSpec,
    RecurrenceKind,
    ResetMode,
    fires,
)
from hw.config import HardwareConfig, StageConfig
from hw.estimates.clips import Clips
from hw.estimates.cores import delays_inputs, recurrent_events
from hw.rtl.events import counts_beside, index_shape
from hw.rtl.input_delays import InputDelays

Totals = NDArray[np.int64]


@dataclass(frozen=True)
class Work:
    """Totals of one stage over its events and steps, (B,) per sample, at the widths of its formats.

    events : inputs that were active
    additions : of weights to currents, of the terms of the update, and of scores
    adder_bits : full adders of these, and of the products, one for each pair of bits
    weight_bits : weight bits read; includes lanes beyond the last neuron, not a second port without an event
    state_bits_read, state_bits_written : of sums, synaptic currents, membranes, scores and queued spikes; of
        the first stage also of what delays of the inputs hold. Codes are only read: a neuron's bias, and the
        shares, threshold or input delay of its own
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
    counted, where it has one. Delays of the inputs add what `_input_delays` says to the first stage. The
    energy of an addition or a bit depends on the chip (`hw.estimates.energy`).
    """
    totals = [count.sum(axis=0) for count in clips.events]
    recurrent = recurrent_events(spec, totals)
    idle = np.zeros_like(clips.lengths)
    done = {}
    for index, (name, stage, widths) in enumerate(
        zip(spec.stage_names, spec.stages, config.stages, strict=True)
    ):
        toggles = clips.toggles[index] if index < len(spec.layers) else idle
        delayed = recurrent.get(index, idle)
        done[name] = _of_stage(stage, widths, totals[index], delayed, clips.lengths, toggles)
    if delays_inputs(spec):
        name, own = spec.stage_names[0], done[spec.stage_names[0]]
        read, written = _input_delays(spec.layers[0], totals[-1], totals[0], clips.lengths)
        done[name] = replace(
            own,
            state_bits_read=own.state_bits_read + read,
            state_bits_written=own.state_bits_written + written,
        )
    return done


def _of_stage(
    stage: IntegratorSpec,
    widths: StageConfig,
    events: Totals,
    delayed: Totals,
    steps: Totals,
    toggles: Totals,
) -> Work:
    """Work for some `events`, and some `delayed` spikes of its dense recurrence, in some `steps`."""
    n, v_bits, sums = stage.n_out, stage.membrane.width, stage.accumulator_bits
    per_event = widths.words(n) * widths.lanes
    swept = widths.groups(n) * widths.update_lanes
    to_input, to_membrane = _terms(stage)
    added, terms = (events + delayed) * n, steps * n * (to_input + to_membrane)
    exact = steps * n * (to_input * stage.input_sum.bits + to_membrane * stage.sum_bits)
    counted = events * n * stage.weight.width * stage.input_bits if stage.input_bits > 1 else 0
    states, products, codes = v_bits, v_bits * stage.beta_format.width, _own_bits(stage)
    if stage.synapse is not None:
        c_bits = stage.synapse.current.width
        states, products = states + c_bits, products + c_bits * stage.synapse.alpha_format.width
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
        state_bits_read=open_sums + steps * swept * (states + codes + sums) + kept,
        state_bits_written=open_sums + steps * swept * (states + sums * (widths.words(n) == 1)) + kept,
        toggles=toggles,
    )


def _input_delays(stage: LayerSpec, before: Totals, after: Totals, steps: Totals) -> tuple[Totals, Totals]:
    """Bits that `InputDelays` reads and writes for the events `before` and `after` them, in some `steps`.

    An event marks its channel, and the marks of a step pass a queue. A count is added to the sum of its
    channel, which is written to the ring, too; an event that leaves reads the delay of its channel, and its
    count in the ring.
    """
    read, written = steps * stage.n_in, before + steps * stage.n_in
    if counts_beside(stage):
        delay = index_shape(InputDelays.steps(stage)).width
        read = read + before * stage.input_bits + after * (delay + stage.input_bits)
        written = written + 2 * before * stage.input_bits
    return read, written


def _own_bits(stage: IntegratorSpec) -> int:
    """Bits of a neuron's codes that an update reads: the bias, shares and threshold of its own."""
    bits = stage.bias.width
    if stage.beta is None:
        bits += stage.beta_format.width
    if stage.synapse is not None and stage.synapse.alpha is None:
        bits += stage.synapse.alpha_format.width
    return bits + (stage.membrane.width if fires(stage) and stage.v_th is None else 0)


def _terms(stage: IntegratorSpec) -> tuple[int, int]:
    """Additions of one update of one neuron: to the sum that the inputs are terms of, and to the membrane's.

    These are the same without a synaptic current, whose addition is one of the latter; so is a score's.
    """
    recurrence = stage.recurrence if isinstance(stage, LayerSpec) else None
    taps = 0
    if recurrence is not None:
        taps = recurrence.kernel_size if recurrence.kind is RecurrenceKind.CONV else 1
    spent = fires(stage) and stage.reset_mode is ResetMode.DELAYED
    return 2 + taps, spent + (stage.synapse is not None) + isinstance(stage, ReadoutSpec)

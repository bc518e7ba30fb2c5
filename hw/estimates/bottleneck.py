"""How many cycles each stage of a core is busy for, and which stage limits the throughput."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fxp_model.spec import LayerSpec, NetworkSpec
from hw.config import HardwareConfig, StageConfig
from hw.estimates.clips import Clips
from hw.estimates.cores import Cycles, delays_inputs, input_config, recurrent_events
from hw.estimates.latency import answered_steps
from hw.rtl.event_encoder import EventEncoder
from hw.rtl.neuron_update import NeuronUpdate
from hw.rtl.recurrent_synapses import RecurrentSynapses, recurrent_config


@dataclass(frozen=True)
class Load:
    """Busy cycles of one stage for each clip (B,), as if it never waited for its neighbours.

    synapses : the words of all items, W * items, and a marker for each step; in the first stage no less than
        delays of the inputs take
    update : from the start of the first sweep to that of the last; with a dense recurrence, its loops
    """

    synapses: Cycles
    update: Cycles


def loads(spec: NetworkSpec, config: HardwareConfig, clips: Clips) -> dict[str, Load]:
    """Load of each stage; no clip takes fewer cycles than the larger part of the busiest one.

    With answers per step a clip ends with the last of them, as its cycles do.
    """
    last = answered_steps(spec, np.asarray(clips.lengths))
    within = np.arange(len(clips.events[0]))[:, np.newaxis] < last
    recurrent = recurrent_events(spec, clips.events)
    found = {}
    for index, (name, stage, widths) in enumerate(
        zip(spec.stage_names, spec.stages, config.stages, strict=True)
    ):
        synapses = widths.event_words(stage.n_out, clips.events[index]) + 1
        update = np.full_like(synapses, NeuronUpdate.distance(stage, widths))
        if index in recurrent:
            update = np.maximum(update, _loop(spec.layers[index], widths, recurrent[index]))
        words = (synapses * within).sum(axis=0)
        if index == 0 and delays_inputs(spec):
            coming = input_config(spec, config).event_words(1, clips.events[-1]) + 1
            words = np.maximum(words, (coming * within).sum(axis=0))
        found[name] = Load(words, (update * within)[1:].sum(axis=0))
    return found


def _loop(layer: LayerSpec, widths: StageConfig, delayed: Cycles) -> Cycles:
    """Cycles from one sweep to the next, which waits for the sums of its `delayed` spikes."""
    own = recurrent_config(layer, widths)
    sweep = widths.groups(layer.n_out) - 1 + NeuronUpdate.latency(layer)
    sums = own.event_words(layer.n_out, delayed) + 1 + RecurrentSynapses.latency(layer, widths) + 1
    return sweep + RecurrentSynapses.offered(layer, widths) + EventEncoder.LATENCY + sums

"""The blocks of a stage."""

from __future__ import annotations

from fxp_model.network import StageParams
from fxp_model.spec import IntegratorSpec, LayerSpec, ReadoutSpec, RecurrenceKind
from hw.config import StageConfig
from hw.estimates.resources.neurons import scores, update
from hw.estimates.resources.parts import Fabric, Parts
from hw.estimates.resources.recurrence import (
    conv,
    current_bits,
    delays,
    forward_lines,
    programmed_delays,
    recurrent,
)
from hw.estimates.resources.spikes import encoder, spike_queue
from hw.estimates.resources.synapses import accumulators, synapses
from hw.rtl.delay_lines import Delays
from hw.rtl.events import DELAYED_AFTER
from hw.rtl.synapse_array import SynapseArray

FORWARD_TAGS = 3 * DELAYED_AFTER
"""Flip-flops of the tags that accompany delayed spikes to their queue."""


def stage(
    fabric: Fabric,
    spec: IntegratorSpec,
    params: StageParams,
    config: StageConfig,
    out_events: int,
    forward: Delays | None,
    reload: bool,
    programmable_delays: bool,
) -> dict[str, Parts]:
    """Every block of a stage, by its instance; `out_events` and `forward` are of the next stage."""
    sums = SynapseArray.accumulator_bits(spec, params, reload)
    current = current_bits(spec, params, reload)
    blocks = {
        "synapses": synapses(fabric, spec, config, reload),
        "synapses.accumulators": accumulators(fabric, spec, config, sums),
        "update": update(fabric, spec, params, config, sums, current, reload),
    }
    if isinstance(spec, ReadoutSpec):
        return {**blocks, "scores": scores(fabric, spec, config)}
    assert isinstance(spec, LayerSpec)
    lines = {"forward": forward}
    if spec.recurrence is not None:
        assert params.delay_steps is not None
        lines["delays"] = Delays(params.delay_steps.tolist(), spec.recurrence.max_delay)
    for name, own in lines.items():
        if own is None:
            continue
        late = name == "forward"
        if programmable_delays:
            blocks[name] = programmed_delays(fabric, own.longest, spec.n_out, config, late)
        elif late:
            blocks[name] = forward_lines(fabric, own.steps, config.update_lanes, len(lines) == 2)
        else:
            blocks[name] = delays(fabric, own.steps, config.update_lanes, forward and forward.steps)
    if forward is not None:
        blocks["forward"].ff += FORWARD_TAGS + config.update_lanes
    if spec.recurrence is not None:
        # spikes pass a register to the lines; so do those to forward ones, or to a queue of pairs
        blocks["delays"].ff += config.update_lanes * (out_events == 1 and forward is None)
        if spec.recurrence.kind is RecurrenceKind.CONV:
            blocks["conv"] = conv(fabric, spec, params, config, reload)
        else:
            blocks |= {
                f"recurrent{name}": p for name, p in recurrent(fabric, spec, params, config, reload).items()
            }
    blocks["spike_queue"] = spike_queue(fabric, spec.n_out, config, out_events)
    return blocks | {f"encoder.{name}": p for name, p in encoder(spec.n_out, out_events).items()}

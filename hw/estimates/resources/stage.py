"""The blocks of a stage."""

from __future__ import annotations

from fxp_model.network import StageParams
from fxp_model.spec import IntegratorSpec, LayerSpec, ReadoutSpec, RecurrenceKind
from hw.config import StageConfig
from hw.estimates.resources.neurons import scores, update
from hw.estimates.resources.parts import Fabric, Parts
from hw.estimates.resources.recurrence import conv, current_bits, delays, programmed_delays, recurrent
from hw.estimates.resources.spikes import encoder, spike_queue
from hw.estimates.resources.synapses import accumulators, synapses
from hw.rtl.synapse_array import SynapseArray


def stage(
    fabric: Fabric,
    spec: IntegratorSpec,
    params: StageParams,
    config: StageConfig,
    out_events: int,
    reload: bool,
    programmable_delays: bool,
) -> dict[str, Parts]:
    """Every block of a stage, by its instance; `out_events` are those of the next stage."""
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
    if spec.recurrence is not None:
        if programmable_delays:
            longest = spec.recurrence.max_delay
            blocks["delays"] = programmed_delays(fabric, longest, spec.n_out, config)
        else:
            blocks["delays"] = delays(fabric, params, config)
        # spikes pass a register to the lines; a queue of pairs has the same register
        blocks["delays"].ff += config.update_lanes * (out_events == 1)
        if spec.recurrence.kind is RecurrenceKind.CONV:
            blocks["conv"] = conv(fabric, spec, params, config, reload)
        else:
            blocks |= {
                f"recurrent{name}": p for name, p in recurrent(fabric, spec, params, config, reload).items()
            }
    blocks["spike_queue"] = spike_queue(fabric, spec.n_out, config, out_events)
    return blocks | {f"encoder.{name}": p for name, p in encoder(spec.n_out, out_events).items()}

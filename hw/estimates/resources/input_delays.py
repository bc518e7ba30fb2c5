"""Delays of the input channels."""

from __future__ import annotations

from fxp_model.network import StageParams
from fxp_model.spec import IntegratorSpec
from hw.config import StageConfig
from hw.estimates.resources.parts import Fabric, Parts, index_bits
from hw.estimates.resources.recurrence import forward_lines
from hw.estimates.resources.spikes import encoder, spike_queue
from hw.rtl.events import block_count, block_size
from hw.rtl.input_delays import InputDelays


def input_delays(fabric: Fabric, spec: IntegratorSpec, params: StageParams, events: int) -> dict[str, Parts]:
    """`InputDelays` before a stage that takes `events` events per cycle, by instance.

    LUTs around the blocks of a layer are counted: one for each channel to mark it, one for each part of an
    address, three for each two bits of a sum, and the choice of a channel's mark.
    """
    n, bits = spec.n_in, spec.input_bits
    assert params.input_delay_steps is not None
    around, taken = Parts(), InputDelays.taken(spec, events)
    decoded = block_count(n) + min(block_size(n), n)
    around.ff += 2 * InputDelays.LATENCY + n + taken * decoded
    around.luts += taken * (n + decoded) + 4
    if bits > 1:
        _counts(fabric, around, spec, events)
    return {
        "input_delays": around,
        "input_delays.lines": forward_lines(fabric, params.input_delay_steps.tolist(), n),
        "input_delays.queue": spike_queue(fabric, n, StageConfig(n, n), events),
        **{f"input_delays.encoder.{name}": part for name, part in encoder(n, events).items()},
    }


def _counts(fabric: Fabric, parts: Parts, spec: IntegratorSpec, events: int) -> None:
    """Sums of a step, the ring, and its lookups."""
    n, bits, steps = spec.n_in, spec.input_bits, InputDelays.steps(spec)
    step, channel = index_bits(steps), index_bits(n)
    parts.memory(fabric, bits, n, style="distributed")
    parts.memory(fabric, bits, n * steps, reads=events)
    form = parts.parameters(fabric, step, n, reload=False, reads=events)
    parts.ff += 2 + 2 * channel + 3 * bits + 3 * step + 2 * step
    parts.ff += events * (2 * channel + step + channel + bits + (step if form.logic else 0))
    parts.luts += 3 * bits + channel + n / 3 + 2 * step * (1 + events)

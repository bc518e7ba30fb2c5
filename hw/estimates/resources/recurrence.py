"""Delay lines; behind those of a recurrence, the convolution or the dense synapses."""

from __future__ import annotations

from fxp_model.network import StageParams
from fxp_model.spec import IntegratorSpec, LayerSpec, RecurrenceKind
from hw.config import StageConfig
from hw.estimates.resources.parts import Fabric, Parts
from hw.estimates.resources.spikes import encoder
from hw.estimates.resources.synapses import accumulators, synapses
from hw.rtl.conv_engine import TABLE_TAPS, ConvEngine
from hw.rtl.programmable_delay_lines import ProgrammableDelayLines
from hw.rtl.recurrent_synapses import RecurrentSynapses, inner_params, inner_spec, recurrent_config
from hw.rtl.synapse_array import SynapseArray


def current_bits(spec: IntegratorSpec, params: StageParams, reload: bool) -> int:
    """Bits of the recurrent current of a neuron; 0 without a recurrence."""
    if not isinstance(spec, LayerSpec) or spec.recurrence is None:
        return 0
    assert params.recurrent is not None
    if spec.recurrence.kind is RecurrenceKind.DENSE:
        return RecurrentSynapses.current_bits(spec, params, reload)
    return ConvEngine.current_bits(params.recurrent.tolist(), spec.recurrence.weight if reload else None)


def delays(fabric: Fabric, steps: list[int], lanes: int, beside: list[int] | None = None) -> Parts:
    """`DelayLines` of a recurrence; yosys lets them share their places with forward ones `beside` them."""
    parts = Parts()
    _lines(fabric, parts, list(zip(steps, beside or steps, strict=True)), lanes)
    parts.ff += len(set(steps)) + len(steps)
    parts.add(delays_mask=len(steps))
    return parts


def forward_lines(fabric: Fabric, steps: list[int], lanes: int, shared: bool = False) -> Parts:
    """Forward `DelayLines`, their places perhaps `shared`; a spike of this step needs no mask.

    LUTs are counted: one for the end of each line, and the choice of a group.
    """
    parts = Parts()
    if not shared:
        _lines(fabric, parts, list(zip(steps, steps, strict=True)), lanes)
    parts.ff += len(set(steps) - {0}) + lanes
    parts.luts += len(steps) + _choice(fabric, lanes, -(-len(steps) // lanes), masks=True)
    return parts


def _lines(fabric: Fabric, parts: Parts, ends: list[tuple[int, int]], lanes: int) -> None:
    """Lines with two ends each, perhaps the same; the age of the sample, and the enables of the groups."""
    for low in range(0, len(ends), lanes):
        own = [(min(pair), max(pair)) for pair in ends[low : low + lanes]]
        parts.shift_registers(fabric, [length for near, far in own for length in (near, far - near)])
    groups = -(-len(ends) // lanes)
    parts.ff += max(max(pair) for pair in ends) + groups
    parts.add(delays_group=groups)


def _choice(fabric: Fabric, lanes: int, groups: int, masks: bool) -> int:
    """LUTs that give one of `groups` bits for each lane, by an enable for each, and perhaps a mask."""
    gates = -(-groups // (fabric.lut_inputs // (3 if masks else 2)))
    return lanes * (gates + -(-(gates - 1) // (fabric.lut_inputs - 1)))


def programmed_delays(
    fabric: Fabric, max_delay: int, n: int, config: StageConfig, forward: bool = False
) -> Parts:
    """`ProgrammableDelayLines`.

    LUTs are counted: one selects a neuron's next delayed spike; two per bit of a delay compare it with the
    age of the sample and subtract 1 from it, in each lane; two per bit count that age; two decode a group.
    """
    parts = Parts()
    lanes, groups, bits = config.update_lanes, config.groups(n), ProgrammableDelayLines.delay_bits(max_delay)
    parts.parameters(fabric, lanes * bits, groups, reload=True)
    parts.tapped_lines(fabric, max_delay, n)
    index = (max_delay - 1).bit_length() if max_delay else 0
    parts.ff += groups + lanes * (index + (2 if max_delay else 1)) + max_delay.bit_length()
    parts.ff += lanes if forward else n
    parts.luts += n + 2 * (lanes + 1) * bits + 2 * groups
    if forward:
        parts.luts += _choice(fabric, lanes, groups, masks=False)
    return parts


def conv(fabric: Fabric, spec: LayerSpec, params: StageParams, config: StageConfig, reload: bool) -> Parts:
    """`ConvEngine`."""
    parts = Parts()
    assert spec.recurrence is not None
    taps, lanes, n = spec.recurrence.kernel_size, config.update_lanes, spec.n_out
    bits = current_bits(spec, params, reload)
    reach = ConvEngine.reach(taps, n, lanes)
    held = taps // 2 + (reach + 1) * lanes
    parts.ff += held + lanes * bits + lanes * (config.groups(n) > 1)
    tables = [min(TABLE_TAPS, taps - low) for low in range(0, taps, TABLE_TAPS)]
    for size in tables:
        if reload:
            for _ in range(lanes):
                parts.parameters(fabric, bits, 1 << size, reload)
        else:
            parts.add(conv_table=lanes * bits * max(1, 1 << size >> fabric.lut_inputs))
    parts.add(
        conv_add=lanes * bits * (len(tables) - 1), conv_window=held, conv_next=lanes * (config.groups(n) - 1)
    )
    return parts


def recurrent(
    fabric: Fabric, spec: LayerSpec, params: StageParams, config: StageConfig, reload: bool
) -> dict[str, Parts]:
    """`RecurrentSynapses`, by instance."""
    own, widths = inner_spec(spec), recurrent_config(spec, config)
    bits = SynapseArray.accumulator_bits(own, inner_params(params), reload)
    around = Parts()
    around.ff += 1 + 2 * config.update_lanes * bits
    around.add(recurrent_fixed=1)
    if widths.events_per_cycle == 2:
        around.ff += 2 * spec.n_out + 1
        around.add(queue_alternate=spec.n_out)
    parts = {
        "": around,
        **{f".encoder.{name}": p for name, p in encoder(spec.n_out, widths.events_per_cycle).items()},
    }
    parts[".synapses"] = synapses(fabric, own, widths, reload)
    parts[".synapses.accumulators"] = accumulators(fabric, own, widths, bits)
    return parts

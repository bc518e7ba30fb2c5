"""Synapses of a stage: weight memory, products, sums, and the queue of closed steps."""

from __future__ import annotations

from fxp_model.spec import IntegratorSpec
from hw.config import StageConfig
from hw.estimates.resources.parts import Fabric, Parts, index_bits
from hw.rtl.accumulators import NEAR, QUEUE_WORDS, banks
from hw.rtl.events import COUNTS_AFTER, SUMS_AFTER, counts_beside
from hw.rtl.synapse_array import SynapseArray


def product_bits(spec: IntegratorSpec) -> int:
    """Bits of weight times count."""
    return spec.weight.width + (spec.input_bits if spec.input_bits > 1 else 0)


def multiplies(fabric: Fabric, spec: IntegratorSpec, config: StageConfig) -> bool:
    """Whether multipliers form the products."""
    return spec.input_bits > 1 and config.use_dsp and product_bits(spec) >= fabric.least_product


def synapses(fabric: Fabric, spec: IntegratorSpec, config: StageConfig, reload: bool) -> Parts:
    """`SynapseArray` except its accumulators: weight memory, addresses, products."""
    parts = Parts()
    lanes, events, words = config.lanes, config.events_per_cycle, config.words(spec.n_out)
    weight, rows = spec.weight.width, spec.n_in * words
    form = parts.parameters(fabric, lanes * weight, rows, reload, events, "block")
    parts.ff += events * (form.ways - 1).bit_length()

    address = index_bits(rows)
    control = 3 + (1 + index_bits(words) if words > 1 else 0)
    parts.ff += 1 + SynapseArray.steps(spec, config).bit_length() + 2 * events * address
    parts.ff += (SynapseArray.latency(spec, config) - 2) * control
    if words > 1:
        low_zeros = (spec.n_in & -spec.n_in).bit_length() - 1
        parts.ff += index_bits(words) + address - low_zeros
        parts.add(synapses_address=events * address + address)
    elif fabric.name == "ecp5":
        parts.ff += 1
    parts.add(synapses_fixed=1)

    dsp = multiplies(fabric, spec, config)
    inside = dsp and fabric.wide_multipliers
    more = int(spec.input_bits > 1 and config.use_dsp)  # registers before a multiplier
    parts.shift_registers(fabric, [(0 if inside else 2) + more] * (events * lanes * weight))
    if spec.input_bits > 1:
        bits, digits = product_bits(spec), -(-spec.input_bits // 2)
        if counts_beside(spec):
            parts.shift_registers(fabric, [more] * (spec.input_bits * events))
            parts.shift_registers(fabric, [COUNTS_AFTER] * (events - 1))
        else:
            parts.shift_registers(fabric, [(3 if inside else 5) + more] * spec.input_bits)
        if events == 2 and not counts_beside(spec):  # the first stage of the other has a reset
            parts.ff += spec.input_bits
            parts.shift_registers(fabric, [(2 if inside else 4) + more] * spec.input_bits)
        parts.ff += 0 if inside else events * lanes * bits
        if dsp:
            parts.dsp += events * lanes
        elif config.use_dsp:
            parts.add(synapses_product=events * lanes * weight * spec.input_bits)
        else:
            parts.add(
                synapses_digit=events * lanes * (weight + 2) * digits,
                synapses_times=events * lanes * (weight + 2 + (digits - 1) * bits),
            )
    elif events == 2:
        parts.shift_registers(fabric, [5])
        parts.add(synapses_gate=lanes * weight)
    if events == 2 and not inside:
        parts.ff += lanes * (product_bits(spec) + 1)
        parts.add(synapses_pair=lanes * (product_bits(spec) + 1))
    return parts


def accumulators(fabric: Fabric, spec: IntegratorSpec, config: StageConfig, bits: int) -> Parts:
    """`RegisterAccumulators` or `RamAccumulators` of sums of `bits` bits, with the queue of closed steps."""
    parts = Parts()
    n, lanes, update, words = spec.n_out, config.lanes, config.update_lanes, config.words(spec.n_out)
    groups, depth, word = config.groups(n), banks(words), index_bits(words)
    inside = multiplies(fabric, spec, config) and fabric.wide_multipliers and config.events_per_cycle == 1
    now = 3 + (1 + word if words > 1 else 0)
    ring = index_bits(depth)
    parts.ff += 2 * now + 1 + 3 * ring + index_bits(groups) + depth.bit_length() + 1
    parts.memory(fabric, 2, depth, style="distributed")
    parts.add(accumulators_fixed=1, accumulators_add=0 if inside else lanes * bits)
    if words == 1:
        parts.ff += (0 if inside else n * bits) + ring
        for first in range(0, n, update):
            parts.memory(fabric, min(update, n - first) * bits, QUEUE_WORDS)
        parts.add(accumulators_gate=n * bits)
        _choose(parts, fabric, groups, n * bits, update * bits)
        return parts
    columns = lanes // update
    # counters of the requested group, the RAM address, the word read before the addition
    parts.ff += 1 + word + index_bits(columns) + word + ring + lanes * bits
    for _ in range(columns):
        parts.memory(fabric, update * bits, depth << word, reads=2)
    _choose(parts, fabric, columns, lanes * bits, update * bits)
    return parts


def _choose(parts: Parts, fabric: Fabric, columns: int, bits: int, width: int) -> None:
    """Multiplexer of `columns`, `bits` in all, with a register behind each and each choice among `NEAR`."""
    chosen = -(-columns // NEAR)
    low = min(index_bits(columns), index_bits(NEAR))
    parts.ff += bits + chosen * width + (SUMS_AFTER - 1) * low
    parts.shift_registers(fabric, [SUMS_AFTER] * (index_bits(columns) - low + 1))
    parts.add(accumulators_select=width * (columns + chosen))

"""The blocks around the stages: input decoder, registers and counters, the loader."""

from __future__ import annotations

from collections.abc import Iterator

from fxp_model.fixed import Overflow
from fxp_model.network import Network
from fxp_model.spec import Answer, IntegratorSpec, LayerSpec, NetworkSpec, RecurrenceKind, fires
from hw.config import HardwareConfig, StageConfig
from hw.estimates.resources.parts import Fabric, Parts, index_bits
from hw.estimates.resources.recurrence import current_bits
from hw.registers import HASH_WORDS, STAGE_STRIDE
from hw.rtl.banks import WORD, Part, pieces
from hw.rtl.control import samples_in_flight
from hw.rtl.conv_engine import TABLE_TAPS
from hw.rtl.neuron_update import neuron_codes
from hw.rtl.programmable_delay_lines import ProgrammableDelayLines
from hw.rtl.register_file import NEAR_BITS
from hw.rtl.stage_counters import CHUNK

COUNTER = 33
"""Bits of a counter and its carry."""
FIXED_COUNTERS = 4
"""Samples, dropped beats, stalls at either end."""
AXI_LITE, REGISTERS, TIMER, RESETS = 71, 13, 132, 4
"""Flip-flops of the bus except unused bits; of a host's requests and handshakes; of times; of resets."""
IDENTITY_BITS = 5
"""Flip-flops of the words selected from the first registers, most bits of which are constant."""

DETECTOR_BUS = 33
"""Flip-flops: bus bits that only the numbers of a detector use, as measured."""
DETECTOR_LUTS = {"xilinx7": 236, "ecp5": 226}
"""Of a detector and its registers: what yosys made of a core of three classes beyond what the model has."""
LOADER = 170
"""Flip-flops: bus bits that are now used; a word and its checksum, a count of words; states."""


def decoder(slots: int) -> Parts:
    """`InputDecoder`, with its buffer; only address, count and marker of a word are used."""
    payload = (25 + (slots > 1)) * slots + 1
    parts = Parts()
    parts.ff += 2 * payload + 2 + (slots > 1)
    parts.add(decoder_bit=payload, decoder_word=slots)
    return parts


def control(fabric: Fabric, spec: NetworkSpec, slots: int) -> Parts:
    """`Control` except the counters of the stages: AXI4-Lite, registers, the timer, four counters."""
    parts = Parts()
    layers = len(spec.layers)
    depth = 1 << samples_in_flight(layers, spec.layers[0].max_input_delay is not None).bit_length()
    parts.ff += AXI_LITE + REGISTERS + RESETS + slots + TIMER + 3 * index_bits(depth)
    per_step = spec.readout.answer is Answer.STEP
    parts.ff += FIXED_COUNTERS * (COUNTER - per_step)  # without the carry
    # the read multiplexer selects among adjacent words first: counters of the core, and of the stages
    stages = -(-(layers + 1) * (STAGE_STRIDE // 4) >> NEAR_BITS)
    counters = -(-(FIXED_COUNTERS + 1) >> NEAR_BITS)  # including the cycles of the last sample
    parts.ff += IDENTITY_BITS + WORD * (counters + stages + 1)  # and the one selected from these
    if parts.memory(fabric, 32, depth).block:
        parts.ff += 3 + index_bits(depth)  # bypass of a word that is being written
    parts.add(control_fixed=1, counter_bit=FIXED_COUNTERS * COUNTER)
    return parts


def detector(fabric: Fabric, n_out: int, reload: bool) -> Parts:
    """`Detector`, the registers of its numbers and words, and what the bus has for these only."""
    parts = Parts()
    # two data words, states, classes, a row and a rest, numbers, words; registers of the bus
    parts.ff += 2 * WORD + 5 + 5 * index_bits(n_out) + 24 + 73 + 16
    parts.ff += WORD if reload else 2 * WORD + DETECTOR_BUS
    parts.luts += DETECTOR_LUTS[fabric.name]
    return parts


def stage_counters(spec: IntegratorSpec, config: StageConfig, wraps: bool = False) -> Parts:
    """`StageCounters` of a stage: a tree of registered sums, then a counter, for each kind of tap."""
    taps = [config.events_per_cycle]
    if fires(spec):
        taps.append(config.update_lanes)
    if spec.overflow is not Overflow.WRAP:
        taps.append(config.update_lanes)
    parts = Parts()
    for width in taps:
        bits = [min(CHUNK, width - low) for low in range(0, width, CHUNK)]
        parts.ff += width + sum(bits) + COUNTER - wraps
        parts.add(counter_bit=COUNTER, counter_ones=sum(bits))
        while len(bits) > 1:
            pairs = [bits[low : low + 2] for low in range(0, len(bits), 2)]
            bits = [max(pair) + (len(pair) > 1) for pair in pairs]
            parts.ff += sum(bits)
            parts.add(counter_tree=sum(bits))
    return parts


def loader(fabric: Fabric, network: Network, config: HardwareConfig) -> Parts:
    """`Loader`, the part of the bus that only it uses, and the hash that it loads."""
    regions = list(_regions(network, config))
    row = index_bits(max(rows for rows, _ in regions))
    piece = index_bits(max(pieces(width) for _, width in regions))
    place = index_bits(len(config.stages)) + index_bits(Part.TABLE + 1)
    parts = Parts()
    parts.ff += LOADER + WORD + place + len(regions).bit_length() + 2 * (row + piece)
    parts.parameters(fabric, WORD, HASH_WORDS, reload=True)
    parts.add(loader_fixed=1, loader_region=len(regions))
    return parts


def _regions(network: Network, config: HardwareConfig) -> Iterator[tuple[int, int]]:
    """Rows and width of every memory that is loaded, as `hw.reload.blocks` lists them."""
    stages = network.spec.stages
    after = (*stages[1:], None)
    for spec, following, params, widths in zip(stages, after, network.params, config.stages, strict=True):
        words, lanes = widths.words(spec.n_out), widths.lanes
        yield spec.n_in * words, lanes * spec.weight.width
        for own in neuron_codes(spec, params, widths).values():
            yield widths.groups(spec.n_out), widths.update_lanes * own.bits
        if fires(spec) and spec.v_th is not None:
            yield 1, spec.membrane.width
        recurrence = spec.recurrence if isinstance(spec, LayerSpec) else None
        if recurrence is not None and config.programmable_delays:
            bits = ProgrammableDelayLines.delay_bits(recurrence.max_delay)
            yield widths.groups(spec.n_out), widths.update_lanes * bits
        if recurrence is not None and recurrence.kind is RecurrenceKind.DENSE:
            yield spec.n_out * words, lanes * recurrence.weight.width
        elif recurrence is not None:
            for first in range(0, recurrence.kernel_size, TABLE_TAPS):
                yield 1 << min(TABLE_TAPS, recurrence.kernel_size - first), current_bits(spec, params, True)
        if following is not None and following.max_input_delay is not None and config.programmable_delays:
            bits = ProgrammableDelayLines.delay_bits(following.max_input_delay)
            yield widths.groups(spec.n_out), widths.update_lanes * bits
    yield HASH_WORDS, WORD

"""What stands around the stages: input decoder, registers and counters, the loader."""

from __future__ import annotations

from fxp_model.fixed import Overflow
from fxp_model.spec import IntegratorSpec
from hw.config import StageConfig
from hw.estimate.resources.parts import Fabric, Parts, index_bits
from hw.rtl.control import samples_in_flight
from hw.rtl.neuron_update import fires
from hw.rtl.stage_counters import CHUNK

COUNTER = 33
"""Bits of a counter and its carry."""
FIXED_COUNTERS = 4
"""Samples, dropped beats, stalls at either end."""
AXI_LITE, REGISTERS, TIMER = 64, 12, 98
"""Flip-flops of the bus, without unused bits; of handshakes, soft reset, interrupt; of three times and flags."""


def decoder(slots: int) -> Parts:
    """`InputDecoder`, with its buffer: of a word, address, count and marker are used."""
    payload = (25 + (slots > 1)) * slots + 1
    parts = Parts()
    parts.ff += 2 * payload + 2 + (slots > 1)
    parts.add(decoder_bit=payload, decoder_word=slots)
    return parts


def control(fabric: Fabric, layers: int, slots: int) -> Parts:
    """`Control` but for the counters of the stages: AXI4-Lite, registers, the timer, four counters."""
    parts = Parts()
    depth = 1 << samples_in_flight(layers).bit_length()
    parts.ff += AXI_LITE + REGISTERS + slots + TIMER + 2 * index_bits(depth) + FIXED_COUNTERS * COUNTER
    if parts.memory(fabric, 32, depth).block:
        parts.ff += 3 + index_bits(depth)  # a read of what is being written
    parts.add(control_fixed=1, counter_bit=FIXED_COUNTERS * COUNTER)
    return parts


def stage_counters(spec: IntegratorSpec, config: StageConfig) -> Parts:
    """`StageCounters` of a stage: a tree of registered sums, then a counter, for each kind of tap."""
    taps = [config.events_per_cycle]
    if fires(spec):
        taps.append(config.update_lanes)
    if spec.overflow is Overflow.SAT:
        taps.append(config.update_lanes)
    parts = Parts()
    for width in taps:
        bits = [min(CHUNK, width - low) for low in range(0, width, CHUNK)]
        parts.ff += width + sum(bits) + COUNTER
        parts.add(counter_bit=COUNTER, counter_ones=sum(bits))
        while len(bits) > 1:
            pairs = [bits[low : low + 2] for low in range(0, len(bits), 2)]
            bits = [max(pair) + (len(pair) > 1) for pair in pairs]
            parts.ff += sum(bits)
            parts.add(counter_tree=sum(bits))
    return parts

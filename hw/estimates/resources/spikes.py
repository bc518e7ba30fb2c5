"""From spikes to the next stage: queue, scanners, buffer."""

from __future__ import annotations

from hw.config import StageConfig
from hw.estimates.resources.parts import Fabric, Parts, index_bits
from hw.rtl.events import block_count, block_size, spikes_layout
from hw.rtl.spike_queue import SpikeQueue


def spike_queue(fabric: Fabric, n: int, config: StageConfig, events: int) -> Parts:
    """`SpikeQueue` before a stage that takes `events` events per cycle."""
    parts = Parts()
    lanes, groups = config.update_lanes, config.groups(n)
    spikes = n * events + 1
    parts.ff += events * (lanes * groups + block_count(n)) + 27
    parts.memory(fabric, spikes, SpikeQueue.DEPTH)
    parts.memory(fabric, spikes_layout(n, events).size - spikes, SpikeQueue.DEPTH)
    parts.add(queue_fixed=1, queue_block=n * events)
    if events == 2:
        parts.ff += lanes + 4
        parts.add(queue_alternate=lanes)
    return parts


def encoder(n: int, events: int) -> dict[str, Parts]:
    """`EventEncoder`: the buffer and the scanners, by instance."""
    buffer = Parts()
    payload = 2 + index_bits(n) + (1 + index_bits(n) if events == 2 else 0)
    buffer.ff += 2 * payload + 2
    buffer.add(buffer_bit=payload)
    if events == 1:
        return {"buffer": buffer, "scanner": scanner(n)}
    return {"buffer": buffer, "first": scanner(n), "second": scanner(n)}


def scanner(n: int) -> Parts:
    """`SpikeScanner`."""
    parts = Parts()
    size = block_size(n)
    count = block_count(n)
    base = index_bits(count) * (count > 1)
    held = n + 2 * count + 3  # the word, its next and later blocks, its state
    following = min(size, n) + base + 3
    sent = index_bits(min(size, n)) * (n > 1) + base + 4 + min(size, n)
    parts.ff += held + following + sent
    parts.add(scanner_word=n, scanner_block=size, scanner_fixed=1)
    return parts

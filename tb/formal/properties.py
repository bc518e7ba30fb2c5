"""All properties by name."""

from __future__ import annotations

from tb.formal import (
    answering,
    arithmetic,
    bus,
    convolution,
    decoder,
    delays,
    latency,
    ports,
    reloading,
    scores,
    spikes,
    streams,
    sums,
    timing,
)
from tb.formal.monitor import Property

PROPERTIES: dict[str, Property] = {
    name: own
    for module in (
        streams,
        decoder,
        sums,
        spikes,
        scores,
        answering,
        timing,
        bus,
        delays,
        convolution,
        arithmetic,
        reloading,
        ports,
        latency,
    )
    for name, own in module.PROPERTIES.items()
}

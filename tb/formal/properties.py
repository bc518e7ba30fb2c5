"""All properties by name."""

from __future__ import annotations

from tb.formal import arithmetic, bus, convolution, delays, reloading, spikes, streams
from tb.formal.monitor import Property

PROPERTIES: dict[str, Property] = {
    name: own
    for module in (streams, spikes, bus, delays, convolution, arithmetic, reloading)
    for name, own in module.PROPERTIES.items()
}

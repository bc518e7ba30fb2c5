"""All properties by name."""

from __future__ import annotations

from tb.formal import spikes, streams
from tb.formal.monitor import Property

PROPERTIES: dict[str, Property] = {**streams.PROPERTIES, **spikes.PROPERTIES}

"""Cycles of the ear behind its filters, exactly: neurons, slow level, and the events of a frame.

They are predicted for envelopes that are never late, and events that are taken at once. Each equals
simulation, or a bench fails.
"""

from __future__ import annotations

from fxp_model.ear.spec import EarSpec
from hw.rtl.ear.level import SlowLevel

PLACES = 3
"""Cycles of `hw.rtl.ear.neurons.EarNeurons` before its neuron."""


def neuron_cycles(spec: EarSpec) -> int:
    """Cycles of a millisecond that finds all at rest, from its first envelope to its last neuron."""
    return 1 + PLACES + spec.channels * spec.spike_limit


def closing_cycles(spec: EarSpec) -> int:
    """Cycles of a frame's last millisecond that finds all at rest, until the next frame may begin.

    From the transfer of its first envelope, included, to the earliest one of the next, not included.
    """
    each = spec.spike_limit
    last = PLACES + (spec.channels - 1 - PLACES) * each  # the last envelope is taken as a neuron begins
    # The energy moves to the logarithm, and out of it, with the neurons; then comes the level.
    ready = 2 * each + 1 + SlowLevel.cycles(spec)
    if ready <= PLACES * each:
        return last + PLACES * each
    return last + max(ready, (PLACES + 1) * each)


def sending_cycles(spec: EarSpec) -> int:
    """Cycles of the events of a frame and its marker, of which one follows another at this distance."""
    return spec.channels + 2

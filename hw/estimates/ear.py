"""Cycles of the ear, exactly: filters, neurons, slow level, and the events of a frame.

Those of a block are predicted for a consumer that never waits and, but for the filters, sources that are
never late. Each equals simulation, or a bench fails.
"""

from __future__ import annotations

from fxp_model.ear.spec import EarSpec
from hw.rtl.ear.filters import FilterBank
from hw.rtl.ear.level import SlowLevel
from hw.rtl.ear.schedule import Schedule

PLACES = 3
"""Cycles of `hw.rtl.ear.neurons.EarNeurons` before its neuron."""


def filter_cycles(spec: EarSpec, multipliers: int) -> int:
    """Cycles from a sample that the filter bank takes to the next, where one waits.

    2 * channels * sections / multipliers, where channels are rounded up to whole groups, of 2, 4 or 8 with
    1, 2 or 4 multipliers; 8 at least.

    Raises
    ------
    InputError
        `multipliers` is not 1, 2 or 4.
    """
    return Schedule(spec, multipliers).cycles


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


def sample_cycles(spec: EarSpec, multipliers: int) -> int:
    """Cycles from a sample to the next with which the whole ear hears all of them.

    Those of the filters, unless a millisecond is too short for its neurons: its envelopes must be gone when
    the filters begin its last sample. Where the filters are the limit, no fewer cycles are enough.

    Raises
    ------
    InputError
        `multipliers` is not 1, 2 or 4.
    """
    filters = filter_cycles(spec, multipliers)
    neurons = filters + FilterBank.ENVELOPE_AFTER + FilterBank.TAKEN_AFTER + closing_cycles(spec)
    return max(filters, -(-neurons // spec.samples_per_ms))


def least_clock_hz(spec: EarSpec, multipliers: int) -> int:
    """Slowest clock for sound in real time; see `sample_cycles`."""
    return spec.rate_hz * sample_cycles(spec, multipliers)

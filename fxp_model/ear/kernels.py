"""The compiled half of the ear: NUMERICS.md sections 11 to 14, channels in the vector lanes."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from fxp_model.compiled import compiled

Codes = NDArray[np.int64]


class Packed(NamedTuple):
    """An `EarSpec` as the kernels want it: vectors (channels,), tables, and its numbers by the same names."""

    a1: Codes
    a2: Codes
    gain: Codes
    offset: Codes
    logarithms: Codes
    powers: Codes
    samples_per_ms: int
    coefficient_frac_bits: int
    state_frac_bits: int
    log_frac_bits: int
    compression_shift: int
    level_floor: int
    level_range: int
    level_shift: int
    level_fall: int
    drive_int_bits: int
    max_drive: int
    threshold: int
    adaptation: int
    leak_shift: int
    recovery_shift: int
    spike_limit: int


_compiled = compiled(nogil=True)


@_compiled
def filter_ms(
    ear: Packed, samples: Codes, inputs: Codes, sections: Codes, difference: Codes, envelope: Codes
) -> None:
    """Pass `samples` through all sections, and add what is positive to `envelope` (channels,)."""
    fraction = ear.coefficient_frac_bits
    half = np.int64(1) << (fraction - 1)
    channels = len(ear.a1)
    for sample in samples:
        x = np.int64(sample) << ear.state_frac_bits
        difference[:] = x - inputs[1]
        inputs[1] = inputs[0]
        inputs[0] = x
        for section in range(len(sections)):
            latest, before = sections[section, 0], sections[section, 1]
            for c in range(channels):
                y1, y2 = latest[c], before[c]
                y = ((difference[c] << ear.gain[c]) - ear.a1[c] * y1 - ear.a2[c] * y2 + half) >> fraction
                before[c] = y1
                latest[c] = y
                difference[c] = y - y2
        last = sections[-1, 0]
        for c in range(channels):
            envelope[c] += max(last[c], np.int64(0))


@_compiled
def log2_code(ear: Packed, value: int) -> int:
    """Logarithm of `value`, at least 1."""
    place = 0
    for bits in (32, 16, 8, 4, 2, 1):
        if value >> (place + bits):
            place += bits
    mask = (1 << ear.log_frac_bits) - 1
    mantissa = ((value << ear.log_frac_bits) >> place) & mask
    return (place << ear.log_frac_bits) + ear.logarithms[mantissa]


@_compiled
def fire_ms(ear: Packed, level: int, envelope: Codes, potential: Codes, raised: Codes, counts: Codes) -> int:
    """Drive the neurons by `envelope`, which is then 0, and give the sum of it."""
    energy = 0
    mask = (1 << ear.log_frac_bits) - 1
    for c in range(len(envelope)):
        energy += envelope[c]
        drive = np.int64(0)
        if envelope[c] > 0:
            octaves = (log2_code(ear, envelope[c]) + ear.offset[c] - level) >> ear.compression_shift
            whole = octaves >> ear.log_frac_bits
            drive = ear.powers[octaves & mask]
            if whole >= 0:
                drive = min(drive << min(whole, ear.drive_int_bits), np.int64(ear.max_drive))
            else:
                drive >>= min(-whole, 31)
        v = potential[c] + drive + (-potential[c] >> ear.leak_shift)
        limit = ear.threshold + raised[c]
        spikes = min(v // limit, ear.spike_limit)
        potential[c] = v - spikes * limit
        raised[c] += ear.adaptation * spikes + (-raised[c] >> ear.recovery_shift)
        counts[c] += spikes
        envelope[c] = 0
    return energy


@_compiled
def follow(ear: Packed, level: int, age: int, energy: int) -> tuple[int, int]:
    """Level and age after a frame of `energy`."""
    now = log2_code(ear, max(energy, 1))
    floor = ear.level_floor << ear.log_frac_bits
    if now < max(floor, (level >> ear.level_shift) - ear.level_range):
        return max(level - ear.level_fall, floor << ear.level_shift), age
    age = min(age + 1, 1 << ear.level_shift)
    place = 0
    while age >> (place + 1):
        place += 1
    return level + (((now << ear.level_shift) - level) >> place), age


@_compiled
def hear(
    ear: Packed,
    samples: Codes,
    begun: int,
    inputs: Codes,
    sections: Codes,
    difference: Codes,
    envelope: Codes,
    potential: Codes,
    raised: Codes,
    counts: Codes,
    carried: Codes,
    max_count: int,
    frames: NDArray[np.uint8],
    loudness: Codes,
) -> None:
    """Hear `samples`, of which the first is number `begun` of its frame.

    Fills `frames` (n, channels) and `loudness` (n,).

    carried : energy, level, age
    """
    ms = ear.samples_per_ms
    place, done, start = begun, 0, 0
    while start < len(samples):
        end = min(start + ms - place % ms, len(samples))
        filter_ms(ear, samples[start:end], inputs, sections, difference, envelope)
        place += end - start
        start = end
        if place % ms == 0:
            carried[0] += fire_ms(ear, carried[1] >> ear.level_shift, envelope, potential, raised, counts)
        if place == 10 * ms:
            for c in range(len(counts)):
                frames[done, c] = min(counts[c], max_count)
                counts[c] = 0
            loudness[done] = log2_code(ear, max(carried[0], 1))
            carried[1], carried[2] = follow(ear, carried[1], carried[2], carried[0])
            carried[0] = 0
            place = 0
            done += 1

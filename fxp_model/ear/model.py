"""The golden ear: integers in numpy, one equation of NUMERICS.md after the other."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fxp_model.checks import check_type, integers
from fxp_model.ear.logarithm import log2_code, power_table
from fxp_model.ear.spec import SAMPLE_BITS, EarSpec
from fxp_model.errors import InputError

Codes = NDArray[np.int64]


@dataclass
class EarState:
    """What an ear carries from sample to sample.

    inputs : (2,) the last two samples, shifted to the fraction of states, latest first
    sections : (sections, 2, channels) the last two states of every section, latest first
    envelope : (channels,) rectified sum of this millisecond
    energy : sum of all channels in this frame
    level : slow level, fraction log_frac_bits + level_shift
    age : loud frames that the level has seen, up to 2**level_shift
    potential, raised : (channels,) of the neurons
    counts : (channels,) spikes of this frame
    samples : of this frame
    """

    inputs: Codes
    sections: Codes
    envelope: Codes
    energy: int
    level: int
    age: int
    potential: Codes
    raised: Codes
    counts: Codes
    samples: int

    @classmethod
    def rest(cls, spec: EarSpec) -> Self:
        """After a reset."""
        channels = spec.channels
        envelope, potential, raised, counts = np.zeros((4, channels), np.int64)
        return cls(
            inputs=np.zeros(2, np.int64),
            sections=np.zeros((spec.sections, 2, channels), np.int64),
            envelope=envelope,
            energy=0,
            level=spec.level_start << spec.log_frac_bits + spec.level_shift,
            age=0,
            potential=potential,
            raised=raised,
            counts=counts,
            samples=0,
        )

    def drop(self) -> None:
        """Forget the frame that has begun: its envelope, energy, counts and samples."""
        self.envelope[:] = self.counts[:] = self.energy = self.samples = 0

    def differs(self, other: EarState) -> str | None:
        """Name of the first field that is not equal, None if all are."""
        names = (field.name for field in fields(self))
        return next(
            (name for name in names if not np.array_equal(getattr(self, name), getattr(other, name))), None
        )


class Ear:
    """An ear that hears samples as they come.

    Parameters
    ----------
    spec : EarSpec

    Attributes
    ----------
    state : EarState
    loudness : int
        Of the last frame that ended, in 2**-log_frac_bits octaves; 0 before the first.
    """

    def __init__(self, spec: EarSpec) -> None:
        check_type("spec", spec, EarSpec)
        self.spec = spec
        self.state = EarState.rest(spec)
        self.loudness = 0
        self._a1, self._a2 = np.array(spec.a1), np.array(spec.a2)
        self._gain = spec.coefficient_frac_bits - np.array(spec.shift)
        self._offset = np.array(spec.offset)
        self._power = np.array(power_table(spec.log_frac_bits, spec.drive_frac_bits))

    def step(self, samples: ArrayLike) -> NDArray[np.uint8]:
        """Counts (frames, channels) of the frames that end with `samples` (n,), 16 bits with sign.

        Raises
        ------
        InputError
            `samples` are not integers of that shape and width.
        """
        spec, state = self.spec, self.state
        frames = []
        for sample in checked(samples).tolist():
            self._filter(sample << spec.state_frac_bits)
            state.samples += 1
            if state.samples % spec.samples_per_ms == 0:
                self.fire()
            if state.samples == spec.samples_per_frame:
                frames.append(self.end_frame())
        return np.array(frames, np.uint8).reshape(-1, spec.channels)

    def drop(self) -> None:
        """Drop the frame that has begun, if one has (section 14)."""
        self.state.drop()

    def _filter(self, x: int) -> None:
        """Section 11: every section of every channel, and the rectified sum."""
        state, fraction = self.state, self.spec.coefficient_frac_bits
        difference = np.full(self.spec.channels, x - state.inputs[1])
        state.inputs[:] = x, state.inputs[0]
        for y in state.sections:
            exact = (difference << self._gain) - self._a1 * y[0] - self._a2 * y[1]
            now = exact + (1 << fraction - 1) >> fraction
            difference = now - y[1]
            y[1], y[0] = y[0], now
        state.envelope += np.maximum(state.sections[-1, 0], 0)

    def fire(self) -> None:
        """End a millisecond, sections 12 and 13: what it drives, and the spikes of the neurons."""
        spec, state = self.spec, self.state
        state.energy += int(state.envelope.sum())
        drive = self.drive(state.envelope, state.level >> spec.level_shift)
        state.envelope[:] = 0
        state.potential += drive - ceil_shift(state.potential, spec.leak_shift)
        limit = spec.threshold + state.raised
        spikes = np.minimum(state.potential // limit, spec.spike_limit)
        state.potential -= spikes * limit
        state.raised += spec.adaptation * spikes - ceil_shift(state.raised, spec.recovery_shift)
        state.counts += spikes

    def drive(self, envelope: Codes, level: int) -> Codes:
        """Compressed envelopes (channels,) under a `level` of fraction `log_frac_bits`."""
        spec = self.spec
        bits = spec.log_frac_bits
        octaves = log2_code(np.maximum(envelope, 1), bits) + self._offset - level >> spec.compression_shift
        whole, mantissa = octaves >> bits, octaves & (1 << bits) - 1
        power = self._power[mantissa]
        up, down = np.clip(whole, 0, spec.drive_int_bits), np.clip(-whole, 0, 31)
        drive = np.minimum(power << up >> down, spec.max_drive)
        return np.where(envelope > 0, drive, 0)

    def end_frame(self) -> NDArray[np.uint8]:
        """End a frame: its counts (channels,), and the slow level after it, section 14."""
        spec, state = self.spec, self.state
        counts = np.minimum(state.counts, spec.max_count).astype(np.uint8)
        self.loudness = loudness(spec, state.energy)
        state.level, state.age = follow(spec, state.level, state.age, state.energy)
        state.counts[:] = state.energy = state.samples = 0
        return counts


def loudness(spec: EarSpec, energy: int) -> int:
    """Logarithm of the energy of a frame, q of section 14."""
    return int(log2_code(np.array(max(energy, 1)), spec.log_frac_bits))


def follow(spec: EarSpec, level: int, age: int, energy: int) -> tuple[int, int]:
    """Level and age after a frame of `energy`."""
    bits = spec.log_frac_bits
    now = loudness(spec, energy)
    floor = spec.level_floor << bits
    if now < max(floor, (level >> spec.level_shift) - spec.level_range):
        return max(level - spec.level_fall, floor << spec.level_shift), age
    age = min(age + 1, 1 << spec.level_shift)
    return level + ((now << spec.level_shift) - level >> age.bit_length() - 1), age


def ceil_shift(values: Codes, bits: int) -> Codes:
    """ceil(values / 2**bits)."""
    return -(-values >> bits)


def checked(samples: ArrayLike) -> Codes:
    """`samples` as int64; `InputError` unless they are (n,) integers of `SAMPLE_BITS`."""
    array = integers("samples", samples)
    if array.ndim != 1:
        raise InputError(f"samples must have shape (n,), not {array.shape}")
    limit = 1 << SAMPLE_BITS - 1
    if array.size and not -limit <= array.min() <= array.max() < limit:
        worst = array.max() if array.max() >= limit else array.min()
        raise InputError(f"samples must be {-limit}..{limit - 1}, not {worst}")
    return array.astype(np.int64)

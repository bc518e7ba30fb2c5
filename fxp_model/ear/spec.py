"""What an ear is: the integers of its filters, its level and its neurons (NUMERICS.md sections 11 to 14)."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields
from functools import cached_property
from typing import ClassVar, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from fxp_model.ear import bounds
from fxp_model.ear.design import centre_hz, resonators
from fxp_model.encoding import Encoder, check_limit
from fxp_model.errors import InputError, shown
from fxp_model.fixed import signed_width

SAMPLE_BITS = 16
"""Width of a sample of sound, two's complement."""
FRAME_MS = 10
"""Duration of a frame, which is a time step of the network."""
MAX_LOG = 64
"""Octaves above every logarithm: sums are narrower."""
MAX_STATE_BITS, MAX_SUM_BITS = 32, 62
MIN_CHANNELS, MAX_CHANNELS, MAX_SECTIONS = 8, 256, 4

_MAX_OFFSET = 31
"""Octaves."""
_LIMITS = {
    "rate_hz": (8000, 48_000),
    "sections": (1, MAX_SECTIONS),
    "coefficient_bits": (10, 18),
    "state_frac_bits": (0, 12),
    "log_frac_bits": (3, 8),
    "compression_shift": (0, 3),
    "level_start": (0, 63),
    "level_floor": (0, 63),
    "level_range": (0, 4095),
    "level_shift": (0, 12),
    "level_fall": (0, 4095),
    "drive_frac_bits": (4, 14),
    "drive_int_bits": (1, 8),
    "threshold": (1, 65535),
    "adaptation": (0, 65535),
    "leak_shift": (0, 12),
    "recovery_shift": (0, 12),
    "spike_limit": (1, 15),
    "count_bits": (1, 8),
}
_DEFAULTS = {"coefficient_bits": 18, "state_frac_bits": 8, "log_frac_bits": 6}
"""Of the class, where a design depends on them."""
_START, _FLOOR = 3.5, 0.5
"""Level at rest, that of soft speech, and least level of a design, in octaves above the lsb of a sample."""


class Level(NamedTuple):
    """What an ear keeps from clip to clip: the slow level, and the loud frames that it has seen."""

    level: int
    age: int


@dataclass(frozen=True, kw_only=True)
class EarSpec(Encoder):
    """Integers of an ear. `design` makes them from frequencies.

    Filters: `sections` equal second-order sections in a row for each channel, with F = coefficient_bits - 2,

        y = Q(2**-shift (x - x2) - 2**-F (a1 y1 + a2 y2))

    Parameters
    ----------
    a1, a2 : (channels,) int
        Codes of signed coefficients of `coefficient_bits`, two of them before the point.
    shift : (channels,) int
        0 .. F.
    offset : (channels,) int
        Added to the logarithm of a channel, in 2**-log_frac_bits octaves: gain that `shift` leaves over.
    rate_hz : int
        Samples per second, a multiple of 1000 in 8000..48000.
    sections : int
        1..4.
    coefficient_bits : int
        10..18.
    state_frac_bits : int
        Bits of a state below those of a sample, 0..12.
    log_frac_bits : int
        Of logarithms to base 2, 3..8.
    compression_shift : int
        0..3: the exponent of compression is 2**-compression_shift.
    level_start, level_floor : int
        Level at rest and least level, in octaves of the sum of all channels over a frame; 0..63.
    level_range : int
        How far below the level a loud frame may be, in 2**-log_frac_bits octaves; 0..4095.
    level_shift : int
        A settled level moves by 2**-level_shift of its distance to each loud frame; 0..12.
    level_fall : int
        What the level loses in a frame that is not loud, in 2**-(log_frac_bits + level_shift) octaves;
        0..4095.
    drive_frac_bits, drive_int_bits : int
        Unsigned format of what goes into a neuron; 4..14 and 1..8.
    threshold, adaptation : int
        Codes of fraction `drive_frac_bits`: least potential of a spike, 1..65535; what a spike adds to that,
        0..65535.
    leak_shift, recovery_shift : int
        A potential loses 2**-leak_shift of itself per ms, a raised threshold 2**-recovery_shift; 0..12.
    spike_limit : int
        Most spikes of a channel per ms, 1..15.
    count_bits : int
        Counts of a frame saturate at 2**count_bits - 1; 1..8.

    Raises
    ------
    InputError
        A parameter is outside its limits, a filter is not stable, or a state or a sum is wider than
        hardware has.
    """

    name: ClassVar[str] = "ear"
    version: ClassVar[int] = 1
    takes: ClassVar[str] = "sound"

    a1: tuple[int, ...]
    a2: tuple[int, ...]
    shift: tuple[int, ...]
    offset: tuple[int, ...]
    rate_hz: int = 16_000
    sections: int = 2
    coefficient_bits: int = _DEFAULTS["coefficient_bits"]
    state_frac_bits: int = _DEFAULTS["state_frac_bits"]
    log_frac_bits: int = _DEFAULTS["log_frac_bits"]
    compression_shift: int = 1
    level_start: int = 26
    level_floor: int = 23
    level_range: int = 96
    level_shift: int = 8
    level_fall: int = 41
    drive_frac_bits: int = 10
    drive_int_bits: int = 2
    threshold: int = 307
    adaptation: int = 20
    leak_shift: int = 2
    recovery_shift: int = 5
    spike_limit: int = 3
    count_bits: int = 4

    def __post_init__(self) -> None:
        super().__post_init__()
        for name, (low, high) in _LIMITS.items():
            value = getattr(self, name)
            check_limit(name, value, low <= value <= high, f"in {low}..{high}")
        check_limit("rate_hz", self.rate_hz, self.rate_hz % 1000 == 0, "a multiple of 1000")
        inside = MIN_CHANNELS <= self.channels <= MAX_CHANNELS
        check_limit("channels", self.channels, inside, f"in {MIN_CHANNELS}..{MAX_CHANNELS}")
        most = (1 << self.coefficient_bits - 1) - 1
        for name, low, high in (
            ("a1", -most - 1, most),
            ("a2", -most - 1, most),
            ("shift", 0, self.coefficient_frac_bits),
            ("offset", -_MAX_OFFSET << self.log_frac_bits, _MAX_OFFSET << self.log_frac_bits),
        ):
            codes = getattr(self, name)
            check_limit(f"length of {name}", len(codes), len(codes) == self.channels, f"{self.channels}")
            for channel, code in enumerate(codes):
                check_limit(f"{name}[{channel}]", code, low <= code <= high, f"in {low}..{high}")
        scale = 2.0**-self.coefficient_frac_bits
        radius = bounds.pole_radius(scale * np.array(self.a1), scale * np.array(self.a2)).max()
        check_limit(
            "largest pole radius", radius, radius <= bounds.MAX_RADIUS, f"at most {bounds.MAX_RADIUS}"
        )
        for name, limit in (("state_bits", MAX_STATE_BITS), ("sum_bits", MAX_SUM_BITS)):
            width = getattr(self, name)
            check_limit(name, width, width <= limit, f"at most {limit}")

    @property
    def channels(self) -> int:
        """Filters."""
        return len(self.a1)

    @property
    def coefficient_frac_bits(self) -> int:
        """F."""
        return self.coefficient_bits - 2

    @property
    def samples_per_ms(self) -> int:
        """Samples under one value of the envelope."""
        return self.rate_hz // 1000

    @property
    def samples_per_frame(self) -> int:
        """Samples under one count."""
        return FRAME_MS * self.samples_per_ms

    @cached_property
    def state_limits(self) -> tuple[int, ...]:
        """Largest magnitude of the input, and of the states of each section, (sections + 1,); section 11."""
        scale = 2.0**-self.coefficient_frac_bits
        a1, a2 = (scale * np.array(codes, np.float64) for codes in (self.a1, self.a2))
        responses, differences = bounds.absolute_sums(a1, a2)
        limit = np.full(self.channels, 2.0 ** (SAMPLE_BITS - 1 + self.state_frac_bits))
        limits = [int(limit[0])]
        for _ in range(self.sections):
            limit = np.ldexp(differences, -np.array(self.shift)) * limit + responses / 2
            limits.append(int(np.ceil(limit.max())))
        return tuple(limits)

    @property
    def state_bits(self) -> int:
        """Width of every state."""
        return signed_width(-self.state_limits[-1], max(self.state_limits))

    @property
    def sum_bits(self) -> int:
        """Width of the exact sum of a section."""
        largest = max(self.state_limits)
        fraction = self.coefficient_frac_bits
        terms = [
            (2 * largest << fraction - shift) + (abs(a1) + abs(a2)) * largest
            for a1, a2, shift in zip(self.a1, self.a2, self.shift, strict=True)
        ]
        worst = max(terms) + (1 << fraction)
        return signed_width(-worst, worst)

    @property
    def envelope_bits(self) -> int:
        """Width of the rectified sum of a channel over a millisecond, unsigned."""
        return (self.samples_per_ms * self.state_limits[-1]).bit_length()

    @property
    def energy_bits(self) -> int:
        """Width of the sum of all channels over a frame, unsigned."""
        return (self.samples_per_frame * self.channels * self.state_limits[-1]).bit_length()

    @property
    def max_drive(self) -> int:
        """Largest code of what goes into a neuron."""
        return (1 << self.drive_frac_bits + self.drive_int_bits) - 1

    @property
    def max_potential(self) -> int:
        """Largest potential before a spike (section 13)."""
        return self.max_drive << self.leak_shift

    @property
    def max_raised(self) -> int:
        """Largest rise of a threshold."""
        return self.adaptation * self.spike_limit << self.recovery_shift

    @property
    def max_count(self) -> int:
        """Largest count of a frame."""
        return (1 << self.count_bits) - 1

    @property
    def products_per_second(self) -> int:
        """Multiplications."""
        return 2 * self.channels * self.sections * self.rate_hz

    def encode(self, audio: NDArray[np.floating], rate_hz: int) -> NDArray[np.uint8]:
        """Counts (T, channels) of a clip that is heard from rest, see `encode_after`."""
        return self.encode_after(audio, rate_hz, None)[0]

    def encode_after(
        self, audio: NDArray[np.floating], rate_hz: int, level: Level | None
    ) -> tuple[NDArray[np.uint8], Level]:
        """Counts of a clip, and the level that it leaves.

        Parameters
        ----------
        audio : (samples,) float
            Mono, finite, at least one sample; brought to `rate_hz` of the ear, then to 16 bits.
        rate_hz : int
            Sample rate, 1000..1000000 Hz.
        level : Level, optional
            That an earlier clip has left; None: at rest.

        Returns
        -------
        counts : (T, channels) uint8
            T = ceil(samples / (rate_hz / 100)): one row per 10 ms, the last padded with silence.
        level : Level

        Raises
        ------
        InputError
            `audio` or `rate_hz` is not as said.
        """
        # only here: numba takes seconds, and the data sets know this class
        from fxp_model.data.audio import checked_clip, pcm, resampled
        from fxp_model.ear.engine import EarEngine

        samples = pcm(resampled(checked_clip(audio, rate_hz), rate_hz, self.rate_hz))
        ear = EarEngine(self)
        if level is not None:
            ear.state.level, ear.state.age = level
        counts = ear.step(np.pad(samples, (0, -len(samples) % self.samples_per_frame)))
        return counts, Level(ear.state.level, ear.state.age)

    @classmethod
    def design(
        cls,
        *,
        channels: int = 140,
        sections: int = 2,
        low_hz: float = 80.0,
        high_hz: float = 7000.0,
        width: float = 1.0,
        headroom: float = 5.5,
        **more: int,
    ) -> Self:
        """An ear of gammatone-like filters, evenly spaced on the ERB-rate scale.

        Parameters
        ----------
        channels, sections : int
        low_hz, high_hz : float
            Centre frequencies of the first and the last channel; 20 <= low_hz < high_hz <= 0.49 rate_hz.
        width : float
            Rectangular bandwidth over that of human hearing, 0.25..4.
        headroom : float
            Octaves from the level, which is the mean of all channels, up to a drive of 1; 0..16.
        more : int
            Other parameters of the ear.

        Raises
        ------
        InputError
            As the class, or a frequency or `width` is outside its limits.
        """
        rate_hz = more.get("rate_hz", 16_000)
        for name, value in (("channels", channels), ("sections", sections), *more.items()):
            if not isinstance(value, int) or isinstance(value, bool):
                raise InputError(f"{name} must be an integer, not {shown(value)}")
        reals = {"low_hz": low_hz, "high_hz": high_hz, "width": width, "headroom": headroom}
        for name, real in reals.items():
            if not isinstance(real, int | float) or isinstance(real, bool):
                raise InputError(f"{name} must be a number, not {shown(real)}")
        if unknown := more.keys() - {field.name for field in fields(cls)}:
            raise InputError(f"an ear has no parameter {min(unknown)}")
        check_limit("rate_hz", rate_hz, 8000 <= rate_hz <= 48_000, "in 8000..48000")
        inside = MIN_CHANNELS <= channels <= MAX_CHANNELS
        check_limit("channels", channels, inside, f"in {MIN_CHANNELS}..{MAX_CHANNELS}")
        check_limit("sections", sections, 1 <= sections <= MAX_SECTIONS, f"in 1..{MAX_SECTIONS}")
        check_limit("low_hz", low_hz, low_hz >= 20, "at least 20")
        most = 0.49 * rate_hz
        check_limit(
            "high_hz", high_hz, low_hz < high_hz <= most, f"above low_hz = {low_hz} and at most {most:g}"
        )
        check_limit("width", width, 0.25 <= width <= 4, "in 0.25..4")
        check_limit("headroom", headroom, 0 <= headroom <= 16, "in 0..16")
        known = {name: more.get(name, default) for name, default in _DEFAULTS.items()}
        made = resonators(centre_hz(channels, low_hz, high_hz), sections, width, rate_hz)
        a1, a2 = (
            np.rint(np.ldexp(values, known["coefficient_bits"] - 2)).astype(int)
            for values in (made.a1, made.a2)
        )
        octaves = np.log2(FRAME_MS * channels) - headroom - sections * np.log2(made.gain)
        # of the energy of a frame in which every channel has a mean of one sample's lsb
        unit = math.log2(rate_hz // 100 * channels) + known["state_frac_bits"]
        levels = {"level_start": round(unit + _START), "level_floor": round(unit + _FLOOR)}
        return cls(
            a1=tuple(a1.tolist()),
            a2=tuple(a2.tolist()),
            shift=tuple(made.shift.tolist()),
            offset=tuple(np.rint(np.ldexp(octaves, known["log_frac_bits"])).astype(int).tolist()),
            sections=sections,
            **levels | more,
        )

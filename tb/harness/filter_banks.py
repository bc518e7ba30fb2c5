"""Random filter banks, and sound that takes their filters to the ends of their ranges."""

from __future__ import annotations

from collections import deque

import numpy as np
from numpy.typing import NDArray

from fxp_model.ear.spec import SAMPLE_BITS, EarSpec
from fxp_model.errors import InputError
from hw.rtl.ear.schedule import Schedule
from tb.harness.block_bench import signed_lanes
from tb.harness.scoreboard import MismatchError

_LEAST, _MOST = -(1 << SAMPLE_BITS - 1), (1 << SAMPLE_BITS - 1) - 1


def random_filters(seed: int, most_channels: int = 40) -> EarSpec:
    """Designed filters of every width and precision, or, one time in three, poles and shifts at random."""
    rng = np.random.default_rng([seed, 3])
    while True:
        try:
            return _placed(rng, most_channels) if seed % 3 == 2 else _designed(rng, most_channels)
        except InputError:  # a pole too near to the circle, a state too wide: drawn again
            continue


def _formats(rng: np.random.Generator) -> dict[str, int]:
    return {
        "sections": int(rng.integers(1, 5)),
        "rate_hz": 1000 * int(rng.choice([8, 11, 16, 24, 48], p=[0.4, 0.2, 0.3, 0.05, 0.05])),
        "coefficient_bits": int(rng.integers(10, 19)),
        "state_frac_bits": int(rng.integers(0, 13)),
    }


def _designed(rng: np.random.Generator, most_channels: int) -> EarSpec:
    formats = _formats(rng)
    low_hz = float(rng.uniform(60, 1000))
    high_hz = float(rng.uniform(1.5 * low_hz, 0.49 * formats["rate_hz"]))
    channels, width = int(rng.integers(8, most_channels + 1)), float(rng.uniform(0.5, 4))
    return EarSpec.design(channels=channels, low_hz=low_hz, high_hz=high_hz, width=width, **formats)


def _placed(rng: np.random.Generator, most_channels: int) -> EarSpec:
    """Poles anywhere, complex and real, and any shift."""
    formats = _formats(rng)
    channels, one = int(rng.integers(8, most_channels + 1)), 1 << formats["coefficient_bits"] - 2
    radius, angle = rng.uniform(0, 0.97, channels), rng.uniform(0, np.pi, channels)
    other = np.where(rng.random(channels) < 0.2, rng.uniform(-0.97, 0.97, channels), np.nan)
    a1 = np.where(np.isnan(other), -2 * radius * np.cos(angle), -radius - other)
    a2 = np.where(np.isnan(other), radius**2, radius * other)
    low = int(rng.integers(0, formats["coefficient_bits"] - 1))
    shift = rng.integers(low, formats["coefficient_bits"] - 1, channels)
    return EarSpec(
        a1=tuple(np.rint(one * a1).astype(int).tolist()),
        a2=tuple(np.rint(one * a2).astype(int).tolist()),
        shift=tuple(shift.tolist()),
        offset=(0,) * channels,
        **formats,
    )


def square_wave(spec: EarSpec, channel: int, length: int) -> NDArray[np.int64]:
    """Of full scale, at the centre frequency of a channel."""
    one = 1 << spec.coefficient_frac_bits
    radius = np.sqrt(abs(spec.a2[channel]) / one)
    omega = np.arccos(np.clip(-spec.a1[channel] / max(2 * one * radius, 1.0), -1, 1))
    return np.where(np.cos(omega * np.arange(length)) >= 0, _MOST, _LEAST)


def loud_sound(rng: np.random.Generator, spec: EarSpec, samples: int) -> NDArray[np.int64]:
    """Noise, square waves of full scale at the centre of a channel, constants and clicks, by turns."""
    parts: list[NDArray[np.int64]] = []
    for kind in rng.permutation(6).tolist() * -(-samples // 6):
        length = int(rng.integers(1, 40))
        if kind < 2:
            parts.append(rng.integers(_LEAST, _MOST + 1, length))
        elif kind < 4:
            parts.append(square_wave(spec, int(rng.integers(spec.channels)), length))
        elif kind == 4:
            parts.append(np.full(length, rng.choice([_LEAST, _MOST])))
        else:
            parts.append(np.where(np.arange(length) == 0, _LEAST, 0))
    return np.concatenate(parts)[:samples]


class SectionStates:
    """Compares the states that a `FilterBank` writes, sample by sample, with those that are expected.

    compared : states
    """

    def __init__(self, spec: EarSpec, multipliers: int) -> None:
        self.compared = 0
        self._spec, self._schedule = spec, Schedule(spec, multipliers)
        self.forget()

    def forget(self) -> None:
        """After a reset: nothing is expected."""
        self._due: deque[tuple[int, NDArray[np.int64]]] = deque()
        self._slot = 0

    @property
    def due(self) -> int:
        """Samples that are not complete."""
        return len(self._due)

    def expect(self, sample: int, states: NDArray[np.int64]) -> None:
        """Latest states (sections, channels) after this sample."""
        self._due.append((sample, states))

    def see(self, slot: int, word: int) -> None:
        """Slots come in order, all of them for each sample; some channels do not exist."""
        if slot != self._slot:
            raise MismatchError(f"slot {self._slot} was to be written, not {slot}")
        self._slot = (slot + 1) % self._schedule.slots
        section, channel = self._schedule.place(slot)
        if not self._due:
            raise MismatchError(f"slot {slot} was written for a sample that was not heard")
        sample, states = self._due[0]
        for lane, y in enumerate(signed_lanes(word, self._spec.state_bits, self._schedule.lanes)):
            if channel + lane < self._spec.channels:
                self.compared += 1
                if y != (expected := states[section, channel + lane]):
                    place = f"sample {sample}, section {section}, channel {channel + lane}"
                    raise MismatchError(f"{place}: expected {expected}, got {y}")
        if self._slot == 0:
            self._due.popleft()

"""The ear compiled: the integers of the golden `Ear`, many times faster than real time."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fxp_model.checks import check_type
from fxp_model.ear import kernels
from fxp_model.ear.logarithm import log_table, power_table
from fxp_model.ear.model import EarState, checked
from fxp_model.ear.spec import EarSpec


class EarEngine:
    """As `Ear`, compiled: the same spec, states and counts.

    Parameters
    ----------
    spec : EarSpec

    Attributes
    ----------
    state : EarState
    """

    def __init__(self, spec: EarSpec) -> None:
        check_type("spec", spec, EarSpec)
        self.spec = spec
        self.state = EarState.rest(spec)
        names = set(kernels.Packed._fields)
        numbers = {name: getattr(spec, name) for name in names if hasattr(spec, name)}
        vectors = {name: np.array(numbers[name], np.int64) for name in ("a1", "a2", "offset")}
        self._packed = kernels.Packed(
            **numbers
            | vectors
            | {
                "gain": spec.coefficient_frac_bits - np.array(spec.shift, np.int64),
                "logarithms": np.array(log_table(spec.log_frac_bits), np.int64),
                "powers": np.array(power_table(spec.log_frac_bits, spec.drive_frac_bits), np.int64),
            }
        )
        self._difference = np.zeros(spec.channels, np.int64)

    def step(self, samples: ArrayLike) -> NDArray[np.uint8]:
        """See `Ear.step`."""
        return self.hear(samples)[0]

    def hear(self, samples: ArrayLike) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
        """What `step` gives, and the loudness (frames,) of each frame, `Ear.loudness`."""
        spec, state = self.spec, self.state
        heard = checked(samples)
        frames = np.zeros(((state.samples + len(heard)) // spec.samples_per_frame, spec.channels), np.uint8)
        loudness = np.zeros(len(frames), np.int64)
        carried = np.array([state.energy, state.level, state.age], np.int64)
        kernels.hear(
            self._packed,
            heard,
            state.samples,
            state.inputs,
            state.sections,
            self._difference,
            state.envelope,
            state.potential,
            state.raised,
            state.counts,
            carried,
            spec.max_count,
            frames,
            loudness,
        )
        state.energy, state.level, state.age = carried.tolist()
        state.samples = (state.samples + len(heard)) % spec.samples_per_frame
        return frames, loudness

    def drop(self) -> None:
        """See `Ear.drop`."""
        self.state.drop()

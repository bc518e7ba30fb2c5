"""Events to spike counts: bins in time and over units."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from fxp_model.encoding import Encoder, check_limit
from fxp_model.errors import InputError

MAX_SECONDS = 60.0
"""Latest event; bounds the memory that a damaged time can cause to be allocated."""


@dataclass(frozen=True, kw_only=True)
class EventBinner(Encoder):
    """Binned event counts of a clip.

        counts[t, c] = events with floor(1000 * time / frame_ms) = t and floor(unit / width) = c,

    with width = units / channels, saturated at 2**count_bits - 1.

    Parameters
    ----------
    channels : int
        1..1024; divides `units`.
    units : int
        Number of neurons that the events come from, 1..65536.
    frame_ms : int
        Duration of a frame, which is a time step of the network; 1..1000.
    count_bits : int
        1..8.

    Raises
    ------
    InputError
        A parameter is outside its limits.
    """

    name: ClassVar[str] = "event-bins"
    version: ClassVar[int] = 1
    takes: ClassVar[str] = "spikes"

    channels: int = 140
    units: int = 700
    frame_ms: int = 10
    count_bits: int = 4

    def __post_init__(self) -> None:
        super().__post_init__()
        check_limit("channels", self.channels, 1 <= self.channels <= 1024, "in 1..1024")
        check_limit("units", self.units, 1 <= self.units <= 65536, "in 1..65536")
        divides = self.units % self.channels == 0
        check_limit("channels", self.channels, divides, f"a divisor of units = {self.units}")
        check_limit("frame_ms", self.frame_ms, 1 <= self.frame_ms <= 1000, "in 1..1000")
        check_limit("count_bits", self.count_bits, 1 <= self.count_bits <= 8, "in 1..8")

    def encode(self, times: NDArray[np.floating], units: NDArray[np.integer]) -> NDArray[np.uint8]:
        """Counts of a clip.

        Parameters
        ----------
        times : (events,) float
            Seconds, 0..60, in any order.
        units : (events,) int
            0..units - 1.

        Returns
        -------
        counts : (T, channels) uint8
            T is the frame of the last event + 1; one silent frame if there are no events.

        Raises
        ------
        InputError
            `times` or `units` is not as described.
        """
        if times.ndim != 1 or not np.issubdtype(times.dtype, np.floating):
            raise InputError(f"times must be floats of shape (events,), not {times.dtype} {times.shape}")
        if units.shape != times.shape or not np.issubdtype(units.dtype, np.integer):
            raise InputError(
                f"units must be integers of shape {times.shape}, as times, not {units.dtype} {units.shape}"
            )
        _check_range("times", times, MAX_SECONDS)
        _check_range("units", units, self.units - 1)
        frame = (times.astype(np.float64) * 1000 / self.frame_ms).astype(np.int64)
        channel = units.astype(np.int64) // (self.units // self.channels)
        steps = int(frame.max(initial=0)) + 1
        counts = np.bincount(frame * self.channels + channel, minlength=steps * self.channels)
        limit = 2**self.count_bits - 1
        return np.minimum(counts, limit).astype(np.uint8).reshape(steps, self.channels)


def _check_range(name: str, values: NDArray, high: float) -> None:
    outside = np.flatnonzero(~((values >= 0) & (values <= high)))
    if len(outside) > 0:
        event = outside[0]
        raise InputError(f"{name}[{event}] must be in 0..{high:g}, not {values[event]}")

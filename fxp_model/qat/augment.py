"""Variants of clips that a speaker could have said: shifted, transposed, thinned, masked."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fxp_model.qat.limits import check_limits


@dataclass(frozen=True)
class Augmentation:
    """Largest changes, drawn anew for each clip and epoch.

    time_shift : steps, either way
    channel_shift : channels, either way; on a cochlear scale a longer or shorter vocal tract
    event_drop : share of (step, channel) cells that lose their count
    time_mask, channel_mask : width of a silenced block of steps, of channels
    """

    time_shift: int = 10
    channel_shift: int = 4
    event_drop: float = 0.1
    time_mask: int = 0
    channel_mask: int = 0

    def __post_init__(self) -> None:
        for name in ("time_shift", "channel_shift", "time_mask", "channel_mask"):
            check_limits(name, getattr(self, name), 0, None)
        check_limits("event_drop", self.event_drop, 0, 1)


def augment(
    counts: NDArray[np.uint8], settings: Augmentation, rng: np.random.Generator
) -> NDArray[np.float32]:
    """Counts (T, B, C) changed at random; what is shifted out is lost, silence comes in."""
    steps, samples, channels = counts.shape
    step, step_inside = _shifted(steps, settings.time_shift, samples, rng)
    channel, channel_inside = _shifted(channels, settings.channel_shift, samples, rng)
    step_inside &= ~_block(steps, settings.time_mask, samples, rng)
    channel_inside &= ~_block(channels, settings.channel_mask, samples, rng)
    moved = counts[step[:, :, None], np.arange(samples)[:, None], channel.T].astype(np.float32)
    moved *= step_inside[:, :, None]
    moved *= channel_inside.T
    if settings.event_drop > 0:
        moved *= rng.random(moved.shape, np.float32) >= settings.event_drop
    return moved


def _shifted(
    size: int, limit: int, samples: int, rng: np.random.Generator
) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Source index (size, samples) of each position after a shift within +-limit, and where it exists."""
    source = np.arange(size)[:, None] - rng.integers(-limit, limit + 1, samples)
    return source.clip(0, size - 1), (source >= 0) & (source < size)


def _block(size: int, limit: int, samples: int, rng: np.random.Generator) -> NDArray[np.bool_]:
    """A block of 0..limit positions per sample, (size, samples)."""
    width = rng.integers(0, min(limit, size) + 1, samples)
    start = rng.integers(0, size - width + 1)
    position = np.arange(size)[:, None]
    return (position >= start) & (position < start + width)

"""Plausible variants of clips: blended, shifted, stretched, transposed, thinned."""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from fxp_model.evaluation import NOT_COUNTED
from fxp_model.qat.limits import check_limits

_EVENTS = 15
"""Events of a cell decided by one 16-bit random number."""

Counts = NDArray[np.uint8]


@dataclass(frozen=True)
class Augmentation:
    """Largest changes; each clip draws new ones in every epoch.

    time_shift : steps, either way
    channel_shift : channels, either way; on the scale of the ear, a longer or shorter vocal tract
    event_drop : share of (step, channel) cells that lose their count, to the nearest 1/256
    time_mask, channel_mask : width of a silenced block of steps, of channels
    time_stretch : relative change of tempo, either way; 0..0.5
    blend : share of clips that are blended with another of their class
    """

    time_shift: int = 10
    channel_shift: int = 4
    event_drop: float = 0.1
    time_mask: int = 10
    channel_mask: int = 10
    time_stretch: float = 0.15
    blend: float = 0.0

    def __post_init__(self) -> None:
        for field in fields(self):
            check_limits(field.name, getattr(self, field.name))


NO_AUGMENTATION = Augmentation(0, 0, 0.0, 0, 0, 0.0, 0.0)
"""For arrays of which nothing is known: steps and channels may be in any order."""


def augment(
    counts: Counts,
    labels: NDArray[np.int64],
    settings: Augmentation,
    rng: np.random.Generator,
    lengths: NDArray[np.int64] | None = None,
) -> tuple[Counts, NDArray[np.int64]]:
    """A randomly augmented batch of clips and its labels; each keeps its length, and is silent beyond it.

    A clip may first be blended (see `_blended`). Then its step t is taken from step
    round((t - shift) / tempo), and channel c from channel c - shift, and cells and blocks
    are silenced. What is moved out is lost, silence is moved in. Labels of steps move with them, and none
    of what is moved in is counted.

    Parameters
    ----------
    counts : (T, B, C) uint8
        Silent beyond each clip's length.
    labels : (B,) or (B, T)
        Classes; only clips of the same class are blended, and none with a class for each step.
    settings : Augmentation
    rng : numpy.random.Generator
    lengths : (B,), optional
        Steps of each clip; default: T.
    """
    steps, samples, channels = counts.shape
    ends = np.full(samples, steps) if lengths is None else lengths
    if settings.blend > 0:
        counts = _blended(counts, labels, settings.blend, rng, ends)
    shift = rng.integers(-settings.time_shift, settings.time_shift + 1, samples)
    tempo = rng.uniform(1 - settings.time_stretch, 1 + settings.time_stretch, samples)
    transpose = rng.integers(-settings.channel_shift, settings.channel_shift + 1, (samples,))
    step = np.arange(steps)[:, None]
    source = np.rint((step - shift) / tempo).astype(np.int64)
    if labels.ndim == 2:
        labels = _moved_labels(labels, np.where(step < ends, source, -1), ends)
    silent = (step >= ends) | _block(steps, settings.time_mask, samples, rng)
    moved = _moved(counts, np.where(silent, -1, source), transpose)
    if settings.channel_mask > 0:
        moved *= ~_block(channels, settings.channel_mask, samples, rng).T
    dropped = round(settings.event_drop * 256)
    if dropped > 0:
        moved *= (_random_bits(moved.size, np.uint8, rng) >= dropped).reshape(moved.shape)
    return moved, labels


def _moved_labels(
    labels: NDArray[np.int64], source: NDArray[np.int64], ends: NDArray[np.int64]
) -> NDArray[np.int64]:
    """Labels (B, T) of the steps `source` (T, B) of each clip, `NOT_COUNTED` outside it."""
    found = np.take_along_axis(labels, source.clip(0, len(source) - 1).T, axis=1)
    return np.where(((source >= 0) & (source < ends)).T, found, NOT_COUNTED)


def _moved(counts: Counts, source: NDArray[np.int64], transpose: NDArray[np.int64]) -> Counts:
    """Steps `source` (T, B) of each clip, silence outside it, with channels shifted up by `transpose`."""
    steps, samples, channels = counts.shape
    margin = int(np.abs(transpose).max())
    padded = np.zeros((steps + 1, samples, channels + 2 * margin), np.uint8)
    padded[:steps, :, margin : margin + channels] = counts
    inside = (source >= 0) & (source < steps)
    # row `steps` is silent; a window with an offset into the margins is a channel-shifted step
    windows = sliding_window_view(padded, channels, axis=2)
    moved: Counts = windows[np.where(inside, source, steps), np.arange(samples), margin - transpose]
    return moved


def _blended(
    counts: Counts,
    labels: NDArray[np.int64],
    share: float,
    rng: np.random.Generator,
    ends: NDArray[np.int64],
) -> Counts:
    """Counts with a `share` of the clips blended: half of the events of two clips.

    The partner is another clip of the batch and of the class, shifted by whole steps so that the
    centres of mass in time align. Each event of both is kept with probability 1/2; sums saturate at
    the largest count of the batch, as an encoder's do. A clip without a partner is unchanged.

    Source: Nowotny, Turner and Knight, arXiv 2212.01232, who align the channels too; in this form
    DelRec, arXiv 2509.24852, which takes the partner from all clips for training.
    """
    steps, samples, _ = counts.shape
    same = (labels[:, None] == labels) & ~np.eye(samples, dtype=np.bool_)
    partner = np.where(same, rng.random(same.shape), -1.0).argmax(axis=1)
    chosen = np.flatnonzero(same.any(axis=1) & (rng.random(samples) < share))
    if len(chosen) == 0:
        return counts
    partner, none = partner[chosen], np.zeros(len(chosen), np.int64)
    step = np.arange(steps)[:, None]
    mass = counts.sum(axis=2, dtype=np.int64)
    centre = (mass * step).sum(axis=0) / np.maximum(mass.sum(axis=0), 1)
    delay = np.rint(centre[chosen] - centre[partner]).astype(np.int64)
    source = np.where(step < ends[chosen], step - delay, -1)
    own = _halved(counts[:, chosen], rng)
    other = _halved(_moved(counts[:, partner], source, none), rng)
    blended = counts.copy()
    blended[:, chosen] = own + np.minimum(other, counts.max() - own)
    return blended


def _halved(counts: Counts, rng: np.random.Generator) -> Counts:
    """Each event is kept with probability 1/2: counts the ones among as many random bits as events."""
    left, kept = counts, np.zeros_like(counts)
    while left.any():
        now = np.minimum(left, _EVENTS)
        drawn = _random_bits(left.size, np.uint16, rng).reshape(left.shape)
        kept += np.bitwise_count(drawn & ((np.uint16(1) << now) - np.uint16(1)))
        left = left - now
    return kept


def _random_bits(size: int, kind: type[np.unsignedinteger], rng: np.random.Generator) -> NDArray:
    """`size` numbers of random bits: several times faster than a float for each."""
    words = -(-size * np.dtype(kind).itemsize // 8)
    return rng.integers(0, 2**64, words, np.uint64).view(kind)[:size]


def _block(size: int, limit: int, samples: int, rng: np.random.Generator) -> NDArray[np.bool_]:
    """A block of 0..limit positions per sample, (size, samples)."""
    width = rng.integers(0, min(limit, size) + 1, samples)
    start = rng.integers(0, size - width + 1)
    position = np.arange(size)[:, None]
    return (position >= start) & (position < start + width)

"""Labelled clips that a small network learns in seconds."""

import numpy as np

from fxp_model.qat.train import Frames

CHANNELS, CLASSES, STEPS = 12, 3, 20


def labelled(seed: int, clips: int, busy: float, idle: float) -> Frames:
    """Clips whose class is the third of the channels with `busy` counts a step; two lengths."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, CLASSES, clips)
    lengths = rng.choice([STEPS - 5, STEPS], clips)
    own = np.arange(CHANNELS) // (CHANNELS // CLASSES) == labels[:, None]
    counts = rng.poisson(np.where(own, busy, idle), (STEPS, clips, CHANNELS)).clip(0, 15).astype(np.uint8)
    counts[np.arange(STEPS)[:, None] >= lengths] = 0
    return Frames(counts, labels, lengths)

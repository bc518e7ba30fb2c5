"""Random ears: legal, and of every kind."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from fxp_model.artifact import Artifact, save_artifact
from fxp_model.ear.spec import EarSpec
from fxp_model.ear.trigger import TriggerSpec
from hw.rtl.ear.trigger import settings_layout
from tb.harness.stimulus import answering, random_network

LEAST_CHANNELS = 8


def random_ear(seed: int, most_channels: int = 40) -> EarSpec:
    """An ear of few channels, whose other numbers are anywhere within their limits, their ends among them."""
    rng = np.random.default_rng([19, seed])

    def of(low: int, high: int) -> int:
        ends = rng.random() < 0.3
        return int(rng.choice([low, high]) if ends else rng.integers(low, high + 1))

    channels, bits = of(LEAST_CHANNELS, most_channels), of(3, 8)
    drive_bits = of(4, 14)
    threshold = int(np.exp2(rng.uniform(0, drive_bits)))
    least = of(0, 20)
    return EarSpec.design(
        channels=channels,
        sections=of(1, 4),
        headroom=float(rng.uniform(0, 3)),
        coefficient_bits=of(14, 18),
        state_frac_bits=of(0, 6),
        log_frac_bits=bits,
        compression_shift=of(0, 3),
        level_start=of(0, 24),
        level_floor=least,
        level_range=of(0, 4 << bits),
        level_shift=of(0, 12) if rng.random() < 0.3 else of(0, 4),
        level_fall=of(0, 4095),
        drive_frac_bits=drive_bits,
        drive_int_bits=of(1, 8),
        threshold=threshold,
        adaptation=int(rng.choice([0, threshold // 16, threshold // 2, 65535], p=[0.2, 0.5, 0.25, 0.05])),
        leak_shift=of(0, 12) if rng.random() < 0.3 else of(0, 5),
        recovery_shift=of(0, 12) if rng.random() < 0.3 else of(0, 6),
        spike_limit=of(1, 15) if rng.random() < 0.5 else of(1, 4),
        count_bits=of(1, 8),
    )


def random_trigger(seed: int) -> TriggerSpec:
    """A trigger that begins many samples, as all of its numbers of frames are small."""
    rng = np.random.default_rng([20, seed])
    bits, shift = int(rng.integers(3, 9)), int(rng.integers(1, 13))
    limit = int(rng.choice([0, 1, 2, 5, 30, 32]))
    return TriggerSpec(
        free=bool(rng.random() < 0.2),
        **_lengths(rng, bits, limit),
        log_frac_bits=bits,
        floor_least=int(rng.integers(0, 18)),
        floor_fall=int(rng.integers(0, 5)),
        floor_shift=shift,
        floor_rise=int(rng.integers(0, min(1 << shift, 4096))),
        preroll_limit=limit,
    )


def other_settings(spec: TriggerSpec, rng: np.random.Generator) -> dict[str, Any]:
    """What a host may change of a trigger, changed."""
    return {"free": bool(rng.random() < 0.2), **_lengths(rng, spec.log_frac_bits, spec.preroll_limit)}


def _lengths(rng: np.random.Generator, bits: int, limit: int) -> dict[str, int]:
    rise = int(rng.integers(0, 2 << bits))
    return {
        "rise": rise,
        "fall": int(rng.integers(rise // 2, rise + 1)),
        "onset": int(rng.choice([1, 2, 3, 15], p=[0.4, 0.3, 0.2, 0.1])),
        "preroll": int(rng.integers(0, limit + 1)),
        "duration": int(rng.choice([1, 2, 5, 40])),
        "hold": int(rng.choice([0, 1, 7, 30])),
    }


def settings_word(spec: TriggerSpec) -> int:
    """The port `settings` of a trigger."""
    layout = settings_layout(spec)
    return int(layout.const({name: int(getattr(spec, name)) for name, _ in layout}).as_bits())


def loudness_walk(spec: TriggerSpec, rng: np.random.Generator, frames: int) -> Iterator[int]:
    """Loudness of frames: a noise whose level changes now and then, words, and silence."""
    octave = 1 << spec.log_frac_bits
    noise, left, word = 20.0, 0, False
    for _ in range(frames):
        if left == 0:
            word, left = not word, int(rng.integers(1, 30))
            if rng.random() < 0.05:
                noise = float(rng.choice([0, rng.uniform(0, 63), rng.uniform(18, 25)]))
        left -= 1
        octaves = noise + rng.uniform(-0.2, 0.2) + word * rng.uniform(1, 6)
        yield min(max(int(octaves * octave), 0), 64 * octave - 1)


def hearing_artifact(folder: Path, seed: int, rate_hz: int = 8000, stride: int | None = None) -> Artifact:
    """A random network, of a seed with 8 inputs at least, with an ear of a section per channel.

    With a `stride` it answers per step.
    """
    network = answering(random_network(seed, max_neurons=16), stride)
    layer = network.spec.layers[0]
    ear = EarSpec.design(
        channels=layer.n_in,
        sections=1,
        rate_hz=rate_hz,
        high_hz=0.4375 * rate_hz,
        count_bits=layer.input_bits,
        level_floor=0,
    )
    return save_artifact(
        folder,
        network=network,
        labels=tuple(f"class {i}" for i in range(network.spec.n_out)),
        encoder=ear.to_dict(),
        provenance={},
        metrics={},
        stimulus=np.zeros((max(2, stride or 0), 1, layer.n_in), np.uint8),
    )

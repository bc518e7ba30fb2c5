"""A network of a few neurons as an artifact, for tests of the tools around it."""

from pathlib import Path
from typing import Any

import numpy as np

from fxp_model.artifact import Artifact, save_artifact
from fxp_model.ear.spec import EarSpec
from tb.harness.stimulus import random_network


def tiny_artifact(folder: Path, **changes: Any) -> Artifact:
    """The same network each time, in the new `folder`; `changes` are arguments of `save_artifact`."""
    network = random_network(3, max_neurons=8)
    layer = network.spec.layers[0]
    counts = np.random.default_rng(0).integers(0, layer.max_input + 1, (5, 2, layer.n_in), dtype=np.uint8)
    given: dict[str, Any] = {
        "network": network,
        "labels": tuple(f"class {i}" for i in range(network.spec.n_out)),
        "encoder": None,
        "provenance": {},
        "metrics": {},
        "stimulus": counts,
    }
    return save_artifact(folder, **given | changes)


def hearing_artifact(folder: Path, seed: int) -> Artifact:
    """A random network, of a seed with 8 inputs at least, with an ear of a section per channel at 8 kHz."""
    network = random_network(seed, max_neurons=16)
    layer = network.spec.layers[0]
    ear = EarSpec.design(
        channels=layer.n_in,
        sections=1,
        rate_hz=8000,
        high_hz=3500.0,
        count_bits=layer.input_bits,
        level_floor=0,
    )
    return tiny_artifact(
        folder,
        network=network,
        labels=tuple(f"class {i}" for i in range(network.spec.n_out)),
        encoder=ear.to_dict(),
        stimulus=np.zeros((2, 1, layer.n_in), np.uint8),
    )

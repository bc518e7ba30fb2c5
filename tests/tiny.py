"""A network of a few neurons as an artifact, for tests of the tools around it."""

from pathlib import Path
from typing import Any

import numpy as np

from fxp_model.artifact import Artifact, save_artifact
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

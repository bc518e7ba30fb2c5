"""A small network with an ear, whose weights differ in every bit: no column of a memory can be left out."""

from pathlib import Path

import numpy as np

from fxp_model.artifact import Artifact, save_artifact
from fxp_model.ear.spec import EarSpec
from fxp_model.network import Network, StageParams
from fxp_model.spec import RecurrenceKind, RecurrenceSpec
from tests.oracles.plain_networks import BYTE, network_spec


def hearing(folder: Path) -> Artifact:
    """The same artifact each time, in the new `folder`."""
    rng = np.random.default_rng(1)
    recurrence = RecurrenceSpec(RecurrenceKind.CONV, BYTE, max_delay=20, kernel_size=3)
    spec = network_spec(16, 16, 5, recurrence=recurrence)
    (hidden, out), (hidden_bias, out_bias) = (
        [rng.integers(-128, 128, shape(stage)) for stage in spec.stages]
        for shape in (lambda stage: (stage.n_out, stage.n_in), lambda stage: stage.n_out)
    )
    kernel, delays = rng.integers(-128, 128, 3), rng.integers(1, 21, 16)
    network = Network(spec, (StageParams(hidden, hidden_bias, kernel, delays), StageParams(out, out_bias)))
    ear = EarSpec.design(
        channels=16,
        sections=1,
        rate_hz=8000,
        high_hz=3500,
        count_bits=spec.layers[0].input_bits,
        level_floor=0,
    )
    return save_artifact(
        folder,
        network=network,
        labels=("zero", "one", "two", "three", "four"),
        encoder=ear.to_dict(),
        provenance={},
        metrics={},
        stimulus=np.zeros((2, 1, 16), np.uint8),
    )

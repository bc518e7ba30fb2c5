"""A small network with an ear that tells two tones, answering per step or per sample."""

from pathlib import Path

import numpy as np

from fxp_model.artifact import Artifact, save_artifact
from fxp_model.ear.spec import EarSpec
from fxp_model.network import Network, StageParams
from fxp_model.qat.template import Shape, network_spec
from fxp_model.spec import Answer, ReadoutMode

EAR = EarSpec.design(channels=8, sections=1)
SEED = 30
"""With which it answers with every class."""
LABELS = ("high", "low", "none")


def spotter(answer: Answer, stride: int = 1) -> Network:
    """Weights at random, no bias: what it answers changes with what it hears."""
    shape = Shape(
        hidden=(6,),
        recurrence=None,
        beta=(0.5,),
        readout_beta=0.5,
        readout=ReadoutMode.LAST,
        answer=answer,
        stride=stride,
        input_bits=EAR.count_bits,
    )
    spec = network_spec(shape, EAR.channels, len(LABELS))
    rng = np.random.default_rng(SEED)
    params = []
    for stage in spec.stages:
        arrays = {
            name: rng.integers(stage.weight.min_raw, stage.weight.max_raw + 1, shape) * (name == "weight")
            for name, shape in stage.shapes.items()
        }
        params.append(StageParams(**arrays))
    return Network(spec, tuple(params))


def spotter_artifact(
    folder: Path, answer: Answer, labels: tuple[str, ...] = LABELS, **changes: object
) -> Artifact:
    """The network in the new `folder`, of samples of 30 steps."""
    given = {
        "network": spotter(answer, 2 if answer is Answer.STEP else 1),
        "labels": labels,
        "encoder": EAR.to_dict(),
        "provenance": {},
        "metrics": {},
        "stimulus": np.ones((30, 1, EAR.channels), np.uint8),
    }
    return save_artifact(folder, **given | changes)

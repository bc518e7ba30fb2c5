"""The GRU of the comparison: it learns, the same way from the same seed, and takes what networks take."""

from dataclasses import replace

import numpy as np
import pytest

from fxp_model.errors import InputError
from fxp_model.qat.augment import Augmentation
from fxp_model.qat.gru import Gru, train_gru
from fxp_model.qat.template import Shape, network_spec
from fxp_model.qat.train import Frames, Recipe

SPEC = network_spec(Shape(hidden=(8, 8), max_delay=7), 10, 4)
NONE = dict.fromkeys(vars(Augmentation()), 0)
RECIPE = Recipe(epochs=6, batch=8, learning_rate=0.02, augmentation=Augmentation(**NONE))


def frames(clips, copies=1):
    """Four classes, each with events in a channel of its own."""
    rng = np.random.default_rng(clips)
    labels = np.arange(clips) % 4
    counts = rng.poisson(0.2, (12, copies * clips, 10))
    counts[:, np.arange(copies * clips), np.tile(labels, copies)] += 3
    return Frames(counts.astype(np.uint8), labels, np.full(clips, 12))


def test_it_learns_and_tells_each_epoch():
    told = []
    curve = train_gru(SPEC, RECIPE, frames(32, copies=3), frames(16), told.append)
    assert curve == told
    assert len(curve) == 6
    assert curve[0] < curve[-1] == 1


def test_a_seed_is_a_training():
    first, again, other = (
        train_gru(SPEC, replace(RECIPE, seed=seed, epochs=3), frames(32), frames(64)) for seed in (0, 0, 1)
    )
    assert first == again != other


def test_layers_have_one_width():
    with pytest.raises(InputError, match=r"^hidden layers must have equal widths for the GRU, not \[8, 9\]$"):
        Gru(network_spec(Shape(hidden=(8, 9)), 10, 4))

"""The GRU of the comparison: it learns, the same way from the same seed, and takes what networks take."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from fxp_model.errors import InputError
from fxp_model.qat.augment import Augmentation
from fxp_model.qat.gru import Gru, GruListener, load_gru, train_gru
from fxp_model.qat.network import Regularization
from fxp_model.qat.template import Shape, network_spec
from fxp_model.qat.train import Frames, Recipe
from fxp_model.spec import Answer, ReadoutMode
from fxp_model.trace import Answers

SPEC = network_spec(Shape(hidden=(8, 8), max_delay=7), 10, 4)
NONE = dict.fromkeys(vars(Augmentation()), 0)
RECIPE = Recipe(
    epochs=6,
    batch=8,
    learning_rate=0.02,
    augmentation=Augmentation(**NONE),
    noise=Regularization(0, 0),
)


def frames(clips, copies=1):
    """Four classes, each with events in a channel of its own."""
    rng = np.random.default_rng(clips)
    labels = np.arange(clips) % 4
    counts = rng.poisson(0.2, (12, copies * clips, 10))
    counts[:, np.arange(copies * clips), np.tile(labels, copies)] += 3
    return Frames(counts.astype(np.uint8), labels, np.full(clips, 12))


def test_it_learns_and_tells_each_epoch():
    told = []
    _, curve = train_gru(SPEC, RECIPE, frames(32, copies=3), frames(16), told.append)
    assert curve == told
    assert len(curve) == 6
    assert curve[0] < curve[-1] == 1


def test_it_learns_the_labels_that_augmentation_leaves(monkeypatch):
    """Of steps all of which it moves to one class, that class; and nothing where none is counted."""
    spec = replace(SPEC, readout=replace(SPEC.readout, mode=ReadoutMode.LAST, answer=Answer.STEP))
    data = frames(32)
    data = replace(data, labels=np.repeat(data.labels[:, None], 12, axis=1))
    for label, found in ((3, {3}), (-1, None)):
        monkeypatch.setattr(
            "fxp_model.qat.gru.augment",
            lambda counts, labels, *rest, to=label: (counts, np.full_like(labels, to)),
        )
        module, _ = train_gru(spec, RECIPE, data, data)
        assert all(parameter.isfinite().all() for parameter in module.parameters())
        scores, _ = module.answered(torch.from_numpy(data.counts).float(), None)
        if found:
            assert set(scores.argmax(-1).flatten().tolist()) == found


def test_outputs_are_dropped_in_training_alone():
    counts = torch.ones(12, 2, 10)
    module = Gru(SPEC, dropout=0.5)
    heard = [module.train()(counts) for _ in range(2)] + [module.eval()(counts) for _ in range(2)]
    assert not torch.equal(heard[0], heard[1])
    assert torch.equal(heard[2], heard[3])
    curves = [
        train_gru(SPEC, replace(RECIPE, noise=noise, epochs=3), frames(32), frames(64))[1]
        for noise in (Regularization(0, 0), Regularization(0.5, 0))
    ]
    assert curves[0] != curves[1]


def test_a_seed_is_a_training():
    first, again, other = (
        train_gru(SPEC, replace(RECIPE, seed=seed, epochs=3), frames(32), frames(64))[1] for seed in (0, 0, 1)
    )
    assert first == again != other


def test_it_goes_on_from_what_it_kept(tmp_path):
    kept, whole = tmp_path / "gru.npz", tmp_path / "whole.npz"
    data = (frames(32), frames(64))
    _, curve = train_gru(SPEC, RECIPE, *data, kept=whole)

    def interrupted(accuracy):
        told.append(accuracy)
        if len(told) == 2:
            raise KeyboardInterrupt

    told = []
    with pytest.raises(KeyboardInterrupt):
        train_gru(SPEC, RECIPE, *data, interrupted, kept)
    told = [0] * 10
    module, again = train_gru(SPEC, RECIPE, *data, interrupted, kept)
    assert (again, told[10:]) == (curve, curve)
    assert kept.read_bytes() == whole.read_bytes()
    for name, tensor in load_gru(SPEC, kept).state_dict().items():
        assert torch.equal(tensor, module.state_dict()[name])
    with pytest.raises(InputError, match=r"gru.npz: must be of this training, not of another; name another"):
        train_gru(SPEC, replace(RECIPE, seed=9), *data, kept=kept)


def test_another_gru_is_refused(tmp_path):
    kept = tmp_path / "gru.npz"
    train_gru(SPEC, replace(RECIPE, epochs=1), frames(32), frames(64), kept=kept)
    for hidden, message in (
        ((9, 9), r"recurrent.weight_ih_l0 must be of shape \(27, 10\), not \(24, 10\)$"),
        ((8,), r"not a GRU of this network, as layers differ: 'recurrent.bias_hh_l1'$"),
    ):
        other = network_spec(Shape(hidden=hidden), 10, 4)
        with pytest.raises(InputError, match=message):
            load_gru(other, kept)
        with pytest.raises(InputError, match=message):
            train_gru(other, replace(RECIPE, epochs=1), frames(32), frames(64), kept=kept)
    per_step = Shape(hidden=(8, 8), readout=ReadoutMode.LAST, answer=Answer.STEP, stride=3)
    with pytest.raises(InputError, match=r"stride of the answers must be 3, as in the network, not 'none'$"):
        load_gru(network_spec(per_step, 10, 4), kept)


def test_layers_have_one_width():
    with pytest.raises(InputError, match=r"^hidden layers must have equal widths for the GRU, not \[8, 9\]$"):
        Gru(network_spec(Shape(hidden=(8, 9)), 10, 4))


def stretched(clips, seed):
    """A class every 12 steps, with events in its channel; it is asked for at the end of each."""
    rng = np.random.default_rng(seed)
    words = rng.integers(0, 4, (clips, 5)).repeat(12, axis=1)
    counts = rng.poisson(0.2, (60, clips, 10)) + 3 * (np.arange(10) == words.T[:, :, None])
    labels = np.where(np.arange(60) % 12 < 6, -1, words)
    return Frames(counts.astype(np.uint8), labels, np.full(clips, 60))


def test_it_answers_each_step_and_listens_in_pieces():
    """In pieces of any length it gives what it gives to the whole, in 1/256."""
    spec = network_spec(
        Shape(hidden=(8, 8), max_delay=7, readout=ReadoutMode.LAST, answer=Answer.STEP, stride=3), 10, 4
    )
    val = stretched(16, 1)
    module, curve = train_gru(spec, RECIPE, stretched(64, 0), val)
    assert max(curve) > 0.9
    counts = val.counts[:, :1]
    with torch.no_grad():
        whole = np.rint(256 * module(torch.from_numpy(counts).float() / 4).numpy())
    listener = GruListener(module)
    heard = [listener.hear(part[:, 0], np.zeros(len(part))) for part in np.split(counts, [1, 2, 9, 40])]
    assert np.concatenate([times for times, _ in heard]).tolist() == list(range(3, 61, 3))
    expected = Answers.of(whole.astype(np.int64))
    for name in Answers._fields:
        found = np.concatenate([getattr(answers, name) for _, answers in heard])
        assert np.abs(found - getattr(expected, name)).max() <= (name != "classes")
    with pytest.raises(InputError, match=r"^a GRU must answer per step to listen to a stream$"):
        GruListener(Gru(SPEC))

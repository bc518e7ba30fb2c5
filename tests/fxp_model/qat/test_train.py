"""Training resumes exactly, selects on validation, stops cleanly, and reports errors."""

import csv
import dataclasses
import itertools
import math

import numpy as np
import pytest
import torch

from fxp_model.errors import InputError
from fxp_model.network import run
from fxp_model.qat import checkpoint
from fxp_model.qat.augment import Augmentation
from fxp_model.qat.network import Regularization
from fxp_model.qat.publish import NotEqual, delay_table, measure
from fxp_model.qat.template import Shape, network_spec
from fxp_model.qat.train import (
    CHECKPOINT,
    LOG,
    Frames,
    Recipe,
    Training,
    accuracy,
    distillation,
    learning_rate,
)
from fxp_model.spec import ReadoutMode, RecurrenceKind
from tests.fxp_model.qat.clips import CHANNELS, CLASSES, STEPS, labelled

pytestmark = pytest.mark.slow

SHAPE = Shape(hidden=(16, 16), max_delay=15)
RECIPE = Recipe(epochs=5, batch=8, learning_rate=5e-3, augmentation=Augmentation(2, 1, 0.1, 3, 2))


def frames(seed, clips=24):
    return labelled(seed, clips, 2.0, 0.2)


def training(folder, recipe=RECIPE, shape=SHAPE, classes=("a", "b", "c")):
    return Training(network_spec(shape, CHANNELS, CLASSES), recipe, folder, classes)


def states_equal(one, other):
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


class Stop(Exception):
    pass


def interrupted_after(batches):
    """A progress callback that stops the training, as Ctrl-C does, at its n-th call."""
    calls = itertools.count()

    def progress(epoch):
        if next(calls) == batches:
            raise Stop

    return progress


def test_a_resumed_training_is_the_uninterrupted_one(tmp_path):
    train, val = frames(1), frames(2, 10)
    whole = training(tmp_path / "whole")
    expected = whole.run(train, val)
    parts = tmp_path / "parts"
    with pytest.raises(Stop):
        training(parts).run(train, val, interrupted_after(6))  # in the second epoch of 3 batches and a row
    second = training(parts)
    second.resume()
    assert len(second.rows) == 1
    with pytest.raises(Stop):
        second.run(train, val, interrupted_after(9))
    last = training(parts)
    last.resume()
    assert 1 < len(last.rows) < RECIPE.epochs
    actual = last.run(train, val)
    assert [dataclasses.asdict(row) for row in last.rows] == [dataclasses.asdict(row) for row in whole.rows]
    assert states_equal(expected.state_dict(), actual.state_dict())
    assert states_equal(whole.module.state_dict(), last.module.state_dict())
    assert (parts / LOG).read_bytes() == (tmp_path / "whole" / LOG).read_bytes()


def test_it_learns_and_keeps_the_best_epoch(tmp_path):
    train, val = frames(1, 64), frames(2, 30)
    session = training(tmp_path, dataclasses.replace(RECIPE, epochs=12, learning_rate=1e-2))
    module = session.run(train, val)
    assert session.best_row.val_accuracy >= 0.9
    assert accuracy(module, val) == session.best_row.val_accuracy
    assert session.best_row.val_accuracy == max(row.val_accuracy for row in session.rows)
    with (tmp_path / LOG).open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [int(row["epoch"]) for row in rows] == list(range(12))
    assert float(rows[-1]["loss"]) < float(rows[0]["loss"])
    assert rows[0]["sigma"] == "5.0"
    assert rows[-1]["sigma"] == ""
    moved = np.concatenate([p.delay_steps for p in module.export().params if p.delay_steps is not None])
    assert moved.min() >= 0
    assert moved.max() <= SHAPE.max_delay


def test_accuracy_is_that_of_the_golden_model_clip_by_clip(tmp_path):
    session = training(tmp_path)
    module = session.run(frames(1), frames(2, 10))
    val = frames(3, 15)
    network = module.export()
    alone = [
        int(run(network, val.counts[:length, [index]]).classes[0]) for index, length in enumerate(val.lengths)
    ]
    right = float(np.mean(alone == val.labels))
    measured = measure(module, network, val, batch=4)
    assert accuracy(module, val, batch=4) == measured["accuracy"] == right
    assert measured["clips"] == 15
    first = measured["events_per_step"]["layer0"]
    assert first == pytest.approx(np.count_nonzero(val.counts) / val.lengths.sum(), abs=5e-4)


def test_measuring_finds_a_module_that_differs(tmp_path):
    session = training(tmp_path)
    module = session.run(frames(1), frames(2, 10))
    network = module.export()
    with torch.no_grad():
        module.readout.bias += 1.0
    with pytest.raises(NotEqual, match=r"^torch differs from the golden model: readout\.i_syn: sample 0 "):
        measure(module, network, frames(2, 10))


def test_an_epoch_takes_one_copy_of_each_clip(tmp_path, monkeypatch):
    clips, copies = STEPS, 3  # copy k of clip b holds k + 1 in step b, and nothing else
    marked = np.zeros((STEPS, copies * clips, CHANNELS), np.uint8)
    for column in range(copies * clips):
        marked[column % clips, column] = column // clips + 1
    labels = np.arange(clips) % CLASSES
    seen = []

    def kept(counts, labels, *_):
        assert len({clip.tobytes() for clip in counts.transpose(1, 0, 2)}) == counts.shape[1]
        seen.append(counts)
        return counts, labels

    monkeypatch.setattr("fxp_model.qat.train.augment", kept)
    train = Frames(marked, labels, np.full(clips, STEPS))
    assert (len(train), train.copies) == (clips, copies)
    training(tmp_path).run(train, frames(2, 10))
    epochs = np.concatenate(seen, axis=1).reshape(STEPS, RECIPE.epochs, clips, CHANNELS)
    drawn = set()
    for epoch in range(RECIPE.epochs):
        clip, copy = epochs[:, epoch, :, 0].argmax(axis=0), epochs[:, epoch, :, 0].max(axis=0)
        assert sorted(clip) == list(range(clips))
        assert set(copy) == {1, 2, 3}
        drawn.add(tuple(copy[clip.argsort()]))
    assert len(drawn) == RECIPE.epochs


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"seed": 1}, r"recipe\.seed of the checkpoint is 0, not 1 as requested$"),
        (
            {"noise": Regularization(dropout=0.5)},
            r"recipe\.noise\.dropout of the checkpoint is 0\.3, not 0\.5 as requested$",
        ),
    ],
)
def test_another_recipe_is_refused(tmp_path, change, message):
    training(tmp_path, dataclasses.replace(RECIPE, epochs=1)).run(frames(1), frames(2, 10))
    with pytest.raises(InputError, match=f"^.*{CHECKPOINT}: {message}"):
        training(tmp_path, dataclasses.replace(RECIPE, epochs=1, **change)).resume()


def test_another_network_is_refused(tmp_path):
    training(tmp_path, dataclasses.replace(RECIPE, epochs=1)).run(frames(1), frames(2, 10))
    other = training(tmp_path, RECIPE, dataclasses.replace(SHAPE, kernel_size=3))
    with pytest.raises(InputError, match=r": network\.layers of the checkpoint is .*, not .* as requested$"):
        other.resume()


def test_other_classes_are_refused(tmp_path):
    recipe = dataclasses.replace(RECIPE, epochs=1)
    training(tmp_path, recipe).run(frames(1), frames(2, 10))
    message = r": classes of the checkpoint is \['a', 'b', 'c'\], not \['a', 'c', 'b'\] as requested$"
    with pytest.raises(InputError, match=message):
        training(tmp_path, recipe, classes=("a", "c", "b")).resume()


@pytest.mark.parametrize("seeds", [(3, 2), (1, 3)], ids=["train", "val"])
def test_other_frames_are_refused(tmp_path, seeds):
    recipe = dataclasses.replace(RECIPE, epochs=1)
    training(tmp_path, recipe).run(frames(1), frames(2, 10))
    again = training(tmp_path, recipe)
    again.resume()
    before = (tmp_path / CHECKPOINT).read_bytes()
    message = rf"^.*{CHECKPOINT}: frames_sha256 of the checkpoint is '\w{{64}}', not '\w{{64}}' as requested"
    with pytest.raises(InputError, match=f"{message}: it belongs to other data$"):
        again.run(frames(seeds[0]), frames(seeds[1], 10))
    assert (tmp_path / CHECKPOINT).read_bytes() == before
    again.run(frames(1), frames(2, 10))


@pytest.mark.parametrize(
    "change",
    [
        {"learning_rate": 1e6, "weight_decay": 1e6},  # the parameters grow beyond floats
        {"learning_rate": 1e6, "weight_decay": 1e-1, "epochs": 1},  # and beyond the formats only
    ],
)
def test_a_training_that_diverges_says_so(tmp_path, change):
    message = r"^loss or every gradient is not finite in epoch 0: lower the learning rate \(now 1e\+06\)$"
    with pytest.raises(InputError, match=message):
        training(tmp_path, dataclasses.replace(RECIPE, **change)).run(frames(1), frames(2, 10))
    assert not (tmp_path / CHECKPOINT).exists()


def test_a_step_whose_gradient_is_not_finite_is_left_out(tmp_path, monkeypatch):
    clip = torch.nn.utils.clip_grad_norm_
    norms = iter([1.0, math.inf, math.nan, 1.0, 1.0, 1.0])
    states = []

    def measured(parameters, limit):
        parameters = list(parameters)
        states.append([p.detach().clone() for p in parameters])
        return clip(parameters, limit) * next(norms)

    monkeypatch.setattr("torch.nn.utils.clip_grad_norm_", measured)
    training(tmp_path, dataclasses.replace(RECIPE, epochs=2)).run(frames(1), frames(2, 10))
    moved = [
        any(not torch.equal(a, b) for a, b in zip(one, other, strict=True))
        for one, other in itertools.pairwise(states)
    ]
    assert moved == [True, False, False, True, True]


def test_a_missing_or_damaged_checkpoint_is_named(tmp_path):
    with pytest.raises(InputError, match=rf"^.*{CHECKPOINT}: No such file or directory$"):
        training(tmp_path).resume()
    once = dataclasses.replace(RECIPE, epochs=1)
    training(tmp_path, once).run(frames(1), frames(2, 10))
    path = tmp_path / CHECKPOINT
    whole = path.read_bytes()
    for damaged in (whole[:1000], b"", b"PK\x03\x04 not an archive", whole[: len(whole) // 2]):
        path.write_bytes(damaged)
        with pytest.raises(InputError, match=rf"^.*{CHECKPOINT}: not a readable npz archive: "):
            training(tmp_path).resume()
    path.write_bytes(whole)
    arrays, description = checkpoint.load(path)
    for name in list(arrays):
        if name.startswith("now/module/"):
            arrays[name] = arrays[name][..., None]
    checkpoint.save(path, arrays, description)
    with pytest.raises(InputError, match=rf"^.*{CHECKPOINT}: not a checkpoint of this network: ") as refusal:
        training(tmp_path, once).resume()
    assert "\n" not in str(refusal.value)


def test_the_learning_rate_rises_and_falls():
    recipe = Recipe(epochs=10, learning_rate=1.0, warmup=0.3)
    rates = [learning_rate(recipe, step / 10) for step in range(101)]
    assert rates[0] == pytest.approx(0.04)
    assert rates[30] == pytest.approx(1.0)
    assert rates[100] == pytest.approx(0.0)
    assert all(a < b for a, b in itertools.pairwise(rates[:31]))
    assert all(a > b for a, b in itertools.pairwise(rates[30:]))


def test_the_delay_table_counts_every_neuron(tmp_path):
    network = training(tmp_path).run(frames(1), frames(2, 10)).export()
    lines = delay_table(network).splitlines()
    assert lines[0].split() == ["delay_steps", "layer0", "layer1"]
    assert np.sum([[int(n) for n in line.split()[1:]] for line in lines[1:]], axis=0).tolist() == [16, 16]
    none = training(tmp_path / "none", shape=dataclasses.replace(SHAPE, recurrence=None))
    assert delay_table(none.module.export()) == ""


@pytest.mark.parametrize(
    "shape",
    [
        Shape(hidden=(8,), recurrence=recurrence, readout=readout, weight_bits=4)
        for recurrence, readout in [
            (RecurrenceKind.DENSE, ReadoutMode.MAX),
            (None, ReadoutMode.LAST),
            (RecurrenceKind.CONV, ReadoutMode.SPIKE_COUNT),
        ]
    ],
    ids=lambda shape: f"{shape.recurrence}-{shape.readout}",
)
def test_every_kind_trains(tmp_path, shape):
    session = training(tmp_path, dataclasses.replace(RECIPE, epochs=2, learn_beta=True), shape)
    before = [p.detach().clone() for p in session.module.parameters()]
    module = session.run(frames(1), frames(2, 10))
    assert all(not torch.equal(a, b) for a, b in zip(before, session.module.parameters(), strict=True))
    measure(module, module.export(), frames(2, 10))


def test_distillation_is_the_cross_entropy_of_softened_logits():
    """Two classes at temperature 2: -4 (p log q + (1 - p) log(1 - q)), p and q logistic of half the gap."""
    student, teacher = torch.tensor([[1.0, -1.0]]), torch.tensor([[3.0, 1.0]])
    p = q = 1 / (1 + np.exp(-1.0))  # both gaps are 2
    expected = -4 * (p * np.log(q) + (1 - p) * np.log(1 - q))
    assert distillation(student, teacher, 2.0).item() == pytest.approx(expected, rel=1e-6)


def test_a_teacher_is_learned_from_and_belongs_to_the_checkpoint(tmp_path):
    train, val = frames(1), frames(2, 10)
    recipe = dataclasses.replace(RECIPE, epochs=1)
    teacher = training(tmp_path / "teacher", recipe).run(train, val)
    spec = network_spec(SHAPE, CHANNELS, CLASSES)
    taught = Training(spec, recipe, tmp_path / "taught", ("a", "b", "c"), teacher)
    taught.run(train, val)
    alone = training(tmp_path / "alone", recipe)
    alone.run(train, val)
    assert not states_equal(taught.module.state_dict(), alone.module.state_dict())
    with pytest.raises(InputError, match=r"teacher_sha256 of the checkpoint is '.*', not None as requested$"):
        training(tmp_path / "taught", recipe).resume()


def test_logits_of_eval_mode_are_scores_over_the_length(tmp_path):
    module = training(tmp_path).module.eval()
    val = frames(3, 6)
    logits = module.logits(val.counts, val.lengths)
    for index, length in enumerate(val.lengths):
        score = module.scores(val.counts[:length, [index]])[0]
        assert np.array_equal(logits[index], score * module.readout.spec.membrane.lsb / length)

"""Training on a label for every step: what counts, by which kernels, and that it is learned."""

import dataclasses

import numpy as np
import pytest
import torch

from fxp_model.data import CountArrays
from fxp_model.errors import InputError
from fxp_model.network import run
from fxp_model.qat import kernels, train
from fxp_model.qat.augment import NO_AUGMENTATION, Augmentation
from fxp_model.qat.layer import Numbers, Readout
from fxp_model.qat.network import Regularization, SpikingNetwork
from fxp_model.qat.publish import STIMULUS_CLIPS, measure, stimulus
from fxp_model.qat.signal import Signal
from fxp_model.qat.template import Shape, network_spec
from fxp_model.qat.train import Frames, Recipe, Training, accuracy
from fxp_model.spec import Answer, ReadoutMode
from tests.fxp_model.qat.clips import CHANNELS, CLASSES, labelled

pytestmark = pytest.mark.slow

STEPS, WORD = 40, 8
SHAPE = Shape(
    hidden=(16,), max_delay=7, readout=ReadoutMode.LAST, answer=Answer.STEP, readout_beta=0.5, input_bits=4
)
RECIPE = Recipe(epochs=6, batch=8, learning_rate=1e-2, augmentation=NO_AUGMENTATION)
QUIET = Regularization(dropout=0.0, recurrent_dropout=0.0)


def stepped(seed, clips=24):
    """Streams whose class changes every `WORD` steps: that of the third of the channels which is busy.

    The first half of each word is not counted. Two lengths.
    """
    rng = np.random.default_rng(seed)
    words = rng.integers(0, CLASSES, (clips, STEPS // WORD)).repeat(WORD, axis=1)
    lengths = rng.choice([STEPS - 5, STEPS], clips)
    own = np.arange(CHANNELS) // (CHANNELS // CLASSES) == words.T[:, :, None]
    counts = rng.poisson(np.where(own, 2.0, 0.2)).clip(0, 15).astype(np.uint8)
    beyond = np.arange(STEPS) >= lengths[:, None]
    counts[beyond.T] = 0
    return Frames(counts, np.where(beyond | (np.arange(STEPS) % WORD < WORD // 2), -1, words), lengths)


def training(folder, recipe=RECIPE, **shape):
    spec = network_spec(dataclasses.replace(SHAPE, **shape), CHANNELS, CLASSES)
    return Training(spec, recipe, folder, ("a", "b", "c"))


@pytest.mark.parametrize("stride", [1, 3])
def test_it_learns_what_each_step_is(tmp_path, stride):
    session = training(tmp_path, stride=stride)
    assert all(stage.path() is kernels for stage in session.module.stages)
    module = session.run(stepped(1, 48), stepped(2))
    val = stepped(3)
    network = module.export()
    right = counted = 0
    for b, length in enumerate(val.lengths):
        answers = run(network, val.counts[:length, [b]]).answers
        steps = np.arange(stride - 1, length, stride)
        right += np.sum(answers.classes[:, 0] == val.labels[b, steps])
        counted += np.sum(val.labels[b, steps] >= 0)
    measured = measure(module, network, val, batch=7)
    assert accuracy(module, val, batch=5) == measured["accuracy"] == right / counted
    assert measured["answers"] == counted
    assert measured["accuracy"] >= 0.85
    assert session.rows[-1].train_accuracy >= 0.8
    assert session.rows[-1].loss < session.rows[0].loss


@pytest.mark.parametrize("shift", [0, 9])
def test_the_loss_is_of_the_membrane_at_the_steps_that_count(tmp_path, monkeypatch, shift):
    """One batch of a network without noise: the loss of the log, from the trace of the membrane.

    Clips that are shifted are known by what is left of them, and their labels are shifted with them.
    """
    frames = stepped(4, 6)
    shifted = dataclasses.replace(NO_AUGMENTATION, time_shift=shift)
    calm = dataclasses.replace(
        RECIPE, epochs=1, batch=6, noise=QUIET, quantized=False, label_smoothing=0.0, augmentation=shifted
    )
    session = training(tmp_path, calm, stride=2)
    seen = []
    forward = session.step_module

    def watched(*arguments):
        seen.append((arguments[0], forward(*arguments)))
        return seen[-1][1]

    def at(b, by):
        """Counts of a clip, by so many steps later."""
        length, found = frames.lengths[b], np.zeros_like(frames.counts[:, b])
        found[max(by, 0) : length + min(by, 0)] = frames.counts[max(-by, 0) : length - max(by, 0), b]
        return found

    monkeypatch.setattr(session, "step_module", watched)
    session.run(frames, frames)
    [(counts, output)] = seen
    order = [
        next(
            (b, by) for b in range(6) for by in range(-shift, shift + 1) if np.array_equal(at(b, by), column)
        )
        for column in counts.numpy().swapaxes(0, 1)
    ]
    assert any(by for _, by in order) == (shift > 0)
    logits = output.logits.detach().double().log_softmax(-1)
    assert logits.shape == (STEPS // 2, 6, CLASSES)
    terms = [
        -float(logits[a, column, frames.labels[b, step]])
        for column, (b, by) in enumerate(order)
        for a in range(STEPS // 2)
        if 0 <= (step := 2 * a + 1 - by) < STEPS and 2 * a + 1 < frames.lengths[b]
        if frames.labels[b, step] >= 0
    ]
    assert session.rows[0].loss == pytest.approx(np.mean(terms), rel=1e-4)


def test_logits_are_the_membrane_at_each_answer():
    """Those of clips that end with the answer, of a readout that answers once."""
    torch.manual_seed(0)
    per_step = network_spec(dataclasses.replace(SHAPE, stride=3), CHANNELS, CLASSES).readout
    once = dataclasses.replace(per_step, answer=Answer.SAMPLE, stride=1)
    readout, other = (Readout(spec, Numbers(normalized=False)) for spec in (per_step, once))
    other.load_state_dict(readout.state_dict())
    spikes = torch.randint(0, 2, (STEPS, 6, 16), dtype=torch.uint8)

    def logits(module, steps):
        x = Signal(spikes[:steps], spikes[:steps].float(), torch.full((6,), steps))
        return module(x, None, 1.0).detach()

    answers = logits(readout, STEPS)
    assert answers.shape == (STEPS // 3, 6, CLASSES)
    for a, answer in enumerate(answers):
        assert torch.equal(answer, logits(other, 3 * (a + 1)))


def test_a_batch_without_a_class_teaches_nothing_and_breaks_nothing(tmp_path):
    frames = stepped(6, 16)
    frames.labels[1:] = -1
    module = training(tmp_path, dataclasses.replace(RECIPE, epochs=1, batch=2)).run(frames, stepped(7))
    assert all(parameter.isfinite().all() for parameter in module.parameters())


def test_a_window_of_all_steps_truncates_nothing_and_a_shorter_one_does(tmp_path):
    frames, found = stepped(4, 6), {}
    for window in (None, STEPS, STEPS // 4):
        recipe = dataclasses.replace(RECIPE, epochs=1, batch=6, truncate=window)
        module = training(tmp_path / str(window), recipe).run(frames, frames)
        found[window] = torch.cat([parameter.flatten() for parameter in module.parameters()])
    assert torch.equal(found[None], found[STEPS])
    assert not torch.equal(found[None], found[STEPS // 4])


def test_a_stimulus_is_of_any_clips():
    val = stepped(8)
    found = stimulus(CountArrays(channels=CHANNELS, count_bits=4), val)
    assert np.array_equal(found, val.counts[:, :STIMULUS_CLIPS])


@pytest.mark.parametrize(
    ("attempt", "message"),
    [
        (
            lambda folder: training(folder, readout=ReadoutMode.SUM),
            r"readout must be last to be trained with an answer per step, not sum",
        ),
        (
            lambda folder: training(
                folder, dataclasses.replace(RECIPE, augmentation=Augmentation(blend=0.5))
            ),
            r"blend must be 0 with an answer per step, not 0.5",
        ),
        (
            lambda folder: training(folder).run(labelled(1, 8, 2.0, 0.2), stepped(1)),
            r"labels must have shape \(8, 20\), as the network answers each step, not \(8,\)",
        ),
        (
            lambda folder: training(folder).run(stepped(1), labelled(1, 8, 2.0, 0.2)),
            r"labels must have shape \(8, 20\), as the network answers each step, not \(8,\)",
        ),
        (
            lambda folder: training(folder, answer=Answer.SAMPLE).run(stepped(1), stepped(1)),
            r"labels must have shape \(24,\), as the network answers each sample, not \(24, 40\)",
        ),
        (
            lambda folder: Training(
                training(folder).spec, RECIPE, folder, teacher=SpikingNetwork(training(folder).spec)
            ),
            r"a teacher must not be given with an answer per step",
        ),
        (lambda folder: training(folder, stride=0), r"stride must be 1\.\.65536, not 0"),
        (
            lambda folder: training(folder, answer=Answer.SAMPLE, stride=2),
            r"stride must be an integer of 1\.\.1, not 2",
        ),
    ],
)
def test_what_is_for_an_answer_per_sample_is_refused(tmp_path, attempt, message):
    with pytest.raises(InputError, match=f"^{message}$"):
        attempt(tmp_path)
    assert train.CHECKPOINT not in [path.name for path in tmp_path.iterdir()]

"""Accuracy and digests."""

import hashlib
from dataclasses import replace

import numpy as np
import pytest

from fxp_model.engine import score
from fxp_model.errors import InputError
from fxp_model.evaluation import answered_labels, evaluate
from fxp_model.network import Network, run
from fxp_model.random_networks import random_counts, random_network
from fxp_model.spec import Answer


def test_padding_and_batches_never_reach_a_result() -> None:
    rng = np.random.default_rng(5)
    network = random_network(rng)
    counts = random_counts(rng, network.spec, steps=9, samples=7)
    lengths = np.array([9, 4, 1, 9, 4, 2, 9])
    alone = [run(network, counts[:length, b : b + 1]).scores[0] for b, length in enumerate(lengths)]
    labels = np.argmax(alone, axis=1)
    labels[2] += 1
    done: list[int] = []
    result = evaluate(run, network, counts, labels, lengths, batch=2, progress=done.append)
    assert result.scores.tolist() == np.array(alone).tolist()
    assert result.accuracy == 6 / 7
    assert sum(done) == 7
    assert max(done) == 2


def test_fingerprints_are_of_the_numbers_alone() -> None:
    rng = np.random.default_rng(6)
    network = random_network(rng)
    counts = random_counts(rng, network.spec, steps=3, samples=2)
    labels, lengths = np.zeros(2, dtype=np.int64), np.full(2, 3)
    result = evaluate(run, network, counts, labels, lengths)
    plain = b"".join(int(v).to_bytes(8, "little", signed=True) for v in result.scores.ravel())
    assert result.scores_sha256 == hashlib.sha256(plain).hexdigest()
    other = evaluate(run, network, np.asfortranarray(counts), labels, lengths, batch=1)
    assert other.scores_sha256 == result.scores_sha256
    assert other.predictions_sha256 == result.predictions_sha256


def answering(seed: int, stride: int) -> Network:
    """A random network with an answer per `stride` steps."""
    network = random_network(np.random.default_rng(seed))
    readout = replace(network.spec.readout, answer=Answer.STEP, stride=stride)
    return Network(replace(network.spec, readout=readout), network.params)


@pytest.mark.parametrize("engine", [run, score])
@pytest.mark.parametrize("stride", [1, 2, 4])
def test_steps_count_where_they_have_a_label_and_an_answer(engine, stride: int) -> None:
    rng = np.random.default_rng(stride)
    network = answering(5, stride)
    counts = random_counts(rng, network.spec, steps=9, samples=7)
    lengths = np.array([9, 4, 1, 9, 4, 2, 9])
    labels = rng.integers(-1, network.spec.n_out, (7, 9))
    labels[np.arange(9) >= lengths[:, None]] = -1
    result = evaluate(engine, network, counts, labels, lengths, batch=2)
    right, counted = 0, 0
    for b, length in enumerate(lengths):
        own = run(network, counts[:length, b : b + 1]).answers
        assert own is not None
        steps = np.arange(stride - 1, length, stride)
        assert result.predictions[b].tolist() == own.classes[:, 0].tolist() + [-1] * (
            9 // stride - len(steps)
        )
        assert result.scores[b, : len(steps)].max(axis=1).tolist() == own.scores[:, 0].tolist()
        assert not result.scores[b, len(steps) :].any()
        counted += int(np.sum(labels[b, steps] >= 0))
        right += int(np.sum(labels[b, steps] == own.classes[:, 0]))
    assert result.counted == counted
    assert result.accuracy == right / counted


def test_labels_are_of_what_is_answered() -> None:
    readout = answering(5, 2).spec.readout
    once = replace(readout, answer=Answer.SAMPLE, stride=1)
    unanswered = np.where(np.arange(8) % 2 == 1, -1, [[0]] * 3)
    few = "labels must have a class at 1 of the answers at least, not at 0 of 12"
    for spec, labels, message in (
        (
            readout,
            np.zeros(3, int),
            "labels must have shape (3, 8), as the network answers each step, not (3,)",
        ),
        (once, unanswered, "labels must have shape (3,), as the network answers each sample, not (3, 8)"),
        (readout, unanswered, few),
    ):
        with pytest.raises(InputError) as caught:
            answered_labels(spec, labels, (8, 3))
        assert str(caught.value) == message

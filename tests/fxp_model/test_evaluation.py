"""Accuracy and digests."""

import hashlib

import numpy as np

from fxp_model.evaluation import evaluate
from fxp_model.network import run
from fxp_model.random_networks import random_counts, random_network


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

"""`gen_hls.py --check` on clips of any lengths: each over its own, compiled a bounded number of times."""

from types import SimpleNamespace

import numpy as np
import pytest

from fxp_model import network as golden
from fxp_model.artifact import save_artifact
from tb.harness.stimulus import random_network
from tests.hw.hls import units as hls_units

if (missing := hls_units.missing_tool()) is not None:
    pytest.skip(missing, allow_module_level=True)

from hw.hls import project as hls_project
from hw.hls.project import generate
from scripts import gen_hls
from scripts.gen_hls import LENGTHS, check, chosen_clips

pytestmark = pytest.mark.slow

STEPS = 6


@pytest.fixture(scope="module")
def artifact(tmp_path_factory):
    network = random_network(3, 12)
    counts = np.random.default_rng(0).integers(0, 2, (STEPS, 2, network.spec.n_in), dtype=np.uint8)
    return save_artifact(
        tmp_path_factory.mktemp("artifact") / "tiny_net",
        network=network,
        labels=tuple(map(str, range(network.spec.n_out))),
        encoder=None,
        provenance={},
        metrics={},
        stimulus=counts,
    )


def frames(artifact, lengths):
    """Clips of random counts, filled up to the longest."""
    first = artifact.network.spec.layers[0]
    counts = np.random.default_rng(1).integers(
        0, first.max_input + 1, (max(lengths), len(lengths), first.n_in), dtype=np.uint8
    )
    for index, length in enumerate(lengths):
        counts[length:, index] = 0
    return SimpleNamespace(counts=counts, lengths=np.array(lengths))


def test_up_to_so_many_lengths_are_chosen_the_shortest_and_the_longest_among_them():
    lengths = np.random.default_rng(0).integers(20, 200, 1000)
    chosen = chosen_clips(lengths, 200)
    assert len(np.unique(chosen)) == len(chosen) > 20
    assert len(np.unique(lengths[chosen])) == LENGTHS
    assert {lengths.min(), lengths.max()} <= {*lengths[chosen]}
    few = chosen_clips(lengths, 3)
    assert len(few) == len(np.unique(lengths[few])) == 3


def test_clips_of_one_length_are_spread_over_the_split():
    assert chosen_clips(np.full(101, 100), 3).tolist() == [0, 50, 100]
    assert chosen_clips(np.full(2, 100), 200).tolist() == [0, 1]


def test_clips_of_another_length_than_the_project_are_equal(artifact, tmp_path):
    def write(folder, steps):
        generate(artifact, "tiny_net", folder, steps=steps)

    write(tmp_path, STEPS)
    figures = check(artifact, "tiny_net", tmp_path, STEPS, frames(artifact, [4, 4, 4]), 200, write)
    assert figures["equal"] == "every current, membrane, spike and score"
    assert (figures["clips"], figures["lengths"]) == (3, "4 steps, of 1 lengths")
    assert (tmp_path / "csim" / "steps-4" / "project.json").is_file()


@pytest.mark.parametrize("wrong", [None, 9])
def test_each_clip_runs_over_its_own_length_in_a_project_of_that(artifact, tmp_path, monkeypatch, wrong):
    """With the golden model in place of the compiled C++."""
    made = []

    def emulation(folder, name, artifact, steps, program):
        def run(counts):
            assert len(counts) == steps
            return golden.run(artifact.network, counts if steps != wrong else 1 - np.minimum(counts, 1))

        made.append((folder.relative_to(tmp_path).as_posix(), steps))
        return SimpleNamespace(run=run)

    monkeypatch.setattr(hls_project, "emulation", emulation)
    monkeypatch.setattr(
        gen_hls.subprocess, "run", lambda *_, **__: SimpleNamespace(stdout="PASS", returncode=0)
    )
    written = []
    clips = frames(artifact, [9, 6, 5, 9, 7, 6])
    figures = check(artifact, "tiny_net", tmp_path, STEPS, clips, 6, lambda *made: written.append(made))
    expected = [("csim/steps-5", 5), (".", 6), ("csim/steps-7", 7), ("csim/steps-9", 9)]
    assert made == expected
    assert [(folder.relative_to(tmp_path).as_posix(), steps) for folder, steps in written] == [
        made for made in expected if made[1] != STEPS
    ]
    if wrong is None:
        assert (figures["clips"], figures["lengths"]) == (6, "5, 6, 7, 9 steps, of 4 lengths")
    else:
        assert figures["mismatch"].startswith("clips [0, 3] of 9 steps: ")

"""Answers per step in hls4ml's C++, compiled with g++: every integer and every beat of random networks."""

import numpy as np
import pytest

from fxp_model import network as golden
from fxp_model.spec import SCORE, Answer, ReadoutMode, ResetMode
from fxp_model.trace import Answers
from tb.harness.depth import depth
from tb.harness.stimulus import answering
from tests.hw.hls import units as hls_units
from tests.hw.hls.test_networks import at_the_limits

if (missing := hls_units.missing_tool()) is not None:
    pytest.skip(missing, allow_module_level=True)

from hw.hls.emulation import compile_units

pytestmark = pytest.mark.slow

GROUPS, SIZE = 12, 8
COMPILED = range(GROUPS * SIZE)[:: -(GROUPS * SIZE // depth(4, GROUPS * SIZE))]
"""Seeds of the networks compiled as C++, including the one at the limits."""
LIMITS = GROUPS * SIZE - 1
FAST = ("-O0", "-w")


def network_of(seed):
    """Of any legal kind and with any stride up to its steps; the last with scores at the limits."""
    stride = int(np.random.default_rng([seed, 1]).integers(1, steps_of(seed) + 1))
    return answering(at_the_limits() if seed == LIMITS else hls_units.active_network(seed), stride)


def steps_of(seed):
    """As for other networks, or up to four steps more."""
    return hls_units.STEPS + seed % 5


def counts_of(network, seed):
    return hls_units.counts_of(network, seed, steps_of(seed))


@pytest.fixture(scope="module", params=range(0, len(COMPILED), SIZE))
def group(request, tmp_path_factory):
    """(program, seeds) of a group of networks; both io types, several lanes."""
    folder = tmp_path_factory.mktemp("hls")
    seeds = COMPILED[request.param : request.param + SIZE]
    units = [hls_units.unit(network_of(seed), steps_of(seed), folder, f"net{seed}", seed) for seed in seeds]
    return compile_units(units, folder / "networks", hls_units.includes(), FAST), seeds


def test_every_integer_and_every_answer_is_the_golden_models(group):
    program, seeds = group
    for index, seed in enumerate(seeds):
        network = program.units[index].network
        counts = counts_of(network, seed)
        expected = golden.run(network, counts)
        assert expected.answered is not None
        assert len(expected.answered) == steps_of(seed) // network.spec.readout.stride >= 1
        mismatch = expected.first_mismatch(program.run(counts, index))
        assert mismatch is None, f"seed {seed}: {mismatch}"
        answers = np.stack(Answers.of(expected.answered), axis=-1)  # (A, B, 3)
        beats = program.beats(counts, index)
        assert [beat.tdata for beat in beats] == (answers.swapaxes(0, 1).ravel() & 0xFFFFFFFF).tolist()
        assert [beat.tlast for beat in beats] == [False, False, True] * answers[..., 0].size


def test_a_sample_leaves_nothing_to_the_next(group):
    program, seeds = group
    for index, seed in enumerate(seeds):
        network = program.units[index].network
        counts = counts_of(network, seed)[:, [5, 2, 5]]
        assert golden.run(network, counts).first_mismatch(program.run(counts, index)) is None


def test_the_draws_reach_every_kind():
    networks = [network_of(seed) for seed in range(GROUPS * SIZE)]
    readouts = [network.spec.readout for network in networks]
    assert {readout.answer for readout in readouts} == {Answer.STEP}
    assert {readout.mode for readout in readouts if readout.stride > 1} == set(ReadoutMode)
    rests = [steps_of(seed) % readout.stride for seed, readout in enumerate(readouts)]
    assert 0 in rests
    for mode in ReadoutMode:
        assert any(rest and readout.mode is mode for rest, readout in zip(rests, readouts, strict=True))
    assert {readout.stride for readout in readouts} >= set(range(1, hls_units.STEPS + 1))
    assert {readout.n_out == 1 for readout in readouts} == {True, False}
    for stages in (readouts, [layer for network in networks for layer in network.spec.layers]):
        assert {stage.synapse is None for stage in stages} == {True, False}
        assert {stage.beta is None for stage in stages} == {True, False}
        assert {bool(stage.max_input_delay) for stage in stages} == {True, False}
        assert {stage.leak.rounding is None for stage in stages} == {True, False}
        assert ResetMode.DELAYED in {stage.reset_mode for stage in stages}
    firing = [readout for readout in readouts if readout.mode is ReadoutMode.SPIKE_COUNT]
    assert {readout.reset_mode for readout in firing} == set(ResetMode)


def test_margins_reach_both_ends():
    network = network_of(LIMITS)
    answers = golden.run(network, counts_of(network, LIMITS)).answers
    assert answers is not None
    assert answers.margins.max() == SCORE.max_raw - SCORE.min_raw
    tied = (
        golden.run(net, counts_of(net, seed)).answers for seed, net in enumerate(map(network_of, range(4)))
    )
    assert any((own.margins == 0).any() for own in tied if own is not None)

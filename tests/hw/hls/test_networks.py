"""hls4ml's C++ of random networks, compiled with g++: every current, membrane, spike and score."""

import numpy as np
import pytest

from fxp_model import network as golden
from fxp_model import random_networks
from fxp_model.fixed import Overflow, QFormat, Rounding
from fxp_model.network import Network
from fxp_model.spec import (
    MAX_DELAY_STEPS,
    MAX_KERNEL_SIZE,
    SCORE,
    LayerSpec,
    NetworkSpec,
    ReadoutMode,
    ReadoutSpec,
    RecurrenceKind,
    RecurrenceSpec,
    ResetMode,
)
from tb.harness.depth import depth
from tb.harness.stimulus import random_network, random_samples
from tests.hw.hls import units as hls_units

if (missing := hls_units.missing_tool()) is not None:
    pytest.skip(missing, allow_module_level=True)

from hw.hls.emulation import compile_units

pytestmark = pytest.mark.slow

GROUPS, SIZE = 4, 16
COMPILED = range(GROUPS * SIZE)[:: -(GROUPS * SIZE // depth(4, GROUPS * SIZE))]
"""Seeds of the networks compiled as C++, including the one at the limits."""
STEPS = 14
FAST = ("-O0", "-w")


def network_of(seed):
    """Active networks; the last group has formats that are further apart, and one network at the limits."""
    if seed == GROUPS * SIZE - 1:
        return at_the_limits()
    if seed < (GROUPS - 1) * SIZE:
        return random_network(seed, 9)
    return random_networks.random_network(np.random.default_rng(seed), 7, weight_widths=(2, 3, 8, 16, 24))


def at_the_limits():
    """The longest delays and kernel, counts of 8 bits, a membrane of 32, scores that saturate."""
    form = QFormat(True, 4, 4)
    layer = LayerSpec(
        n_in=3,
        n_out=5,
        input_bits=8,
        weight=form,
        bias=form,
        membrane=QFormat(True, 8, 4),
        beta=200,
        v_th=20,
        recurrence=RecurrenceSpec(RecurrenceKind.CONV, form, MAX_DELAY_STEPS, MAX_KERNEL_SIZE),
    )
    readout = ReadoutSpec(
        n_in=5,
        n_out=2,
        weight=QFormat(True, 28, 4),
        bias=form,
        membrane=QFormat(True, 32, 0),
        beta=255,
        beta_format=QFormat(False, 8, 0),
    )
    spec = NetworkSpec((layer,), readout)
    rng = np.random.default_rng(7)
    return Network(spec, tuple(random_networks.random_params(rng, stage) for stage in spec.stages))


@pytest.fixture(scope="module", params=range(0, len(COMPILED), SIZE))
def group(request, tmp_path_factory):
    """(program, seeds) of a group of networks; both io types, several lanes."""
    folder = tmp_path_factory.mktemp("hls")
    seeds = COMPILED[request.param : request.param + SIZE]
    units = [hls_units.unit(network_of(seed), STEPS, folder, f"net{seed}", seed) for seed in seeds]
    return compile_units(units, folder / "networks", hls_units.includes(), FAST), seeds


def counts_of(network, seed):
    samples = random_samples(np.random.default_rng(seed), network.spec, 6, STEPS)
    return hls_units.same_length(samples, STEPS)


def test_every_integer_is_the_golden_models(group):
    program, seeds = group
    active = []
    for index, seed in enumerate(seeds):
        network = program.units[index].network
        counts = counts_of(network, seed)
        expected = golden.run(network, counts)
        mismatch = expected.first_mismatch(program.run(counts, index))
        assert mismatch is None, f"seed {seed}: {mismatch}"
        active += [layer.spikes.any() for layer in expected.layers]
    assert np.mean(active) > 0.7


def test_the_draws_reach_every_kind():
    specs = [network_of(seed).spec for seed in range(GROUPS * SIZE)]
    layers = [layer for spec in specs for layer in spec.layers]
    stages = [stage for spec in specs for stage in spec.stages]
    recurrences = [layer.recurrence for layer in layers]
    assert {None if r is None else str(r.kind) for r in recurrences} == {None, "conv", "dense"}
    assert {r.kernel_size for r in recurrences if r} >= {0, 1, 3, 5, 7, MAX_KERNEL_SIZE}
    assert any(r.kernel_size > layer.n_out for layer, r in zip(layers, recurrences, strict=True) if r)
    assert {len(spec.layers) for spec in specs} == {1, 2, 3}
    assert {stage.rounding for stage in stages} == set(Rounding)
    assert {stage.overflow for stage in stages} == set(Overflow)
    assert {layer.reset_mode for layer in layers} == set(ResetMode)
    assert {spec.readout.mode for spec in specs} == set(ReadoutMode)
    assert {r.max_delay for r in recurrences if r} >= {0, 1, 15, 63, 90, MAX_DELAY_STEPS}
    assert {layer.input_bits for layer in layers} >= {1, 2, 4, 8}
    assert min(stage.weight.width for stage in stages) == 2
    assert min(stage.weight.frac_bits for stage in stages) < 0 < max(s.weight.frac_bits for s in stages)


def test_a_score_saturates_at_the_limits():
    network = at_the_limits()
    scores = golden.run(network, counts_of(network, GROUPS * SIZE - 1)).scores
    assert scores.max() == SCORE.max_raw or scores.min() == SCORE.min_raw


def test_a_sample_leaves_nothing_to_the_next(group):
    program, seeds = group
    for index, seed in enumerate(seeds):
        network = program.units[index].network
        counts = counts_of(network, seed)[:, [5, 2, 5]]
        assert golden.run(network, counts).first_mismatch(program.run(counts, index)) is None

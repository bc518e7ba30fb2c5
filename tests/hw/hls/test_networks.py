"""hls4ml's C++ of random networks, compiled with g++: every current, membrane, spike, score and beat."""

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
    SynapseSpec,
)
from hw.protocol import encode_trace
from tb.harness.depth import depth
from tb.harness.stimulus import random_network
from tests.hw.hls import units as hls_units

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
    """64 networks of any legal kind, then 32 with longer delays, then one at the limits."""
    if seed == LIMITS:
        return at_the_limits()
    return hls_units.active_network(seed) if seed < 64 else random_network(seed, 9)


def steps_of(seed):
    """Long enough for the longest delays of the network at the limits."""
    return hls_units.STEPS + (2 * MAX_DELAY_STEPS if seed == LIMITS else 0)


def at_the_limits():
    """The longest delays and kernel, counts of 8 bits, a current and a membrane of 32, saturated scores."""
    form = QFormat(True, 4, 4)
    layer = LayerSpec(
        n_in=3,
        n_out=5,
        input_bits=8,
        weight=form,
        bias=form,
        membrane=QFormat(True, 8, 4),
        beta=None,
        v_th=20,
        max_input_delay=MAX_DELAY_STEPS,
        synapse=SynapseSpec(current=QFormat(True, 28, 4), alpha=None),
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
    units = [hls_units.unit(network_of(seed), steps_of(seed), folder, f"net{seed}", seed) for seed in seeds]
    return compile_units(units, folder / "networks", hls_units.includes(), FAST), seeds


def test_every_integer_is_the_golden_models(group):
    program, seeds = group
    active = []
    for index, seed in enumerate(seeds):
        network = program.units[index].network
        counts = hls_units.counts_of(network, seed, steps_of(seed))
        expected = golden.run(network, counts)
        mismatch = expected.first_mismatch(program.run(counts, index))
        assert mismatch is None, f"seed {seed}: {mismatch}"
        assert program.beats(counts, index) == encode_trace(expected), f"seed {seed}"
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
    assert {stage.leak_rounding for stage in stages if stage.leak.shift} == set(Rounding)
    assert {stage.max_input_delay for stage in stages} == {None, 0, 1, 3, 20, MAX_DELAY_STEPS}
    assert {stage.beta is None for stage in stages} == {True, False}
    assert {layer.v_th is None for layer in layers} == {True, False}
    synapses = [stage.synapse for stage in stages if stage.synapse]
    assert {synapse.rounding for synapse in synapses} == set(Rounding)
    assert {synapse.overflow for synapse in synapses} == set(Overflow)
    assert {synapse.alpha is None for synapse in synapses} == {True, False}
    assert len({synapse.leak_rounding for synapse in synapses if synapse.leak.shift}) > 3
    assert any(layer.synapse and layer.reset_mode is ResetMode.DELAYED for layer in layers)
    firing = [spec.readout for spec in specs if spec.readout.mode is ReadoutMode.SPIKE_COUNT]
    assert {readout.v_th is None for readout in firing} == {True, False}
    assert {readout.reset_mode for readout in firing} == set(ResetMode)
    assert min(stage.weight.frac_bits for stage in stages) < 0 < max(s.weight.frac_bits for s in stages)


def test_a_score_saturates_at_the_limits():
    network = at_the_limits()
    scores = golden.run(network, hls_units.counts_of(network, LIMITS, steps_of(LIMITS))).scores
    assert scores.max() == SCORE.max_raw or scores.min() == SCORE.min_raw


def test_a_sample_leaves_nothing_to_the_next(group):
    program, seeds = group
    for index, seed in enumerate(seeds):
        network = program.units[index].network
        counts = hls_units.counts_of(network, seed, steps_of(seed))[:, [5, 2, 5]]
        assert golden.run(network, counts).first_mismatch(program.run(counts, index)) is None

"""The random networks of the benches: legal, active, and of every kind."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from fxp_model.fixed import Overflow, Rounding
from fxp_model.network import Network, run
from fxp_model.spec import LayerSpec, ReadoutMode, RecurrenceKind, ResetMode
from hw.protocol import Beat, encode_sample
from tb.harness.monitors import SampleDecoder
from tb.harness.stimulus import (
    MAX_RATE,
    MIN_RATE,
    NETWORKS,
    corrupt,
    encode,
    overfill,
    random_hardware,
    random_network,
    random_samples,
    spike_rates,
    trial_counts,
)

ALL_NETWORKS = {seed: random_network(seed) for seed in range(NETWORKS)}


def _layer_kinds(layer: LayerSpec) -> Iterator[str]:
    """Special features of a layer."""
    yield f"overflow_{layer.overflow}"
    yield f"reset_{layer.reset_mode}"
    if layer.rounded_bits > 1:
        yield f"rounding_{layer.rounding}"
    if layer.rounded_bits == 0:
        yield "nothing_rounded"
    if layer.n_out == 1:
        yield "one_neuron"
    if layer.weight.width == 2:
        yield "weights_of_2_bits"
    if layer.membrane.frac_bits < 0:
        yield "lsb_above_1"
    if layer.beta == 0:
        yield "beta_0"
    if layer.beta is None:
        yield "own_beta"
    elif layer.beta >= 1 << layer.beta_format.frac_bits:
        yield "beta_of_1_or_more"
    if layer.v_th is None:
        yield "own_threshold"
    if layer.leak_rounding is not None:
        yield "rounded_leak"
    if layer.synapse is not None:
        yield f"current_{layer.synapse.overflow}"
        yield "own_alpha" if layer.synapse.alpha is None else "one_alpha"
        if layer.synapse.leak_rounding is not None:
            yield "rounded_leak_of_a_current"
    if layer.recurrence is None:
        yield "no_recurrence"
        return
    if layer.recurrence.kind is RecurrenceKind.DENSE:
        yield "dense_recurrence"
    else:
        yield f"kernel_{layer.recurrence.kernel_size}"
    if layer.recurrence.kernel_size > layer.n_out:
        yield "kernel_wider_than_layer"
    if layer.recurrence.max_delay == 0:
        yield "no_delay_at_all"
    if layer.recurrence.max_delay > 50:
        yield "delay_beyond_the_sample"


def _kinds(network: Network) -> set[str]:
    """Special features of a network."""
    spec = network.spec
    kinds = {
        f"depth_{len(spec.layers)}",
        f"readout_{spec.readout.mode}",
        f"input_bits_{spec.layers[0].input_bits}",
    }
    if spec.readout.synapse is not None:
        kinds.add("current_of_a_readout")
    if spec.n_out == 1:
        kinds.add("one_class")
    trace = run(network, trial_counts(spec.n_in, spec.layers[0].max_input))
    for layer, seen in zip(spec.layers, trace.layers, strict=True):
        kinds.update(_layer_kinds(layer))
        if layer.overflow is Overflow.SAT and (seen.v_mem == layer.membrane.max_raw).any():
            kinds.add("saturates")
    return kinds


WANTED = (
    *(f"depth_{depth}" for depth in (1, 2, 3)),
    *(f"kernel_{size}" for size in (1, 3, 5, 7)),
    *(f"rounding_{rounding}" for rounding in Rounding),
    *(f"overflow_{overflow}" for overflow in Overflow),
    *(f"reset_{mode}" for mode in ResetMode),
    *(f"readout_{mode}" for mode in ReadoutMode),
    "beta_0",
    "beta_of_1_or_more",
    *(f"current_{overflow}" for overflow in Overflow),
    "current_of_a_readout",
    "delay_beyond_the_sample",
    "input_bits_1",
    "input_bits_8",
    "kernel_wider_than_layer",
    "lsb_above_1",
    "no_delay_at_all",
    "dense_recurrence",
    "no_recurrence",
    "nothing_rounded",
    "one_alpha",
    "one_class",
    "one_neuron",
    "own_alpha",
    "own_beta",
    "own_threshold",
    "rounded_leak",
    "rounded_leak_of_a_current",
    "saturates",
    "weights_of_2_bits",
)


@pytest.mark.parametrize("kind", WANTED)
def test_some_network_is(kind: str) -> None:
    assert any(kind in _kinds(network) for network in ALL_NETWORKS.values())


@pytest.mark.parametrize("seed", ALL_NETWORKS)
def test_every_layer_spikes(seed: int) -> None:
    assert all(MIN_RATE <= rate <= MAX_RATE for rate in spike_rates(ALL_NETWORKS[seed]))


def test_some_hardware_has_lanes_that_do_not_divide_the_neurons() -> None:
    found = []
    for seed, network in ALL_NETWORKS.items():
        stages = zip(network.spec.stages, random_hardware(network, seed).stages, strict=True)
        found += [(spec.n_out % s.lanes > 0, spec.n_out % s.update_lanes > 0) for spec, s in stages]
    assert any(lanes for lanes, _ in found)
    assert any(update for _, update in found)


def test_same_seed_same_network() -> None:
    assert random_network(3).spec == ALL_NETWORKS[3].spec
    for mine, other in zip(random_network(3).params, ALL_NETWORKS[3].params, strict=True):
        np.testing.assert_array_equal(mine.weight, other.weight)


def _decoded(network: Network, beats: list[Beat]) -> SampleDecoder:
    layer = network.spec.layers[0]
    decoder = SampleDecoder(layer.n_in, layer.max_input)
    for beat in beats:
        decoder.take(beat)
    assert decoder.unfinished is None
    return decoder


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_beats_of_every_form_mean_the_same_sample(seed: int) -> None:
    network = ALL_NETWORKS[seed]
    rng = np.random.default_rng(seed)
    for sample in random_samples(rng, network.spec, 8):
        plain, other = encode_sample(sample), encode(rng, sample)
        spoiled = corrupt(rng, other, network.spec.n_in, network.spec.layers[0].max_input)
        for beats in (plain, other, spoiled):
            decoder = _decoded(network, beats)
            assert [s.specified for s in decoder.samples] == [True]
            np.testing.assert_array_equal(decoder.samples[0].counts, sample)
            assert decoder.taken == len(beats)
            assert (decoder.dropped > 0) == (beats is spoiled and spoiled != other)


def test_an_overfilled_sample_is_unspecified() -> None:
    network = ALL_NETWORKS[0]
    decoder = _decoded(network, overfill(np.random.default_rng(0), network.spec, 3))
    assert [s.specified for s in decoder.samples] == [False]
    assert decoder.dropped == 0

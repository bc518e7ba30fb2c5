"""The golden model equals a literal evaluation of its equations in fractions, on random networks."""

from collections import Counter
from fractions import Fraction

import numpy as np
import pytest

from fxp_model.fixed import Overflow, Rounding
from fxp_model.network import run, threshold
from fxp_model.random_networks import random_counts, random_network
from fxp_model.spec import Answer, LayerSpec, ReadoutMode
from tests.oracles.equations import evaluate, score_of

pytestmark = pytest.mark.slow

SEEDS = range(600)
BLOCK = 60


def draw(seed):
    rng = np.random.default_rng(seed)
    network = random_network(rng)
    return network, random_counts(rng, network.spec, steps=int(rng.integers(1, 13)), samples=2)


def codes(table, frac_bits):
    """Real values [t][n] as codes; fails for a value that is not a code."""
    scaled = [[value * Fraction(2) ** frac_bits for value in row] for row in table]
    assert all(value.denominator == 1 for row in scaled for value in row)
    return [[int(value) for value in row] for row in scaled]


def assert_equal_to_the_equations(network, counts):
    trace = run(network, counts)
    for b in range(counts.shape[1]):
        stages, scores = evaluate(network, counts[:, b].tolist())
        traced = (*trace.layers, trace.readout)
        for name, spec, ours, theirs in zip(
            network.spec.stage_names, network.spec.stages, traced, stages, strict=True
        ):
            assert ours.i_syn[:, b].tolist() == codes(theirs.i_syn, spec.input_frac_bits), name
            if spec.synapse is not None:
                assert ours.current[:, b].tolist() == codes(theirs.c, spec.synapse.current.frac_bits), name
            assert ours.v_mem[:, b].tolist() == codes(theirs.v, spec.membrane.frac_bits), name
            if isinstance(spec, LayerSpec):
                assert ours.i_rec[:, b].tolist() == codes(theirs.i_rec, spec.input_frac_bits), name
                assert ours.spikes[:, b].tolist() == theirs.y, name
        assert trace.scores[b].tolist() == scores
        assert_answered(network.spec.readout, trace, stages[-1], b)
        assert trace.classes[b] == scores.index(max(scores))


def assert_answered(spec, trace, theirs, b):
    """Answers per step are the scores of every prefix of a run."""
    if spec.answer is Answer.SAMPLE:
        assert trace.answers is None
        return
    steps = range(spec.stride, len(theirs.v) + 1, spec.stride)
    assert len(trace.readout.answered) == len(steps)
    for steps_so_far, ours, *answer in zip(steps, trace.readout.answered[:, b], *trace.answers, strict=True):
        scores = [score_of(spec, theirs, c, steps_so_far) for c in range(spec.n_out)]
        first, *others = sorted(scores, reverse=True)
        margin = first - others[0] if others else 0
        assert ours.tolist() == scores
        assert [int(item[b]) for item in answer] == [scores.index(first), first, margin]


@pytest.mark.parametrize("first", range(SEEDS.start, SEEDS.stop, BLOCK))
def test_every_membrane_spike_and_score_is_that_of_the_equations(first):
    for seed in range(first, first + BLOCK):
        network, counts = draw(seed)
        try:
            assert_equal_to_the_equations(network, counts)
        except AssertionError as error:
            error.add_note(f"seed {seed}: {network.spec}")
            raise


def features(network, counts):
    """What one drawn case exercises."""
    trace = run(network, counts)
    steps = len(counts)
    yield f"depth {len(network.spec.layers)}"
    yield f"readout {network.spec.readout.mode}"
    yield f"answer per {network.spec.readout.answer}, readout {network.spec.readout.mode}"
    if trace.answers is not None and len(trace.answers.classes) and network.spec.readout.stride > 1:
        yield "answer of a stride"
    yield "T = 1" if steps == 1 else "T > 1"
    yield f"ties {np.unique(trace.scores[0]).size < trace.scores[0].size}"
    for spec, params, traced in zip(
        network.spec.stages, network.params, (*trace.layers, trace.readout), strict=True
    ):
        yield from (f"{spec.rounding}", f"{spec.overflow}", f"membrane of {spec.membrane.width} bits")
        if spec.membrane.frac_bits < 0:
            yield "negative fraction"
        if spec.membrane.int_bits < 0:
            yield "negative integer part"
        if spec.weight.width == 2:
            yield "2-bit weights"
        if spec.beta is None:
            yield "beta per neuron"
        elif spec.beta > 1 << max(spec.beta_format.frac_bits, 0):
            yield "beta above 1"
        if spec.leak_rounding is not None and traced.v_mem.any():
            yield f"leak rounded, {spec.leak_rounding}"
        if np.isin(traced.v_mem, [spec.membrane.lowest(spec.overflow), spec.membrane.max_raw]).any():
            yield f"membrane at its end, {spec.overflow}"
        if params.input_delay_steps is not None and params.input_delay_steps.any():
            yield "counts delayed" if spec is network.spec.layers[0] else "spikes delayed forward"
        if spec.synapse is not None and traced.current.any():
            yield "synaptic current"
            yield from ["alpha per neuron"] * (spec.synapse.alpha is None)
            yield from ["leak of the current rounded"] * (spec.synapse.leak_rounding is not None)
            yield from ["synaptic current of the readout"] * (spec is network.spec.readout)
        if not isinstance(spec, LayerSpec):
            continue
        yield f"reset {spec.reset_mode}"
        if spec.v_th is None:
            yield "v_th per neuron"
        if (traced.v_mem == threshold(spec, params)).any():
            yield "v = v_th"
        if traced.spikes.any():
            yield f"spikes, reset {spec.reset_mode}"
        if spec.recurrence is None:
            yield "no recurrence"
            continue
        yield f"{spec.recurrence.kind}"
        if traced.i_rec.any():
            yield f"current of {spec.recurrence.kind}"
        if spec.recurrence.kernel_size > spec.n_out and traced.i_rec.any():
            yield "current of K > N"
        if params.delay_steps.max() >= steps:
            yield "delay beyond T"
        if params.delay_steps.min() == 0:
            yield "delay 0"


def test_the_draw_reaches_every_kind_of_network():
    """The random networks above cover all of these."""
    count = Counter(feature for seed in SEEDS for feature in features(*draw(seed)))
    rare = {
        name: count[name]
        for name in (
            *("depth 1", "depth 2", "depth 3", "T = 1", "ties True", *Rounding, *Overflow),
            *(f"leak rounded, {mode}" for mode in Rounding),
            *("beta per neuron", "v_th per neuron", "counts delayed", "spikes delayed forward"),
            *("synaptic current", "alpha per neuron", "leak of the current rounded"),
            *("synaptic current of the readout", "spikes, reset delayed", "answer of a stride"),
            *(f"answer per step, readout {mode}" for mode in ReadoutMode),
            *("readout sum", "readout last", "readout max", "readout spike_count"),
            *("spikes, reset zero", "spikes, reset subtract", "v = v_th", "beta above 1"),
            *("no recurrence", "current of conv", "current of dense", "current of K > N"),
            *("delay 0", "delay beyond T", "2-bit weights", "negative fraction", "negative integer part"),
            *(
                "membrane of 2 bits",
                "membrane of 32 bits",
                *(f"membrane at its end, {mode}" for mode in Overflow),
            ),
        )
        if count[name] < 20
    }
    assert rare == {}

"""The first difference between two runs is the earliest cause."""

from dataclasses import replace

import numpy as np
import pytest

from fxp_model.errors import InputError
from fxp_model.network import run
from fxp_model.random_networks import random_counts, random_network
from fxp_model.trace import LayerTrace, Mismatch, ReadoutTrace, Trace

STEPS, SAMPLES = 5, 3


@pytest.fixture(scope="module")
def trace():
    """A run of two hidden layers, large enough to plant differences in."""
    layers = tuple(
        LayerTrace(
            *(np.arange(STEPS * SAMPLES * n).reshape(STEPS, SAMPLES, n) + offset for offset in range(4))
        )
        for n in (4, 3)
    )
    current = np.zeros((STEPS, SAMPLES, 2), int)
    return Trace(layers, ReadoutTrace(current, current + 1, np.array([[1, 2], [4, 4], [9, 0]])))


def planted(trace, *places):
    """`trace` with 100 added at each (stage, field, index)."""
    layers, readout = list(trace.layers), trace.readout
    for stage, field, index in places:
        old = readout if stage == "readout" else layers[int(stage.removeprefix("layer"))]
        array = getattr(old, field).copy()
        array[index] += 100
        new = replace(old, **{field: array})
        if stage == "readout":
            readout = new
        else:
            layers[int(stage.removeprefix("layer"))] = new
    return Trace(tuple(layers), readout)


def test_equal_runs_have_no_mismatch(trace):
    assert trace.first_mismatch(trace) is None
    assert trace.first_mismatch(planted(trace)) is None


def test_a_sample_alone_is_its_run_alone():
    network = random_network(np.random.default_rng(3))
    counts = random_counts(np.random.default_rng(4), network.spec, STEPS, SAMPLES)
    for b in range(SAMPLES):
        alone = run(network, counts[:, b : b + 1])
        assert alone.first_mismatch(run(network, counts).sample(b)) is None


def test_an_answer_that_differs_is_named_by_its_step(trace):
    """And comes after a membrane that differs in an earlier step, also where its own index is lower."""
    answered = replace(trace.readout, answered=np.zeros((2, SAMPLES, 2), int), stride=2)
    trace = Trace(trace.layers, answered)
    wrong = ("readout", "answered", (1, 2, 0))
    assert trace.first_mismatch(planted(trace, wrong)) == Mismatch("readout", "answered", 3, 2, 0, 0, 100)
    found = trace.first_mismatch(planted(trace, wrong, ("readout", "v_mem", (2, 0, 1))))
    assert (found.field, found.step) == ("v_mem", 2)
    assert trace.sample(1).readout.stride == 2


@pytest.mark.parametrize("field", ["i_syn", "i_rec", "v_mem", "spikes"])
@pytest.mark.parametrize("index", [(0, 0, 0), (3, 1, 2), (STEPS - 1, SAMPLES - 1, 2)])
def test_one_difference_in_a_layer_is_found_where_it_is(trace, field, index):
    expected = int(getattr(trace.layers[1], field)[index])
    found = trace.first_mismatch(planted(trace, ("layer1", field, index)))
    assert found == Mismatch("layer1", field, *index, expected, expected + 100)


@pytest.mark.parametrize("field", ["i_syn", "v_mem"])
def test_one_difference_in_the_readout_is_found_where_it_is(trace, field):
    found = trace.first_mismatch(planted(trace, ("readout", field, (2, 1, 0))))
    expected = int(field == "v_mem")
    assert found == Mismatch("readout", field, 2, 1, 0, expected, expected + 100)


def test_a_score_has_no_step(trace):
    found = trace.first_mismatch(planted(trace, ("readout", "scores", (1, 0))))
    assert found == Mismatch("readout", "scores", None, 1, 0, 4, 104)
    assert str(found) == "readout.scores: sample 1 neuron 0: expected 4, got 104"


@pytest.mark.parametrize(
    ("first", "second"),
    [
        # the step counts before the order of the data flow
        (("layer1", "spikes", (1, 2, 2)), ("layer0", "i_syn", (2, 0, 0))),
        (("readout", "v_mem", (0, 2, 1)), ("layer0", "i_syn", (1, 0, 0))),
        # in one step: layer by layer, then i_syn, i_rec, v_mem, spikes
        (("layer0", "spikes", (2, 2, 3)), ("layer1", "i_syn", (2, 0, 0))),
        (("layer1", "spikes", (2, 2, 2)), ("readout", "i_syn", (2, 0, 0))),
        (("layer0", "i_syn", (2, 2, 3)), ("layer0", "i_rec", (2, 0, 0))),
        (("layer0", "i_rec", (2, 2, 3)), ("layer0", "v_mem", (2, 0, 0))),
        (("layer0", "v_mem", (2, 2, 3)), ("layer0", "spikes", (2, 0, 0))),
        # in one array and step: sample, then neuron
        (("layer0", "v_mem", (2, 1, 3)), ("layer0", "v_mem", (2, 2, 0))),
        (("layer0", "v_mem", (2, 1, 1)), ("layer0", "v_mem", (2, 1, 2))),
        # scores come last
        (("readout", "v_mem", (STEPS - 1, 2, 1)), ("readout", "scores", (0, 0))),
        (("layer1", "spikes", (STEPS - 1, 2, 2)), ("readout", "scores", (0, 0))),
        (("readout", "scores", (0, 1)), ("readout", "scores", (1, 0))),
    ],
)
def test_of_two_differences_the_cause_is_named(trace, first, second):
    for places in ((first, second), (second, first)):
        found = trace.first_mismatch(planted(trace, *places))
        index = first[2] if len(first[2]) == 3 else (None, *first[2])
        assert (found.stage, found.field, found.step, found.sample, found.neuron) == (*first[:2], *index)


def test_a_mismatch_reads_as_one_line(trace):
    found = trace.first_mismatch(planted(trace, ("layer0", "v_mem", (3, 1, 2))))
    assert str(found) == "layer0.v_mem: sample 1 step 3 neuron 2: expected 44, got 144"


def test_runs_of_other_shapes_are_not_compared(trace):
    shorter = Trace(
        tuple(
            LayerTrace(layer.i_syn[:-1], layer.i_rec[:-1], layer.v_mem[:-1], layer.spikes[:-1])
            for layer in trace.layers
        ),
        trace.readout,
    )
    with pytest.raises(ValueError, match=r"^layer0\.i_syn must have shape \(5, 3, 4\), not \(4, 3, 4\)$"):
        trace.first_mismatch(shorter)
    with pytest.raises(ValueError, match=r"^traces must be of 2 hidden layers, not 1$"):
        trace.first_mismatch(Trace(trace.layers[:1], trace.readout))


def test_a_current_that_only_one_run_has_is_no_difference_but_an_error(trace):
    first = replace(trace.layers[0], current=trace.layers[0].v_mem)
    other = replace(trace, layers=(first, trace.layers[1]))
    assert [name for stage, name, _ in other.arrays() if stage == "layer0"][1:4] == [
        "i_rec",
        "current",
        "v_mem",
    ]
    assert other.first_mismatch(other) is None
    expected = int(first.current[2, 1, 3])
    found = other.first_mismatch(
        planted(other, ("layer0", "current", (2, 1, 3)), ("layer0", "v_mem", (2, 0, 0)))
    )
    assert found == Mismatch("layer0", "current", 2, 1, 3, expected, expected + 100)
    assert other.sample(1).layers[0].current.shape == (STEPS, 1, 4)
    with pytest.raises(InputError, match=r"^traces must both have layer0\.current, or neither$"):
        trace.first_mismatch(other)


def test_arrays_come_in_the_order_of_the_data_flow(trace):
    assert [f"{stage}.{field}" for stage, field, _ in trace.arrays()] == [
        *(f"layer{i}.{field}" for i in (0, 1) for field in ("i_syn", "i_rec", "v_mem", "spikes")),
        *("readout.i_syn", "readout.v_mem", "readout.scores"),
    ]


def test_the_class_is_the_lowest_of_the_highest_scores(trace):
    assert trace.classes.tolist() == [1, 0, 0]


def test_a_changed_threshold_shows_first_in_the_spikes():
    """A planted spike in a real run: the first difference is the spike, not its consequences."""
    found = 0
    for seed in range(40):
        rng = np.random.default_rng(seed)
        network = random_network(rng)
        counts = random_counts(rng, network.spec, steps=8, samples=2)
        layer = network.spec.layers[0]
        if layer.v_th in (None, layer.membrane.max_raw):
            continue
        raised = replace(layer, v_th=layer.v_th + 1)
        other = replace(network, spec=replace(network.spec, layers=(raised, *network.spec.layers[1:])))
        first = run(network, counts)
        mismatch = first.first_mismatch(run(other, counts))
        if mismatch is not None:
            found += 1
            # either v was v_th, or an earlier spike cost one more
            exact = first.layers[0].v_mem[mismatch.step, mismatch.sample, mismatch.neuron] == layer.v_th
            assert mismatch.stage == "layer0"
            assert (mismatch.field == "spikes" and exact) or layer.reset_mode in ("subtract", "delayed")
    assert found > 5

"""Formats from ranges, thresholds, widths under a limit, and the table of what was lost."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from fxp_model.errors import InputError
from fxp_model.exchange.calibration import Calibration
from fxp_model.exchange.comparison import losses
from fxp_model.exchange.description import FloatNetwork, FloatStage, run_float, with_readout
from fxp_model.exchange.quantize import (
    Range,
    Widths,
    assumed_ranges,
    fitted_format,
    quantized,
    range_format,
    ranges_of,
    threshold_codes,
)
from fxp_model.exchange.search import search_widths
from fxp_model.fixed import QFormat
from fxp_model.network import run
from fxp_model.qat.quantize import fitted_format as trained_format
from fxp_model.spec import ReadoutMode, ResetMode


def stage(name, n, n_in, seed=0, **own):
    rng = np.random.default_rng(seed)
    arrays = {
        "weight": rng.normal(size=(n, n_in)),
        "bias": rng.normal(size=n) * 0.1,
        "beta": np.full(n, 0.9),
        "v_th": np.ones(n),
    }
    return FloatStage(name=name, **(arrays | own))


def network(**own):
    return FloatNetwork(
        (stage("a", 12, 5, 1, **own), stage("b", 8, 12, 2), stage("c", 3, 8, 3, v_th=None)), ReadoutMode.SUM
    )


@pytest.fixture
def clips():
    counts = (np.random.default_rng(0).random((30, 10, 5)) < 0.4).astype(np.int64)
    lengths = np.array([30] * 8 + [11, 20])
    counts[np.arange(30)[:, None] >= lengths] = 0
    labels = run_float(network(), counts).scores.argmax(axis=1)
    return Calibration(counts, lengths, labels)


@pytest.mark.parametrize("width", [2, 3, 4, 8, 12])
def test_the_scale_of_weights_is_training_s(width):
    real = np.random.default_rng(width).normal(0, 0.07, 4000)
    assert fitted_format(real, width) == trained_format(torch.tensor(real), width)
    assert fitted_format(real, width, most=3).frac_bits <= 3
    assert fitted_format(np.zeros(3), width, most=5).frac_bits == 5


@pytest.mark.parametrize(
    ("largest", "frac_bits"),
    [
        *((127.0, 0), (127.5, -1), (1.0, 6), (0.1, 10), (1e9, -23), (0.0, 20)),
        *((127 / 2**20, 20), (1e-310, 20), (127 * 2.0**48, -48)),
    ],
)
def test_a_range_takes_the_finest_format_that_holds_it(largest, frac_bits):
    fmt = range_format(largest, 8, most=20)
    assert (fmt.width, fmt.frac_bits) == (8, frac_bits)
    assert fmt.to_real(fmt.max_raw) >= largest


@pytest.mark.parametrize(
    ("strict", "reset", "v_th", "code"),
    [
        (False, ResetMode.ZERO, 1.0, 4),
        (True, ResetMode.ZERO, 1.0, 5),
        (True, ResetMode.ZERO, 1.1, 5),
        (True, ResetMode.SUBTRACT, 1.0, 4),
        (True, ResetMode.DELAYED, 1.1, 5),
        (False, ResetMode.ZERO, 1.2, 5),
        (True, ResetMode.ZERO, 0.01, 1),
    ],
)
def test_thresholds(strict, reset, v_th, code):
    """Within half an lsb of it rounding decides; a strict one is the next code where it is not subtracted"""
    own = stage("a", 1, 1, v_th=np.array([v_th]), strict=strict, reset=reset)
    fmt = QFormat(True, 6, 2)
    assert threshold_codes(own, fmt).tolist() == [code]
    for real in np.arange(0, 2, 0.001):
        fires = real > v_th if strict else real >= v_th
        if abs(real - v_th) > fmt.lsb / 2 + 1e-9:
            assert (fmt.from_real(real) >= code) == fires, real


def test_one_code_or_one_for_each_neuron(clips):
    same = quantized(network(), Widths(), assumed_ranges(network()))
    assert same.params[0].beta is None
    assert same.spec.layers[0].beta == round(0.9 * 4096)
    own = network(beta=np.linspace(0.1, 1, 12), v_th=np.linspace(1, 2, 12), alpha=np.full(12, 0.5))
    each = quantized(own, Widths(), ranges_of(run_float(own, clips.counts)), input_bits=3)
    layer, params = each.spec.layers[0], each.params[0]
    assert (layer.beta, layer.v_th, layer.synapse.alpha, layer.input_bits) == (None, None, 2048, 3)
    assert layer.beta_format == QFormat(False, 1, 12)
    assert params.beta[-1] == 4096  # 1, which needs a bit
    assert params.v_th.tolist() == [math.ceil(v * 2**layer.membrane.frac_bits) for v in np.linspace(1, 2, 12)]
    assert run(each, clips.counts).layers[0].current is not None


def test_without_clips_a_membrane_holds_32_thresholds():
    membrane = quantized(network(), Widths(), assumed_ranges(network())).spec.layers[0].membrane
    assert membrane == QFormat(True, 7, 9)
    assert assumed_ranges(network(alpha=np.full(12, 0.5)))[0] == Range(32.0, 32.0)


def test_a_membrane_holds_what_the_clips_drove_it_to(clips):
    trace = run_float(network(), clips.counts)
    integers = quantized(network(), Widths(membrane=20), ranges_of(trace))
    for own, course in zip(integers.spec.stages, trace.stages, strict=True):
        largest = np.abs(course.v_mem).max()
        assert (
            own.membrane.to_real(own.membrane.max_raw)
            >= max(largest, 1)
            > own.membrane.to_real(own.membrane.max_raw) / 2
        )


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Widths(weight=1), r"^weight must be 2..16 bits, not 1$"),
        (lambda: Widths(membrane=40), r"^membrane must be 8..32 bits, not 40$"),
        (
            lambda: quantized(network(), Widths(), assumed_ranges(network()), input_bits=9),
            r"^input_bits must be 1..8, not 9$",
        ),
        (
            lambda: quantized(network(weight=np.full((12, 5), 1e9)), Widths(membrane=32), [Range(1e-9)] * 3),
            r"^a: .* must fit 62 bits",
        ),
        (
            lambda: quantized(network(weight=np.full((12, 5), 1e25)), Widths(), [Range(1.0)] * 3),
            r"^a: numbers of 8 bits must be at most 3.57473e\+16, not 1e\+25$",
        ),
        (
            lambda: quantized(network(), Widths(), [Range(math.inf)] * 3),
            r"^a: numbers of 16 bits must be at most 9.22309e\+18, not inf$",
        ),
        (
            lambda: quantized(network(), Widths(), [Range(math.nan)] * 3),
            r"^a: numbers of 16 bits must be at most 9.22309e\+18, not nan$",
        ),
    ],
)
def test_what_no_format_holds_is_told(make, message):
    with pytest.raises(InputError, match=message):
        make()


def test_wide_numbers_lose_nothing(clips):
    trace = run_float(network(), clips.counts)
    table = losses(network(), quantized(network(), Widths(16, 32, 16), ranges_of(trace)), clips, trace)
    assert table.differing < 0.02
    assert (table.float_accuracy, table.same_class) == (1.0, 1.0)
    assert [row.stage for row in table.stages] == ["a", "b", "c"]
    assert all(row.spikes > 50 for row in table.stages[:2])
    assert table.stages[2].spikes == table.stages[2].alone == table.stages[2].together == 0
    assert all(row.error < 0.01 for row in table.stages)


def test_the_table_is_that_of_each_stage(clips):
    trace = run_float(network(), clips.counts)
    integers = quantized(network(), Widths(3), ranges_of(trace))
    table = losses(network(), integers, clips, trace)
    inside = np.arange(30)[:, None] < clips.lengths
    found = run(integers, clips.counts)
    for index, row in enumerate(table.stages[:2]):
        assert row.spikes == trace.stages[index].spikes[inside].sum()
        assert row.together == (found.layers[index].spikes != trace.stages[index].spikes)[inside].sum() > 0
        assert row.weight_bits == 3
    assert table.stages[0].alone == table.stages[0].together  # the inputs are the same
    assert table.stages[1].alone < table.stages[1].together
    lines = table.lines()
    assert lines[0].split() == [
        "stage",
        "weights",
        "membrane",
        "spikes",
        "alone",
        "together",
        "near",
        "error",
    ]
    assert len(lines) == 6
    assert lines[4].startswith("10 clips, ")
    assert table.to_dict()["differing"] == table.differing
    without = losses(network(), integers, replace(clips, labels=None), trace)
    assert without.accuracy is None
    assert len(without.lines()) == 5


@pytest.mark.parametrize("mode", ReadoutMode)
def test_classes_are_those_at_the_end_of_each_clip(clips, mode):
    """A clip that is cut gives what it gives alone."""
    own = network()
    if mode is ReadoutMode.SPIKE_COUNT:
        own = FloatNetwork((*own.stages[:2], stage("c", 3, 8, 3)), mode)
    else:
        own = FloatNetwork(own.stages, mode)
    integers = quantized(own, Widths(16, 24, 16), assumed_ranges(own))
    classes = []
    for clip, length in enumerate(clips.lengths):
        classes.append(run(integers, clips.counts[:length, clip : clip + 1]).classes.item())
    labelled = replace(clips, labels=np.array(classes))
    assert losses(own, integers, labelled, run_float(own, clips.counts)).accuracy == 1.0


def test_widths_are_searched_under_a_limit(clips):
    own = network()
    trace = run_float(own, clips.counts)
    ranges = ranges_of(trace)
    most = Widths(10, 24, 12)
    tries = []
    found, table = search_widths(own, most, ranges, clips, trace, 0.5, 1, tries.append)
    widths = [spec.weight.width for spec in found.spec.stages]
    assert table.differing <= 0.5
    assert max(widths) <= 10
    assert min(widths) < 10
    assert len(tries) >= sum(10 - width for width in widths)
    for index, width in enumerate(widths):  # one bit less of any stage is beyond the limit, or there is none
        if width > 2:
            less = [
                replace(most, weight=own_width - (other == index)) for other, own_width in enumerate(widths)
            ]
            narrower = quantized(own, less, ranges)
            if index == 2:  # the last that was narrowed
                assert losses(own, narrower, clips, trace).differing > 0.5
    same, table = search_widths(own, most, ranges, clips, trace, 0.0, 1)
    assert table.differing > 0
    assert [spec.weight.width for spec in same.spec.stages] == [10, 10, 10]
    tries.clear()
    least, _ = search_widths(own, Widths(2), ranges, clips, trace, 1e9, 1, tries.append)
    assert [spec.weight.width for spec in least.spec.stages] == [2, 2, 2]
    assert tries == []


def test_a_last_layer_that_fires_is_counted():
    one = with_readout([stage("a", 4, 3)], None)
    assert [own.name for own in one.stages] == ["a", "counter"]
    counts = (np.random.default_rng(0).random((40, 3, 3)) < 0.4).astype(np.int64)
    trace = run_float(one, counts)
    assert trace.scores.tolist() == trace.stages[0].spikes.sum(0).tolist()
    integers = run(quantized(one, Widths(), assumed_ranges(one)), counts)
    assert integers.scores.tolist() == integers.layers[0].spikes.sum(0).tolist()
    assert integers.scores.sum() > 20
    two = with_readout([stage("a", 4, 3), stage("b", 2, 4)], ReadoutMode.SPIKE_COUNT)
    assert [own.name for own in two.stages] == ["a", "b"]
    recurrent = {"recurrent": np.eye(2), "delay_steps": np.zeros(2, int)}
    three = with_readout([stage("a", 4, 3), stage("b", 2, 4, **recurrent)], None)
    assert [own.name for own in three.stages] == ["a", "b", "counter"]

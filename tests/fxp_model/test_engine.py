"""The engine equals the golden model: whole sequences, padded, frame by frame, on any number of threads."""

from collections import Counter
from dataclasses import replace
from itertools import pairwise

import numba
import numpy as np
import pytest

from fxp_model import engine as fast
from fxp_model import network as golden
from fxp_model.artifact import load_artifact
from fxp_model.detector import DetectorSpec, words
from fxp_model.engine import Engine, Stage
from fxp_model.errors import InputError
from fxp_model.evaluation import evaluate
from fxp_model.fixed import Overflow, QFormat, Rounding
from fxp_model.network import Network, StageParams
from fxp_model.pretrained import DEFAULT
from fxp_model.random_networks import random_network, random_pair
from fxp_model.spec import (
    Answer,
    LayerSpec,
    NetworkSpec,
    ReadoutMode,
    ReadoutSpec,
    RecurrenceKind,
    RecurrenceSpec,
    ResetMode,
)
from hw.estimates.latency import event_counts
from scripts.check_engine import difference
from tb.harness.depth import depth

pytestmark = pytest.mark.slow

SEEDS = range(600)
BLOCK = 50


def draw(seed):
    return random_pair(np.random.default_rng(seed))


@pytest.fixture(scope="module")
def bundled():
    return load_artifact(DEFAULT)


@pytest.mark.parametrize("first", range(SEEDS.start, SEEDS.stop, BLOCK))
def test_every_integer_is_that_of_the_golden_model(first):
    for seed in range(first, first + BLOCK):
        network, counts = draw(seed)
        _, where = difference(Engine(network), counts)
        assert where is None, f"seed {seed}: {where}: {network.spec}"


def features(network, counts):
    """What one drawn pair exercises."""
    trace = golden.run(network, counts)
    for spec, params in zip(network.spec.stages, network.params, strict=True):
        types = "-".join(np.dtype(kind).name for kind in fast._types(spec))
        yield from (types, f"{types} {spec.rounding}", f"{types} {spec.overflow}")
        if spec.leak_rounding is not None and spec.leak.shift:
            yield from (f"{types} leak", f"leak {spec.leak_rounding}")
        if spec.synapse is not None:
            yield from (f"{types} current", f"current {spec.synapse.rounding}")
            yield f"current {spec.synapse.overflow}"
        yield from (f"{types} own {name}" for name in ("beta", "alpha", "v_th") if name in spec.shapes)
        if spec.reset_mode is ResetMode.DELAYED and (isinstance(spec, LayerSpec) or spec.v_th != 0):
            yield f"{types} delayed reset"
        if spec.max_input_delay and len(counts) > 2 * (params.input_delay_steps.max() + 1):
            yield "delayed inputs turn"
        if isinstance(spec, ReadoutSpec):
            yield f"readout {spec.mode}"
            if spec.answer is Answer.STEP and len(counts) >= spec.stride > 1:
                yield f"answer of a stride, readout {spec.mode}"
        elif spec.recurrence is not None and len(counts) > 2 * (params.delay_steps.max() + 1):
            yield f"the ring of {spec.recurrence.kind} turns"
    for layer in trace.layers:
        if layer.i_rec.any() and (layer.spikes == 0).all(axis=2).any():
            yield "current and silence"


def test_the_draw_reaches_every_type_and_kind():
    """The random networks above cover all of these."""
    count = Counter(feature for seed in SEEDS for feature in features(*draw(seed)))
    types = ("int8-int16-int32", "int8-int32-int32", "int32-int32-int32", "int32-int64-int64")
    wanted = [
        *(f"{kinds} {mode}" for kinds in types for mode in (*Rounding, *Overflow)),
        *(f"leak {mode}" for mode in Rounding),
        *(
            f"{kinds} {what}"
            for kinds in types[2:]
            for what in ("leak", "own beta", "own v_th", "delayed reset")
        ),
        *(f"current {mode}" for mode in (*Rounding, *Overflow)),
        *(f"{types[-1]} {what}" for what in ("current", "own alpha")),
        *(f"{what}{mode}" for what in ("readout ", "answer of a stride, readout ") for mode in ReadoutMode),
        "delayed inputs turn",
        *("the ring of conv turns", "the ring of dense turns", "current and silence"),
    ]
    assert {name: count[name] for name in wanted if count[name] < 10} == {}


def extreme(spec, steps=3):
    """Traces of one layer whose weights are all lowest, then all highest, under the largest input."""
    readout = ReadoutSpec(
        n_in=spec.n_out, n_out=1, weight=QFormat(True, 1, 0), bias=QFormat(True, 1, 0),
        membrane=QFormat(True, 8, 0), beta=0,
    )  # fmt: skip
    for code, bias in (
        (spec.weight.min_raw, spec.bias.min_raw),
        (spec.weight.max_raw, spec.bias.max_raw),
        (spec.weight.max_raw - 1, 1),
    ):
        first = StageParams(np.full((spec.n_out, spec.n_in), code), np.full(spec.n_out, bias))
        last = StageParams(np.zeros((1, spec.n_out), int), np.zeros(1, int))
        network = Network(NetworkSpec((spec,), readout), (first, last))
        counts = np.full((steps, 1, spec.n_in), spec.max_input)
        yield golden.run(network, counts), fast.run(network, counts)


@pytest.mark.parametrize("rounding", Rounding)
@pytest.mark.parametrize("overflow", Overflow)
@pytest.mark.parametrize(
    ("fields", "measure", "bits"),
    [
        # sums of 16 and 17 bits, 32 and 33: both sides of the narrow types
        ({"n_in": 256, "weight": QFormat(True, 8, 0)}, "accumulator_bits", 16),
        ({"n_in": 257, "weight": QFormat(True, 8, 0)}, "accumulator_bits", 17),
        ({"n_in": 140, "input_bits": 4, "weight": QFormat(True, 12, -4)}, "sum_bits", 32),
        ({"n_in": 140, "input_bits": 4, "weight": QFormat(True, 13, -5)}, "sum_bits", 33),
    ],
)
def test_sums_at_the_ends_of_their_types(rounding, overflow, fields, measure, bits):
    spec = LayerSpec(
        n_out=3, bias=QFormat(True, 4, 0), membrane=QFormat(True, 16, 0), beta=200, v_th=9000,
        reset_mode=ResetMode.SUBTRACT, rounding=rounding, overflow=overflow, **fields,
    )  # fmt: skip
    assert getattr(spec, measure) == bits
    for expected, actual in extreme(spec):
        assert expected.first_mismatch(actual) is None


@pytest.mark.parametrize("rounding", Rounding)
@pytest.mark.parametrize("dropped", [0, 29, 30, 31, 45, 62])
def test_any_number_of_dropped_bits(rounding, dropped):
    below = min(dropped, 48)  # fraction of weight and bias; sums of 32 bits
    spec = LayerSpec(
        n_in=1, n_out=2, input_bits=4, weight=QFormat(True, 28 - below, below),
        bias=QFormat(True, 2 - below, below), membrane=QFormat(True, 16 + dropped - below, below - dropped),
        beta=0, beta_format=QFormat(False, 1, 0), v_th=1, rounding=rounding,
    )  # fmt: skip
    assert spec.sum_bits == 32
    assert spec.rounded_bits == dropped
    for expected, actual in extreme(spec):
        assert expected.first_mismatch(actual) is None


def test_what_comes_after_a_sample_has_no_influence():
    for seed in range(20):
        network, counts = draw(seed)
        rng = np.random.default_rng(seed)
        lengths = rng.integers(1, len(counts) + 1, size=counts.shape[1])
        result = Engine(network).run(counts, lengths)
        for b, length in enumerate(lengths):
            alone = counts[:length, b : b + 1]
            expected = golden.run(network, alone)
            assert result.scores[b].tolist() == expected.scores[0].tolist()
            assert result.classes[b] == expected.classes[0]
            for ours, theirs in zip(result.events, event_counts(network, expected, alone), strict=False):
                assert ours[:length, b].tolist() == theirs[:, 0].tolist()
                assert not ours[length:, b].any()
        totals = [[stage[:, b].sum() for stage in result.events] for b in range(len(lengths))]
        assert result.event_totals.tolist() == totals


def assert_last_answer(readout, trace, t, answer):
    """A step is answered, by the last answer of a run up to it, or it is not."""
    if trace.answers is None or (t + 1) % readout.stride != 0:
        assert answer is None
    else:
        assert [array.tolist() for array in answer] == [array[-1].tolist() for array in trace.answers]


def test_answers_of_a_sample_end_with_it():
    """And nothing is heard behind it, by a detector to which any margin is enough."""
    seen, eager = 0, DetectorSpec(margin=0, hold=1, refractory=0)
    for seed in range(40):
        network, counts = draw(seed)
        lengths = np.random.default_rng(seed).integers(1, len(counts) + 1, size=counts.shape[1])
        result = Engine(network).run(counts, lengths)
        if result.answers is None:
            continue
        assert len(result.answered) == len(counts) // network.spec.readout.stride
        for b, length in enumerate(lengths):
            expected = golden.run(network, counts[:length, b : b + 1]).answers
            own = len(expected.classes)
            for ours, theirs in zip(result.answers, expected, strict=True):
                assert ours[:own, b].tolist() == theirs[:, 0].tolist()
            assert not result.answered[own:, b].any()
            assert result.answer_counts[b] == own
            assert (result.answers.classes[own:, b] == -1).all()
            assert words(eager, result.answers, b) == words(eager, expected)
            seen += own
    assert seen > 100


def test_a_stream_in_pieces_is_the_whole_run():
    for seed in range(40):
        network, counts = draw(seed)
        rng = np.random.default_rng(seed)
        whole = golden.run(network, counts)
        events = event_counts(network, whole, counts)
        stream = Engine(network).stream(counts.shape[1])
        ends = np.flatnonzero(rng.random(len(counts)) < 0.3)
        parts = [stream.run(piece) for piece in np.split(counts, ends + 1) if len(piece) > 0]
        assert parts[-1].scores.tolist() == whole.scores.tolist()
        for i, expected in enumerate(events[: len(network.spec.stages)]):
            assert np.array_equal(np.concatenate([part.events[i] for part in parts]), expected)
        if whole.readout.answered is not None:
            assert np.array_equal(np.concatenate([part.answered for part in parts]), whole.readout.answered)


def endless():
    """A network that has forgotten its input 300 steps later, and 700 steps of it with silence after them."""
    rng = np.random.default_rng(2)
    kept = {
        "weight": QFormat(True, 4, 4), "bias": QFormat(True, 2, 0), "membrane": QFormat(True, 8, 8),
        "beta_format": QFormat(False, 0, 8), "rounding": Rounding.TRN_ZERO,
    }  # fmt: skip
    recurrence = RecurrenceSpec(
        kind=RecurrenceKind.CONV, weight=QFormat(True, 1, 4), max_delay=12, kernel_size=3
    )
    layer = LayerSpec(
        n_in=3, n_out=6, v_th=300, beta=160, max_input_delay=6, recurrence=recurrence,
        reset_mode=ResetMode.ZERO, **kept,
    )  # fmt: skip
    readout = ReadoutSpec(
        n_in=6,
        n_out=4,
        beta=200,
        max_input_delay=4,
        mode=ReadoutMode.LAST,
        answer=Answer.STEP,
        stride=7,
        **kept,
    )
    params = (
        StageParams(
            rng.integers(-60, 127, (6, 3)), np.zeros(6, int), recurrent=rng.integers(-8, 8, 3),
            delay_steps=np.array([12, 0, 3, 7, 5, 2]), input_delay_steps=np.array([6, 0, 2]),
        ),
        StageParams(
            rng.integers(-128, 127, (4, 6)), np.zeros(4, int), input_delay_steps=np.array([0, 4, 1, 2, 3, 0])
        ),
    )  # fmt: skip
    burst = (rng.random((997, 1, 3)) < 0.2).astype(np.uint8)
    burst[-300:] = 0
    return Network(NetworkSpec((layer,), readout), params), burst


def test_a_stream_of_weeks_counts_nothing_but_the_stride():
    """Every answer of 10**7 steps, a day of speech: the network forgets a burst before the next begins."""
    network, burst = endless()
    readout = network.spec.readout
    every = replace(network.spec, readout=replace(readout, stride=1))
    alone = golden.run(Network(every, network.params), burst)
    assert not alone.readout.v_mem[-1].any()
    assert not alone.layers[0].v_mem[-1].any()
    assert not alone.layers[0].spikes[-20:].any()
    assert alone.layers[0].i_rec.any()
    expected = alone.readout.answered[:, 0]
    assert len(np.unique(np.argmax(expected, axis=1))) >= 3
    engine = Engine(network)
    stream = engine.stream()
    together = np.tile(burst, (20, 1, 1))
    first = 0
    sizes = set()
    while first < depth(10**5, 10**7):
        answered = stream.run(together).answered[:, 0]
        steps = np.arange(first, first + len(together))
        steps = steps[(steps + 1) % readout.stride == 0]
        assert np.array_equal(answered, expected[steps % len(burst)])
        first += len(together)
        sizes.add((sum(part.nbytes for own in stream._state for part in own), stream._steps < engine._period))
    assert len(sizes) == 1
    assert sizes.pop()[1]
    assert engine._period == 13 * 7 * 5


def test_a_stream_equals_the_whole_run_at_every_step():
    for seed in range(40):
        network, counts = draw(seed)
        whole = golden.run(network, counts)
        stream = Engine(network).stream(counts.shape[1])
        for _ in range(2):
            for t, frame in enumerate(counts):
                step = stream.step(frame)
                so_far = golden.run(network, counts[: t + 1])
                assert step.scores.tolist() == so_far.scores.tolist()
                assert_last_answer(network.spec.readout, so_far, t, step.answer)
                for ours, layer in zip(step.spikes, whole.layers, strict=True):
                    assert ours.tolist() == layer.spikes[t].tolist(), f"seed {seed} step {t}"
            stream.reset()


def test_a_stream_goes_on_without_growing(bundled):
    network = bundled.network
    frames = np.concatenate(np.split(bundled.stimulus[:, :4], 4, axis=1))[:, 0]
    stream = Engine(network).stream()
    sizes, steps = [], []
    for frame in frames:
        steps.append(stream.step(frame[np.newaxis]))
        sizes.append(sum(part.nbytes for own in stream._state for part in own))
    whole = golden.run(network, frames[:, np.newaxis])
    assert all(a == b for a, b in pairwise(sizes))
    assert steps[-1].scores.tolist() == whole.scores.tolist()
    for i, layer in enumerate(whole.layers):
        assert np.array_equal(np.stack([step.spikes[i] for step in steps]), layer.spikes)


def test_results_of_a_stream_are_its_callers_own(bundled):
    counts = bundled.stimulus[:20, :1]
    stream = Engine(bundled.network).stream()
    for t, frame in enumerate(counts):
        step = stream.step(frame)
        assert step.scores.tolist() == golden.run(bundled.network, counts[: t + 1]).scores.tolist()
        step.scores[:] = 7
        for y in step.spikes:
            y[:] = 1


def test_threads_and_blocks_change_nothing_here_or_elsewhere(bundled):
    counts = np.concatenate([bundled.stimulus] * 5, axis=1)[:, :37]
    before = numba.get_num_threads()
    alone = golden.run(bundled.network, counts[:, : bundled.stimulus.shape[1]])
    results = [Engine(bundled.network, threads).run(counts) for threads in (1, 2, 3, 50, None)]
    assert numba.get_num_threads() == before
    for result in results:
        assert result.scores[: len(alone.scores)].tolist() == alone.scores.tolist()
        assert result.scores.tolist() == results[0].scores.tolist()
        assert all(map(np.array_equal, result.events, results[0].events))


def test_inputs_of_any_integer_type_and_layout_are_the_same():
    network, counts = draw(11)
    expected = golden.run(network, counts).scores.tolist()
    readonly = counts.astype(np.uint8)
    readonly.flags.writeable = False
    for form in (counts, counts.astype(np.uint64), readonly, np.asfortranarray(readonly)):
        assert Engine(network).run(form).scores.tolist() == expected
    assert Engine(network).run(readonly[:, :0]).scores.shape == (0, network.spec.n_out)
    assert fast.run(network, readonly[:, :0]).classes.tolist() == []


NETWORK = random_network(np.random.default_rng(5))
N_IN, LIMIT = NETWORK.spec.n_in, NETWORK.spec.layers[0].max_input


@pytest.mark.parametrize(
    "counts",
    [
        np.zeros((1, 1, N_IN)),
        np.zeros((1, 1, N_IN), bool),
        np.zeros((1, N_IN), np.uint8),
        np.zeros((1, 1, N_IN + 1), np.uint8),
        np.zeros((0, 1, N_IN), np.uint8),
        np.full((1, 1, N_IN), LIMIT + 1),
        np.full((1, 1, N_IN), LIMIT + 1, np.uint8),
        np.full((1, 1, N_IN), -1, np.int8),
        np.full((1, 1, N_IN), 2**64 - 1, np.uint64),
    ],
)
def test_unusable_inputs_are_refused_in_the_golden_models_words(counts):
    with pytest.raises(InputError) as expected:
        golden.run(NETWORK, counts)
    for attempt in (Engine(NETWORK).run, Engine(NETWORK).trace):
        with pytest.raises(InputError) as found:
            attempt(counts)
        assert str(found.value) == str(expected.value)


X = np.zeros((4, 2, N_IN), np.uint8)


@pytest.mark.parametrize(
    ("attempt", "message"),
    [
        (lambda: Engine(NETWORK, 0), r"threads must be at least 1, not 0"),
        (lambda: Stage(NETWORK.spec.layers[0], NETWORK.params[0], 0), r"threads must be at least 1, not 0"),
        (lambda: Engine(NETWORK).stream(0), r"batch must be at least 1, not 0"),
        (lambda: Engine(NETWORK).run(X, np.array([4, 5])), r"length of a sample must be 1\.\.4, not 5"),
        (lambda: Engine(NETWORK).run(X, np.array([0, 4])), r"length of a sample must be 1\.\.4, not 0"),
        (
            lambda: Engine(NETWORK).run(X, np.array([1, 2, 3])),
            r"lengths must have shape \(2,\), not \(3,\)",
        ),
        (lambda: Engine(NETWORK).run(X, np.ones(2)), r"lengths must hold integers, not float64"),
        (
            lambda: Engine(NETWORK).stream(3).step(X[0]),
            rf"input of a step must have shape \(3, {N_IN}\), samples x channels, not \(2, {N_IN}\)",
        ),
        (lambda: Engine(NETWORK).stream(2).step(X[0] * 1.0), r"input must hold integers, not float64"),
        (
            lambda: Engine(NETWORK).stream(2).step(X[0] + np.int64(LIMIT + 1)),
            rf"input count must be 0\.\.{LIMIT}, not {LIMIT + 1}",
        ),
        (lambda: Engine(NETWORK).stream(3).run(X), r"samples of a stream must be 3, not 2"),
    ],
)
def test_other_unusable_arguments_are_named(attempt, message):
    with pytest.raises(InputError, match=f"^{message}$"):
        attempt()


def test_a_refused_step_leaves_the_stream_where_it_was():
    network, counts = draw(9)
    stream = Engine(network).stream(counts.shape[1])
    for frame in counts:
        with pytest.raises(InputError):
            stream.step(np.full_like(frame, -1))
        last = stream.step(frame)
    assert last.scores.tolist() == golden.run(network, counts).scores.tolist()


def test_a_layer_alone_fires_as_the_golden_layer_on_the_same_currents():
    for seed in range(30):
        network, counts = draw(seed)
        trace = golden.run(network, counts)
        for spec, params, layer in zip(network.spec.layers, network.params[:-1], trace.layers, strict=True):
            stage = Stage(spec, params)
            fixed = layer.i_syn.astype(stage.packed.bias.dtype)
            fixed.flags.writeable = False
            for currents in (layer.i_syn, fixed):
                assert np.array_equal(stage.fire(currents), layer.spikes)


def test_currents_that_no_input_gives_are_refused():
    spec = LayerSpec(
        n_in=2, n_out=3, weight=QFormat(True, 8, 0), bias=QFormat(True, 4, 2), membrane=QFormat(True, 8, 0),
        beta=0, beta_format=QFormat(False, 1, 0), v_th=5,
    )  # fmt: skip
    stage = Stage(spec, StageParams(np.zeros((3, 2), int), np.zeros(3, int)))
    # quarters: 2 * -128 * 4 - 32 .. 2 * 127 * 4 + 31
    for current in (-1057, 1048):
        with pytest.raises(InputError, match=rf"^current must be -1056\.\.1047, not {current}$"):
            stage.fire(np.full((1, 1, 3), current))
    with pytest.raises(InputError, match=r"^currents must be integers of shape \(T, B, 3\), not int64 .*$"):
        stage.fire(np.zeros((1, 1, 2), int))


def test_a_layer_alone_is_the_same_on_any_number_of_threads(bundled):
    spec, params = bundled.network.spec.layers[-1], bundled.network.params[-2]
    layer = golden.run(bundled.network, bundled.stimulus).layers[-1]
    many = np.arange(19) % bundled.stimulus.shape[1]  # more than two blocks
    for threads in (1, 2, 5, None):
        assert np.array_equal(Stage(spec, params, threads).fire(layer.i_syn[:, many]), layer.spikes[:, many])
    assert Stage(spec, params).fire(layer.i_syn[:, :0]).shape == (*layer.spikes.shape[:1], 0, spec.n_out)


def test_every_place_that_is_not_0_is_listed_at_any_length():
    rng = np.random.default_rng(0)
    for length in (*range(1, 10), *range(60, 70), 127, 128, 129, 256):
        for share in (0, 0.3, 1):
            x = (rng.integers(1, 256, length) * (rng.random(length) < share)).astype(np.uint8)
            index, number = np.empty((1, 1, length), np.uint16), np.zeros((1, 1), np.int64)
            fast.kernels.encode(x[np.newaxis, np.newaxis], np.array([1]), index, number)
            assert index[0, 0, : number[0, 0]].tolist() == np.flatnonzero(x).tolist()


def test_evaluation_by_the_engine_has_the_golden_fingerprints(bundled):
    counts = bundled.stimulus
    labels = np.arange(counts.shape[1]) % bundled.network.spec.n_out
    lengths = np.where(np.arange(counts.shape[1]) % 2, len(counts), len(counts) // 2)
    expected = evaluate(golden.run, bundled.network, counts, labels, lengths)
    for engine in (fast.score, fast.run):
        found = evaluate(engine, bundled.network, counts, labels, lengths)
        assert found.accuracy == expected.accuracy
        assert found.scores_sha256 == expected.scores_sha256
        assert found.predictions_sha256 == expected.predictions_sha256

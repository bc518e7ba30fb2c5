"""The golden model on cases worked by hand."""

import numpy as np
import pytest

from fxp_model.errors import InputError
from fxp_model.fixed import Overflow, QFormat, Rounding
from fxp_model.network import Network, StageParams, run, run_layer, run_readout
from fxp_model.spec import (
    LayerSpec,
    NetworkSpec,
    ReadoutMode,
    ReadoutSpec,
    RecurrenceKind,
    RecurrenceSpec,
    ResetMode,
    SynapseSpec,
)

INTEGER = QFormat(True, 8, 0)
WORD = QFormat(True, 32, 0)
HALF = {"beta": 1, "beta_format": QFormat(False, 0, 1)}


def layer(n_in, n_out, recurrence=None, **changes):
    fields = {
        "weight": INTEGER,
        "bias": INTEGER,
        "membrane": INTEGER,
        **HALF,
        "v_th": 10,
        "rounding": Rounding.TRN,
        "recurrence": recurrence,
    }
    return LayerSpec(n_in=n_in, n_out=n_out, **{**fields, **changes})


def readout(n_in, n_out, mode, **changes):
    fields = {
        "weight": INTEGER,
        "bias": INTEGER,
        "membrane": WORD,
        **HALF,
        "rounding": Rounding.TRN,
        "mode": mode,
    }
    return ReadoutSpec(n_in=n_in, n_out=n_out, **{**fields, **changes})


def conv(kernel_size, max_delay=0):
    return RecurrenceSpec(RecurrenceKind.CONV, INTEGER, max_delay, kernel_size)


def dense(max_delay=0):
    return RecurrenceSpec(RecurrenceKind.DENSE, INTEGER, max_delay)


def params(weight, bias=None, recurrent=None, delay_steps=None):
    weight = np.array(weight)
    return StageParams(
        weight,
        np.zeros(len(weight), int) if bias is None else np.array(bias),
        None if recurrent is None else np.array(recurrent),
        None if delay_steps is None else np.array(delay_steps),
    )


def sequence(*steps):
    """(T, 1, n_in) of one sample."""
    return np.array(steps)[:, None, :]


def test_leak_fire_and_reset_by_hand():
    # beta = 1/2, TRN, v_th = 10, one neuron, currents 9, 6, 5, 0, 19, 0 (weight 1, counts as they are)
    #   t  zero: v                 y    subtract: v               y
    #   0  9                       0    9                         0
    #   1  4.5 + 6 = 10.5 -> 10    1    10.5 -> 10                1    fires at equality; 0 remains
    #   2  0 + 5 = 5               0    5                         0
    #   3  2.5 -> 2                0    2                         0
    #   4  1 + 19 = 20             1    20                        1    10 remains, and does not fire again
    #   5  0                       0    5                         0
    currents = sequence([9], [6], [5], [0], [19], [0])
    zero = run_layer(layer(1, 1, input_bits=5), params([[1]]), currents)
    assert zero.v_mem[:, 0, 0].tolist() == [9, 10, 5, 2, 20, 0]
    assert zero.spikes[:, 0, 0].tolist() == [0, 1, 0, 0, 1, 0]
    subtract = run_layer(layer(1, 1, input_bits=5, reset_mode=ResetMode.SUBTRACT), params([[1]]), currents)
    assert subtract.v_mem[:, 0, 0].tolist() == [9, 10, 5, 2, 20, 5]
    assert subtract.spikes[:, 0, 0].tolist() == [0, 1, 0, 0, 1, 0]


def test_one_rounding_of_the_whole_sum():
    # halves add up before the rounding: 0.5 * 1 + 0.5 = 1; rounded apart they would give 0 + 0 or 1 + 1
    half = QFormat(True, 7, 1)
    for rounding in Rounding:
        spec = layer(1, 1, weight=half, rounding=rounding)
        trace = run_layer(spec, params([[1]], [1]), sequence([0], [1]))
        assert trace.i_syn[:, 0, 0].tolist() == [2, 3]  # bias 1, then 1 + 0.5, in halves
        # 1; 0.5 + 1.5 = 2
        assert trace.v_mem[:, 0, 0].tolist() == [1, 2]


@pytest.mark.parametrize(
    ("rounding", "expected"), [(Rounding.TRN, -2), (Rounding.RND, -1), (Rounding.RND_CONV, -2)]
)
def test_a_half_below_zero(rounding, expected):
    spec = layer(1, 1, weight=QFormat(True, 7, 1), rounding=rounding)
    assert run_layer(spec, params([[-3]]), sequence([1])).v_mem.item() == expected  # Q(-1.5)


@pytest.mark.parametrize(("overflow", "expected"), [(Overflow.SAT, [127, 127]), (Overflow.WRAP, [-6, -9])])
def test_the_membrane_overflows_after_the_sum(overflow, expected):
    # 250 does not fit 8 bits: 127, or 250 - 256 = -6. Then 63.5 + 250 = 313.5 -> 127, or -3 + 250 = 247 -> -9
    spec = layer(1, 1, overflow=overflow, v_th=127, input_bits=2, reset_mode=ResetMode.SUBTRACT)
    trace = run_layer(spec, params([[125]]), sequence([2], [2]))
    if overflow is Overflow.SAT:
        assert trace.spikes[:, 0, 0].tolist() == [1, 1]  # 127 - 127 = 0 remains: 250 again
    assert trace.v_mem[:, 0, 0].tolist() == expected


def test_delay_zero_is_the_previous_step_and_delays_belong_to_the_source():
    # neuron 0 fires at t = 0 and 1; dense: 1 receives from 0, 0 from none. Delay 2: arrival at t = 3 and 4.
    spec = layer(1, 2, dense(max_delay=2), beta=0)
    stimulus = sequence([1], [1], [0], [0], [0], [0])
    for delay, heard in ((0, [0, 3, 3, 0, 0, 0]), (2, [0, 0, 0, 3, 3, 0])):
        # the delay of neuron 1, the target, has no effect
        own = params([[10], [0]], recurrent=[[0, 0], [3, 0]], delay_steps=[delay, 2 - delay])
        trace = run_layer(spec, own, stimulus)
        assert trace.spikes[:, 0].tolist() == [[1, 0], [1, 0], [0, 0], [0, 0], [0, 0], [0, 0]]
        assert (trace.i_rec[:, 0, 1] >> spec.sum_frac_bits).tolist() == heard
        assert not trace.i_rec[:, 0, 0].any()


def test_a_neuron_hears_itself_through_the_middle_tap():
    # single neuron, K = 3: only w[1] sees it. 10 fires at t = 0; 10 returns each step: it keeps firing
    spec = layer(1, 1, conv(3), beta=0)
    trace = run_layer(
        spec, params([[10]], recurrent=[100, 10, 100], delay_steps=[0]), sequence([1], [0], [0], [0])
    )
    assert trace.v_mem[:, 0, 0].tolist() == [10, 10, 10, 10]


@pytest.mark.parametrize(
    ("source", "expected"), [(0, [3, 2, 1, 0]), (1, [4, 3, 2, 1]), (2, [5, 4, 3, 2]), (3, [0, 5, 4, 3])]
)
def test_kernel_orientation_and_edges(source, expected):
    # K = 5, w = 1 2 3 4 5, p = 2: neuron n receives m through w[m - n + 2]
    spec = layer(1, 4, conv(5), beta=0)
    weight = np.zeros((4, 1), int)
    weight[source] = 10
    own = params(weight, recurrent=[1, 2, 3, 4, 5], delay_steps=[0] * 4)
    trace = run_layer(spec, own, sequence([1], [0]))
    assert (trace.i_rec[1, 0] >> spec.sum_frac_bits).tolist() == expected


@pytest.mark.parametrize("n_out", [1, 2, 3])
def test_a_kernel_wider_than_the_layer(n_out):
    # K = 11, w[k] = k, p = 5, all fire at t = 0: neuron n receives sum_m (m - n + 5)
    spec = layer(1, n_out, conv(11), beta=0)
    own = params([[10]] * n_out, recurrent=range(11), delay_steps=[0] * n_out)
    trace = run_layer(spec, own, sequence([1], [0]))
    expected = [sum(m - n + 5 for m in range(n_out)) for n in range(n_out)]
    assert (trace.i_rec[1, 0] >> spec.sum_frac_bits).tolist() == expected


@pytest.mark.parametrize("kind", ["conv", "dense"])
@pytest.mark.parametrize("steps", [1, 2, 5])
def test_delays_beyond_the_sequence_are_silent(kind, steps):
    recurrence = conv(3, max_delay=1023) if kind == "conv" else dense(max_delay=1023)
    recurrent = [9, 9, 9] if kind == "conv" else [[9, 9], [9, 9]]
    own = params([[10], [10]], recurrent=recurrent, delay_steps=[steps - 1, 1023])
    trace = run_layer(layer(1, 2, recurrence), own, np.ones((steps, 3, 1), int))
    assert trace.spikes.any()
    assert not trace.i_rec.any()


def test_spikes_reach_the_next_layer_in_the_same_step():
    spec = NetworkSpec((layer(1, 1), layer(1, 1)), readout(1, 1, ReadoutMode.LAST))
    network = Network(spec, (params([[10]]), params([[10]]), params([[7]])))
    trace = run(network, sequence([1]))
    assert [stage.spikes.item() for stage in trace.layers] == [1, 1]
    assert trace.scores.item() == 7


@pytest.mark.parametrize(
    ("mode", "scores"),
    [
        (ReadoutMode.SUM, [12 + 6 + 3, -8 - 4 - 2]),
        (ReadoutMode.LAST, [3, -2]),
        (ReadoutMode.MAX, [12, -2]),
    ],
)
def test_readout_modes_by_hand(mode, scores):
    # u = 12 6 3 and -8 -4 -2
    trace = run_readout(readout(1, 2, mode), params([[12], [-8]]), sequence([1], [0], [0]))
    assert trace.v_mem[:, 0].tolist() == [[12, -8], [6, -4], [3, -2]]
    assert trace.scores.tolist() == [scores]


@pytest.mark.parametrize(
    ("reset_mode", "membrane", "score"),
    [(ResetMode.SUBTRACT, [12, 9, 13], 3), (ResetMode.ZERO, [12, 6, 12], 3)],
)
def test_a_readout_that_counts_spikes_fires_and_resets(reset_mode, membrane, score):
    # v_th = 6, bias 6, weight 6, inputs 1 0 1. subtract: 12 -> 6; 3 + 6 = 9 -> 3; 1.5 + 12 -> 13
    spec = readout(1, 2, ReadoutMode.SPIKE_COUNT, v_th=6, reset_mode=reset_mode)
    trace = run_readout(spec, params([[6], [-8]], [6, 0]), sequence([1], [0], [1]))
    assert trace.v_mem[:, 0, 0].tolist() == membrane
    assert trace.scores.tolist() == [[score, 0]]


def test_the_lowest_class_wins_a_tie():
    spec = NetworkSpec((layer(1, 1),), readout(1, 4, ReadoutMode.SUM))
    for weights, winner in (([1, 5, 5, 0], 1), ([0, 0, 0, 0], 0), ([-2, -3, -2, -9], 0), ([-2, -1, 3, 3], 2)):
        network = Network(spec, (params([[10]]), params([[w] for w in weights])))
        assert run(network, sequence([1])).classes.tolist() == [winner]


@pytest.mark.parametrize("overflow", Overflow)
def test_scores_saturate_at_32_bits_in_every_overflow_mode(overflow):
    # the score saturates at the ends of 32 bits, and can leave them again
    big = QFormat(True, 32, 0)
    spec = readout(1, 2, ReadoutMode.SUM, weight=big, membrane=big, beta=0, overflow=overflow)
    own = params([[2**31 - 1], [-(2**31)]])
    score = run_readout(spec, own, np.ones((1, 1, 1), int)).scores
    assert score.tolist() == [[2**31 - 1, big.lowest(overflow)]]
    score = run_readout(spec, own, np.ones((3, 1, 1), int)).scores
    assert score.tolist() == [[2**31 - 1, -(2**31)]]
    # 2**30 three times saturates at 2**31 - 1; then -(2**31 - 1) + 2**30 is added
    fall = readout(1, 2, ReadoutMode.SUM, weight=big, bias=big, membrane=big, beta=0, overflow=overflow)
    up = params([[-(2**31) + 1], [2**31 - 1]], [2**30, -(2**30)])
    score = run_readout(fall, up, sequence([0], [0], [0], [1])).scores
    assert score.tolist() == [[2**30, -(2**30) - 1]]


def test_the_largest_of_an_always_negative_membrane_is_negative():
    trace = run_readout(readout(1, 1, ReadoutMode.MAX), params([[0]], [-4]), sequence([0], [0]))
    assert trace.v_mem[:, 0, 0].tolist() == [-4, -6]
    assert trace.scores.item() == -4


def test_a_delayed_reset_is_a_term_of_the_next_sum():
    spec = layer(1, 1, reset_mode=ResetMode.DELAYED, v_th=None)
    own = StageParams(np.array([[20]]), np.zeros(1, int), v_th=np.array([15]))
    trace = run_layer(spec, own, sequence([1], [0], [1], [1]))
    # 20 fires; 20/2 - 15 = -5; -5/2 + 20 = 17.5 fires; 17/2 + 20 - 15 = 13.5
    assert trace.v_mem.ravel().tolist() == [20, -5, 17, 13]
    assert trace.spikes.ravel().tolist() == [1, 0, 1, 0]


def test_each_input_has_its_own_forward_delay():
    spec = layer(3, 1, max_input_delay=9, v_th=100)
    own = StageParams(np.array([[1, 2, 4]]), np.zeros(1, int), input_delay_steps=np.array([0, 2, 9]))
    trace = run_layer(spec, own, sequence([1, 1, 1], [0, 0, 0], [0, 3, 0], [0, 0, 0]))
    assert (trace.i_syn.ravel() >> spec.sum_frac_bits).tolist() == [1, 0, 2, 0]


def test_a_recurrent_spike_has_no_forward_delay():
    """The next stage's delays are not those of the layer's own recurrence."""
    first = layer(1, 1, dense(), v_th=1)
    out = readout(1, 1, ReadoutMode.LAST, max_input_delay=2)
    network = Network(
        NetworkSpec((first,), out),
        (
            params([[1]], None, [[5]], [0]),
            StageParams(np.array([[1]]), np.zeros(1, int), input_delay_steps=np.array([2])),
        ),
    )
    trace = run(network, sequence([1], [0], [0], [0]))
    assert (trace.layers[0].i_rec.ravel() >> first.sum_frac_bits).tolist() == [0, 5, 5, 5]
    assert (trace.readout.i_syn.ravel() >> out.sum_frac_bits).tolist() == [0, 0, 1, 1]


@pytest.mark.parametrize(
    ("changes", "arrays", "message"),
    [
        (
            {"max_input_delay": 4},
            {"input_delay_steps": [5]},
            r"layer0\.input_delay_steps must be 0\.\.4, not 5",
        ),
        ({"max_input_delay": 4}, {}, r"layer0\.input_delay_steps is missing"),
        ({"beta": None}, {"beta": [2]}, r"layer0\.beta\[0\] must be 0\.\.1 .*, not 2"),
        ({"v_th": None}, {"v_th": [0]}, r"layer0\.v_th must be 1\.\.127, not 0"),
        ({}, {"v_th": [3]}, r"layer0\.v_th must be absent: the spec has none"),
        (
            {"synapse": SynapseSpec(current=INTEGER, alpha=None)},
            {"alpha": [-1]},
            r"layer0\.alpha\[0\] must be 0\.\.255 .*, not -1",
        ),
    ],
)
def test_arrays_per_neuron_are_checked(changes, arrays, message):
    spec = NetworkSpec((layer(1, 1, **changes),), readout(1, 1, ReadoutMode.SUM))
    own = StageParams(np.array([[1]]), np.zeros(1, int), **arrays)
    with pytest.raises(InputError, match=f"^{message}$"):
        Network(spec, (own, params([[1]])))


def test_samples_do_not_know_of_each_other():
    spec = NetworkSpec((layer(2, 3, conv(3, max_delay=2)),), readout(3, 2, ReadoutMode.SUM))
    rng = np.random.default_rng(7)
    network = Network(
        spec,
        (
            params(rng.integers(-20, 20, (3, 2)), [1, 2, 3], [4, -5, 6], [0, 1, 2]),
            params(rng.integers(-20, 20, (2, 3))),
        ),
    )
    counts = rng.integers(0, 2, (9, 5, 2))
    together = run(network, counts)
    for b in range(5):
        alone = run(network, counts[:, b : b + 1])
        for (_, _, both), (_, _, one) in zip(together.arrays(), alone.arrays(), strict=True):
            part = both[b : b + 1] if both.ndim == 2 else both[:, b : b + 1]
            assert np.array_equal(part, one)


def test_the_first_steps_do_not_know_of_later_ones():
    spec = layer(2, 3, dense(max_delay=2))
    rng = np.random.default_rng(8)
    own = params(rng.integers(-20, 20, (3, 2)), None, rng.integers(-20, 20, (3, 3)), [0, 1, 2])
    counts = rng.integers(0, 2, (9, 1, 2))
    whole = run_layer(spec, own, counts)
    assert np.array_equal(run_layer(spec, own, counts[:4]).v_mem, whole.v_mem[:4])


def test_no_samples_give_empty_traces():
    spec = NetworkSpec((layer(1, 1),), readout(1, 2, ReadoutMode.SUM))
    trace = run(Network(spec, (params([[1]]), params([[1], [1]]))), np.zeros((3, 0, 1), int))
    assert trace.scores.shape == (0, 2)
    assert trace.classes.tolist() == []


SPEC = NetworkSpec((layer(2, 3, conv(3, max_delay=4), input_bits=4),), readout(3, 2, ReadoutMode.SUM))


@pytest.mark.parametrize(
    ("counts", "message"),
    [
        (np.zeros((1, 1, 2)), r"input must hold integers, not float64"),
        (np.zeros((1, 1, 2), bool), r"input must hold integers, not bool"),
        (
            np.zeros((1, 2), int),
            r"input must have shape \(T >= 1, B, 2\), steps x samples x channels, not \(1, 2\)",
        ),
        (np.zeros((1, 1, 3), int), r"input must have shape .*, not \(1, 1, 3\)"),
        (np.zeros((0, 1, 2), int), r"input must have shape .*, not \(0, 1, 2\)"),
        (np.full((1, 1, 2), 16), r"input count must be 0\.\.15, not 16"),
        (np.full((1, 1, 2), -1), r"input count must be 0\.\.15, not -1"),
        (
            np.full((1, 1, 2), 2**64 - 1, np.uint64),
            rf"input must hold signed 64-bit integers, not {2**64 - 1}",
        ),
    ],
)
def test_unusable_inputs_are_refused(counts, message):
    network = Network(
        SPEC, (params(np.zeros((3, 2), int), None, [0] * 3, [0] * 3), params(np.zeros((2, 3), int)))
    )
    with pytest.raises(InputError, match=f"^{message}$"):
        run(network, counts)


W = np.zeros((3, 2), int)


@pytest.mark.parametrize(
    ("hidden", "message"),
    [
        (params(W), r"layer0\.recurrent is missing"),
        (params(W, None, [0] * 3), r"layer0\.delay_steps is missing"),
        (params(W.T, None, [0] * 3, [0] * 3), r"layer0\.weight must have shape \(3, 2\), not \(2, 3\)"),
        (params(W, [0] * 2, [0] * 3, [0] * 3), r"layer0\.bias must have shape \(3,\), not \(2,\)"),
        (params(W, None, W, [0] * 3), r"layer0\.recurrent must have shape \(3,\), not \(3, 2\)"),
        (params(W, None, [0] * 3, [0]), r"layer0\.delay_steps must have shape \(3,\), not \(1,\)"),
        (params(W + 128, None, [0] * 3, [0] * 3), r"layer0\.weight\[0, 0\] must be -128\.\.127 .*, not 128"),
        (params(W, [0, 0, -129], [0] * 3, [0] * 3), r"layer0\.bias\[2\] must be -128\.\.127 .*, not -129"),
        (params(W, None, [0, 200, 0], [0] * 3), r"layer0\.recurrent\[1\] must be -128\.\.127 .*, not 200"),
        (params(W, None, [0] * 3, [0, 5, 0]), r"layer0\.delay_steps must be 0\.\.4, not 5"),
        (params(W, None, [0] * 3, [0, -1, 0]), r"layer0\.delay_steps must be 0\.\.4, not -1"),
    ],
)
def test_parameters_that_do_not_fit_the_spec_are_refused(hidden, message):
    with pytest.raises(InputError, match=f"^{message}$"):
        Network(SPEC, (hidden, params(np.zeros((2, 3), int))))


def test_parameters_of_too_few_stages_and_of_no_recurrence_are_refused():
    hidden = params(W, None, [0] * 3, [0] * 3)
    with pytest.raises(InputError, match=r"^parameters must be of 2 stages, not 1$"):
        Network(SPEC, (hidden,))
    with pytest.raises(InputError, match=r"^readout\.delay_steps must be absent: the spec has none$"):
        Network(SPEC, (hidden, params(np.zeros((2, 3), int), None, None, [0, 0])))


def test_parameters_are_copies_that_nobody_changes():
    weight = np.zeros((3, 2), int)
    own = params(weight)
    given = StageParams(weight, np.zeros(3, np.int8))
    weight[:] = 5
    for held in (own, given):
        assert not held.weight.any()
        with pytest.raises(ValueError, match=r"read-only"):
            held.weight[0, 0] = 1
    assert given.bias.dtype == np.int64
    with pytest.raises(InputError, match=r"^weight must hold integers, not float64$"):
        StageParams(np.zeros((3, 2)), np.zeros(3, int))
    with pytest.raises(InputError, match=r"^bias must hold integers, not bool$"):
        StageParams(weight, np.zeros(3, bool))

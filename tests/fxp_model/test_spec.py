"""Specs validate themselves, survive JSON, and compute widths that are sufficient and tight."""

import json
from dataclasses import FrozenInstanceError, replace
from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fxp_model.errors import InputError
from fxp_model.fixed import Overflow, QFormat, Rounding
from fxp_model.random_networks import random_network
from fxp_model.spec import (
    IntegratorSpec,
    LayerSpec,
    NetworkSpec,
    ReadoutMode,
    ReadoutSpec,
    RecurrenceKind,
    RecurrenceSpec,
    ResetMode,
    SynapseSpec,
    fires,
)

BYTE = QFormat(True, 2, 6)
WORD = QFormat(True, 6, 10)
CONV = RecurrenceSpec(RecurrenceKind.CONV, BYTE, max_delay=63, kernel_size=5)
DENSE = RecurrenceSpec(RecurrenceKind.DENSE, BYTE, max_delay=63)
LAYER = LayerSpec(
    n_in=140,
    n_out=256,
    input_bits=4,
    weight=BYTE,
    bias=WORD,
    membrane=WORD,
    beta=240,
    v_th=1024,
    recurrence=CONV,
)
READOUT = ReadoutSpec(n_in=256, n_out=20, weight=BYTE, bias=WORD, membrane=WORD, beta=250)
NETWORK = NetworkSpec((LAYER,), READOUT)
SYNAPSE = SynapseSpec(current=WORD, alpha=200)
CUBA = replace(LAYER, synapse=SYNAPSE, leak_rounding=Rounding.TRN_ZERO, max_input_delay=7, beta=None)


# -- widths -------------------------------------------------------------------------------------


def extremes(spec, n_out):
    """Lowest and highest exact sum, in its own lsb, over every code of every term, one by one."""
    inputs = range(spec.max_input + 1)
    products = {w * x for w in codes(spec.weight) for x in inputs}
    scale = 2**spec.sum_frac_bits
    synapses = sums(spec.n_in * [{value / 2**spec.weight.frac_bits * scale for value in products}])
    terms = [
        {
            spec.beta * v / 2 ** (spec.beta_format.frac_bits + spec.membrane.frac_bits) * scale
            for v in codes(spec.membrane)
        },
        synapses,
        {b / 2**spec.bias.frac_bits * scale for b in codes(spec.bias)},
    ]
    recurrence = getattr(spec, "recurrence", None)
    if recurrence is not None:
        heard = {
            w * s / 2**recurrence.weight.frac_bits * scale for w in codes(recurrence.weight) for s in (0, 1)
        }
        terms.append(set().union(*(sums(count * [heard]) for count in heard_counts(recurrence, n_out))))
    total = sums(terms)
    low, high = min(total), max(total)
    assert low == int(low)
    assert high == int(high)
    return int(low), int(high), synapses


def codes(fmt):
    return range(fmt.min_raw, fmt.max_raw + 1)


def sums(terms):
    """Every sum of one value of each term."""
    total = {0.0}
    for term in terms:
        total = {a + b for a, b in product(total, term)}
    return total


def heard_counts(recurrence, n_out):
    """Number of neurons that reach each neuron, by the definition of the edges."""
    if recurrence.kind is RecurrenceKind.DENSE:
        return [n_out]
    p = (recurrence.kernel_size - 1) // 2
    return [sum(0 <= n + k - p < n_out for k in range(recurrence.kernel_size)) for n in range(n_out)]


def width_of(low, high):
    width = 1
    while not (-(2 ** (width - 1)) <= low and high < 2 ** (width - 1)):
        width += 1
    return width


SMALL = {
    "n_in": 2,
    "n_out": 3,
    "weight": QFormat(True, 1, 1),
    "bias": QFormat(True, 1, 2),
    "membrane": QFormat(True, 2, 1),
    "beta": 3,
    "beta_format": QFormat(False, 0, 2),
    "v_th": 1,
}


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"n_in": 1, "input_bits": 3},
        {"n_in": 3, "input_bits": 1},
        {"beta": 0},
        {"beta": 15, "beta_format": QFormat(False, 2, 2)},
        {"weight": QFormat(True, 4, -1)},
        {"weight": QFormat(True, 0, 4)},
        {"weight": QFormat(True, 1, 0)},
        {"bias": QFormat(True, -2, 6)},
        {"bias": QFormat(True, 6, -3)},
        {"membrane": QFormat(True, 4, -1), "bias": QFormat(True, 1, 0)},
        *(
            {"n_out": n, "recurrence": RecurrenceSpec(RecurrenceKind.CONV, QFormat(True, 2, 0), 0, k)}
            for n in (1, 2, 4)
            for k in (1, 3, 5)
        ),
        *(
            {"n_out": n, "recurrence": RecurrenceSpec(RecurrenceKind.DENSE, QFormat(True, 0, 3), 0)}
            for n in (1, 4)
        ),
    ],
)
def test_widths_are_enough_and_tight(changes):
    spec = LayerSpec(**{**SMALL, **changes})
    low, high, synapses = extremes(spec, spec.n_out)
    assert spec.sum_bits == width_of(low, high)
    per_weight_lsb = 2.0 ** (spec.sum_frac_bits - spec.weight.frac_bits)
    assert spec.accumulator_bits == width_of(min(synapses) / per_weight_lsb, max(synapses) / per_weight_lsb)


def test_the_fraction_is_that_of_the_finest_term():
    assert LAYER.sum_frac_bits == 8 + 10
    assert LAYER.rounded_bits == 8
    assert replace(LAYER, bias=QFormat(True, 2, 20)).sum_frac_bits == 20
    assert replace(LAYER, weight=QFormat(True, -15, 23)).sum_frac_bits == 23
    fine = replace(LAYER, recurrence=replace(CONV, weight=QFormat(True, -20, 24)))
    assert (fine.sum_frac_bits, fine.rounded_bits) == (24, 14)


@pytest.mark.parametrize("mode", ReadoutMode)
def test_only_what_fires_subtracts_a_threshold_in_the_next_step(mode):
    counts = mode is ReadoutMode.SPIKE_COUNT
    readout = replace(READOUT, mode=mode, v_th=1024 if counts else 0)
    assert fires(readout) is counts
    later = replace(readout, reset_mode=ResetMode.DELAYED)
    assert later.sum_range[0] == readout.sum_range[0] - counts * (1024 << readout.rounded_bits)
    assert later.sum_range[1] == readout.sum_range[1]
    assert fires(LAYER)


def test_sums_of_62_bits_are_the_widest():
    # lowest: -(2**30 - 1) * 2**31 - 2 * 2**30 = -2**61; with beta = 2**30 it is 2**31 lower
    bit = QFormat(True, 1, 0)
    spec = LayerSpec(
        n_in=1,
        n_out=1,
        weight=bit,
        bias=bit,
        membrane=QFormat(True, 32, 0),
        beta=2**30 - 1,
        beta_format=QFormat(False, 1, 30),
        v_th=1,
    )
    assert spec.sum_bits == 62
    with pytest.raises(InputError, match=r"^exact sum of the membrane must fit 62 bits, not 63$"):
        replace(spec, beta=2**30)


def test_recurrent_parameters_are_those_of_the_paper():
    assert LAYER.recurrent_parameters == 5 + 256
    assert replace(LAYER, recurrence=replace(CONV, kernel_size=3)).recurrent_parameters == 259
    assert replace(LAYER, recurrence=DENSE).recurrent_parameters == 65_792
    assert replace(LAYER, recurrence=None).recurrent_parameters == 0


@given(st.integers(1, 40), st.integers(1, 15).map(lambda half: 2 * half + 1))
def test_fan_in_of_a_kernel_is_the_most_that_one_neuron_hears(n_out, kernel_size):
    recurrence = replace(CONV, kernel_size=kernel_size)
    assert recurrence.fan_in(n_out) == max(heard_counts(recurrence, n_out))
    assert DENSE.fan_in(n_out) == n_out


# -- validation ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"n_in": 0}, r"n_in must be an integer of 1\.\.65536, not 0"),
        ({"n_in": True}, r"n_in must be an integer of 1\.\.65536, not True"),
        ({"n_out": 65537}, r"n_out must be an integer of 1\.\.65536, not 65537"),
        ({"n_out": np.int64(3)}, r"n_out must be an integer of 1\.\.65536, not .*3.*"),
        ({"input_bits": 9}, r"input_bits must be an integer of 1\.\.8, not 9"),
        ({"weight": QFormat(False, 2, 6)}, r"weight must be a signed format, not ufixed<8,2>"),
        ({"bias": None}, r"bias must be of type QFormat, not None"),
        ({"membrane": 16}, r"membrane must be of type QFormat, not 16"),
        ({"beta_format": QFormat(True, 1, 8)}, r"beta_format must be unsigned, not fixed<9,1>"),
        ({"beta_format": 8}, r"beta_format must be of type QFormat, not 8"),
        ({"beta": 256}, r"beta must be an integer of 0\.\.255, not 256"),
        ({"beta": 0.5}, r"beta must be an integer of 0\.\.255, not 0\.5"),
        ({"rounding": "RND"}, r"rounding must be of type Rounding, not 'RND'"),
        ({"overflow": "SAT"}, r"overflow must be of type Overflow, not 'SAT'"),
        ({"v_th": 0}, r"v_th must be an integer of 1\.\.32767, not 0"),
        ({"v_th": 32768}, r"v_th must be an integer of 1\.\.32767, not 32768"),
        ({"reset_mode": "zero"}, r"reset_mode must be of type ResetMode, not 'zero'"),
        ({"recurrence": "conv"}, r"recurrence must be of type RecurrenceSpec, not 'conv'"),
        ({"leak_rounding": "TRN"}, r"leak_rounding must be of type Rounding, not 'TRN'"),
        ({"max_input_delay": -1}, r"max_input_delay must be an integer of 0\.\.1023, not -1"),
        ({"max_input_delay": 1024}, r"max_input_delay must be an integer of 0\.\.1023, not 1024"),
        ({"synapse": 200}, r"synapse must be of type SynapseSpec, not 200"),
        (
            {"synapse": SynapseSpec(current=QFormat(True, 32, -18), alpha=0), "bias": QFormat(True, -40, 48)},
            r"fraction bits of the exact sum below the synaptic current's lsb must be an integer of 0\.\.62, "
            r"not 66",
        ),
        (
            {
                "synapse": SynapseSpec(
                    current=QFormat(True, 16, 16), alpha=2**31, alpha_format=QFormat(False, 1, 31)
                )
            },
            r"exact sum of the synaptic current must fit 62 bits, not 64",
        ),
        (
            {"bias": QFormat(True, -40, 48), "membrane": QFormat(True, 34, -18), "beta": 0},
            r"fraction bits of the exact sum below the membrane's lsb must be an integer of 0\.\.62, not 66",
        ),
        (
            {
                "beta_format": QFormat(False, 9, -1),
                "weight": QFormat(True, 8, 0),
                "bias": QFormat(True, 8, 0),
                "recurrence": None,
            },
            r"fraction bits of the exact sum below the membrane's lsb must be an integer of 0\.\.62, not -1",
        ),
    ],
)
def test_layers_out_of_range_are_refused(changes, message):
    with pytest.raises(InputError, match=f"^{message}$"):
        replace(LAYER, **changes)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"kind": "conv"}, r"kind must be of type RecurrenceKind, not 'conv'"),
        ({"max_delay": -1}, r"max_delay must be an integer of 0\.\.1023, not -1"),
        ({"max_delay": 1024}, r"max_delay must be an integer of 0\.\.1023, not 1024"),
        ({"kernel_size": 4}, r"kernel_size must be odd, not 4"),
        ({"kernel_size": 33}, r"kernel_size must be an integer of 1\.\.31, not 33"),
        ({"kernel_size": 0}, r"kernel_size must be an integer of 1\.\.31, not 0"),
        ({"weight": QFormat(False, 2, 6)}, r"recurrence weight must be a signed format, not ufixed<8,2>"),
        ({"kind": RecurrenceKind.DENSE}, r"kernel_size of a dense recurrence must be 0, not 5"),
    ],
)
def test_recurrences_out_of_range_are_refused(changes, message):
    with pytest.raises(InputError, match=f"^{message}$"):
        replace(CONV, **changes)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"v_th": 1}, r"v_th of a sum readout must be 0, not 1"),
        ({"v_th": False}, r"v_th of a sum readout must be 0, not False"),
        (
            {"mode": ReadoutMode.SPIKE_COUNT},
            r"v_th of a spike_count readout must be an integer of 1\.\.32767, not 0",
        ),
        ({"mode": "sum"}, r"mode must be of type ReadoutMode, not 'sum'"),
        ({"reset_mode": None}, r"reset_mode must be of type ResetMode, not None"),
        ({"n_in": -1}, r"n_in must be an integer of 1\.\.65536, not -1"),
    ],
)
def test_readouts_out_of_range_are_refused(changes, message):
    with pytest.raises(InputError, match=f"^{message}$"):
        replace(READOUT, **changes)


HIDDEN = replace(LAYER, n_in=256, input_bits=1)


@pytest.mark.parametrize(
    ("layers", "readout", "message"),
    [
        ((), READOUT, r"a network must have at least 1 hidden layer, not 0"),
        ([LAYER], READOUT, r"layers must be of type tuple, not \[LayerSpec.*"),
        ((LAYER, READOUT), READOUT, r"layer1 must be of type LayerSpec, not ReadoutSpec.*"),
        ((LAYER,), HIDDEN, r"readout must be of type ReadoutSpec, not LayerSpec.*"),
        ((LAYER, LAYER), READOUT, r"n_in of layer1 must be 256 \(n_out before it\), not 140"),
        (
            (LAYER, replace(HIDDEN, input_bits=2)),
            READOUT,
            r"input_bits of layer1 must be 1 \(spikes\), not 2",
        ),
        ((LAYER,), replace(READOUT, n_in=7), r"n_in of readout must be 256 \(n_out before it\), not 7"),
        ((LAYER,), replace(READOUT, input_bits=3), r"input_bits of readout must be 1 \(spikes\), not 3"),
    ],
)
def test_stages_that_do_not_join_are_refused(layers, readout, message):
    with pytest.raises(InputError, match=f"(?s)^{message}$"):
        NetworkSpec(layers, readout)


def test_a_network_names_its_stages():
    network = NetworkSpec((LAYER, HIDDEN), READOUT)
    assert network.stage_names == ("layer0", "layer1", "readout")
    assert network.stages == (LAYER, HIDDEN, READOUT)
    assert (network.n_in, network.n_out) == (140, 20)
    with pytest.raises(FrozenInstanceError):
        network.readout = None
    assert hash(network) == hash(NetworkSpec((LAYER, HIDDEN), READOUT))


def test_the_defaults():
    spec = IntegratorSpec(n_in=1, n_out=1, weight=BYTE, bias=BYTE, membrane=WORD, beta=1)
    assert (spec.input_bits, spec.rounding, spec.overflow) == (1, Rounding.RND, Overflow.SAT)
    assert LAYER.reset_mode is ResetMode.ZERO
    assert READOUT.mode is ReadoutMode.SUM


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"alpha": 256}, r"alpha must be an integer of 0\.\.255, not 256"),
        ({"alpha_format": QFormat(True, 1, 8)}, r"alpha_format must be unsigned, not fixed<9,1>"),
        ({"current": QFormat(False, 6, 10)}, r"current must be a signed format, not ufixed<16,6>"),
        ({"rounding": "RND"}, r"rounding must be of type Rounding, not 'RND'"),
        ({"leak_rounding": 1}, r"leak_rounding must be of type Rounding, not 1"),
    ],
)
def test_synapses_out_of_range_are_refused(changes, message):
    with pytest.raises(InputError, match=f"^{message}$"):
        replace(SYNAPSE, **changes)


def test_what_each_neuron_has_for_itself_is_an_array():
    own = replace(CUBA, v_th=None, synapse=replace(SYNAPSE, alpha=None))
    more = {"beta": (256,), "alpha": (256,), "v_th": (256,), "input_delay_steps": (140,)}
    assert own.shapes == LAYER.shapes | more
    # any code of the format may come: the sum is as wide as the largest makes it
    assert own.leak.term == replace(own, beta=255).leak.term
    assert replace(own, reset_mode=ResetMode.DELAYED).sum_range[0] == own.sum_range[0] - 32767


def test_a_synaptic_current_has_a_sum_of_its_own():
    assert CUBA.input_sum.target == WORD
    assert (CUBA.input_frac_bits, CUBA.input_sum.rounded_bits) == (18, 8)
    assert (CUBA.sum_frac_bits, CUBA.rounded_bits) == (10, 0)  # the leak is rounded, the current has 10 bits
    assert replace(CUBA, leak_rounding=None).sum_frac_bits == 18


# -- JSON ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(40))
def test_json_and_back_is_the_same_network(seed):
    spec = random_network(np.random.default_rng(seed)).spec
    text = json.dumps(spec.to_dict())
    back = NetworkSpec.from_dict(json.loads(text))
    assert back == spec
    assert json.dumps(back.to_dict()) == text


def test_what_a_stage_does_not_have_is_absent_from_its_json_form():
    absent = {"leak_rounding", "max_input_delay", "synapse"}
    assert not absent & NETWORK.to_dict()["layers"][0].keys()
    table = json.loads(json.dumps(NetworkSpec((CUBA,), READOUT).to_dict()))
    assert table["layers"][0].keys() > absent
    assert NetworkSpec.from_dict(table).layers == (CUBA,)
    table["layers"][0]["synapse"]["gain"] = 1
    with pytest.raises(InputError, match=r"^network\.layers\[0\]\.synapse\.gain is unknown$"):
        NetworkSpec.from_dict(table)


def test_the_json_form_is_flat_and_named():
    table = json.loads(json.dumps(NETWORK.to_dict()))
    assert list(table) == ["layers", "readout"]
    assert table["layers"][0]["weight"] == {"signed": True, "int_bits": 2, "frac_bits": 6}
    assert table["layers"][0]["recurrence"]["kind"] == "conv"
    assert table["readout"]["mode"] == "sum"


def test_formats_may_be_written_as_hls4ml_writes_them():
    table = json.loads(json.dumps(NETWORK.to_dict()))
    for stage in (*table["layers"], table["readout"]):
        stage |= {"weight": "ap_fixed<8,2>", "membrane": "ap_fixed<16,6,AP_RND,AP_SAT>"}
        stage["beta_format"] = "ap_ufixed<8,0>"
    table["layers"][0]["recurrence"]["weight"] = "ap_fixed<8,2>"
    del table["readout"]["rounding"], table["readout"]["overflow"]
    assert NetworkSpec.from_dict(table) == NETWORK


def damaged(path, value):
    """The JSON form of NETWORK with the item at `path` replaced, or removed when `value` is DELETE."""
    table = json.loads(json.dumps(NETWORK.to_dict()))
    *parents, last = path
    inner = table
    for key in parents:
        inner = inner[key]
    if value is DELETE:
        del inner[last]
    else:
        inner[last] = value
    return table


DELETE = object()
L0 = ("layers", 0)


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        (("readout",), DELETE, r"network\.readout is missing"),
        (("extra",), 1, r"network\.extra is unknown"),
        (("layers",), 3, r"network\.layers must be a list, not 3"),
        (("layers",), [], r"a network must have at least 1 hidden layer, not 0"),
        (L0, None, r"network\.layers\[0\] must be an object, not None"),
        ((*L0, "beta"), DELETE, r"network\.layers\[0\]\.beta is missing"),
        ((*L0, "beta"), "240", r"network\.layers\[0\]: beta must be an integer of 0\.\.255, not '240'"),
        ((*L0, "gain"), 2, r"network\.layers\[0\]\.gain is unknown"),
        (
            (*L0, "rounding"),
            "AWAY",
            r"network\.layers\[0\]\.rounding must be one of TRN, TRN_ZERO, .*, RND_CONV, not 'AWAY'",
        ),
        (
            (*L0, "overflow"),
            1,
            r"network\.layers\[0\]\.overflow must be one of WRAP, SAT, SAT_ZERO, SAT_SYM, not 1",
        ),
        (
            (*L0, "overflow"),
            ["SAT"],
            r"network\.layers\[0\]\.overflow must be one of WRAP, SAT, SAT_ZERO, SAT_SYM, not \['SAT'\]",
        ),
        (
            (*L0, "reset_mode"),
            None,
            r"network\.layers\[0\]\.reset_mode must be one of zero, subtract, delayed, not None",
        ),
        (
            (*L0, "weight"),
            "ap_fixed<8>",
            r"network\.layers\[0\]\.weight: precision must be like ap_fixed<16,6>, not 'ap_fixed<8>'",
        ),
        (
            (*L0, "membrane"),
            "ap_fixed<16,6>",
            r"network\.layers\[0\]\.rounding must be TRN, as network\.layers\[0\]\.membrane says "
            r"\(ap_fixed<16,6>\), not 'RND'",
        ),
        ((*L0, "membrane"), "auto", r"network\.layers\[0\]\.membrane: precision must be .*, not 'auto'"),
        ((*L0, "weight"), 8, r"network\.layers\[0\]\.weight must be an object, not 8"),
        ((*L0, "weight", "signed"), DELETE, r"network\.layers\[0\]\.weight\.signed is missing"),
        (
            (*L0, "weight", "signed"),
            1,
            r"network\.layers\[0\]\.weight: signed of a format must be true or false, not 1",
        ),
        (
            (*L0, "weight", "frac_bits"),
            31,
            r"network\.layers\[0\]\.weight: width of fixed<33,2> must be 1\.\.32 bits, not 33",
        ),
        ((*L0, "recurrence"), {}, r"network\.layers\[0\]\.recurrence\.kernel_size is missing"),
        (
            (*L0, "recurrence", "kind"),
            "ring",
            r"network\.layers\[0\]\.recurrence\.kind must be one of conv, dense, not 'ring'",
        ),
        (
            (*L0, "recurrence", "kernel_size"),
            2,
            r"network\.layers\[0\]\.recurrence: kernel_size must be odd, not 2",
        ),
        ((*L0, "recurrence", "weight", "x"), 2, r"network\.layers\[0\]\.recurrence\.weight\.x is unknown"),
        (
            ("readout", "mode"),
            "mean",
            r"network\.readout\.mode must be one of sum, last, max, spike_count, not 'mean'",
        ),
        (("readout", "v_th"), 4, r"network\.readout: v_th of a sum readout must be 0, not 4"),
        (("readout", "recurrence"), None, r"network\.readout\.recurrence is unknown"),
        (("readout", "n_in"), 255, r"n_in of readout must be 256 \(n_out before it\), not 255"),
    ],
)
def test_fields_that_do_not_fit_are_named_by_their_path(path, value, message):
    with pytest.raises(InputError, match=f"^{message}$"):
        NetworkSpec.from_dict(damaged(path, value))


@pytest.mark.parametrize("value", [None, [], "network", 3])
def test_what_is_no_object_is_no_network(value):
    with pytest.raises(InputError, match=r"^network must be an object, not "):
        NetworkSpec.from_dict(value)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**40), 2**40) | st.floats() | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=4,
)


def paths(value, prefix=()):
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in items:
        yield (*prefix, key)
        yield from paths(inner, (*prefix, key))


@given(st.sampled_from(list(paths(json.loads(json.dumps(NETWORK.to_dict()))))), JSON)
def test_any_other_value_is_refused_in_one_line_or_makes_a_legal_network(path, value):
    message, spec = "", None
    try:
        spec = NetworkSpec.from_dict(damaged(path, value))
    except InputError as error:
        message = str(error)
    assert "\n" not in message
    if spec is not None:
        assert NetworkSpec.from_dict(json.loads(json.dumps(spec.to_dict()))) == spec

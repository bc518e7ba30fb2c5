"""Lava's ``.net``: integers without any loss, against its law written out."""

from dataclasses import replace
from itertools import pairwise

import h5py
import numpy as np
import pytest

from fxp_model.errors import InputError
from fxp_model.exchange.asked import Asked
from fxp_model.exchange.read import read_network
from fxp_model.fixed import Overflow, Rounding
from fxp_model.network import Network, run
from fxp_model.spec import NetworkSpec, ReadoutMode
from tests.foreign import dense_net

STEPS, CLIPS = 80, 4


def toward_zero(state, kept):
    product = state.astype(np.int64) * kept
    return np.sign(product) * (np.abs(product) >> 12)


def lava(layers, counts):
    """Spikes of every layer, whose layers take each other's a step later."""
    signal = counts
    spikes = []
    for layer in layers:
        weight = np.array(layer["weight"])
        n = len(weight)
        u, v = np.zeros((2, counts.shape[1], n), np.int64)
        sent = np.zeros((len(signal), counts.shape[1], n), np.int64)
        out = np.zeros_like(sent)
        for t, x in enumerate(signal):
            u = toward_zero(u, 4096 - np.array(layer.get("iDecay", 4096))) + (x @ weight.T << 6)
            u = (u + (1 << 23)) % (1 << 24) - (1 << 23)
            v = toward_zero(v, 4096 - np.array(layer["vDecay"])) + u + (np.array(layer.get("bias", 0)) << 6)
            v = np.clip(v, -(1 << 23) + 1, (1 << 23) - 1)
            sent[t] = v >= np.array(layer["vThMant"]) << 6
            v = v * (1 - sent[t])
        for neuron, delay in enumerate(np.broadcast_to(layer.get("delay", 0), n)):
            out[1 + delay :, :, neuron] = sent[: len(sent) - 1 - delay, :, neuron]
        spikes.append(sent)
        signal = out
    return spikes


def random_layers(seed, synapse, delays):
    rng = np.random.default_rng(seed)
    sizes = (7, 20, 12, 4)
    layers = []
    for n_in, n in pairwise(sizes):
        layer = {"weight": rng.integers(-90, 128, (n, n_in)), "vThMant": 120}
        layer["vDecay"] = int(rng.integers(0, 2000)) if seed % 2 else rng.integers(0, 4097, n)
        if synapse:
            layer["iDecay"] = int(rng.integers(800, 4000))
        else:
            layer["bias"] = rng.integers(-3, 6, n)
        if delays:
            layer["delay"] = rng.integers(0, 63, n)
        layers.append(layer)
    return layers


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("synapse", [False, True])
@pytest.mark.parametrize("delays", [False, True])
def test_every_spike_is_lava_s(tmp_path, seed, synapse, delays):
    layers = random_layers(seed, synapse, delays)
    counts = (np.random.default_rng(seed).random((STEPS, CLIPS, 7)) < 0.3).astype(np.int64)
    network = read_network(dense_net(tmp_path / "net.net", layers), Asked())
    assert network.spec.readout.mode is ReadoutMode.SPIKE_COUNT
    trace = run(network, counts)
    expected = lava(layers, counts)
    hidden = len(network.spec.layers)
    assert hidden == (3 if delays else 2)  # a counter behind the last layer's delays
    for index, layer in enumerate(trace.layers):
        assert expected[index][:STEPS].sum() > 20
        assert layer.spikes.tolist() == expected[index][:STEPS].tolist()
    if not delays:
        assert trace.scores.tolist() == expected[2][:STEPS].sum(0).tolist()


def test_rounding_towards_zero_matters(tmp_path):
    layers = random_layers(1, False, False)
    counts = (np.random.default_rng(1).random((STEPS, CLIPS, 7)) < 0.3).astype(np.int64)
    network = read_network(dense_net(tmp_path / "net.net", layers), Asked())
    spec = network.spec
    assert all(layer.leak_rounding is Rounding.TRN_ZERO for layer in spec.layers)
    assert all(layer.overflow is Overflow.SAT_SYM for layer in spec.layers)
    down = tuple(replace(layer, leak_rounding=Rounding.TRN) for layer in spec.layers)
    other = Network(NetworkSpec(down, spec.readout), network.params)
    assert (run(network, counts).layers[1].v_mem != run(other, counts).layers[1].v_mem).any()


def test_counts_may_have_bits(tmp_path):
    file = dense_net(tmp_path / "net.net", random_layers(0, False, False))
    assert read_network(file, Asked(), input_bits=4).spec.layers[0].input_bits == 4


ONE = {"weight": [[10, 20], [30, -40]], "vDecay": 128, "vThMant": 80}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"type": "RF"}, "layer 0: neuron must be CUBA, not 'RF'"),
        ({"refDelay": 2}, "layer 0: refDelay must be 1: there is no refractory period here"),
        ({"gradedSpike": True}, "layer 0: gradedSpike must be off"),
        ({"iDecay": 1024, "bias": [1, 0]}, "layer 0: bias must be 0 with iDecay below 4096"),
        ({"weight": [[1.5, 2]]}, "layer 0: weight must be integers, not 1.5"),
        ({"weight": [[np.nan, 2]]}, "layer 0: weight must be integers, not nan"),
        ({"vDecay": 5000}, "layer 0: vDecay must be 0..4096, not 5000"),
        ({"vThMant": 0}, "layer 0: vThMant must be 1..131071, not 0"),
        ({"vDecay": [1, 2, 3]}, "layer 0: vDecay must be one number or 2, not 3"),
        ({"delay": [1, 63]}, "layer 0: delay must be 0..62, not 63"),
    ],
)
def test_what_cannot_be_the_same_is_refused_by_name(tmp_path, changes, message):
    with pytest.raises(InputError, match=message):
        read_network(dense_net(tmp_path / "net.net", [ONE | changes]), Asked())


def flat(path, numbers, *shape):
    """`ONE` with its weights as one vector and their shape, as SLAYER writes them."""
    with h5py.File(dense_net(path, [ONE]), "a") as opened:
        del opened["layer/0/weight"]
        opened["layer/0"].pop("shape", None)
        opened["layer/0/weight"], opened["layer/0/shape"] = np.arange(numbers), np.array(shape)
    return path


def test_weights_may_be_one_vector(tmp_path):
    network = read_network(flat(tmp_path / "net.net", 6, 2), Asked())
    assert network.params[0].weight.tolist() == [[0, 1, 2], [3, 4, 5]]
    for numbers, rows in ((5, 2), (6, 0), (0, 2)):
        with pytest.raises(InputError, match=f"weight must be {rows} rows, by its shape, not {numbers} num"):
            read_network(flat(tmp_path / "net.net", numbers, rows), Asked())


def test_layers_must_fit_and_be_dense(tmp_path):
    file = dense_net(tmp_path / "net.net", [ONE, ONE | {"weight": [[1, 2, 3]]}])
    with pytest.raises(InputError, match="layer 1: weight must have 2 inputs, not 3"):
        read_network(file, Asked())
    file = dense_net(tmp_path / "net.net", [ONE])
    with h5py.File(file, "a") as opened:
        del opened["layer/0/type"]
        opened["layer/0"].create_dataset("type", (1,), "S10", [b"conv"])
    with pytest.raises(
        InputError, match="layer 0: type must be dense, not 'conv': no such layer can be the same here"
    ):
        read_network(file, Asked())

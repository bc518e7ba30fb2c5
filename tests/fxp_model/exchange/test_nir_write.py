"""Artifacts as NIR: read back as the same integers, and run by nirtorch with snnTorch's neurons."""

from dataclasses import replace

import nir
import numpy as np
import pytest
import torch

from fxp_model.artifact import load_artifact
from fxp_model.errors import InputError
from fxp_model.exchange.asked import Asked
from fxp_model.exchange.nir_write import nir_bytes, nir_graph, unsaid
from fxp_model.exchange.read import read_network
from fxp_model.fixed import Overflow, QFormat, Rounding
from fxp_model.network import Network, StageParams, run
from fxp_model.pretrained import find
from fxp_model.random_networks import random_network
from fxp_model.spec import (
    Answer,
    LayerSpec,
    NetworkSpec,
    ReadoutMode,
    ReadoutSpec,
    RecurrenceKind,
    RecurrenceSpec,
    ResetMode,
    SynapseSpec,
)
from tb.harness.depth import depth

DT = 1e-4
"""The step that snnTorch's import assumes."""
WEIGHT = QFormat(True, 2, 6)
MEMBRANE = QFormat(True, 8, 20)
HALF = QFormat(False, 0, 4)


def same(one, other):
    assert one.spec == other.spec
    for a, b in zip(one.params, other.params, strict=True):
        assert [(key, array.tolist()) for key, array in a.arrays()] == [
            (key, array.tolist()) for key, array in b.arrays()
        ]


def written(tmp_path, network, dt=DT):
    file = tmp_path / "net.nir"
    file.write_bytes(nir_bytes(nir_graph(network, dt)))
    return file


def above_one(network):
    """Whether a share of the network cannot be a time constant."""
    for spec, params in zip(network.spec.stages, network.params, strict=True):
        beta = spec.beta_format.to_real(spec.beta if params.beta is None else params.beta)
        alpha = np.zeros(1)
        if spec.synapse is not None:
            alpha = spec.synapse.alpha_format.to_real(
                spec.synapse.alpha if params.alpha is None else params.alpha
            )
        if (alpha >= 1).any() or ((beta >= 1).any() and not ((beta == 1).all() and spec.synapse is None)):
            return True
    return False


def test_random_networks_come_back_as_the_same_integers(tmp_path):
    rng = np.random.default_rng(7)
    kept, refused = 0, 0
    while kept < depth(12, 60):
        network = random_network(rng)
        dt = float(10 ** rng.uniform(-5, 1))
        if above_one(network):
            with pytest.raises(InputError, match="to be a time constant of NIR"):
                nir_graph(network, dt)
            refused += 1
            continue
        same(read_network(written(tmp_path, network, dt), Asked()), network)
        kept += 1
    assert refused < 5 * kept


@pytest.mark.parametrize("name", ["asc20-256x256-k5", "asc20-256x256-k5-4bit"])
def test_a_bundled_network_comes_back(tmp_path, name):
    network = load_artifact(find(name)).network
    file = written(tmp_path, network)
    same(read_network(file, Asked()), network)
    graph = nir.read(file, type_check=False)
    assert [type(node).__name__ for node in graph.nodes.values()].count("Conv1d") == 2
    assert graph.nodes["layer0_delay"].delay == pytest.approx((1 + network.params[0].delay_steps) * DT)
    assert unsaid(network) == [
        "layer0: reset subtract, where NIR means zero",
        "layer1: reset subtract, where NIR means zero",
        "input: counts of 4 bits, where NIR has spikes",
        "readout: scores are the sum of its membranes over the steps",
    ]


def test_what_the_graph_says_must_be_what_the_metadata_say(tmp_path):
    network = small()
    graph = nir_graph(network, DT)
    graph.nodes["layer0_w"].weight[0, 0] += 0.001
    (tmp_path / "net.nir").write_bytes(nir_bytes(graph))
    with pytest.raises(
        InputError, match=r"layer0: weight must be multiples of 0.015625, as the metadata say"
    ):
        read_network(tmp_path / "net.nir", Asked())
    with pytest.raises(InputError, match=r"dt must be 0.0001, as the metadata say, not 0.001"):
        read_network(written(tmp_path, network), Asked(dt=1e-3))
    graph = nir_graph(network, DT)
    graph.metadata["spikeline"] = "{}"
    (tmp_path / "net.nir").write_bytes(nir_bytes(graph))
    with pytest.raises(InputError, match="metadata: dt is missing"):
        read_network(tmp_path / "net.nir", Asked())


def test_without_its_metadata_it_is_the_same_network_in_real_numbers(tmp_path):
    network = small()
    graph = nir_graph(network, DT)
    graph.metadata = {}
    (tmp_path / "net.nir").write_bytes(nir_bytes(graph))
    found = read_network(tmp_path / "net.nir", Asked(dt=DT))
    for stage, spec, params in zip(found.stages, network.spec.stages, network.params, strict=True):
        assert stage.weight == pytest.approx(WEIGHT.to_real(params.weight))
        assert stage.beta == pytest.approx(spec.beta_format.to_real(spec.beta))
        assert stage.v_th == pytest.approx(spec.membrane.to_real(spec.v_th), abs=spec.membrane.lsb)


def test_a_share_of_one_is_told(tmp_path):
    network = small()
    layer = replace(network.spec.layers[0], beta=16, beta_format=QFormat(False, 1, 4))
    one = Network(NetworkSpec((layer,), network.spec.readout), network.params)
    assert type(nir_graph(one, DT).nodes["layer0"]).__name__ == "IF"
    same(read_network(written(tmp_path, one), Asked()), one)
    above = Network(NetworkSpec((replace(layer, beta=17),), network.spec.readout), network.params)
    with pytest.raises(
        InputError, match=r"layer0: beta must be below 1 to be a time constant of NIR, not 1.0625"
    ):
        nir_graph(above, DT)
    with pytest.raises(InputError, match="dt must be above 0 and at most 1e6 s, not 0"):
        nir_graph(network, 0.0)


def small(kind=None, synapse=None, n=6):
    """3 - n - 2 neurons with a membrane so fine that Q hardly matters; its weights are drawn once."""
    rng = np.random.default_rng(11)
    recurrence = recurrent = delays = None
    if kind is not None:
        taps = 3 if kind is RecurrenceKind.CONV else 0
        recurrence = RecurrenceSpec(kind, WEIGHT, max_delay=5, kernel_size=taps)
        recurrent = rng.integers(-60, 90, 3 if taps else (n, n))
        delays = rng.integers(0, 6, n)
    common = {
        "weight": WEIGHT,
        "bias": MEMBRANE,
        "membrane": MEMBRANE,
        "beta_format": HALF,
        "synapse": synapse,
    }
    layer = LayerSpec(n_in=3, n_out=n, **common, beta=13, v_th=1 << 20, recurrence=recurrence)
    readout = ReadoutSpec(n_in=n, n_out=2, **common, beta=11, v_th=1 << 20, mode=ReadoutMode.SPIKE_COUNT)
    weights = [rng.integers(-40, 100, shape) for shape in ((n, 3), (2, n))]
    first = StageParams(weights[0], rng.integers(0, 1 << 16, n), recurrent, delays)
    return Network(NetworkSpec((layer,), readout), (first, StageParams(weights[1], np.zeros(2, int))))


class Delay(torch.nn.Module):
    """A `Delay` of NIR for nirtorch, which has none: per neuron, in steps."""

    def __init__(self, steps):
        super().__init__()
        self.steps = torch.as_tensor(steps)
        self.past = []

    def forward(self, x):
        self.past.insert(0, x)
        del self.past[int(self.steps.max()) + 1 :]
        seen = torch.stack(
            [*self.past, *[torch.zeros_like(x)] * (int(self.steps.max()) + 1 - len(self.past))]
        )
        return seen[self.steps, :, torch.arange(x.shape[-1])].T


def torch_run(graph, counts):
    """Output spikes (T, B, N) of nirtorch's graph with snnTorch's neurons.

    nirtorch 2.6 gives a cycle one step of its own, so the delays on a cycle are one step shorter there; its
    own map of Affine leaves biases as PyTorch drew them.
    """
    nirtorch, snntorch = pytest.importorskip("nirtorch"), pytest.importorskip("snntorch")
    hard = {"reset_mechanism": "zero", "reset_delay": False, "init_hidden": True}
    hard["spike_grad"] = lambda v: (v > 0).double()  # its own give float32

    def tensor(array):
        return torch.tensor(array, dtype=torch.float64)

    def leaky(node):
        assert node.r == pytest.approx(node.tau / DT)
        return snntorch.Leaky(beta=tensor(1 - DT / node.tau), threshold=tensor(node.v_threshold), **hard)

    def synaptic(node):
        shares = {
            key: tensor(1 - DT / getattr(node, f"tau_{name}"))
            for key, name in (("alpha", "syn"), ("beta", "mem"))
        }
        return snntorch.Synaptic(**shares, threshold=tensor(node.v_threshold), **hard)

    def affine(node):
        module = torch.nn.Linear(*node.weight.shape[::-1])
        module.weight.data, module.bias.data = tensor(node.weight), tensor(node.bias)
        return module

    class Kernel(torch.nn.Module):
        """(B, N) as one channel of N."""

        def __init__(self, node):
            super().__init__()
            self.weight, self.padding = tensor(node.weight), int(node.padding)

        def forward(self, x):
            return torch.nn.functional.conv1d(x[:, None], self.weight, padding=self.padding)[:, 0]

    module = nirtorch.nir_to_torch(
        graph,
        {
            nir.Affine: affine,
            nir.LIF: leaky,
            nir.CubaLIF: synaptic,
            nir.Delay: lambda node: Delay(np.rint(node.delay / DT).astype(int) - 1),
            nir.Conv1d: Kernel,
        },
        dtype=torch.float64,
    )
    spikes, state = [], None
    with torch.no_grad():
        for step in torch.from_numpy(counts).double():
            out, state = module(step, state)
            spikes.append(out.double())
    return torch.stack(spikes).numpy().astype(int)


@pytest.mark.parametrize("kind", [None, RecurrenceKind.CONV, RecurrenceKind.DENSE])
@pytest.mark.parametrize("synapse", [None, SynapseSpec(alpha=9, alpha_format=HALF, current=MEMBRANE)])
def test_nirtorch_and_snntorch_run_it(tmp_path, kind, synapse):
    """Spikes of all steps up to a membrane within `bound`, rounding by Q, of its threshold."""
    steps, clips = 60, 5
    network = small(kind, synapse)
    counts = (np.random.default_rng(0).random((steps, clips, 3)) < 0.35).astype(np.int64)
    graph = nir.read(written(tmp_path, network), type_check=False)
    trace = run(network, counts)
    hidden = trace.layers[0]
    bound = 1 / 2 / (1 - 13 / 16) * (1 if synapse is None else 1 + 1 / (1 - 9 / 16)) + 1
    undecided = np.zeros((steps, clips), dtype=bool)
    for v_mem in (hidden.v_mem, trace.readout.v_mem):
        undecided |= (np.abs(v_mem - (1 << 20)) <= bound).any(axis=2)
    compared = np.cumsum(undecided, axis=0) == 0
    expected = trace.readout.v_mem >= 1 << 20
    found = torch_run(graph, counts)
    assert hidden.spikes.sum() > 50
    assert expected.sum() > 20
    assert compared.mean() > 0.9
    assert found[compared].tolist() == expected[compared].astype(int).tolist()


def test_snntorch_imports_it(tmp_path):
    """By its own `import_from_nir`, for a network without delays."""
    pytest.importorskip("snntorch")
    from snntorch.import_nir import import_from_nir

    network = small()
    counts = (np.random.default_rng(0).random((40, 5, 3)) < 0.35).astype(np.int64)
    module = import_from_nir(nir.read(written(tmp_path, network)))
    state, spikes = None, []
    with torch.no_grad():
        for step in torch.from_numpy(counts).float():
            out, state = module(step, state)
            spikes.append(out.numpy())
    trace = run(network, counts)
    assert (np.abs(trace.readout.v_mem - (1 << 20)) > 1000).all()  # as it is float32, with room
    assert np.stack(spikes).sum(0).astype(int).tolist() == trace.scores.tolist()


def test_resets_that_nir_does_not_have_are_told(tmp_path):
    network = small()
    for reset in (ResetMode.SUBTRACT, ResetMode.DELAYED):
        layer = replace(network.spec.layers[0], reset_mode=reset)
        other = Network(NetworkSpec((layer,), network.spec.readout), network.params)
        assert unsaid(other) == [f"layer0: reset {reset}, where NIR means zero"]
        graph = nir_graph(other, DT)
        assert graph.nodes["layer0"].v_threshold.tolist() == [1.0] * 6
        same(read_network(written(tmp_path, other), Asked()), other)
    assert unsaid(network) == []


def test_answers_per_step_are_told():
    network = small()
    for stride, steps in ((1, "step"), (3, "3 steps")):
        readout = replace(network.spec.readout, answer=Answer.STEP, stride=stride)
        other = Network(NetworkSpec(network.spec.layers, readout), network.params)
        assert unsaid(other) == [f"readout: an answer after every {steps}, not after the last alone"]


def test_arithmetic_that_nir_does_not_have_is_told(tmp_path):
    network = small()
    current = QFormat(True, 6, 10)
    synapse = SynapseSpec(
        alpha=8, alpha_format=HALF, current=current, overflow=Overflow.WRAP, leak_rounding=Rounding.TRN_ZERO
    )
    layer = replace(
        network.spec.layers[0],
        input_bits=3,
        rounding=Rounding.TRN,
        leak_rounding=Rounding.RND,
        synapse=synapse,
    )
    other = Network(NetworkSpec((layer,), network.spec.readout), network.params)
    assert unsaid(other) == [
        "layer0: membrane by TRN and SAT, where NIR has real numbers",
        "layer0: leak of the membrane rounded by itself, by RND",
        "layer0: current by RND and WRAP, where NIR has real numbers",
        "layer0: leak of the current rounded by itself, by TRN_ZERO",
        "input: counts of 3 bits, where NIR has spikes",
    ]
    same(read_network(written(tmp_path, other), Asked()), other)

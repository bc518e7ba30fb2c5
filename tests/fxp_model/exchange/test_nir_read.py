"""Graphs of NIR: the Braille readers of its paper against snnTorch, every node, and refusals by name."""

from itertools import pairwise
from pathlib import Path

import nir
import numpy as np
import pytest
import torch

from fxp_model.errors import InputError
from fxp_model.exchange import nir_read
from fxp_model.exchange.asked import Asked
from fxp_model.exchange.description import run_float
from fxp_model.exchange.quantize import Widths, quantized, ranges_of
from fxp_model.exchange.read import read_network
from fxp_model.network import run
from fxp_model.spec import ReadoutMode, ResetMode

NIR = Path(__file__).parent / "nir"
BRAILLE = ("braille_noDelay_bias_zero", "braille_noDelay_noBias_subtract")
SAID = Asked(dt=1e-4, reset=ResetMode.ZERO, cycle_delay=1)


def write(path, nodes, edges):
    nir.write(path, nir.NIRGraph(nodes, edges, type_check=False))
    return path


def chain(*nodes, n_in=3):
    """Nodes and edges of a chain, with Input and Output."""
    names = ["input", *(f"n{index}" for index in range(len(nodes))), "output"]
    own = dict(zip(names, (nir.Input(np.array([n_in])), *nodes, nir.Output(np.array([2]))), strict=True))
    return own, list(pairwise(names))


def lif(n=2, **own):
    arrays = {"tau": 5e-4, "r": 2.0, "v_leak": 0.0, "v_threshold": 1.0, "v_reset": 0.0} | own
    return nir.LIF(**{key: np.full(n, value, dtype=float) for key, value in arrays.items()})


def affine(n=2, n_in=3, seed=0):
    rng = np.random.default_rng(seed)
    return nir.Affine(rng.normal(size=(n, n_in)), rng.normal(size=n))


def read(tmp_path, nodes, edges, asked=SAID):
    return read_network(write(tmp_path / "net.nir", nodes, edges), asked)


def snntorch_run(name, counts):
    """What snnTorch's own modules make of a Braille reader, in float64: spikes of both layers."""
    snntorch = pytest.importorskip("snntorch")
    graph = nir.read(NIR / f"{name}.nir")
    first, second = graph.nodes["lif1.lif"], graph.nodes["lif2"]

    def share(tau):
        return torch.tensor(1 - 1e-4 / tau)

    own = {"reset_mechanism": "subtract", "reset_delay": True}
    lif1 = snntorch.RSynaptic(
        alpha=share(first.tau_syn), beta=share(first.tau_mem), linear_features=len(first.r), **own
    )
    lif2 = snntorch.Synaptic(alpha=share(second.tau_syn), beta=share(second.tau_mem), **own)
    lif1.double(), lif2.double()

    def layer(node):
        bias = torch.tensor(getattr(node, "bias", np.zeros(len(node.weight)))).double()
        return torch.tensor(node.weight).double(), bias

    with torch.no_grad():
        weight, bias = layer(graph.nodes["lif1.w_rec"])
        lif1.recurrent.weight.copy_(weight)
        lif1.recurrent.bias.copy_(bias)
        (w1, b1), (w2, b2) = layer(graph.nodes["fc1"]), layer(graph.nodes["fc2"])
        spikes, one, two = [], (), ()
        for step in torch.from_numpy(counts).double():
            a, *one = lif1(step @ w1.T + b1, *one)
            one = [a.double(), *one]
            b, *two = lif2(a.double() @ w2.T + b2, *two)
            spikes.append((a, b))
    return [torch.stack(part).numpy().astype(int) for part in zip(*spikes, strict=True)]


@pytest.mark.parametrize("name", BRAILLE)
def test_a_braille_reader_is_what_snntorch_runs(name):
    """Recurrent CubaLIF on a cycle; snnTorch trained it, and subtracts in the next step."""
    counts = (np.random.default_rng(0).random((100, 8, 12)) < 0.15).astype(np.int64)
    network = read_network(NIR / f"{name}.nir", Asked(dt=1e-4, reset=ResetMode.DELAYED, cycle_delay=1))
    trace = run_float(network, counts)
    hidden, out = snntorch_run(name, counts)
    assert hidden.sum() > 100
    # files hold r and tau as float32 products, so that its gains of 1 are 1 - 1e-8
    assert trace.stages[0].spikes.tolist() == hidden.tolist()
    assert trace.stages[1].spikes.tolist() == out.tolist()
    integers = quantized(network, Widths(weight=16, membrane=32, share=16), ranges_of(trace))
    found = run(integers, counts)
    assert (found.layers[0].spikes != hidden).mean() < 1e-3
    assert found.layers[0].current is not None
    assert integers.spec.layers[0].recurrence.max_delay == 0


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        (Asked(), "a NIR file does not say the step of time: name it in seconds with --dt"),
        (Asked(dt=1e-4), r"node 'lif1.lif' \(CubaLIF\): lies on a cycle without a Delay, .* --cycle-delay"),
        (
            Asked(dt=1e-4, cycle_delay=1),
            r"node 'lif1.lif' \(CubaLIF\): does not say its reset: name it with --reset",
        ),
        (
            Asked(dt=2.1e-4, cycle_delay=1, reset=ResetMode.ZERO),
            r"node 'lif2' \(CubaLIF\): tau_syn must be at least dt",
        ),
    ],
)
def test_what_the_file_does_not_say_is_asked_for(asked, message):
    with pytest.raises(InputError, match=message):
        read_network(NIR / f"{BRAILLE[0]}.nir", asked)


def test_a_subgraph_is_the_same_network(tmp_path):
    flat = nir.read(NIR / f"{BRAILLE[0]}.nir")
    size = np.array([38])
    inner = nir.NIRGraph(
        {
            "input": nir.Input(size),
            "lif": flat.nodes["lif1.lif"],
            "w_rec": flat.nodes["lif1.w_rec"],
            "output": nir.Output(size),
        },
        [("input", "lif"), ("lif", "w_rec"), ("w_rec", "lif"), ("lif", "output")],
    )
    nodes = {key: flat.nodes[key] for key in ("input", "fc1", "fc2", "lif2", "output")} | {"lif1": inner}
    edges = [("input", "fc1"), ("fc1", "lif1"), ("lif1", "fc2"), ("fc2", "lif2"), ("lif2", "output")]
    one, two = read(tmp_path, nodes, edges), read_network(NIR / f"{BRAILLE[0]}.nir", SAID)
    for a, b in zip(one.stages, two.stages, strict=True):
        assert a.name == b.name
        for (key, x), (other, y) in zip(a.arrays(), b.arrays(), strict=True):
            assert (key, x.tolist()) == (other, y.tolist())


def test_an_edge_of_a_node_that_is_not_there_is_refused(tmp_path):
    """As in the ``_subgraph`` files of NIR's paper, which nir 1.0.8 refuses, too."""
    nodes, edges = chain(affine(), lif())
    graph = nir.NIRGraph(nodes, edges, type_check=False)
    graph.edges.append(("n1", "lif"))
    nir.write(tmp_path / "net.nir", graph)
    with pytest.raises(
        InputError, match=r"edge n1 -> lif: there is no node 'lif' \(nodes: input, n0, n1, output\)$"
    ):
        read_network(tmp_path / "net.nir", SAID)


def test_every_neuron_is_its_equation(tmp_path):
    """A step of Euler's rule by hand: dt 1e-4, tau 5e-4, so dt/tau = 0.2."""
    leaky = {"tau": np.full(2, 5e-4), "r": np.full(2, 2.0), "v_leak": np.full(2, 0.25)}
    cuba = {
        "tau_mem": np.full(2, 5e-4),
        "tau_syn": np.full(2, 2e-4),
        "r": np.full(2, 2.0),
        "w_in": np.full(2, 3.0),
    }
    cuba["v_leak"] = np.zeros(2)
    rows = [
        (nir.LI(**leaky), ReadoutMode.LAST, 0.8, None, 0.4, 0.05),
        (nir.I(r=np.full(2, 2.0)), ReadoutMode.SUM, 1.0, None, 2e-4, 0.0),
        (nir.CubaLI(**cuba), ReadoutMode.MAX, 0.8, 0.5, 3 * 0.5 * 0.4, 0.0),
    ]
    for node, mode, beta, alpha, gain, bias in rows:
        own = affine(seed=1, n_in=2)
        asked = Asked(dt=1e-4, readout=mode)
        network = read(tmp_path, *chain(affine(), lif(), own, node), asked)
        last = network.stages[-1]
        assert network.mode is mode
        assert last.v_th is None
        assert last.beta == pytest.approx([beta, beta])
        assert (last.alpha is None) == (alpha is None)
        assert alpha is None or last.alpha == pytest.approx([alpha, alpha])
        assert last.weight == pytest.approx(own.weight * gain)
        assert last.bias == pytest.approx(own.bias * gain + bias)
    fires = read(tmp_path, *chain(affine(), nir.IF(r=np.ones(2), v_threshold=np.ones(2))), Asked(dt=0.5))
    assert fires.stages[0].beta.tolist() == [1, 1]
    assert fires.stages[0].weight == pytest.approx(affine().weight * 0.5)
    assert fires.stages[0].strict


def test_weights_behind_the_last_neurons_are_a_readout_without_memory(tmp_path):
    own = affine(n=4, n_in=2)
    network = read(tmp_path, *chain(affine(), lif(), own), Asked(dt=1e-4, readout=ReadoutMode.SUM))
    assert network.stages[-1].beta.tolist() == [0] * 4
    assert network.stages[-1].weight == pytest.approx(own.weight)
    with pytest.raises(InputError, match=r"output: does not fire, .* --readout sum, last or max$"):
        read(tmp_path, *chain(affine(), lif(), own), Asked(dt=1e-4))


def test_delays_and_scales(tmp_path):
    delay = nir.Delay(np.array([0.0, 3e-4, 1e-4]))
    network = read(tmp_path, *chain(delay, affine(), nir.Scale(np.array([2.0, -1.0])), lif()))
    assert network.stages[0].input_delay_steps.tolist() == [0, 3, 1]
    assert network.stages[0].weight == pytest.approx(affine().weight * [[0.8], [-0.4]])
    behind = read(tmp_path, *chain(affine(), nir.Delay(np.full(2, 2e-4)), lif()))
    assert behind.stages[0].input_delay_steps.tolist() == [2, 2, 2]


def test_a_cycle_takes_its_delay(tmp_path):
    nodes, edges = chain(affine(), lif())
    nodes |= {"d": nir.Delay(np.array([1e-4, 4e-4])), "rec": nir.Linear(np.eye(2))}
    edges += [("n1", "d"), ("d", "rec"), ("rec", "n1")]
    network = read(tmp_path, nodes, edges, Asked(dt=1e-4))
    assert network.stages[0].delay_steps.tolist() == [0, 3]
    assert network.stages[1].name == "counter"
    nodes["rec"] = nir.Conv1d(2, np.array([[[1.0, 2.0, 3.0]]]), 1, 1, 1, 1, np.zeros(1))
    network = read(tmp_path, nodes, edges, Asked(dt=1e-4))
    assert network.stages[0].recurrent == pytest.approx([0.4, 0.8, 1.2])
    nodes["d"] = nir.Delay(np.array([0.0, 4e-4]))
    with pytest.raises(
        InputError, match=r"node 'n1' \(LIF\): lies on a cycle in which neuron 0 has no delay"
    ):
        read(tmp_path, nodes, edges, Asked(dt=1e-4))


CONV2D = nir.Conv2d((4, 4), np.ones((1, 1, 3, 3)), 1, 1, 1, 1, np.zeros(1))


@pytest.mark.parametrize(
    ("nodes", "message"),
    [
        ((CONV2D, lif()), r"node 'n0' \(Conv2d\): no such node can be the same here"),
        ((nir.Threshold(np.ones(3)),), r"node 'n0' \(Threshold\): no such node"),
        ((affine(n_in=4), lif()), r"node 'n0' \(Affine\): weight must be \(outputs, 3\), not \(2, 4\)"),
        ((affine(), lif(v_reset=0.5)), r"node 'n1' \(LIF\): v_reset must be 0, not 0.5"),
        ((affine(), lif(v_threshold=0.0)), "n1: v_th must be positive, not 0"),
        (
            (affine(), lif(tau=5e-5)),
            r"node 'n1' \(LIF\): tau must be at least dt \(0.0001 s, by --dt\), not 5e-05",
        ),
        ((affine(), lif(r=np.nan)), r"node 'n1' \(LIF\): r must be finite, not nan"),
        ((affine(), lif(n=5)), r"node 'n1' \(LIF\): arrays must be of one size"),
        (
            (affine(), nir.Delay(np.array([0, 1e-4])), lif()),
            r"\(Delay\): delays must belong to the neurons that send",
        ),
        (
            (nir.Delay(np.full(3, 1.5e-4)), affine(), lif()),
            r"\(Delay\): delay must be a multiple of dt, not 1.5 dt",
        ),
        (
            (nir.Delay(np.full(3, 2000e-4)), affine(), lif()),
            r"\(Delay\): delay must be 0..1024 steps, not 2000",
        ),
        (
            (nir.Conv1d(3, np.ones((1, 1, 3)), 1, 1, 1, 1, np.zeros(1)), lif(3)),
            "Conv1d must be its recurrence",
        ),
        ((), "a network must have at least 1 layer of neurons"),
    ],
)
def test_what_cannot_be_the_same_is_refused_by_name(tmp_path, nodes, message):
    with pytest.raises(InputError, match=message) as caught:
        read(
            tmp_path,
            *chain(*nodes),
            Asked(dt=1e-4, cycle_delay=1, readout=None if nodes else ReadoutMode.SUM),
        )
    assert "\n" not in str(caught.value)


def test_only_chains_of_layers(tmp_path):
    nodes, edges = chain(affine(), lif(), affine(n_in=2), lif())
    nodes["skip"] = affine()
    with pytest.raises(
        InputError, match=r"node 'input' \(Input\): must feed one layer of neurons, not 'n1', 'n3'"
    ):
        read(tmp_path, nodes, [*edges, ("input", "skip"), ("skip", "n3")])
    nodes["skip"] = affine(n_in=2)
    back = [*edges, ("n3", "skip"), ("skip", "n1")]
    with pytest.raises(InputError, match=r"node 'n1' \(LIF\): takes 'n3' beside 'input'"):
        read(tmp_path, nodes, back)
    with pytest.raises(InputError, match=r"node 'skip' \(Affine\): does not lead to the Output"):
        read(tmp_path, nodes, [*edges, ("n1", "skip")])
    with pytest.raises(InputError, match=r"cycle without neurons"):
        read(tmp_path, nodes, [*edges, ("skip", "skip"), ("n1", "skip"), ("skip", "n3")])


def test_paths_that_end_at_one_layer_are_summed(tmp_path):
    nodes, edges = chain(affine(), lif())
    nodes["more"] = affine(seed=5)
    network = read(tmp_path, nodes, [*edges, ("input", "more"), ("more", "n1")])
    both = affine().weight + affine(seed=5).weight
    assert network.stages[0].weight == pytest.approx(both * 0.4)
    assert network.stages[0].bias == pytest.approx((affine().bias + affine(seed=5).bias) * 0.4)
    around = affine(n=3, seed=5)
    nodes, edges = chain(around, affine(), lif())
    network = read(tmp_path, nodes, [*edges, ("input", "n1")])
    assert network.stages[0].weight == pytest.approx(affine().weight @ (around.weight + np.eye(3)) * 0.4)
    assert network.stages[0].bias == pytest.approx((affine().weight @ around.bias + affine().bias) * 0.4)


def test_a_long_chain_and_paths_that_double_40_times(tmp_path):
    network = read(tmp_path, *chain(affine(), *[nir.Scale(np.array([1.0, -1.0]))] * 1201, lif()))
    assert network.stages[0].weight == pytest.approx(affine().weight * [[0.4], [-0.4]])
    half = nir.Scale(np.full(2, 0.5))
    nodes, edges = chain(affine(), *[half, nir.Flatten({"input": np.array([2])}, 0)] * 40, lif())
    nodes |= {f"other{index}": half for index in range(1, 81, 2)}
    edges += [(f"n{index - 1}", f"other{index}") for index in range(1, 81, 2)]
    edges += [(f"other{index}", f"n{index + 1}") for index in range(1, 81, 2)]
    assert read(tmp_path, nodes, edges).stages[0].weight == pytest.approx(affine().weight * 0.4)


def test_paths_of_one_source_must_agree(tmp_path):
    nodes, edges = chain(nir.Delay(np.full(3, 1e-4)), affine(), lif())
    with pytest.raises(
        InputError, match=r"node 'n1' \(Affine\): takes 'input' twice, with different delays$"
    ):
        read(tmp_path, nodes, [*edges, ("input", "n1")])
    nodes["more"] = affine(n=4)
    with pytest.raises(InputError, match=r"node 'n2' \(LIF\): takes 'input' twice, as 2 and as 4 numbers$"):
        read(tmp_path, nodes | {"n0": affine(n=3)}, [*edges, ("input", "more"), ("more", "n2")])
    nodes, edges = chain(affine(), lif())
    nodes |= {"rec": nir.Conv1d(2, np.ones((1, 1, 3)), 1, 1, 1, 1, np.zeros(1)), "more": affine(n_in=2)}
    loops = [(source, target) for own in ("rec", "more") for source, target in (("n1", own), (own, "n1"))]
    with pytest.raises(InputError, match=r"node 'n1' \(LIF\): takes 'n1' twice, and once by a Conv1d$"):
        read(tmp_path, nodes, edges + loops)
    nodes |= {"more": affine(n=5, n_in=2), "five": nir.Scale(np.ones(5))}
    loops = [("n1", "more"), ("more", "five"), ("five", "n1")]
    with pytest.raises(InputError, match=r"node 'n1' \(LIF\): has 2 neurons, but takes 5 numbers from 'n1'$"):
        read(tmp_path, nodes, edges + loops)


def test_a_small_file_of_a_huge_network_is_refused(tmp_path):
    """Vectors that would become matrices."""
    wide = 65536
    many = lif(n=wide)
    with pytest.raises(
        InputError, match=r"node 'n0' \(LIF\): weights must be at most 67108864, not 65536 x 65536"
    ):
        read(tmp_path, *chain(many, n_in=wide))
    with pytest.raises(InputError, match=r"node 'n0' \(Scale\): weights must be at most 67108864"):
        read(tmp_path, *chain(nir.Scale(np.ones(wide)), many, n_in=wide))


def test_all_matrices_together_are_limited(tmp_path, monkeypatch):
    monkeypatch.setattr(nir_read, "MAX_NUMBERS", 17)
    nodes, edges = chain(affine(), *[nir.Scale(np.ones(2))] * 2, lif())
    with pytest.raises(
        InputError, match=r"node 'n2' \(Scale\): weights so far must be at most 17 numbers in all$"
    ):
        read(tmp_path, nodes, edges)
    monkeypatch.setattr(nir_read, "MAX_NUMBERS", 18)
    read(tmp_path, nodes, edges)

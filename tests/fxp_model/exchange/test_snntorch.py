"""Networks made by snnTorch: imported from their state dicts, run by both.

Weights, leaks and thresholds are made multiples of an lsb, so that the integers have the same; what remains
is Q, once per state and step. Within half an lsb of rounding per step a membrane is off by at most `bound`;
where one of the float run comes that near to its threshold rounding decides, and the clip is compared up to
that step. These steps are counted.
"""

import numpy as np
import pytest
import torch

from fxp_model.errors import InputError
from fxp_model.exchange.asked import Asked
from fxp_model.exchange.description import run_float
from fxp_model.exchange.quantize import Widths, quantized, ranges_of
from fxp_model.exchange.read import read_network
from fxp_model.network import run
from fxp_model.spec import ResetMode
from tests.snntorch_networks import CASES, N_IN, snntorch
from tests.snntorch_networks import network as snntorch_network

STEPS, CLIPS = 60, 6
WIDTHS = Widths(weight=12, membrane=24, share=8)


@pytest.fixture(params=CASES, ids=str)
def case(request, tmp_path):
    """A network, its own course, and what is read of its state dict."""
    net, reset = snntorch_network(request.param)
    torch.save(net.state_dict(), tmp_path / "net.pt")
    counts = (np.random.default_rng(1).random((STEPS, CLIPS, N_IN)) < 0.3).astype(np.int64)
    with torch.no_grad():
        course = net.run(counts)
    return course, read_network(tmp_path / "net.pt", Asked(reset=reset)), counts


def test_the_real_numbers_are_snntorch_s(case):
    course, network, counts = case
    found = run_float(network, counts)
    assert len(network.stages) == (3 if network.stages[-1].name == "counter" else 2)
    for (spikes, _), own in zip(course, found.stages, strict=False):
        assert spikes.sum() > 50
        assert own.spikes.tolist() == spikes.astype(int).tolist()


def test_the_integers_spike_as_snntorch_does(case):
    course, network, counts = case
    trace = run_float(network, counts)
    integers = quantized(network, WIDTHS, ranges_of(trace))
    found = run(integers, counts)
    judged = np.full(CLIPS, STEPS)
    near = 0
    for index, (_, own) in enumerate(zip(course, trace.stages, strict=False)):
        spec, stage = integers.spec.stages[index], network.stages[index]
        bound = spec.membrane.lsb / 2
        if spec.synapse is not None:
            bound += spec.synapse.current.lsb / 2 / (1 - stage.alpha)
        bound = bound * STEPS if (stage.beta == 1).any() else bound / (1 - stage.beta)
        distance = np.abs(own.v_mem - stage.v_th)
        undecided = (distance <= bound).any(axis=2)
        near += int((distance <= bound).sum())
        judged = np.minimum(judged, np.where(undecided.any(axis=0), undecided.argmax(axis=0), STEPS))
    compared = np.arange(STEPS)[:, None] < judged
    for (spikes, _), layer in zip(course, found.layers, strict=False):
        assert layer.spikes[compared].tolist() == spikes[compared].astype(int).tolist()
    assert near <= 60
    assert compared.mean() > 0.5
    if compared.all() and network.stages[-1].name != "counter":
        assert found.scores.tolist() == course[-1][0].sum(0).astype(int).tolist()


@pytest.mark.parametrize(
    ("kind", "options", "reset", "message"),
    [
        (
            "Synaptic",
            {"alpha": 0.5, "beta": 0.5, "reset_mechanism": "zero"},
            None,
            r"lif1: with reset_delay=True its input",
        ),
        (
            "Leaky",
            {"beta": 0.5, "reset_mechanism": "none"},
            None,
            r"lif1.reset_mechanism_val must be 0 \(subtract\) or 1",
        ),
        (
            "Leaky",
            {"beta": 0.5, "graded_spikes_factor": 2.0},
            None,
            r"lif1.graded_spikes_factor must be 1, not 2",
        ),
        ("Leaky", {"beta": 0.5}, ResetMode.ZERO, r"lif1: subtracts the threshold in the next step"),
        ("Leaky", {"beta": 0.5}, ResetMode.SUBTRACT, r"lif1: .*so --reset cannot be subtract; .* twice"),
        (
            "Leaky",
            {"beta": 0.5, "reset_mechanism": "zero"},
            ResetMode.DELAYED,
            r"lif1: resets to zero, so --reset must",
        ),
        ("Leaky", {"beta": 0.5, "threshold": -1.0}, None, r"lif1: v_th must be positive, not -1"),
        ("Alpha", {"alpha": 0.9, "beta": 0.5}, None, r"lif1"),
    ],
)
def test_what_cannot_be_the_same_is_refused_by_name(tmp_path, kind, options, reset, message):
    net = torch.nn.Sequential()
    net.add_module("fc1", torch.nn.Linear(2, 2))
    net.add_module("lif1", getattr(snntorch, kind)(**options))
    torch.save(net.state_dict(), tmp_path / "net.pt")
    with pytest.raises(InputError, match=message) as caught:
        read_network(tmp_path / "net.pt", Asked(reset=reset))
    assert "\n" not in str(caught.value)


def test_a_layer_without_neurons_is_refused(tmp_path):
    net = torch.nn.Sequential(torch.nn.Linear(2, 2), snntorch.Leaky(beta=0.5), torch.nn.Linear(2, 2))
    torch.save(net.state_dict(), tmp_path / "net.pt")
    with pytest.raises(
        InputError, match=r"one linear layer before each layer of neurons, not 2 \(0, 2\) and 1 \(1\)$"
    ):
        read_network(tmp_path / "net.pt", Asked())


def test_a_batch_norm_is_refused(tmp_path):
    net = torch.nn.Sequential(
        torch.nn.Linear(2, 2, bias=False), torch.nn.BatchNorm1d(2), snntorch.Leaky(beta=0.5)
    )
    torch.save(net.state_dict(), tmp_path / "net.pt")
    with pytest.raises(InputError):
        read_network(tmp_path / "net.pt", Asked())


def test_a_checkpoint_holds_it_under_a_name(tmp_path):
    net = torch.nn.Sequential(torch.nn.Linear(2, 3), snntorch.Leaky(beta=0.5))
    torch.save({"net": net.state_dict(), "epoch": 3, "acc": 0.5}, tmp_path / "net.pt")
    network = read_network(tmp_path / "net.pt", Asked())
    assert [stage.name for stage in network.stages] == ["1", "counter"]
    assert network.stages[0].reset is ResetMode.DELAYED

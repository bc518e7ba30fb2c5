"""Checkpoints in the layouts of DelRec and of delrec_snn, made here, against their modules written out."""

import numpy as np
import pytest
import torch

from fxp_model.errors import InputError
from fxp_model.exchange.asked import Asked
from fxp_model.exchange.calibration import Calibration
from fxp_model.exchange.comparison import losses
from fxp_model.exchange.description import run_float
from fxp_model.exchange.quantize import Widths, quantized, ranges_of
from fxp_model.exchange.read import read_network
from fxp_model.network import run
from fxp_model.spec import ReadoutMode, RecurrenceKind

N_IN, N, OUT, STEPS, CLIPS, BETA = 9, 16, 4, 50, 12, 0.8
SAID = Asked(beta=BETA, v_th=1.0, decay_input=True, readout=ReadoutMode.SUM)


class Norm(torch.nn.Module):
    """`modified_batchnorm` of delrec_snn: the batch norm is its `bn`; that of DelRec has no wrapper."""

    def __init__(self, n):
        super().__init__()
        self.bn = torch.nn.BatchNorm1d(n)


class Recurrent(torch.nn.Module):
    """The parameters of `axonal_recdel`, `SNNTorchAxonalRecDel` and `ConvSNNTorchAxonalRecDel`."""

    def __init__(self, kind, seed):
        super().__init__()
        rng = np.random.default_rng(seed)
        if kind == "dense":
            self.recurrent_weights = torch.nn.Parameter(torch.tensor(rng.normal(size=(N, N))))
        else:
            shape = (1, 1, 5, 1) if kind == "conv2d" else (1, 1, 5)
            self.recurrent_kernel = torch.nn.Parameter(torch.tensor(rng.normal(size=shape)))
        size = 1 if kind == "shared" else N
        self.recurrent_delays = torch.nn.Parameter(torch.tensor(rng.uniform(0, 12, size)))
        if seed % 2:
            self.p_spread = torch.nn.Parameter(torch.zeros(N))


def network(kind, before, wrapped, seed=0):
    """Layers as SHD (`before`: norm, then neurons) or PS-MNIST (dropout, neurons, then norm) have them."""
    torch.manual_seed(seed)
    nothing = torch.nn.Identity
    layers = []
    for n_in, neurons in ((N_IN, nothing()), (N, Recurrent(kind, seed))):
        norm = Norm(N) if wrapped else torch.nn.BatchNorm1d(N)
        bn = norm.bn if wrapped else norm
        with torch.no_grad():
            bn.weight.copy_(torch.rand(N) + 0.5)
            bn.bias.copy_(torch.randn(N) * 0.3)
            bn.running_mean.copy_(torch.randn(N) * 0.2)
            bn.running_var.copy_(torch.rand(N) + 0.2)
        linear = torch.nn.Linear(n_in, N)
        with torch.no_grad():
            linear.weight.mul_(6)
        layers += (
            [linear, norm, neurons, nothing(), nothing()]
            if before
            else [linear, nothing(), neurons, nothing(), norm]
        )
    layers.append(torch.nn.Linear(N, OUT))
    if before:
        layers.append(nothing())  # its neurons do not fire and have no tensor
    net = torch.nn.Module()
    net.layers = torch.nn.Sequential(*layers)
    return net.double().eval()


def reference(net, counts, readout_beta):
    """Spikes of both layers, and the sum of the readout's membranes, by the papers' equations, sigma 0."""

    def linear(index, x):
        return net.layers[index](x)

    def norm(index, x):
        own = getattr(net.layers[index], "bn", net.layers[index])
        return own(x.reshape(-1, N)).reshape(x.shape)

    x = torch.from_numpy(counts).double()
    before = not isinstance(net.layers[1], torch.nn.Identity)
    spikes = []
    with torch.no_grad():
        for start in (0, 5):
            x = linear(start, x)
            x = norm(start + 1, x) if before else x
            own = net.layers[start + 2]
            y = torch.zeros(STEPS, CLIPS, N, dtype=torch.float64)
            v = torch.zeros(CLIPS, N, dtype=torch.float64)
            for t in range(STEPS):
                current = x[t].clone()
                if hasattr(own, "recurrent_delays"):
                    since = t - 1 - torch.round(own.recurrent_delays).expand(N).long()
                    arrived = y[since.clamp(min=0), :, torch.arange(N)].T * (since >= 0)
                    if hasattr(own, "recurrent_weights"):
                        current += arrived @ own.recurrent_weights.T
                    else:
                        kernel = own.recurrent_kernel.reshape(1, 1, -1)
                        current += torch.nn.functional.conv1d(arrived[:, None], kernel, padding=2)[:, 0]
                v = BETA * v + (1 - BETA) * current
                y[t] = (v >= 1).double()
                v = v * (1 - y[t])
            spikes.append(y.numpy().astype(int))
            x = y if before else norm(start + 4, y)
        u, total = 0.0, 0.0
        for current in linear(10, x):
            u = readout_beta * u + (1 - readout_beta) * current
            total = total + u
    return spikes, total.numpy()


@pytest.fixture
def counts():
    return (np.random.default_rng(5).random((STEPS, CLIPS, N_IN)) < 0.4).astype(np.int64)


@pytest.mark.parametrize("before", [True, False], ids=["shd", "psmnist"])
@pytest.mark.parametrize("kind", ["dense", "conv", "conv2d", "shared"])
@pytest.mark.parametrize("wrapped", [False, True])
def test_the_network_is_the_papers_with_rounded_delays(tmp_path, counts, before, kind, wrapped):
    net = network(kind, before, wrapped, seed=int(wrapped))
    file = tmp_path / "net.pt"
    torch.save({"net": net.state_dict(), "epoch": 7, "acc": 0.9} if wrapped else net.state_dict(), file)
    readout_beta = BETA if before else 0.0
    found = read_network(file, SAID if before else Asked(**(vars(SAID) | {"readout_beta": 0.0})))
    layer = found.stages[1]
    assert layer.recurrent.ndim == (2 if kind == "dense" else 1)
    assert layer.delay_steps.max() > 3
    trace = run_float(found, counts)
    spikes, total = reference(net, counts, readout_beta)
    for stage, expected in zip(trace.stages, spikes, strict=False):
        assert expected.sum() > 50
        assert stage.spikes.tolist() == expected.tolist()
    assert trace.scores == pytest.approx(total)
    integers = quantized(found, Widths(weight=16, membrane=24, share=16), ranges_of(trace))
    assert integers.spec.layers[1].recurrence.kind == (
        RecurrenceKind.DENSE if kind == "dense" else RecurrenceKind.CONV
    )
    assert (run(integers, counts).layers[1].spikes != spikes[1]).mean() < 2e-3


def test_accuracy_before_and_after(tmp_path, counts):
    """Of clips whose classes are those of the real numbers, so that it is 1 before."""
    net = network("conv2d", before=True, wrapped=True)
    with torch.no_grad():
        net.layers[10].bias.zero_()
    torch.save(net.state_dict(), tmp_path / "net.pt")
    found = read_network(tmp_path / "net.pt", SAID)
    trace = run_float(found, counts)
    clips = Calibration(counts, np.full(CLIPS, STEPS), trace.scores.argmax(axis=1))
    kept = losses(found, quantized(found, Widths(), ranges_of(trace)), clips, trace)
    assert (kept.float_accuracy, kept.accuracy) == (1.0, 1.0)
    lost = losses(found, quantized(found, Widths(weight=2), ranges_of(trace)), clips, trace)
    assert lost.accuracy < 0.8
    assert lost.differing > 5 * kept.differing > 0


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        (Asked(v_th=1.0, decay_input=True), "does not say it: name --beta$"),
        (Asked(beta=0.8, decay_input=True), "does not say it: name --v-th$"),
        (Asked(beta=0.8, v_th=1.0), "does not say it: name --decay-input$"),
        (Asked(beta=0.8, v_th=1.0, decay_input=True), "layers.10: does not fire, .* name it with --readout"),
    ],
)
def test_what_the_file_does_not_say_is_asked_for(tmp_path, asked, message):
    torch.save(network("conv", True, False).state_dict(), tmp_path / "net.pt")
    with pytest.raises(InputError, match=message):
        read_network(tmp_path / "net.pt", asked)


@pytest.mark.parametrize(
    ("name", "tensor", "message"),
    [
        (
            "layers.7.recurrent_delays",
            torch.zeros(N, N),
            r"layers.7.recurrent_delays \(16, 16\): synaptic delays cannot be the same",
        ),
        (
            "layers.7.recurrent_delays",
            torch.zeros(3),
            r"layers.7.recurrent_delays must have shape \(16,\) or \(1,\), not \(3,\)",
        ),
        ("layers.7.recurrent_delays", torch.full((N,), 2000.0), "delay_steps must be 0..1023, not 2000"),
        (
            "layers.7.recurrent_delays",
            torch.full((N,), torch.nan),
            "layers.7.recurrent_delays must be finite",
        ),
        ("layers.7.recurrent_kernel", torch.zeros(1, 1, 4), r"recurrent_kernel must be \(1, 1, K\)"),
        ("layers.5.weight", torch.zeros(N, 3), r"layers.5: inputs must be the 16 neurons of layers.0, not 3"),
        ("layers.6.running_var", torch.full((N,), -1.0), "layers.6.running_var must be at least 0, not -1"),
        ("layers.7.P", torch.zeros(N), "layers.7.P is unknown: what it does would be lost"),
    ],
)
def test_what_cannot_be_the_same_is_refused_by_name(tmp_path, name, tensor, message):
    torch.save(network("conv", True, False).state_dict() | {name: tensor}, tmp_path / "net.pt")
    with pytest.raises(InputError, match=message):
        read_network(tmp_path / "net.pt", SAID)

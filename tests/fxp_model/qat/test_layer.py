"""The fused hidden layer computes what plain torch computes, and padding never changes a result."""

import numpy as np
import pytest
import torch

from fxp_model.fixed import Overflow, QFormat, Rounding
from fxp_model.qat import delays, kernels, plain
from fxp_model.qat.layer import Numbers
from fxp_model.qat.network import Regularization, SpikingNetwork
from fxp_model.qat.neuron import Neuron, Recurrence
from fxp_model.qat.signal import Norm, Signal
from fxp_model.qat.template import Shape, network_spec
from fxp_model.spec import ReadoutMode, RecurrenceKind, ResetMode

pytestmark = pytest.mark.slow

STEPS, SAMPLES, N_IN, N = 22, 5, 17, 19
LENGTHS = torch.tensor([22, 9, 15, 1, 22])
QUIET = Regularization(dropout=0.0, recurrent_dropout=0.0)


def drawn(rng, shape, scale=1.0):
    return torch.tensor(rng.normal(0, scale, shape), requires_grad=True)


def counts(rng, steps=STEPS, n_in=N_IN):
    """Bytes, half of them zero, and zero beyond the lengths."""
    x = rng.integers(0, 16, (steps, SAMPLES, n_in)) * rng.integers(0, 2, (steps, SAMPLES, n_in))
    return torch.tensor(x * (np.arange(steps)[:, None, None] < LENGTHS.numpy()[:, None]), dtype=torch.uint8)


@pytest.mark.parametrize("membrane", [QFormat(True, 4, 10), None], ids=["quantised", "real"])
@pytest.mark.parametrize("weight_shape", [5, (N, N), None], ids=["conv", "dense", "none"])
@pytest.mark.parametrize(
    ("noisy", "reset_mode", "window"),
    [(True, ResetMode.ZERO, None), (False, ResetMode.DELAYED, None), (True, ResetMode.SUBTRACT, 9)],
)
def test_outputs_gradients_and_statistics_are_those_of_plain_torch(
    weight_shape, membrane, noisy, reset_mode, window
):
    rng = np.random.default_rng(3)
    events = counts(rng)
    neuron = Neuron(1.0, reset_mode, membrane, Rounding.RND, Overflow.SAT)
    link = events.double().requires_grad_()
    leaves = {
        "link": link,
        "weight": drawn(rng, (N, N_IN), 0.2),
        "gamma": torch.tensor(rng.uniform(0.5, 1.5, N), requires_grad=True),
        "bias": drawn(rng, N),
        "beta": torch.tensor(0.75, dtype=torch.float64, requires_grad=True),
    }
    if weight_shape is not None:
        leaves |= {"recurrent": drawn(rng, weight_shape, 0.3), "delay": drawn(rng, N, 4.0)}
    gate = torch.tensor(rng.integers(0, 2, (SAMPLES, N)) / 0.5) if noisy else None
    kept = torch.tensor(rng.integers(0, 2, (STEPS, SAMPLES, N)), dtype=torch.uint8) if noisy else None
    pull = torch.tensor(rng.normal(0, 1, (STEPS, SAMPLES, N)))

    def run(path):
        norm = Norm(
            leaves["gamma"], leaves["bias"], torch.zeros(N).double(), torch.ones(N).double(), 1e-5, 0.1
        )
        recurrence = None
        if weight_shape is not None:
            taps = delays.spread(leaves["delay"].abs() + 1, 1.4)
            recurrence = Recurrence(leaves["recurrent"], taps, gate)
        x = Signal(events, link, LENGTHS, window)
        out, count = path.hidden_layer(x, leaves["weight"], norm, leaves["beta"], neuron, recurrence, kept)
        # the readout's weights give every output spike a gradient
        pulled = path.weighed(out, pull.flatten()[: 3 * N].view(3, N))
        inside = out.inside()[:, :, None]
        loss = (pulled * inside * pull[:, :, :3]).sum() + 0.3 * count
        grads = torch.autograd.grad(loss, list(leaves.values()))
        return out, count, norm, dict(zip(leaves, grads, strict=True))

    (out, count, norm, grads), (other, count_, norm_, grads_) = run(plain), run(kernels)
    assert torch.equal(out.events, other.events)
    assert 0.02 * LENGTHS.sum() * N < count == count_
    terms = STEPS * SAMPLES * N * (N + N_IN)  # of float64 sums in another order
    assert (norm.mean - norm_.mean).abs().max() <= terms * 2.0**-53 * norm.mean.abs().max()
    assert (norm.var - norm_.var).abs().max() <= terms * 2.0**-53 * norm.var.abs().max()
    for name, grad in grads.items():
        scale = float(grad.abs().max())
        assert scale > 0, name
        assert float((grad - grads_[name]).abs().max()) <= 10 * terms * 2.0**-53 * max(scale, 1.0), name


@pytest.mark.parametrize("window", [None, 1, 7])
@pytest.mark.parametrize("sigma", [5.0, 1.3, 0.0, None])
def test_delayed_inputs_and_their_gradients_are_those_of_plain_torch(sigma, window):
    rng = np.random.default_rng(4)
    events = counts(rng)
    delay = torch.tensor(np.append(rng.uniform(0, 25, N_IN - 2), [0.0, 0.3]), requires_grad=True)
    link = events.double().requires_grad_()
    inside = (torch.arange(STEPS)[:, None] < LENGTHS)[:, :, None]
    pull = torch.tensor(rng.normal(0, 1, (STEPS, SAMPLES, N_IN))) * inside

    def run(path):
        if sigma is None:
            taps = delays.integer(delays.rounded(delay, 25), torch.float64, least=0)
        else:
            taps = delays.spread(delay, sigma, least=0)
        x = path.delayed(Signal(events, link, LENGTHS, window), taps)
        grads = torch.autograd.grad(x.link * inside, [link] if sigma is None else [link, delay], pull)
        return x, grads

    (x, grads), (x_, grads_) = run(plain), run(kernels)
    assert x_.events.dtype is (torch.uint8 if sigma is None else torch.float64)
    assert float((x.link.detach() * inside - x_.events).abs().max()) <= 64 * 2.0**-53 * 15
    for a, b in zip(grads, grads_, strict=True):
        assert float(a.abs().max()) > 0
        assert float((a - b).abs().max()) <= 1000 * STEPS * SAMPLES * 2.0**-53


@pytest.mark.parametrize(("sigma", "alpha", "window"), [(2.0, (), None), (None, (0.5,), None), (2.0, (), 5)])
def test_a_network_with_forward_delays_trains_as_in_plain_torch(sigma, alpha, window):
    x = counts(np.random.default_rng(6))
    found = []
    for fused in (True, False):
        torch.manual_seed(0)
        numbers = Numbers(quantized=False)  # nothing at a threshold depends on the order of sums
        module = SpikingNetwork(
            network_spec(Shape(hidden=(12, 11), forward_delay=(7,), alpha=alpha), N_IN, 3), numbers
        ).double()
        for stage in module.stages:
            assert stage.path() is kernels
            stage.may_fuse = fused
        output = module(x, LENGTHS, sigma, QUIET, window)
        (output.logits.square().sum() + output.rates.sum()).backward()
        found.append(
            {name: p.grad for name, p in module.named_parameters()} | {"rates": output.rates.detach()}
        )
    assert found[0]["rates"].min() > 0.02
    for name, value in found[0].items():
        if name.endswith("delay") and sigma is None:
            assert value is None
        else:
            assert torch.allclose(value, found[1][name], rtol=1e-9, atol=1e-12), name
            assert value.abs().max() > 0, name


@pytest.mark.parametrize("readout", ReadoutMode)
@pytest.mark.parametrize("recurrence", [RecurrenceKind.CONV, RecurrenceKind.DENSE])
def test_padding_changes_no_logit_gradient_or_statistic(recurrence, readout):
    rng = np.random.default_rng(8)
    short = counts(rng)
    long = torch.cat([short, torch.zeros(13, SAMPLES, N_IN, dtype=torch.uint8)])
    results = []
    for x in (short, long):
        torch.manual_seed(0)
        shape = Shape(hidden=(12, 11), recurrence=recurrence, readout=readout)
        module = SpikingNetwork(network_spec(shape, N_IN, 3))
        output = module(x, LENGTHS, 2.0, QUIET)
        (output.logits.square().sum() + output.rates.sum()).backward()
        state = {name: p.grad for name, p in module.named_parameters()} | dict(module.named_buffers())
        results.append({"logits": output.logits.detach(), "rates": output.rates.detach()} | state)
    for name, value in results[0].items():
        # dense weights sum over all steps in one product, whose order follows its size
        exact = not (recurrence is RecurrenceKind.DENSE and name.endswith(".recurrent"))
        assert torch.allclose(
            value, results[1][name], rtol=0 if exact else 1e-5, atol=0 if exact else 1e-6
        ), name


def test_a_clip_alone_has_the_logits_that_it_has_in_eval_mode_among_others():
    """One clip affects another only through batch norm, whose statistics are fixed in eval mode."""
    torch.manual_seed(1)
    module = SpikingNetwork(network_spec(Shape(hidden=(12, 11)), N_IN, 3)).eval()
    x = counts(np.random.default_rng(4)).numpy()
    for index, length in enumerate(LENGTHS.tolist()):
        together = module.scores(x[:length])
        alone = module.scores(x[:length, [index]])
        assert np.array_equal(together[index], alone[0])

"""PyTorch in eval mode equals the golden model bit for bit."""

import numpy as np
import pytest
import torch

from fxp_model.errors import InputError
from fxp_model.fixed import QFormat
from fxp_model.network import Network, StageParams, run
from fxp_model.qat import evaluate, layer
from fxp_model.qat.layer import Numbers
from fxp_model.qat.network import Regularization, SpikingNetwork, from_network
from fxp_model.qat.template import Shape, network_spec
from fxp_model.random_networks import random_counts, random_network
from fxp_model.spec import (
    LayerSpec,
    NetworkSpec,
    ReadoutMode,
    ReadoutSpec,
    RecurrenceKind,
    ResetMode,
)

pytestmark = pytest.mark.slow

QUIET = Regularization(dropout=0.0, recurrent_dropout=0.0)


@pytest.mark.parametrize("block", range(4))
def test_random_networks_of_every_kind(block):
    for seed in range(100 * block, 100 * (block + 1)):
        rng = np.random.default_rng([5, seed])
        network = random_network(rng)
        counts = random_counts(rng, network.spec, steps=int(rng.integers(1, 13)), samples=2)
        expected = run(network, counts)
        mismatch = expected.first_mismatch(evaluate.run(network, counts))
        assert mismatch is None, f"seed {seed}: {mismatch}: {network.spec}"
        if expected.readout.answered is not None:
            assert np.array_equal(from_network(network).answered(counts), expected.readout.answered)


def test_a_network_comes_back_as_it_was():
    for seed in range(100):
        network = random_network(np.random.default_rng(seed))
        again = from_network(network).export()
        assert again.spec == network.spec
        for mine, other in zip(network.params, again.params, strict=True):
            for (name, a), (_, b) in zip(mine.arrays(), other.arrays(), strict=True):
                assert np.array_equal(a, b), name


def trained_module(shape, seed, n_in=9, classes=4):
    """A module whose every parameter and statistic differs from its initial value."""
    torch.manual_seed(seed)
    module = SpikingNetwork(network_spec(shape, n_in, classes))
    optimizer = torch.optim.SGD(module.parameters(), lr=0.05)
    for _ in range(3):
        counts = torch.randint(0, 16, (20, 8, n_in), dtype=torch.uint8)
        output = module(counts, torch.full((8,), 20), 2.0, QUIET)
        optimizer.zero_grad()
        torch.nn.functional.cross_entropy(output.logits, torch.arange(8) % classes).backward()
        optimizer.step()
        module.constrain()
    return module.eval()


SHAPES = [
    Shape(
        hidden=(12, 11),
        recurrence=recurrence,
        reset_mode=reset_mode,
        readout=readout,
        weight_bits=bits,
        forward_delay=(forward_delay,),
        alpha=alpha,
    )
    for recurrence, reset_mode, readout, bits, forward_delay, alpha in [
        (RecurrenceKind.CONV, ResetMode.ZERO, ReadoutMode.SUM, 8, 0, ()),
        (RecurrenceKind.CONV, ResetMode.SUBTRACT, ReadoutMode.LAST, 4, 9, ()),
        (RecurrenceKind.DENSE, ResetMode.ZERO, ReadoutMode.MAX, 3, 0, (0.5,)),
        (None, ResetMode.SUBTRACT, ReadoutMode.SPIKE_COUNT, 2, 3, ()),
        (RecurrenceKind.CONV, ResetMode.DELAYED, ReadoutMode.SPIKE_COUNT, 8, 4, (0.25, 0.75)),
    ]
]


@pytest.mark.parametrize(
    "shape", SHAPES, ids=lambda s: f"{s.recurrence}-{s.readout}-{s.reset_mode}-{s.weight_bits}b"
)
def test_a_trained_module_equals_its_export(shape):
    module = trained_module(shape, seed=11)
    network = module.export()
    counts = np.random.default_rng(0).integers(0, 16, (30, 5, 9))
    expected = run(network, counts)
    assert expected.first_mismatch(module.trace(counts)) is None
    assert np.array_equal(expected.scores, module.scores(counts))
    assert all(layer.spikes.any() for layer in expected.layers)


def test_the_norm_is_folded_into_weights_and_bias():
    """With fine weights, eval computes gamma * (W x - mean) / std + shift of the running statistics."""
    shape = Shape(hidden=(12,), recurrence=None, weight_bits=16)
    module = trained_module(shape, seed=2)
    layer = next(iter(module.layers))
    x = torch.randint(0, 16, (6, 3, 9)).double()
    with torch.no_grad():
        weight, mean, var = layer.weight.double(), layer.mean.double(), layer.var.double()
        norm = (x @ weight.T - mean) / torch.sqrt(var + 1e-5)
        expected = norm * layer.gamma.double() + layer.bias.double()
    exact = layer.folded()
    # each of 9 weights is off by half an lsb times a count below 16, the bias by half of its lsb
    tolerance = 9 * 15 * exact.spec.weight.lsb / 2 + exact.spec.bias.lsb / 2
    assert float((exact.current(x) - expected).abs().max()) <= tolerance
    assert tolerance < 2e-3


@pytest.mark.parametrize("forward_delay", [0, 6])
@pytest.mark.parametrize("recurrence", [RecurrenceKind.CONV, RecurrenceKind.DENSE, None])
def test_training_and_eval_agree_when_batch_and_running_statistics_do(recurrence, forward_delay, monkeypatch):
    """Float network without dropout, integer delays: the training step gives the scores of eval mode."""
    monkeypatch.setattr(layer, "NORM_MOMENTUM", 1.0)
    torch.manual_seed(4)
    numbers = Numbers(quantized=False)
    module = SpikingNetwork(
        network_spec(Shape(hidden=(12, 11), recurrence=recurrence, forward_delay=(forward_delay,)), 9, 4),
        numbers,
    ).double()
    counts = np.random.default_rng(1).integers(0, 16, (20, 6, 9)).astype(np.uint8)
    with torch.no_grad():
        output = module(torch.from_numpy(counts), torch.full((6,), 20), None, QUIET)
        for hidden in module.layers:
            hidden.var *= (120 - 1) / 120  # the running variance is without bias, the batch's is not
    scores = module.eval().scores(counts)
    assert float(output.rates.min()) > 0.02
    # eval mode is float32: 120 membranes of magnitude below 32, each a few hundred roundings of 2**-24
    assert output.logits.numpy() == pytest.approx(scores / 20, abs=1e-3)


def test_sums_beyond_the_significand_are_refused():
    wide = QFormat(True, 2, 30)
    kept = {"weight": wide, "bias": wide, "membrane": QFormat(True, 16, 16)}
    fields = {"n_in": 1, "n_out": 1, "beta": 1, "beta_format": QFormat(False, -15, 40), **kept}
    spec = NetworkSpec((LayerSpec(**fields, v_th=1),), ReadoutSpec(**fields))
    params = StageParams(np.ones((1, 1), np.int64), np.ones(1, np.int64))
    bits = spec.readout.sum_bits
    assert bits > 53
    with pytest.raises(InputError, match=rf"^torch evaluation is exact up to sums of 53 bits, not {bits}$"):
        evaluate.run(Network(spec, (params, params)), np.ones((2, 1, 1), np.int64))


def test_eval_mode_has_no_training_step():
    module = trained_module(Shape(hidden=(4,)), seed=0)
    with pytest.raises(
        RuntimeError, match=r"^forward takes a training step; in eval mode call trace or scores$"
    ):
        module(torch.zeros(3, 1, 9), torch.tensor([3]), None, QUIET)

"""The fused kernels compute what plain torch computes, forward and backward."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from fxp_model.fixed import Overflow, QFormat, Rounding
from fxp_model.qat import delays, kernels
from fxp_model.qat.layer import supported
from fxp_model.qat.neuron import Neuron, Recurrence, Synapse, simulate
from fxp_model.spec import ResetMode

pytestmark = pytest.mark.slow

MEMBRANE = QFormat(True, 4, 10)


def stage(reset_mode=ResetMode.ZERO, v_th=1.0, membrane=MEMBRANE):
    return Neuron(v_th, reset_mode, membrane, Rounding.RND, Overflow.SAT)


def synapse(alpha, current):
    return Synapse(alpha, current, Rounding.RND, Overflow.SAT, None)


def leaves(rng, steps, samples, n, weight_shape, dtype):
    """Current, beta, recurrent weights and delay, each with a gradient."""

    def leaf(values):
        return torch.tensor(values, dtype=dtype, requires_grad=True)

    return (
        leaf(rng.normal(0.15, 0.8, (steps, samples, n))),
        leaf(0.75),
        leaf(rng.normal(0, 0.4 if np.ndim(weight_shape) == 0 else 0.2, weight_shape)),
        leaf(rng.uniform(0, 12, n)),
    )


N = 24
CASES = [
    pytest.param(shape, sigma, reset_mode, membrane, None, id=f"{shape}-{sigma}-{reset_mode}-{membrane}")
    for shape in (None, 1, 5, 31, (N, N))
    for sigma in ((None,) if shape is None else (None, 0.0, 3.3))
    for reset_mode in ResetMode
    for membrane in (MEMBRANE, None)
] + [
    pytest.param(shape, sigma, reset_mode, MEMBRANE, current, id=f"{shape}-{sigma}-{reset_mode}-synapse")
    for shape, sigma in ((None, None), (5, 3.3), ((N, N), 3.3))
    for reset_mode, current in ((ResetMode.DELAYED, QFormat(True, 2, 9)), (ResetMode.ZERO, MEMBRANE))
]


WINDOWS = [pytest.param(*case.values, None, id=case.id) for case in CASES] + [
    pytest.param(*case.values, 6, id=f"{case.id}-windows")
    for case in CASES
    if case.values[2] is ResetMode.DELAYED and case.values[3] is MEMBRANE
]


@pytest.mark.parametrize(("shape", "sigma", "reset_mode", "membrane", "charge", "window"), WINDOWS)
def test_membranes_spikes_and_gradients_are_those_of_autograd(
    shape, sigma, reset_mode, membrane, charge, window
):
    rng = np.random.default_rng(7)
    steps, samples = 25, 3
    current, beta, weight, delay = leaves(rng, steps, samples, N, shape or 1, torch.float64)
    alpha = torch.tensor(0.625, dtype=torch.float64, requires_grad=True)
    neuron = stage(reset_mode, membrane=membrane)
    if charge is not None:
        neuron = replace(neuron, synapse=synapse(alpha, charge))
    gate = torch.tensor(rng.integers(0, 2, (samples, N)) / 0.5)
    pull = torch.tensor(rng.normal(0, 1, (2, steps, samples, N)))

    def gradients(run):
        taps = delays.integer(delays.rounded(delay, 63), torch.float64)
        if sigma is not None:
            taps = delays.spread(delay, sigma)
        recurrence = None if shape is None else Recurrence(weight, taps, gate)
        v_mem, spikes = run(current, beta, neuron, recurrence, window)
        wanted = {"current": current, "beta": beta}
        wanted |= {} if shape is None else {"weight": weight}
        wanted |= {} if shape is None or sigma is None else {"delay": delay}
        wanted |= {} if charge is None else {"alpha": alpha}
        loss = (v_mem * pull[0] + spikes * pull[1]).sum()
        grads = torch.autograd.grad(loss, list(wanted.values()))
        return v_mem, spikes, dict(zip(wanted, grads, strict=True))

    def reference(*arguments):
        course = simulate(*arguments)
        return course.v_mem, course.spikes

    v_mem, spikes, expected = gradients(reference)
    v_fused, spikes_fused, actual = gradients(kernels.simulate)
    # Sums are taken in another order, so a value halfway between two codes, or at the threshold, may fall
    # to either side; none of these draws meets one. Real membranes keep the difference of the last bits.
    if membrane is not None:
        assert torch.equal(v_mem, v_fused)
    apart, largest = (float(x.detach().abs().max()) for x in (v_mem - v_fused, v_mem))
    assert apart <= steps * (N + 10) * 2.0**-53 * largest
    assert torch.equal(spikes, spikes_fused)
    assert 0.02 < spikes.mean() < 0.9
    for name, a in expected.items():
        b = actual[name]
        # Both sum the same terms in float64, in another order: at most steps * samples * N * (fan-in + taps)
        # of them, each off by 2**-53 of the largest partial sum.
        terms = steps * samples * N * ((0 if shape is None else weight.shape[-1]) + 10)
        scale = float(a.abs().max())
        assert scale > 0, name
        assert float((a - b).abs().max()) <= terms * 2.0**-53 * max(scale, 1.0) * 10, name


def test_a_gradient_step_by_hand():
    """One neuron, K = 1, delay 0: i_rec(1) = w * y(0), and dv(1)/dw = y(0) = 1."""
    current = torch.tensor([[[1.5]], [[0.25]]], dtype=torch.float64, requires_grad=True)
    beta = torch.tensor(0.5, dtype=torch.float64, requires_grad=True)
    kernel = torch.tensor([0.25], dtype=torch.float64, requires_grad=True)
    taps = delays.integer(torch.tensor([0]), torch.float64)
    v_mem, spikes = kernels.simulate(current, beta, stage(ResetMode.SUBTRACT), Recurrence(kernel, taps))
    assert v_mem.flatten().tolist() == [1.5, 0.5 * 0.5 + 0.25 + 0.25]
    assert spikes.flatten().tolist() == [1.0, 0.0]
    v_mem[1].sum().backward()
    # dv(1)/dbeta is the membrane after the reset; dv(1)/di(0) = beta + w * h'(v(0) - v_th).
    slope = 2.5 / (1 + (np.pi / 2 * 5.0 * 0.5) ** 2)
    assert kernel.grad.tolist() == [1.0]
    assert beta.grad.item() == 0.5
    assert current.grad.flatten().tolist() == pytest.approx([0.5 + 0.25 * slope, 1.0], rel=1e-15)


@pytest.mark.parametrize("run", [simulate, kernels.simulate])
def test_truncated_gradients_by_hand(run):
    """As above, and the states of step 0 are constants to step 1, or, with a window of 2, are not."""
    found = {}
    for window in (1, 2, None):
        current = torch.tensor([[[1.5]], [[0.25]]], dtype=torch.float64, requires_grad=True)
        beta = torch.tensor(0.5, dtype=torch.float64, requires_grad=True)
        kernel = torch.tensor([0.25], dtype=torch.float64, requires_grad=True)
        taps = delays.integer(torch.tensor([0]), torch.float64)
        course = run(current, beta, stage(ResetMode.SUBTRACT), Recurrence(kernel, taps), window)
        v_mem = course[0] if isinstance(course, tuple) else course.v_mem
        v_mem[1].sum().backward()
        assert (kernel.grad.tolist(), beta.grad.item()) == ([1.0], 0.5)
        found[window] = current.grad.flatten().tolist()
    assert found[1] == [0.0, 1.0]
    assert found[2] == found[None]
    assert found[2][0] > 0.5


def test_a_saturated_membrane_passes_no_gradient():
    current = torch.full((1, 1, 2), 100.0, dtype=torch.float64)
    current[0, 0, 1] = 0.5
    current.requires_grad_()
    v_mem, _ = kernels.simulate(current, torch.tensor(0.5).double(), stage(v_th=None), None)
    v_mem.sum().backward()
    assert v_mem.flatten().tolist() == [MEMBRANE.to_real(MEMBRANE.max_raw), 0.5]
    assert current.grad.flatten().tolist() == [0.0, 1.0]


def test_float32_gradients_are_near_those_of_float64():
    rng = np.random.default_rng(3)
    drawn = leaves(rng, 30, 4, 40, 5, torch.float64)
    grads = {}
    for dtype in (torch.float32, torch.float64):
        # on a grid of 2**-10 both precisions see the same membranes, so the same spikes
        current, beta, kernel, delay = (
            (torch.round(x.detach() * 1024) / 1024).to(dtype).requires_grad_() for x in drawn
        )
        recurrence = Recurrence(kernel, delays.integer(delays.rounded(delay, 63), dtype))
        v_mem, spikes = kernels.simulate(current, beta, stage(), recurrence)
        grads[dtype] = torch.autograd.grad((v_mem + spikes).sum(), [current, beta, kernel])
    for narrow, wide in zip(grads[torch.float32], grads[torch.float64], strict=True):
        # 2**-24 per operation, and a few thousand of them in the longest sum
        assert float((narrow.double() - wide).abs().max() / wide.abs().max()) < 4096 * 2.0**-24


@pytest.mark.parametrize(
    ("rounding", "overflow"), [(Rounding.TRN, Overflow.SAT), (Rounding.RND, Overflow.WRAP)]
)
def test_what_the_kernels_do_not_compute_is_left_to_torch(rounding, overflow):
    cpu = torch.device("cpu")
    assert not kernels.supports(Neuron(1.0, ResetMode.ZERO, MEMBRANE, rounding, overflow), cpu)
    assert kernels.supports(Neuron(1.0, ResetMode.ZERO, None, rounding, overflow), cpu)
    assert kernels.supports(stage(), cpu)
    own = torch.full((N,), 1.0)
    one = synapse(own[0], MEMBRANE)
    for other in (
        replace(stage(), leak_rounding=rounding),
        replace(stage(), synapse=synapse(own, MEMBRANE)),
        replace(stage(), synapse=synapse(own[0], None)),
        replace(stage(), synapse=replace(one, rounding=rounding, overflow=overflow)),
        replace(stage(), v_th=own),
    ):
        assert not kernels.supports(other, cpu)
        assert not supported(other, own[0])
    assert supported(stage(), own[0])
    assert supported(replace(stage(), synapse=one), own[0])
    assert not supported(stage(), own)
    assert kernels.supports(stage(ResetMode.DELAYED), cpu)

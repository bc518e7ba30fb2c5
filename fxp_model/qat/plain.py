"""A hidden layer in training, in plain torch: the reference of the kernels, and the code path for GPUs."""

from __future__ import annotations

from dataclasses import replace

import torch
import torch.nn.functional as F
from torch import Tensor

from fxp_model.qat.delays import Taps, kept_within, shifted
from fxp_model.qat.neuron import Neuron, Recurrence, simulate
from fxp_model.qat.signal import Norm, Signal


def weighed(x: Signal, weight: Tensor) -> Tensor:
    """Product W x (T, B, N_out) of inputs (T, B, N_in) and `weight` (N_out, N_in)."""
    return F.linear(x.link, weight)


def delayed(x: Signal, taps: Taps) -> Signal:
    """Inputs x'[j](t) = sum_l m[l, j] * x[j](t - l), over the taps m."""
    spread = torch.zeros_like(x.link)
    arrives = torch.arange(len(x.link), device=x.link.device)[:, None, None]
    for k, weight in enumerate(taps.weight):
        steps = taps.first + k
        spread = spread + weight * kept_within(x.window, shifted(x.link, steps), arrives - steps, arrives)
    return replace(x, link=spread)


def hidden_layer(
    x: Signal,
    weight: Tensor,
    norm: Norm,
    beta: Tensor,
    neuron: Neuron,
    recurrence: Recurrence | None,
    kept: Tensor | None,
) -> tuple[Signal, Tensor]:
    """Spikes of a layer, through batch norm and `simulate`.

    Parameters
    ----------
    x : Signal
    weight : (N_out, N_in)
    norm : Norm
        Its running statistics are updated.
    beta : scalar tensor, or (N,)
    neuron : Neuron
    recurrence : Recurrence or None
    kept : (T, B, N_out) uint8 or None
        Spikes that are output (dropout); None: all.

    Returns
    -------
    Signal
        Output spikes.
    Tensor
        Number of spikes, before dropout; differentiable.
    """
    inside = x.inside()[:, :, None]
    product = weighed(x, weight)
    steps = x.lengths.sum()
    mean = (product * inside).sum((0, 1)) / steps
    var = ((product - mean) ** 2 * inside).sum((0, 1)) / steps
    current = norm.gamma * (product - mean) / torch.sqrt(var + norm.eps) + norm.bias
    norm.follow(mean, var, x.lengths)
    spikes = simulate(current * inside, beta, neuron, recurrence, x.window).spikes * inside
    out = spikes if kept is None else spikes * kept
    return replace(x, events=out.detach().to(torch.uint8), link=out), spikes.sum()

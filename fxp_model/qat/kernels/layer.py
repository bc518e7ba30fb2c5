"""A hidden layer in training, from input spikes to output spikes, as one differentiable function.

Spikes stay bytes from layer to layer. Their gradients are real numbers: autograd sees a tensor of the
spikes' shape without memory of its own, `Signal.link`.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from fxp_model.qat.kernels import events, norm
from fxp_model.qat.kernels.simulate import Course, alpha_of, membrane_of, recurrent_parts
from fxp_model.qat.neuron import Neuron, Recurrence
from fxp_model.qat.parallel import all_sum
from fxp_model.qat.signal import Norm, Signal


def weighed(x: Signal, weight: Tensor) -> Tensor:
    """Product W x (T, B, N_out) of inputs (T, B, N_in) and `weight` (N_out, N_in)."""
    product: Tensor = _Weigh.apply(x.link, weight, x.events, x.lengths)
    return product


def hidden_layer(
    x: Signal,
    weight: Tensor,
    norm_: Norm,
    beta: Tensor,
    neuron: Neuron,
    recurrence: Recurrence | None,
    kept: Tensor | None,
) -> tuple[Signal, Tensor]:
    """As `fxp_model.qat.plain.hidden_layer`."""
    parts = recurrent_parts(recurrence, weight.new_zeros((1, len(x.lengths), len(weight))))
    out, link, count, mean, var = _HiddenLayer.apply(
        *(x.link, weight, norm_.gamma, norm_.bias, alpha_of(neuron, beta), beta, *parts),
        *(x.events, x.lengths, kept, neuron, norm_.eps, x.window),
    )
    norm_.follow(mean, var, x.lengths)
    return replace(x, events=out, link=link), count


class _Weigh(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, link: Tensor, weight: Tensor, x: Tensor, lengths: Tensor) -> Tensor:
        ctx.saved = (weight.detach(), x, lengths)
        return _weigh(x, weight, lengths)

    @staticmethod
    def backward(ctx: Any, g: Tensor) -> tuple[Tensor | None, ...]:
        weight, x, lengths = ctx.saved
        g_link = g @ weight if ctx.needs_input_grad[0] else None
        return g_link, _weigh_back(x, g, lengths), None, None


class _HiddenLayer(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        link: Tensor,
        weight: Tensor,
        gamma: Tensor,
        bias: Tensor,
        alpha: Tensor,
        beta: Tensor,
        recurrent: Tensor,
        gate: Tensor,
        first: Tensor,
        taps: Tensor,
        x: Tensor,
        lengths: Tensor,
        kept: Tensor | None,
        neuron: Neuron,
        eps: float,
        window: int | None,
    ) -> tuple[Tensor, ...]:
        current = _weigh(x, weight, lengths)
        mean, var = _moments(current, lengths)
        inverse = (var + eps).rsqrt().to(weight.dtype)
        mean = mean.to(weight.dtype)
        factor = gamma.detach() * inverse
        offset = bias.detach() - factor * mean
        membrane = membrane_of(neuron, beta, current.dtype)
        course = Course(current, factor, offset, lengths, (recurrent, gate, first, taps), membrane)
        spikes = torch.from_numpy(course.spikes)
        out = spikes if kept is None else spikes * kept
        ctx.set_materialize_grads(False)
        ctx.course, ctx.window = course, window
        ctx.saved = (weight.detach(), gamma.detach(), x, lengths, kept, current, mean, inverse)
        ctx.mark_non_differentiable(out, mean, var)
        link_out = weight.new_empty(()).expand(current.shape)
        # several times faster than a sum of bytes
        count = weight.new_tensor(np.count_nonzero(course.spikes.view(np.bool_)))
        return out, link_out, count, mean, var

    @staticmethod
    def backward(ctx: Any, *grads: Tensor | None) -> tuple[Tensor | None, ...]:
        weight, gamma, x, lengths, kept, current, mean, inverse = ctx.saved
        _, g_out, g_count, _, _ = grads
        count = 0.0 if g_count is None else float(g_count)
        g, g_alpha, g_beta, g_recurrent, g_taps = ctx.course.backward(None, g_out, kept, count, ctx.window)
        g_bias, g_gamma = _norm_back(g, current, mean, inverse, gamma, lengths)
        g_link = g @ weight if ctx.needs_input_grad[0] else None
        g_weight = _weigh_back(x, g, lengths)
        of_stage = (g_weight, g_gamma, g_bias, g_alpha, g_beta, g_recurrent, None, None, g_taps)
        return g_link, *of_stage, *(None,) * 6


def _weigh(x: Tensor, weight: Tensor, lengths: Tensor) -> Tensor:
    """Products with bytes by the kernels; with delayed real numbers, of which few are zero, by torch."""
    if x.is_floating_point():
        return F.linear(x, weight.detach())
    current = weight.new_empty((*x.shape[:2], len(weight)))
    in_major = weight.detach().T.contiguous()
    events.weigh(current.numpy(), x.numpy(), in_major.numpy(), lengths.numpy())
    return current


def _weigh_back(x: Tensor, g: Tensor, lengths: Tensor) -> Tensor:
    """Gradient of the weights; beyond the lengths, g or x is zero."""
    if x.is_floating_point():
        return g.flatten(0, 1).T @ x.flatten(0, 1)
    parts = min(torch.get_num_threads(), x.shape[1])
    found = g.new_zeros((parts, x.shape[2], g.shape[2]))
    events.weigh_back(found.numpy(), x.numpy(), g.contiguous().numpy(), lengths.numpy())
    return found.sum(0).T


def _moments(current: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and variance (N,) over all steps of all clips, float64; samples merged as by Chan et al., 1979."""
    by_sample = current.new_empty((2, *current.shape[1:]))
    norm.moments(by_sample[0].numpy(), by_sample[1].numpy(), current.numpy(), lengths.numpy())
    means, squares = by_sample.double()
    weight = lengths[:, None].double()
    total = all_sum(torch.cat([weight.sum()[None], (weight * means).sum(0)]))
    mean = total[1:] / total[0]
    spread = squares.sum(0) + (weight * (means - mean) ** 2).sum(0)
    return mean, all_sum(spread) / total[0]


def _norm_back(
    g: Tensor, current: Tensor, mean: Tensor, inverse: Tensor, gamma: Tensor, lengths: Tensor
) -> tuple[Tensor, Tensor]:
    """Turn `g` in place into the gradient of `current`; returns the gradients of bias and gamma."""
    by_sample = g.new_empty((2, *g.shape[1:]))
    gradient, x, middle, scale, steps = (a.numpy() for a in (g, current, mean, inverse, lengths))
    norm.products(by_sample[0].numpy(), by_sample[1].numpy(), gradient, x, middle, scale, steps)
    own = by_sample.double().sum(1)
    total = all_sum(torch.cat([own.flatten(), lengths.sum()[None].double()]))
    g_bias, g_gamma = (total[:-1] / total[-1]).view_as(own).to(g.dtype)
    factor, offset, slope = gamma.numpy(), g_bias.numpy(), g_gamma.numpy()
    norm.normalize_back(gradient, x, middle, scale, factor, offset, slope, steps)
    return own[0].to(g.dtype), own[1].to(g.dtype)

"""Spike with a surrogate gradient.

Forward, y = 1 when v >= v_th. The derivative of that step is zero almost
everywhere, so the backward pass uses that of a smooth step instead,

    h(u) = 1/2 + arctan(pi/2 * alpha * u) / pi,    u = v - v_th,
    h'(u) = alpha / 2 / (1 + (pi/2 * alpha * u)**2),

the arctan surrogate of Fang et al., "Incorporating learnable membrane time
constant to enhance learning of spiking neural networks", ICCV 2021 (2007.05785).
"""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor

ALPHA = 5.0
"""Sharpness of the surrogate gradient, per unit of the threshold's real scale."""


class _Fire(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, distance: Tensor) -> Tensor:
        ctx.save_for_backward(distance)
        return (distance >= 0).to(distance.dtype)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> Tensor:
        (distance,) = ctx.saved_tensors
        return grad * (ALPHA / 2) / (1 + (math.pi / 2 * ALPHA * distance) ** 2)


def fire(v: Tensor, v_th: float | Tensor) -> Tensor:
    """Spikes (0 or 1, dtype of `v`) of the membrane potential `v`, with the arctan surrogate gradient."""
    spikes: Tensor = _Fire.apply(v - v_th)
    return spikes

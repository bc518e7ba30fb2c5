"""The signals between the stages of a network in training."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from fxp_model.qat.parallel import all_sum


@dataclass(frozen=True)
class Signal:
    """Inputs of a stage.

    events : (T, B, N) uint8
        Counts, or the output spikes of a layer; zero beyond the lengths. After delays that are spread over
        several steps, real numbers; only the kernels read them then.
    link : (T, B, N) float
        The same for autograd. Plain torch reads its values; the kernels read `events`,
        and their links have no values.
    lengths : (B,) int64
        Steps of each clip.
    window : int or None
        Steps after which gradients are cut, see `fxp_model.qat.neuron.simulate`; None: never.
    """

    events: Tensor
    link: Tensor
    lengths: Tensor
    window: int | None = None

    def inside(self) -> Tensor:
        """(T, B) bool, whether a step is within its clip."""
        return torch.arange(len(self.events), device=self.lengths.device)[:, None] < self.lengths


@dataclass(frozen=True)
class Norm:
    """Batch norm of a layer: out = gamma * (x - mean) / sqrt(var + eps) + bias.

    gamma, bias : (N,) parameters
    mean, var : (N,) running statistics of the steps inside the clips
    """

    gamma: Tensor
    bias: Tensor
    mean: Tensor
    var: Tensor
    eps: float
    momentum: float

    @torch.no_grad()
    def follow(self, mean: Tensor, var: Tensor, lengths: Tensor) -> None:
        """Update the running statistics with those of a batch; the variance unbiased."""
        steps = float(all_sum(lengths.sum()))
        self.mean.lerp_(mean.to(self.mean), self.momentum)
        self.var.lerp_((var * (steps / max(steps - 1, 1))).to(self.var), self.momentum)

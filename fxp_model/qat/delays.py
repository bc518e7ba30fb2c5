"""Axonal delays, learned as real numbers and finally rounded to integers.

After DelRec (arXiv 2509.24852): the spike of a neuron with the real delay d is
spread over the taps l = 1, 2, ... with the triangle

    m[l] = max(0, s - |l - (1 + d)|) / s**2,    s = 1 + sigma,

which sums to one and whose slope in d is the gradient of the delay. The
width sigma is annealed to 0; then d is rounded to the nearest integer and a spike
arrives through the single tap 1 + d. The tap l = 0 would be the step of the spike itself; it does not exist.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Taps:
    """The band of taps that can be nonzero, per neuron.

    first : (N,) int64
        First tap of the band, >= 1.
    weight : (W, N)
        Weight of the taps first, first + 1, ..., first + W - 1.
    """

    first: Tensor
    weight: Tensor


def spread(delay: Tensor, sigma: float) -> Taps:
    """Triangular taps of real delays (N,) in steps; differentiable in `delay`.

    The band is 2 * (1 + sigma) taps wide, rounded up, whatever the largest delay is.
    """
    s = 1.0 + sigma
    first = (torch.floor(1 + delay.detach() - s) + 1).clamp(min=1)
    offset = torch.arange(math.ceil(2 * s), dtype=delay.dtype, device=delay.device)
    tap = first + offset[:, None]
    return Taps(first.to(torch.int64), (s - (tap - (1 + delay)).abs()).clamp(min=0) / s**2)


def integer(delay_steps: Tensor, dtype: torch.dtype) -> Taps:
    """The single tap 1 + d of integer delays (N,), weight one."""
    weight = torch.ones((1, len(delay_steps)), dtype=dtype, device=delay_steps.device)
    return Taps(1 + delay_steps, weight)


def rounded(delay: Tensor, max_delay: int) -> Tensor:
    """Delays in whole steps, to nearest, halves up, within 0..max_delay; int64.

    Never truncated: that would shorten every delay by half a step on average.
    """
    return torch.floor(delay.detach() + 0.5).clamp(0, max_delay).to(torch.int64)


def sigma_at(progress: float, start: float, rounds_at: float) -> float | None:
    """Width of the triangle at `progress` (0..1) of a training; None once delays are integers.

    Decays exponentially from `start` to 1/200 of it at `rounds_at`.
    """
    if progress >= rounds_at:
        return None
    return float(start * 200.0 ** (-progress / rounds_at))

"""Delays, learned as real numbers and finally rounded to integers.

After DelRec (arXiv 2509.24852): the spike of a neuron with the real delay d is
spread over the taps l = 1, 2, ... with the triangle

    m[l] = max(0, s - |l - (1 + d)|) / s**2,    s = 1 + sigma,

which sums to one and whose slope in d is the gradient of the delay. The
width sigma is annealed to 0; then d is rounded to the nearest integer and a spike
arrives through the single tap 1 + d. The tap l = 0 would be the step of the spike itself; it does not exist.

The delays of the inputs of a stage, forward delays, are learned in the same way, with the taps l = 0, 1, ...
around d: an input without a delay arrives in its own step.
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
        First tap of the band, >= 1; >= 0 of a forward delay.
    weight : (W, N)
        Weight of the taps first, first + 1, ..., first + W - 1.
    """

    first: Tensor
    weight: Tensor


def spread(delay: Tensor, sigma: float, least: int = 1) -> Taps:
    """Triangular taps of real delays (N,) in steps, around `least` + d; differentiable in `delay`.

    The band is 2 * (1 + sigma) taps wide, rounded up, whatever the largest delay is. `least` is the first tap
    that exists.
    """
    s = 1.0 + sigma
    first = (torch.floor(least + delay.detach() - s) + 1).clamp(min=least)
    offset = torch.arange(math.ceil(2 * s), dtype=delay.dtype, device=delay.device)
    tap = first + offset[:, None]
    return Taps(first.to(torch.int64), (s - (tap - (least + delay)).abs()).clamp(min=0) / s**2)


def integer(delay_steps: Tensor, dtype: torch.dtype, least: int = 1) -> Taps:
    """The single tap `least` + d of integer delays (N,), weight one."""
    weight = torch.ones((1, len(delay_steps)), dtype=dtype, device=delay_steps.device)
    return Taps(least + delay_steps, weight)


def shifted(x: Tensor, steps: Tensor) -> Tensor:
    """x'[j](t) = x[j](t - steps[j]) of x (T, B, N) and integers (N,); 0 before step 0."""
    source = torch.arange(len(x), device=x.device)[:, None] - steps
    index = source.clamp(min=0)[:, None, :].expand(x.shape)
    return x.gather(0, index) * (source >= 0)[:, None, :]


def kept_within(window: int | None, spikes: Tensor, sent: Tensor, arrives: Tensor) -> Tensor:
    """`spikes`, constants to the gradient where step `arrives` is of another window than step `sent`."""
    if window is None:
        return spikes
    return torch.where(sent // window == arrives // window, spikes, spikes.detach())


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

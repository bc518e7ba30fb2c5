"""Forward delays of spikes and counts: only nonzero inputs take time; samples in parallel.

An input is spread over the taps of its delay, as in `fxp_model.qat.delays`. The rows of the gradient are
stored skewed, as in `rows`: row t holds, contiguously for all inputs, what their first taps need.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numba
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from fxp_model.compiled import compiled
from fxp_model.qat.delays import Taps
from fxp_model.qat.kernels.events import Lengths
from fxp_model.qat.kernels.rows import FAST, Bits, Floats, add_counted, add_product, add_within, window_of
from fxp_model.qat.signal import Signal


def delayed(x: Signal, taps: Taps) -> Signal:
    """As `fxp_model.qat.plain.delayed`; bytes stay bytes where each input has one tap, of weight 1."""
    out, link = _Delayed.apply(x.link, taps.weight, x.events, taps.first, x.lengths, window_of(x.window))
    return replace(x, events=out, link=link)


class _Delayed(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, link: Tensor, weight: Tensor, x: Tensor, first: Tensor, lengths: Tensor, window: int
    ) -> tuple[Tensor, Tensor]:
        out = torch.zeros(x.shape, dtype=x.dtype if len(weight) == 1 else weight.dtype)
        taps = weight.detach().contiguous()
        _spread(out.numpy(), x.numpy(), first.numpy(), taps.numpy(), lengths.numpy())
        ctx.saved = (taps, x, first, lengths, window)
        ctx.set_materialize_grads(False)
        ctx.mark_non_differentiable(out)
        return out, weight.new_empty(()).expand(x.shape)

    @staticmethod
    def backward(ctx: Any, _: Tensor | None, g: Tensor | None) -> tuple[Tensor | None, ...]:
        taps, x, first, lengths, window = ctx.saved
        if g is None:
            return (None,) * 6
        g_x = g.new_zeros(x.shape if ctx.needs_input_grad[0] else (0, 0, 0))
        g_taps = g.new_zeros((x.shape[1], *taps.shape))
        arrays = (a.numpy() for a in (g_x, g_taps, g.contiguous(), x, first, taps, lengths))
        _spread_back(*arrays, window)
        return g_x if ctx.needs_input_grad[0] else None, g_taps.sum(0), None, None, None, None


@compiled(parallel=True, fastmath=FAST)
def _spread(out: Floats, x: Bits, first: NDArray[np.int64], taps: Floats, lengths: Lengths) -> None:
    """Add x (T, B, N) times its taps (W, N) to `out`, from the step first[j] later on, up to the lengths."""
    _, samples, n = x.shape
    for b in numba.prange(samples):
        steps = lengths[b]
        for t in range(steps):
            row = x[t, b]
            for j in range(n):
                if row[j] != 0:
                    at = t + first[j]
                    for k in range(min(len(taps), steps - at)):
                        out[at + k, b, j] += out.dtype.type(taps[k, j] * row[j])


@compiled(parallel=True, fastmath=FAST)
def _spread_back(
    g_x: Floats,
    g_taps: Floats,
    g: Floats,
    x: Bits,
    first: NDArray[np.int64],
    taps: Floats,
    lengths: Lengths,
    window: int,
) -> None:
    """Write the gradient of x, unless its length is 0, and per sample that of the taps (B, W, N)."""
    _, samples, n = x.shape
    width = len(taps)
    furthest = first.max() + width
    for b in numba.prange(samples):
        steps = lengths[b]
        ahead = np.zeros((steps + width, n), g.dtype)
        for t in range(steps):
            row = g[t, b]
            for j in range(n):
                if t >= first[j]:
                    ahead[t - first[j], j] = row[j]
        for t in range(steps):
            row = x[t, b]
            left = window - t % window
            for k in range(width):
                add_counted(g_taps[b, k], row, ahead[t + k])
                if len(g_x) and left < furthest:
                    add_within(g_x[t, b], taps[k], ahead[t + k], first, left - k)
                elif len(g_x):
                    add_product(g_x[t, b], taps[k], ahead[t + k])

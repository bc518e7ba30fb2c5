"""Batch norm over the steps inside the clips; samples in parallel.

n = (x - mean) / sqrt(var + eps), out = gamma * n + bias (Ioffe and Szegedy, 1502.03167). The equivalent
factor and offset are applied where the current is used, in `rows`.
"""

from __future__ import annotations

import numba

from fxp_model.compiled import compiled
from fxp_model.qat.kernels.events import Lengths
from fxp_model.qat.kernels.rows import FAST, Floats


@compiled(parallel=True, fastmath=FAST)
def moments(mean: Floats, squares: Floats, x: Floats, lengths: Lengths) -> None:
    """Write, per sample, mean and sum of squared deviations (B, N) of x (T, B, N)."""
    _, samples, n = x.shape
    for b in numba.prange(samples):
        middle, spread = mean[b], squares[b]
        middle[:] = 0
        spread[:] = 0
        for t in range(lengths[b]):
            row = x[t, b]
            for j in range(n):
                middle[j] += row[j]
        steps = x.dtype.type(lengths[b])
        for j in range(n):
            middle[j] /= steps
        for t in range(lengths[b]):
            row = x[t, b]
            for j in range(n):
                apart = row[j] - middle[j]
                spread[j] += apart * apart


@compiled(parallel=True, fastmath=FAST)
def products(
    g_bias: Floats, g_gamma: Floats, g: Floats, x: Floats, mean: Floats, inverse: Floats, lengths: Lengths
) -> None:
    """Write, per sample, the sums (B, N) of g and of g * n; g and x (T, B, N), inverse 1 / deviation."""
    _, samples, n = g.shape
    for b in numba.prange(samples):
        plain, product = g_bias[b], g_gamma[b]
        plain[:] = 0
        product[:] = 0
        for t in range(lengths[b]):
            row, value = g[t, b], x[t, b]
            for j in range(n):
                plain[j] += row[j]
                product[j] += row[j] * (value[j] - mean[j]) * inverse[j]


@compiled(parallel=True, fastmath=FAST)
def normalize_back(
    g: Floats,
    x: Floats,
    mean: Floats,
    inverse: Floats,
    gamma: Floats,
    g_bias: Floats,
    g_gamma: Floats,
    lengths: Lengths,
) -> None:
    """g (T, B, N) becomes the gradient of x; `g_bias`, `g_gamma` (N,) are means over all valid steps."""
    _, samples, n = g.shape
    for b in numba.prange(samples):
        for t in range(lengths[b]):
            row, value = g[t, b], x[t, b]
            for j in range(n):
                normal = (value[j] - mean[j]) * inverse[j]
                row[j] = gamma[j] * inverse[j] * (row[j] - g_bias[j] - normal * g_gamma[j])

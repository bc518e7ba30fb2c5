"""Products with spikes and counts: only nonzero inputs take time; samples in parallel."""

from __future__ import annotations

import numba
import numpy as np
from numpy.typing import NDArray

from fxp_model.compiled import compiled
from fxp_model.qat.kernels.rows import FAST, Bits, Floats, add_scaled

Lengths = NDArray[np.int64]


@compiled(parallel=True, fastmath=FAST)
def weigh(current: Floats, x: Bits, weight: Floats, lengths: Lengths) -> None:
    """Write current (T, B, N_out) = x (T, B, N_in) @ weight (N_in, N_out); zero from `lengths` (B,) on."""
    steps, samples, n_in = x.shape
    for b in numba.prange(samples):
        which = np.empty(n_in, np.int64)
        for t in range(steps):
            total, row = current[t, b], x[t, b]
            total[:] = 0
            if t < lengths[b]:
                count = nonzero(which, row)
                _add_rows(total, which[:count], row, weight)


@compiled(parallel=True, fastmath=FAST)
def weigh_back(g_weight: Floats, x: Bits, g_current: Floats, lengths: Lengths) -> None:
    """Accumulate the gradient in g_weight (parts, N_in, N_out), one part per share of the samples."""
    _, samples, n_in = x.shape
    parts = len(g_weight)
    for part in numba.prange(parts):
        which = np.empty(n_in, np.int64)
        for b in range(part * samples // parts, (part + 1) * samples // parts):
            for t in range(lengths[b]):
                row, g = x[t, b], g_current[t, b]
                for e in range(nonzero(which, row)):
                    j = which[e]
                    add_scaled(g_weight[part, j], g.dtype.type(row[j]), g)


@compiled()
def nonzero(which: NDArray[np.int64], row: Bits) -> int:
    """Write the indices of nonzero inputs; returns their number."""
    count = 0
    for j in range(len(row)):
        which[count] = j
        count += row[j] != 0
    return count


@compiled(fastmath=FAST)
def _add_rows(total: Floats, which: NDArray[np.int64], row: Bits, weight: Floats) -> None:
    """total += sum of row[j] * weight[j] over the inputs `which`; four at a time, to save stores."""
    full = len(which) // 4 * 4
    real = weight.dtype.type
    for e in range(0, full, 4):
        j0, j1, j2, j3 = which[e], which[e + 1], which[e + 2], which[e + 3]
        w0, w1, w2, w3 = weight[j0], weight[j1], weight[j2], weight[j3]
        x0, x1, x2, x3 = real(row[j0]), real(row[j1]), real(row[j2]), real(row[j3])
        for n in range(len(total)):
            total[n] += x0 * w0[n] + x1 * w1[n] + x2 * w2[n] + x3 * w3[n]
    for e in range(full, len(which)):
        add_scaled(total, real(row[which[e]]), weight[which[e]])

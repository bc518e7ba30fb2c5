"""A layer with convolutional or no recurrence: samples in parallel, each through all steps."""

from __future__ import annotations

import numba
import numpy as np
from numpy.typing import NDArray

from fxp_model.compiled import compiled
from fxp_model.qat.kernels.events import Lengths
from fxp_model.qat.kernels.rows import FAST, Bits, Floats, Membrane, add_scaled


@compiled(parallel=True, fastmath=FAST)
def forward(
    v_mem: Floats,
    spikes: Bits,
    delayed: Floats,
    current: Floats,
    factor: Floats,
    offset: Floats,
    lengths: Lengths,
    kernel: Floats,
    gate: Floats,
    first: NDArray[np.int64],
    taps: Floats,
    c: Membrane,
) -> None:
    """Write membranes before reset, spikes and delayed spikes, each (T, B, N), up to the lengths (B,)."""
    _, samples, n = current.shape
    size, width = len(kernel), len(taps)
    p = size // 2
    rows = _rows(lengths, first, width)
    for b in numba.prange(samples):
        steps = lengths[b]
        v = np.zeros(n, current.dtype)
        i_rec = np.zeros(n, current.dtype)
        padded = np.zeros(n + 2 * p, current.dtype)
        arrived = padded[p : p + n]
        history = np.zeros((rows, n), np.uint8)
        which = np.empty(n, np.int64)
        for t in range(steps):
            if width:
                for j in range(n):
                    arrived[j] = 0
                for k in range(min(width, t)):
                    for j in range(n):
                        arrived[j] += taps[k, j] * history[t - k, j]
                for j in range(n):
                    delayed[t, b, j] = arrived[j]
                for j in range(n):
                    i_rec[j] = 0
                for k in range(size):
                    add_scaled(i_rec, kernel[k], padded[k : k + n])
                for j in range(n):
                    i_rec[j] *= gate[b, j]
            for j in range(n):
                v[j] = c.beta * v[j] + i_rec[j]
            for j in range(n):
                v[j] += factor[j] * current[t, b, j] + offset[j]
            if c.rounds:
                for j in range(n):
                    v[j] = min(max(np.floor(v[j] * c.scale + c.half), c.low), c.high) * c.lsb
            for j in range(n):
                v_mem[t, b, j] = v[j]
            for j in range(n):
                spikes[t, b, j] = v[j] >= c.v_th
            if width:
                count = 0
                for j in range(n):
                    which[count] = j
                    count += v[j] >= c.v_th
                for e in range(count):
                    history[t + first[which[e]], which[e]] = 1
            for j in range(n):
                u = v[j]
                v[j] = (u - c.v_th) * c.kept if u >= c.v_th else u


@compiled()
def _rows(lengths: Lengths, first: NDArray[np.int64], width: int) -> int:
    """Rows of a history into which each step writes without a test of its end."""
    return lengths.max() + first.max() if width else 0


# numpy's division: Python's checks for zero divisors, neuron by neuron
@compiled(parallel=True, fastmath=FAST, error_model="numpy")
def backward(
    g_current: Floats,
    g_beta: Floats,
    g_kernel: Floats,
    g_taps: Floats,
    g_v: Floats,
    g_out: Floats,
    kept: Bits,
    g_count: np.floating,
    v_mem: Floats,
    spikes: Bits,
    delayed: Floats,
    lengths: Lengths,
    kernel: Floats,
    gate: Floats,
    first: NDArray[np.int64],
    taps: Floats,
    c: Membrane,
) -> None:
    """Write the gradient of the current (T, B, N); accumulate those of beta, kernel and taps, per sample.

    `g_v` or `g_out` of length 0 stands for zeros, `kept` of length 0 for ones.
    """
    _, samples, n = v_mem.shape
    size, width = len(kernel), len(taps)
    p = size // 2
    dtype = v_mem.dtype
    zero, one = c.half - c.half, c.half + c.half
    low, high = c.low * c.lsb, c.high * c.lsb
    rows = _rows(lengths, first, width)
    for b in numba.prange(samples):
        steps = lengths[b]
        g_after = np.zeros(n, dtype)
        g_spike = np.zeros(n, dtype)
        padded = np.zeros(n + 2 * p, dtype)
        g_rec = padded[p : p + n]
        arriving = np.zeros(n, dtype)
        # row t + margin is of step t
        margin = rows - steps
        ahead = np.zeros((rows, n), dtype)
        for t in range(steps - 1, -1, -1):
            for j in range(n):
                g_spike[j] = g_count
            if len(g_out) and len(kept):
                for j in range(n):
                    g_spike[j] += g_out[t, b, j] if kept[t, b, j] != 0 else zero
            elif len(g_out):
                for j in range(n):
                    g_spike[j] += g_out[t, b, j]
            for k in range(min(width, steps - t)):
                for j in range(n):
                    g_spike[j] += taps[k, j] * ahead[margin + t + k, j]
                for j in range(n):
                    g_taps[b, k, j] += ahead[margin + t + k, j] if spikes[t, b, j] != 0 else zero
            for j in range(n):
                x = (v_mem[t, b, j] - c.v_th) * c.sharp
                g_spike[j] *= c.peak / (one + x * x)
            for j in range(n):
                kept_share = c.kept if spikes[t, b, j] != 0 else one
                g_after[j] = g_after[j] * kept_share + g_spike[j]
            if len(g_v):
                for j in range(n):
                    g_after[j] += g_v[t, b, j]
            if c.rounds:
                for j in range(n):
                    u = v_mem[t, b, j]
                    g_after[j] = zero if (u <= low) | (u >= high) else g_after[j]
            for j in range(n):
                g_current[t, b, j] = g_after[j]
            if t > 0:
                share = zero
                for j in range(n):
                    u = v_mem[t - 1, b, j]
                    share += g_after[j] * ((u - c.v_th) * c.kept if spikes[t - 1, b, j] != 0 else u)
                g_beta[b] += share
            if width:
                for j in range(n):
                    g_rec[j] = g_after[j] * gate[b, j]
                for j in range(n):
                    arriving[j] = 0
                for k in range(size):
                    window = padded[2 * p - k : 2 * p - k + n]
                    add_scaled(arriving, kernel[k], window)
                    share = zero
                    for j in range(n):
                        share += window[j] * delayed[t, b, j]
                    g_kernel[b, k] += share
                for j in range(n):
                    ahead[margin + t - first[j], j] = arriving[j]
            for j in range(n):
                g_after[j] *= c.beta

"""A layer with convolutional or no recurrence: samples in parallel, each through all steps."""

from __future__ import annotations

import numba
import numpy as np
from numpy.typing import NDArray

from fxp_model.compiled import compiled
from fxp_model.qat.kernels.events import Lengths, nonzero
from fxp_model.qat.kernels.rows import (
    FAST,
    Bits,
    Floats,
    Membrane,
    add_counted,
    add_product,
    add_scaled,
    add_tap_gradient,
    add_within,
    alpha_gradient,
    beta_gradient,
    charge_back,
    integrate,
    integrate_back,
    masked,
)


@compiled(parallel=True, fastmath=FAST)
def forward(
    v_mem: Floats,
    spikes: Bits,
    delayed: Floats,
    charge: Floats,
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
    """Write membranes before reset, spikes and delayed spikes, each (T, B, N), up to the lengths (B,).

    And the synaptic currents to `charge`, whose length is 0 if there are none.
    """
    _, samples, n = current.shape
    size, width = len(kernel), len(taps)
    p = size // 2
    rows = _rows(lengths, first, width)
    for b in numba.prange(samples):
        steps = lengths[b]
        v = np.zeros(n, current.dtype)
        s = np.zeros(n, current.dtype)
        i_rec = np.zeros(n, current.dtype)
        padded = np.zeros(n + 2 * p, current.dtype)
        arrived = padded[p : p + n]
        history = np.zeros((rows, n), np.uint8)
        which = np.empty(n, np.int64)
        for t in range(steps):
            if width:
                arrived[:] = 0
                for k in range(min(width, t)):
                    add_product(arrived, taps[k], history[t - k])
                delayed[t, b] = arrived
                i_rec[:] = 0
                for k in range(size):
                    add_scaled(i_rec, kernel[k], padded[k : k + n])
                factors = gate[b]
                for j in range(n):
                    i_rec[j] *= factors[j]
            fired = spikes[t, b]
            own = charge[t, b] if c.synaptic else s
            integrate(v_mem[t, b], own, fired, v, s, current[t, b], factor, offset, i_rec, c)
            if width:
                for e in range(nonzero(which, fired)):
                    history[t + first[which[e]], which[e]] = 1


@compiled(parallel=True, fastmath=FAST)
def backward(
    g_current: Floats,
    g_alpha: Floats,
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
    charge: Floats,
    lengths: Lengths,
    kernel: Floats,
    gate: Floats,
    first: NDArray[np.int64],
    taps: Floats,
    c: Membrane,
    window: int,
) -> None:
    """Write the gradient of the current (T, B, N); accumulate those of the rest, per sample.

    `g_v` or `g_out` of length 0 stands for zeros, `kept` of length 0 for ones. After `window` steps the
    gradients of states and of spikes on their way are cut.
    """
    _, samples, n = v_mem.shape
    size, width = len(kernel), len(taps)
    p = size // 2
    dtype = v_mem.dtype
    rows = _rows(lengths, first, width)
    furthest = first.max() + width if width else 0
    for b in numba.prange(samples):
        steps = lengths[b]
        g_after = np.zeros(n, dtype)
        g_charge = np.zeros(n, dtype)
        g_spike = np.zeros(n, dtype)
        zeros = np.zeros(n, dtype)
        arriving = np.zeros(n, dtype)
        padded = np.zeros(n + 2 * p, dtype)
        g_rec = padded[p : p + n]
        ahead = np.zeros((rows, n), dtype)
        row = rows - steps  # of step 0
        everything = np.zeros(0, np.uint8)
        for t in range(steps - 1, -1, -1):
            fired, g_now = spikes[t, b], g_current[t, b]
            out = g_out[t, b] if len(g_out) else zeros
            masked(g_spike, out, kept[t, b] if len(kept) else everything, g_count)
            left = window - t % window
            if left == 1:
                g_after[:] = 0
                g_charge[:] = 0
            for k in range(min(width, steps - t)):
                if left < furthest:
                    add_within(g_spike, taps[k], ahead[row + t + k], first, left - k)
                    add_counted(g_taps[b, k], fired, ahead[row + t + k])
                else:
                    add_tap_gradient(g_spike, g_taps[b, k], taps[k], ahead[row + t + k], fired)
            from_v = g_v[t, b] if len(g_v) else zeros
            integrate_back(g_now, g_after, g_spike, from_v, v_mem[t, b], fired, c)
            if t > 0:
                g_beta[b] += beta_gradient(g_now, v_mem[t - 1, b], spikes[t - 1, b], c)
            if c.synaptic:
                charge_back(g_now, g_charge, charge[t, b], c)
                if t > 0:
                    g_alpha[b] += alpha_gradient(g_now, charge[t - 1, b], c)
            if width:
                factors, arrived = gate[b], delayed[t, b]
                for j in range(n):
                    g_rec[j] = g_now[j] * factors[j]
                arriving[:] = 0
                for k in range(size):
                    near = padded[2 * p - k : 2 * p - k + n]
                    add_scaled(arriving, kernel[k], near)
                    share = c.half - c.half
                    for j in range(n):
                        share += near[j] * arrived[j]
                    g_kernel[b, k] += share
                for j in range(n):
                    ahead[row + t - first[j], j] = arriving[j]


@compiled()
def _rows(lengths: Lengths, first: NDArray[np.int64], width: int) -> int:
    """Rows of a history that has a place for what arrives after the end, or was sent before the start."""
    return lengths.max() + first.max() if width else 0

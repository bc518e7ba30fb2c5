"""A layer with dense recurrence: step by step for all samples, with one matrix product per step."""

from __future__ import annotations

from typing import Any

import numba
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from fxp_model.compiled import compiled
from fxp_model.qat.kernels.events import Lengths
from fxp_model.qat.kernels.rows import (
    FAST,
    Bits,
    Floats,
    Membrane,
    add_counted,
    add_product,
    add_tap_gradient,
    add_within,
    alpha_gradient,
    beta_gradient,
    charge_back,
    integrate,
    integrate_back,
    masked,
)


def forward(
    v_mem: Floats,
    spikes: Bits,
    delayed: Floats,
    charge: Floats,
    current: Floats,
    factor: Floats,
    offset: Floats,
    lengths: Lengths,
    recurrent: Floats,
    gate: Floats,
    first: NDArray[np.int64],
    taps: Floats,
    c: Membrane,
) -> None:
    """As `conv.forward`, with weights `recurrent` (N, N)."""
    v, s, i_rec = (np.zeros_like(current[0]) for _ in range(3))
    history = np.zeros_like(current)
    weight, arrived, product = (torch.from_numpy(a) for a in (recurrent, delayed, i_rec))
    inputs: tuple[Any, ...] = (current, factor, offset, lengths, gate, first, taps, c)
    state: tuple[Any, ...] = (v_mem, spikes, delayed, charge, v, s, i_rec, history)
    for t in range(len(current)):
        if t > 0:
            torch.mm(arrived[t], weight.T, out=product)
        _step(t, *state, *inputs)


def backward(
    g_current: Floats,
    g_alpha: Floats,
    g_beta: Floats,
    g_recurrent: Floats,
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
    recurrent: Floats,
    gate: Floats,
    first: NDArray[np.int64],
    taps: Floats,
    c: Membrane,
    window: int,
) -> None:
    """As `conv.backward`; writes the gradient of the weights (1, N, N)."""
    g_after, g_charge, arriving = (np.zeros_like(v_mem[0]) for _ in range(3))
    g_rec, ahead = np.zeros_like(v_mem), np.zeros_like(v_mem)
    weight, g_sent, product = (torch.from_numpy(a) for a in (recurrent, g_rec, arriving))
    found: tuple[Any, ...] = (g_current, g_alpha, g_beta, g_taps, g_rec, g_after, g_charge, arriving, ahead)
    given: tuple[Any, ...] = (
        *(g_v, g_out, kept, g_count, v_mem, spikes, charge),
        *(lengths, gate, first, taps, c, window),
    )
    for t in range(len(v_mem) - 1, -1, -1):
        _step_back(t, *found, *given)
        torch.mm(g_sent[t], weight, out=product)
    sent: Tensor = g_sent.flatten(0, 1)
    torch.mm(sent.T, torch.from_numpy(delayed).flatten(0, 1), out=torch.from_numpy(g_recurrent[0]))


@compiled(parallel=True, fastmath=FAST)
def _step(
    t: int,
    v_mem: Floats,
    spikes: Bits,
    delayed: Floats,
    charge: Floats,
    v: Floats,
    s: Floats,
    i_rec: Floats,
    history: Floats,
    current: Floats,
    factor: Floats,
    offset: Floats,
    lengths: Lengths,
    gate: Floats,
    first: NDArray[np.int64],
    taps: Floats,
    c: Membrane,
) -> None:
    """Step `t` of every sample, and the delayed spikes of the next step."""
    _, samples, n = current.shape
    for b in numba.prange(samples):
        steps = lengths[b]
        if t < steps:
            fired, recurrent, factors = spikes[t, b], i_rec[b], gate[b]
            for j in range(n):
                recurrent[j] *= factors[j]
            own = charge[t, b] if c.synaptic else s[b]
            integrate(v_mem[t, b], own, fired, v[b], s[b], current[t, b], factor, offset, recurrent, c)
            for j in range(n):
                if fired[j] != 0 and t + first[j] < steps:
                    history[t + first[j], b, j] = fired[j]
        if t + 1 < steps:
            arrived = delayed[t + 1, b]
            for k in range(min(len(taps), t + 1)):
                add_product(arrived, taps[k], history[t + 1 - k, b])


@compiled(parallel=True, fastmath=FAST)
def _step_back(
    t: int,
    g_current: Floats,
    g_alpha: Floats,
    g_beta: Floats,
    g_taps: Floats,
    g_rec: Floats,
    g_after: Floats,
    g_charge: Floats,
    arriving: Floats,
    ahead: Floats,
    g_v: Floats,
    g_out: Floats,
    kept: Bits,
    g_count: np.floating,
    v_mem: Floats,
    spikes: Bits,
    charge: Floats,
    lengths: Lengths,
    gate: Floats,
    first: NDArray[np.int64],
    taps: Floats,
    c: Membrane,
    window: int,
) -> None:
    """Backward pass through step `t` of every sample; `arriving` is that of step t + 1."""
    _, samples, n = v_mem.shape
    left, furthest = window - t % window, first.max() + len(taps)
    for b in numba.prange(samples):
        steps = lengths[b]
        if t + 1 < steps:
            row = arriving[b]
            for j in range(n):
                if t + 1 >= first[j]:
                    ahead[t + 1 - first[j], b, j] = row[j]
        if t < steps:
            fired, g_now = spikes[t, b], g_current[t, b]
            g_spike, zeros = np.zeros(n, v_mem.dtype), np.zeros(n, v_mem.dtype)
            everything = np.zeros(0, np.uint8)
            out = g_out[t, b] if len(g_out) else zeros
            masked(g_spike, out, kept[t, b] if len(kept) else everything, g_count)
            if left == 1:
                g_after[b, :] = 0
                g_charge[b, :] = 0
            for k in range(min(len(taps), steps - t)):
                if left < furthest:
                    add_within(g_spike, taps[k], ahead[t + k, b], first, left - k)
                    add_counted(g_taps[b, k], fired, ahead[t + k, b])
                else:
                    add_tap_gradient(g_spike, g_taps[b, k], taps[k], ahead[t + k, b], fired)
            from_v = g_v[t, b] if len(g_v) else zeros
            integrate_back(g_now, g_after[b], g_spike, from_v, v_mem[t, b], fired, c)
            if t > 0:
                g_beta[b] += beta_gradient(g_now, v_mem[t - 1, b], spikes[t - 1, b], c)
            if c.synaptic:
                charge_back(g_now, g_charge[b], charge[t, b], c)
                if t > 0:
                    g_alpha[b] += alpha_gradient(g_now, charge[t - 1, b], c)
            recurrent, factors = g_rec[t, b], gate[b]
            for j in range(n):
                recurrent[j] = g_now[j] * factors[j]

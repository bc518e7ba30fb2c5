"""Fused forward and backward passes of a spiking layer, compiled for the CPU.

Same function as `fxp_model.qat.neuron.simulate` without dense recurrence, for
saturating membranes that round to nearest.

Design: samples in parallel, neurons in the vector lanes. The taps of a neuron fill
a narrow band that begins at its own delay, so histories are stored skewed: the
spike of step t goes to row t + first[n], and row t - k then holds, for all neurons
side by side, what the k-th tap of the band needs. A step costs W vector sweeps
(W = 2 * (1 + sigma)) whatever the largest delay is. The gradient runs over the
same skew in reverse.
"""

from __future__ import annotations

from typing import Any

import numba
import numpy as np
import torch
from torch import Tensor

from fxp_model.fixed import Overflow, Rounding
from fxp_model.qat.neuron import Neuron, Recurrence
from fxp_model.qat.surrogate import ALPHA
from fxp_model.spec import ResetMode

_FAST = {"reassoc", "contract", "nsz", "arcp"}


@numba.njit(parallel=True, fastmath=_FAST, cache=True)
def _forward(  # type: ignore[no-untyped-def]
    v_mem, spikes, delayed, i_syn, beta, kernel, gate, first, taps, v_th, subtract, scale, low, high
):
    """Write membranes before reset, spikes and delayed spikes, each (T, B, N); `low`, `high` in lsb."""
    steps, samples, n = i_syn.shape
    size, width = len(kernel), len(taps)
    p = size // 2
    one = i_syn.dtype.type(1)
    lsb = one / scale
    half = i_syn.dtype.type(0.5)
    kept = one if subtract else i_syn.dtype.type(0)
    for b in numba.prange(samples):
        v = np.zeros(n, i_syn.dtype)
        total = np.zeros(n, i_syn.dtype)
        padded = np.zeros(n + 2 * p, i_syn.dtype)
        arrived = padded[p : p + n]
        history = np.zeros((steps if width else 0, n), i_syn.dtype)
        for t in range(steps):
            if width:
                arrived[:] = 0
                for k in range(min(width, t)):
                    tap, row = taps[k], history[t - k]
                    for j in range(n):
                        arrived[j] += tap[j] * row[j]
                delayed[t, b] = arrived
                total[:] = 0
                for k in range(size):
                    factor, window = kernel[k], padded[k : k + n]
                    for j in range(n):
                        total[j] += factor * window[j]
                factors = gate[b]
                for j in range(n):
                    total[j] *= factors[j]
            current, membrane, fired = i_syn[t, b], v_mem[t, b], spikes[t, b]
            for j in range(n):
                u = np.floor((beta * v[j] + current[j] + total[j]) * scale + half)
                u = min(max(u, low), high) * lsb
                y = one if u >= v_th else one - one
                membrane[j] = u
                fired[j] = y
                v[j] = (u - y * v_th) * kept + (one - y) * u * (one - kept)
            if width:
                for j in range(n):
                    if fired[j] != 0 and t + first[j] < steps:
                        history[t + first[j], j] = one


@numba.njit(parallel=True, fastmath=_FAST, cache=True)
def _backward(  # type: ignore[no-untyped-def]
    g_current,
    g_beta,
    g_kernel,
    g_taps,
    g_v,
    g_spikes,
    v_mem,
    spikes,
    delayed,
    beta,
    kernel,
    gate,
    first,
    taps,
    v_th,
    subtract,
    lsb,
    low,
    high,
    alpha,
):
    """Write the gradient of the current (T, B, N); add those of beta, kernel and taps, sample by sample.

    `g_v` or `g_spikes` of length 0 stands for zeros.
    """
    steps, samples, n = v_mem.shape
    size, width = len(kernel), len(taps)
    p = size // 2
    dtype = v_mem.dtype
    zero, one = dtype.type(0), dtype.type(1)
    sharp = alpha * dtype.type(np.pi / 2)
    peak = alpha / dtype.type(2)
    bottom, top = low * lsb, high * lsb
    kept = one if subtract else zero
    for b in numba.prange(samples):
        g_after = np.zeros(n, dtype)
        g_spike = np.zeros(n, dtype)
        from_v = np.zeros(n, dtype)
        arriving = np.zeros(n, dtype)
        padded = np.zeros(n + 2 * p, dtype)
        g_rec = padded[p : p + n]
        ahead = np.zeros((steps if width else 0, n), dtype)
        for t in range(steps - 1, -1, -1):
            membrane, fired, g_now = v_mem[t, b], spikes[t, b], g_current[t, b]
            if len(g_spikes):
                g_spike[:] = g_spikes[t, b]
            else:
                g_spike[:] = zero
            for k in range(min(width, steps - t)):
                tap, row, g_tap = taps[k], ahead[t + k], g_taps[b, k]
                for j in range(n):
                    g_spike[j] += tap[j] * row[j]
                    g_tap[j] += fired[j] * row[j]
            if len(g_v):
                from_v[:] = g_v[t, b]
            for j in range(n):
                u = membrane[j]
                x = (u - v_th) * sharp
                through = one - fired[j] * (one - kept)
                g = g_after[j] * through + from_v[j] + g_spike[j] * peak / (one + x * x)
                g = zero if (u <= bottom) | (u >= top) else g
                g_now[j] = g
                g_after[j] = beta * g
            if t > 0:
                before, fired_before = v_mem[t - 1, b], spikes[t - 1, b]
                share = zero
                for j in range(n):
                    u, y = before[j], fired_before[j]
                    share += g_now[j] * ((u - y * v_th) * kept + (one - y) * u * (one - kept))
                g_beta[b] += share
            if width:
                factors, arrived = gate[b], delayed[t, b]
                for j in range(n):
                    g_rec[j] = g_now[j] * factors[j]
                arriving[:] = 0
                for k in range(size):
                    factor, window = kernel[k], padded[2 * p - k : 2 * p - k + n]
                    share = zero
                    for j in range(n):
                        arriving[j] += factor * window[j]
                        share += window[j] * arrived[j]
                    g_kernel[b, k] += share
                for j in range(n):
                    if t >= first[j]:
                        ahead[t - first[j], j] = arriving[j]


_NEVER = 1e30
"""Threshold of neurons that never fire; finite, so that 0 * _NEVER is 0."""


def match_threads() -> None:
    """Let the kernels use as many threads as torch does, and torch as many as before.

    Numba shares OpenMP with torch and sets its number of threads when its own start; torch
    would then sum in other portions from there on, and two equal trainings would differ.
    """
    threads = torch.get_num_threads()
    launched = int(numba.config.NUMBA_NUM_THREADS)  # type: ignore[attr-defined]
    numba.set_num_threads(min(threads, launched))
    torch.set_num_threads(threads)


def supports(neuron: Neuron, recurrence: Recurrence | None, device: torch.device) -> bool:
    """Whether `simulate` here computes what `neuron.simulate` does."""
    conv = recurrence is None or recurrence.weight.ndim == 1
    modes = (neuron.rounding, neuron.overflow) == (Rounding.RND, Overflow.SAT)
    return conv and modes and device.type == "cpu"


class _Simulate(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        i_syn: Tensor,
        beta: Tensor,
        kernel: Tensor,
        gate: Tensor,
        first: Tensor,
        taps: Tensor,
        neuron: Neuron,
    ) -> tuple[Tensor, Tensor]:
        current = i_syn.detach().contiguous()
        dtype = current.numpy().dtype.type
        fmt = neuron.membrane
        constants = (
            kernel.detach().contiguous().numpy(),
            gate.contiguous().numpy(),
            first.contiguous().numpy(),
            taps.detach().contiguous().numpy(),
            dtype(_NEVER if neuron.v_th is None else neuron.v_th),
            neuron.reset_mode is ResetMode.SUBTRACT,
        )
        limits = (dtype(fmt.min_raw), dtype(fmt.max_raw))
        beta_value = dtype(float(beta.detach()))
        v_mem, spikes = torch.empty_like(current), torch.empty_like(current)
        delayed = torch.empty_like(current) if len(taps) else current.new_zeros((0, 0, 0))
        course = (v_mem.numpy(), spikes.numpy(), delayed.numpy())
        _forward(*course, current.numpy(), beta_value, *constants, dtype(2.0**fmt.frac_bits), *limits)
        ctx.set_materialize_grads(False)
        ctx.like = current.new_zeros((0, 0, 0))
        ctx.saved = (*course, beta_value, *constants, dtype(fmt.lsb), *limits, dtype(ALPHA))
        return v_mem, spikes

    @staticmethod
    def backward(ctx: Any, g_v: Tensor | None, g_spikes: Tensor | None) -> tuple[Tensor | None, ...]:
        v_mem, _, _, _, kernel, _, _, taps = ctx.saved[:8]
        samples = v_mem.shape[1]
        found = (
            ctx.like.new_empty(v_mem.shape),
            ctx.like.new_zeros(samples),
            ctx.like.new_zeros((samples, *kernel.shape)),
            ctx.like.new_zeros((samples, *taps.shape)),
        )
        given = [ctx.like if g is None else g.contiguous() for g in (g_v, g_spikes)]
        _backward(*(g.numpy() for g in (*found, *given)), *ctx.saved)
        g_current, g_beta, g_kernel, g_taps = found
        return g_current, g_beta.sum(), g_kernel.sum(0), None, None, g_taps.sum(0), None


def simulate(
    i_syn: Tensor, beta: Tensor, neuron: Neuron, recurrence: Recurrence | None
) -> tuple[Tensor, Tensor]:
    """Membranes before reset and spikes, (T, B, N), of a stage that `supports` allows.

    Arguments and gradients as those of `fxp_model.qat.neuron.simulate`; float32 or float64.
    """
    _, samples, n = i_syn.shape
    if recurrence is None:
        empty = i_syn.new_zeros((0, n))
        parts = (empty[:, 0], i_syn.new_zeros((samples, 0)), torch.zeros(0, dtype=torch.int64), empty)
    else:
        gate = i_syn.new_ones((samples, n)) if recurrence.gate is None else recurrence.gate
        parts = (recurrence.weight, gate, recurrence.taps.first, recurrence.taps.weight)
    v_mem, spikes = _Simulate.apply(i_syn, beta, *parts, neuron)
    return v_mem, spikes

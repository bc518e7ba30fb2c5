"""One step of one sample: contiguous rows of N neurons, which the compiler maps to SIMD lanes.

The taps of a neuron form a narrow band that begins at its own delay, so histories are
stored skewed: the spike of step t goes to row t + first[n], and row t - k then holds, contiguously for
all neurons, what the k-th tap of the band needs. A step takes W vector passes
(W = 2 * (1 + sigma)) for any largest delay. The backward pass uses the same skewed layout in
reverse.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from fxp_model.compiled import compiled

FAST = {"reassoc", "contract", "nsz", "arcp"}
"""Sums may be taken in any order; infinities and NaN keep their meaning."""

NEVER = 1e30
"""Threshold of neurons that never fire; finite, so that 0 * NEVER is 0."""

Floats = NDArray[np.floating]
Bits = NDArray[np.uint8]


def window_of(window: int | None) -> int:
    """Steps of a window for the kernels: without one, more than any clip has."""
    return 1 << 40 if window is None else window


class Membrane(NamedTuple):
    """Constants of the neurons; all but the flags are scalars of the dtype of the currents.

    alpha, beta : what is kept per step of the synaptic current, and of the membrane

    v_th : threshold; `NEVER` for neurons that do not fire
    at_once, later : what a spike subtracts in its own step, and in the next after the leak: v_th and 0, or,
        of a delayed reset, 0 and v_th
    kept : factor on v - at_once after a spike: 0 when v is reset to zero, otherwise 1
    synaptic : whether there is a synaptic current
    rounds : whether membranes are rounded to multiples of `lsb` = 1 / `scale`, halves up by `half`,
        and held within `low` .. `high`, in lsb; and synaptic currents by the four of their own
    sharp, peak : h'(v - v_th) = peak / (1 + (sharp * (v - v_th))**2), the surrogate gradient
    """

    alpha: np.floating
    beta: np.floating
    v_th: np.floating
    at_once: np.floating
    later: np.floating
    kept: np.floating
    synaptic: bool
    rounds: bool
    scale: np.floating
    lsb: np.floating
    low: np.floating
    high: np.floating
    charge_scale: np.floating
    charge_lsb: np.floating
    charge_low: np.floating
    charge_high: np.floating
    half: np.floating
    sharp: np.floating
    peak: np.floating


@compiled(fastmath=FAST)
def round_state(
    x: Floats, scale: np.floating, lsb: np.floating, low: np.floating, high: np.floating, half: np.floating
) -> None:
    """Round and saturate the states `x`."""
    for j in range(len(x)):
        x[j] = min(max(np.floor(x[j] * scale + half), low), high) * lsb


@compiled(fastmath=FAST)
def integrate(
    membrane: Floats,
    charge: Floats,
    fired: Bits,
    v: Floats,
    s: Floats,
    current: Floats,
    factor: Floats,
    offset: Floats,
    i_rec: Floats,
    c: Membrane,
) -> None:
    """Write membranes before the reset and spikes; `v`, the membrane after the reset, advances by a step.

    So does the synaptic current `s`, which is written to `charge`; without one neither is used.

    The current is factor * current + offset, neuron by neuron: batch norm. One loop per array that is
    written: with more, the compiler has too many pairs to prove apart at run time, and leaves them scalar.
    """
    zero = c.half - c.half
    if c.synaptic:
        for j in range(len(v)):
            s[j] = c.alpha * s[j] + i_rec[j]
        for j in range(len(v)):
            s[j] += factor[j] * current[j] + offset[j]
        if c.rounds:
            round_state(s, c.charge_scale, c.charge_lsb, c.charge_low, c.charge_high, c.half)
        for j in range(len(v)):
            charge[j] = s[j]
        i_rec = s
    if c.later > zero:  # v has not been reset: whether it fired is seen from it
        for j in range(len(v)):
            v[j] = c.beta * v[j] - (c.later if v[j] >= c.v_th else zero) + i_rec[j]
    else:
        for j in range(len(v)):
            v[j] = c.beta * v[j] + i_rec[j]
    if not c.synaptic:
        for j in range(len(v)):
            v[j] += factor[j] * current[j] + offset[j]
    if c.rounds:
        round_state(v, c.scale, c.lsb, c.low, c.high, c.half)
    for j in range(len(v)):
        membrane[j] = v[j]
    for j in range(len(v)):
        fired[j] = v[j] >= c.v_th
    for j in range(len(v)):
        u = v[j]
        v[j] = (u - c.at_once) * c.kept if u >= c.v_th else u


@compiled(fastmath=FAST)
def stop_at_ends(g: Floats, x: Floats, low: np.floating, high: np.floating) -> None:
    """Zero the gradient `g` where the state `x` is at the end `low` or `high` of its range."""
    for j in range(len(g)):
        g[j] = g[j] - g[j] if (x[j] <= low) | (x[j] >= high) else g[j]


# numpy's division: Python's checks for zero divisors, neuron by neuron
@compiled(fastmath=FAST, error_model="numpy")
def integrate_back(
    g_now: Floats, g_after: Floats, g_spike: Floats, g_v: Floats, membrane: Floats, fired: Bits, c: Membrane
) -> None:
    """Write the gradient of the membrane's input; `g_after`, that of v after the reset, moves back by a step.

    `g_spike` becomes the gradient through the spike. Loops as in `integrate`.
    """
    one = c.half + c.half
    for j in range(len(g_now)):
        x = (membrane[j] - c.v_th) * c.sharp
        g_spike[j] *= c.peak / (one + x * x)
    for j in range(len(g_now)):
        g_after[j] = g_after[j] * c.kept if fired[j] != 0 else g_after[j]
    for j in range(len(g_now)):
        g_after[j] += g_v[j] + g_spike[j]
    if c.rounds:
        stop_at_ends(g_after, membrane, c.low * c.lsb, c.high * c.lsb)
    for j in range(len(g_now)):
        g_now[j] = g_after[j]
    for j in range(len(g_now)):
        g_after[j] *= c.beta


@compiled(fastmath=FAST)
def charge_back(g_now: Floats, g_charge: Floats, charge: Floats, c: Membrane) -> None:
    """Turn `g_now`, the gradient of the synaptic current, into that of its input; `g_charge` moves back."""
    for j in range(len(g_now)):
        g_charge[j] += g_now[j]
    if c.rounds:
        stop_at_ends(g_charge, charge, c.charge_low * c.charge_lsb, c.charge_high * c.charge_lsb)
    for j in range(len(g_now)):
        g_now[j] = g_charge[j]
    for j in range(len(g_now)):
        g_charge[j] *= c.alpha


@compiled(fastmath=FAST)
def alpha_gradient(g_now: Floats, before: Floats, c: Membrane) -> np.floating:
    """Sum over the neurons of g_now * s, s the synaptic current of the step before."""
    share = c.half - c.half
    for j in range(len(g_now)):
        share += g_now[j] * before[j]
    return share


@compiled(fastmath=FAST)
def beta_gradient(g_now: Floats, before: Floats, fired_before: Bits, c: Membrane) -> np.floating:
    """Sum over the neurons of g_now * v, v after the reset of the step before."""
    share = c.half - c.half
    for j in range(len(g_now)):
        u = before[j]
        share += g_now[j] * ((u - c.at_once) * c.kept if fired_before[j] != 0 else u)
    return share


@compiled(fastmath=FAST)
def add_product(total: Floats, factor: Floats, row: Floats) -> None:
    """total += factor * row."""
    for j in range(len(total)):
        total[j] += factor[j] * row[j]


@compiled(fastmath=FAST)
def add_within(total: Floats, factor: Floats, row: Floats, first: NDArray[np.int64], reach: int) -> None:
    """total += factor * row, where `first` is less than `reach`."""
    for j in range(len(total)):
        total[j] += factor[j] * row[j] if first[j] < reach else row[j] - row[j]


@compiled(fastmath=FAST)
def add_counted(total: Floats, counts: Bits, row: Floats) -> None:
    """total += counts * row."""
    for j in range(len(total)):
        total[j] += total.dtype.type(counts[j]) * row[j]


@compiled(fastmath=FAST)
def add_scaled(total: Floats, factor: np.floating, row: Floats) -> None:
    """total += factor * row, one factor for all."""
    for j in range(len(total)):
        total[j] += factor * row[j]


@compiled(fastmath=FAST)
def add_tap_gradient(g_spike: Floats, g_tap: Floats, tap: Floats, row: Floats, fired: Bits) -> None:
    """Propagate the gradient `row` of delayed spikes to the spikes and to their tap."""
    for j in range(len(g_spike)):
        g_spike[j] += tap[j] * row[j]
        g_tap[j] += row[j] if fired[j] != 0 else row[j] - row[j]


@compiled(fastmath=FAST)
def masked(g_spike: Floats, g_out: Floats, kept: Bits, g_count: np.floating) -> None:
    """Gradient of spikes of which `kept` are output and all are counted; an empty `kept` means all."""
    for j in range(len(g_spike)):
        g_spike[j] = g_count
    if len(kept):
        for j in range(len(g_spike)):
            g_spike[j] += g_out[j] if kept[j] != 0 else g_out[j] - g_out[j]
    else:
        for j in range(len(g_spike)):
            g_spike[j] += g_out[j]

"""The compiled half of the engine: NUMERICS.md sections 4 to 8, sample by sample, step by step.

Design: a spike adds one row of the transposed weights (four rows a pass, so that the sums are loaded and
stored a quarter as often); silence costs nothing. Neurons lie in the vector lanes, without a branch:
every rounding and overflow mode is one formula with other constants. A spike is written to the row
of the ring that its delay names, so that a step finds the delayed spikes of all neurons side by side.

Every sum is an integer that fits its type by the widths of section 6; Python proves that when it packs.
The kernels hold no lock (`nogil`) and start no threads.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numba
import numpy as np
from numba.extending import intrinsic
from numpy.typing import NDArray

NO_RECURRENCE, CONV, DENSE = range(3)
SUM, LAST, MAX, SPIKE_COUNT = range(4)


class Packed(NamedTuple):
    """One stage as the kernels want it; "shifted" is to the fraction of the exact sum.

    weight : (n_in, padded) rows of the transposed weights, zeros from n_out on
    no_sum : (padded,) zeros of the type in which rows are added
    bias : (n_out,) shifted, of the type of the exact sum
    recurrent : (1, K) taps or (N, N) transposed weights, shifted; (0, 0) without recurrence
    delay : (n_out,) delays, (0,) without recurrence
    kind, mode : recurrence (`CONV`, ...) and score mode (`SUM`, ...)
    counts : 1 where inputs may exceed 1
    weight_shift : from the fraction of the weights to that of the sum
    beta : shifted
    drop, dropped : how many low bits Q drops, and the mask of them
    add : what is added to them before: 0 of TRN, their half of RND, one less of RND_CONV
    to_even : 1 of RND_CONV: one more is added when the code above is odd
    wrap : unused high bits of a wrapping membrane, 0 of a saturating one
    low, high : range of the membrane
    v_th : threshold; keep : -1 of reset subtract, 0 of reset zero
    """

    weight: NDArray[np.signedinteger]
    no_sum: NDArray[np.signedinteger]
    bias: NDArray[np.signedinteger]
    recurrent: NDArray[np.signedinteger]
    delay: NDArray[np.int64]
    kind: int
    mode: int
    counts: int
    weight_shift: int
    beta: int
    drop: int
    dropped: int
    add: int
    to_even: int
    wrap: int
    low: int
    high: int
    v_th: int
    keep: int


def _compiled(function: Any) -> Any:
    return numba.njit(nogil=True, cache=True)(function)


# Numba widens a shift to 64 bits, and with it the vector lanes; these stay in the type of x.
@intrinsic
def _right(_: Any, x: Any, bits: Any) -> Any:
    """x >> bits, both of one type."""
    return x(x, bits), lambda context, builder, signature, values: builder.ashr(*values)


@intrinsic
def _left(_: Any, x: Any, bits: Any) -> Any:
    """x << bits, both of one type, without the bits that leave it."""
    return x(x, bits), lambda context, builder, signature, values: builder.shl(*values)


@_compiled
def encode(x, lengths, index, number):  # type: ignore[no-untyped-def]
    """List the inputs x (T, B, n) that are not 0: `number` (T, B) of them, at `index` (B, T, n)."""
    for b in range(len(lengths)):
        for t in range(lengths[b]):
            events = 0
            row, places = x[t, b], index[b, t]
            for j in range(len(row)):
                places[events] = j
                events += row[j] != 0
            number[t, b] = events


@_compiled
def layer(  # type: ignore[no-untyped-def]
    p, x, index, number, lengths, start, v, ring, spikes, out_index, out_number, i_syn, i_rec, v_mem
):
    """Steps `start`, ... of a hidden layer, from and to the state `v` (B, N), `ring` (B, R, N + K - 1).

    Inputs as of `encode`; writes spikes (T, B, N) and their list. i_syn, i_rec, v_mem (T, B, N)
    are written unless their length is 0.
    """
    n = len(p.bias)
    acc = np.empty_like(p.no_sum)
    current, recurrent, u = np.empty_like(p.bias), np.zeros_like(p.bias), np.empty_like(p.bias)
    for b in range(len(lengths)):
        phase = start % ring.shape[1]
        for t in range(lengths[b]):
            _synapses(p, acc, x[t, b], index[b, t], number[t, b], current)
            out_number[t, b] = _step(
                p, ring[b], phase, v[b], current, recurrent, u, spikes[t, b], out_index[b, t]
            )
            phase = phase + 1 if phase + 1 < ring.shape[1] else 0
            if len(v_mem):
                for j in range(n):
                    i_syn[t, b, j], i_rec[t, b, j], v_mem[t, b, j] = current[j], recurrent[j], u[j]


@_compiled
def layer_of_currents(p, i_syn, v, ring, spikes):  # type: ignore[no-untyped-def]
    """A hidden layer whose currents i_syn (T, B, N) are given; writes spikes (T, B, N)."""
    steps, samples, n = i_syn.shape
    recurrent, u = np.zeros_like(p.bias), np.empty_like(p.bias)
    index = np.empty(n, np.uint16)
    for b in range(samples):
        phase = 0
        for t in range(steps):
            _step(p, ring[b], phase, v[b], i_syn[t, b], recurrent, u, spikes[t, b], index)
            phase = phase + 1 if phase + 1 < ring.shape[1] else 0


@_compiled
def readout(p, x, index, number, lengths, v, scores, i_syn, v_mem):  # type: ignore[no-untyped-def]
    """Steps of the readout from and to the state `v`, `scores`, both (B, classes); the rest as of `layer`."""
    n = len(p.bias)
    acc = np.empty_like(p.no_sum)
    current, nothing, u = np.empty_like(p.bias), np.zeros_like(p.bias), np.empty_like(p.bias)
    y = np.empty(n, np.uint8)
    top = np.int64(2**31 - 1)
    for b in range(len(lengths)):
        score = scores[b]
        for t in range(lengths[b]):
            _synapses(p, acc, x[t, b], index[b, t], number[t, b], current)
            _leak(p, v[b], current, nothing, u)
            if p.mode == SPIKE_COUNT:
                _fire(p, u, v[b], y)
                for j in range(n):
                    score[j] = min(score[j] + y[j], top)
            else:
                for j in range(n):
                    v[b, j] = u[j]
                    if p.mode == SUM:
                        score[j] = min(max(score[j] + u[j], -top - 1), top)
                    else:
                        score[j] = u[j] if p.mode == LAST else max(score[j], u[j])
            if len(v_mem):
                for j in range(n):
                    i_syn[t, b, j], v_mem[t, b, j] = current[j], u[j]


@_compiled
def _step(p, ring, phase, v, current, recurrent, u, y, index):  # type: ignore[no-untyped-def]
    """One step of a hidden layer; the number of its spikes, listed in `index`."""
    if p.kind != NO_RECURRENCE:
        _recurrence(p, ring[phase], recurrent, index)
    _leak(p, v, current, recurrent, u)
    _fire(p, u, v, y)
    events = _list(y, index)
    if p.kind != NO_RECURRENCE:
        edge = (ring.shape[1] - len(y)) // 2
        for i in range(events):
            source = index[i]
            row = phase + 1 + p.delay[source]
            ring[row if row < len(ring) else row - len(ring), source + edge] = 1
    return events


@_compiled
def _synapses(p, acc, x, index, events, current):  # type: ignore[no-untyped-def]
    """current = bias + W x, of the `events` inputs of x that are not 0."""
    _clear(acc)
    if p.counts:
        _add_scaled_rows(acc, p.weight, index, events, x)
    else:
        _add_rows(acc, p.weight, index, events)
    number = current.dtype.type
    shift = number(p.weight_shift)
    for j in range(len(current)):
        current[j] = p.bias[j] + _left(number(acc[j]), shift)


@_compiled
def _add_rows(acc, rows, index, events):  # type: ignore[no-untyped-def]
    """acc += rows[index[0]] + ... + rows[index[events - 1]]."""
    number = acc.dtype.type
    whole = events & -4
    for i in range(0, whole, 4):
        a, b, c, d = rows[index[i]], rows[index[i + 1]], rows[index[i + 2]], rows[index[i + 3]]
        for j in range(len(acc)):
            acc[j] += number(a[j]) + number(b[j]) + number(c[j]) + number(d[j])
    for i in range(whole, events):
        a = rows[index[i]]
        for j in range(len(acc)):
            acc[j] += number(a[j])


@_compiled
def _add_scaled_rows(acc, rows, index, events, x):  # type: ignore[no-untyped-def]
    """acc += x[i] * rows[i] over the listed i."""
    number = acc.dtype.type
    whole = events & -4
    for i in range(0, whole, 4):
        a, b, c, d = rows[index[i]], rows[index[i + 1]], rows[index[i + 2]], rows[index[i + 3]]
        xa, xb = number(x[index[i]]), number(x[index[i + 1]])
        xc, xd = number(x[index[i + 2]]), number(x[index[i + 3]])
        for j in range(len(acc)):
            acc[j] += number(a[j]) * xa + number(b[j]) * xb + number(c[j]) * xc + number(d[j]) * xd
    for i in range(whole, events):
        a, xa = rows[index[i]], number(x[index[i]])
        for j in range(len(acc)):
            acc[j] += number(a[j]) * xa


@_compiled
def _recurrence(p, delayed, recurrent, index):  # type: ignore[no-untyped-def]
    """i_rec of the delayed spikes, which lie between two edges of zeros and are cleared for the next turn."""
    n = len(recurrent)
    edge = (len(delayed) - n) // 2
    if p.kind == DENSE:
        _clear(recurrent)
        _add_rows(recurrent, p.recurrent, index, _list(delayed, index))
    else:  # a few sweeps of the lanes: to look for silence first would cost as much
        number, taps = recurrent.dtype.type, p.recurrent[0]
        middle, window = taps[edge], delayed[edge : edge + n]
        for j in range(n):
            recurrent[j] = middle * number(window[j])
        for k in range(edge):  # taps in pairs: half the passes
            far = 2 * edge - k
            low, high, below, above = taps[k], taps[far], delayed[k : k + n], delayed[far : far + n]
            for j in range(n):
                recurrent[j] += low * number(below[j]) + high * number(above[j])
    _clear(delayed)


@_compiled
def _leak(p, v, current, recurrent, u):  # type: ignore[no-untyped-def]
    """u = Q(beta * v + current + recurrent)."""
    number = u.dtype.type
    beta, drop, dropped, add = number(p.beta), number(p.drop), number(p.dropped), number(p.add)
    to_even, wrap, lowest, highest = number(p.to_even), number(p.wrap), number(p.low), number(p.high)
    for j in range(len(u)):
        x = number(beta * v[j] + current[j] + recurrent[j])
        floor = _right(x, drop)
        rest = number(number(x & dropped) + number(add + number(floor & to_even)))
        r = number(floor + _right(rest, drop))
        u[j] = min(max(_right(_left(r, wrap), wrap), lowest), highest)


@_compiled
def _fire(p, u, v, y):  # type: ignore[no-untyped-def]
    """Spikes y of the membrane u, and the membrane v after the reset."""
    number = u.dtype.type
    v_th, keep = number(p.v_th), number(p.keep)
    for j in range(len(u)):
        fires = u[j] >= v_th
        y[j] = fires
        v[j] = number(u[j] - v_th) & keep if fires else u[j]


@_compiled
def _list(y, index):  # type: ignore[no-untyped-def]
    """Write the places of the ones of y to `index`; their number."""
    events = 0
    for j in range(len(y)):
        index[events] = j
        events += y[j]
    return events


@_compiled
def _clear(row):  # type: ignore[no-untyped-def]
    """row[:] = 0, which the compiler makes faster of this."""
    for j in range(len(row)):
        row[j] = 0

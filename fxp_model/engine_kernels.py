"""The compiled part of the engine: NUMERICS.md sections 4 to 8, sample by sample, step by step.

Design: a spike adds one row of the transposed weights (four rows per pass, so that the sums are loaded and
stored a quarter as often); silence costs nothing. Neurons map to SIMD lanes, without branches:
all rounding and overflow modes are one formula with different constants. A spike adds its taps, or its row of
the dense weights, to the row of the ring buffer given by its delay, so that i_rec of a step is one row.

Every sum fits its integer type by the widths of section 6; Python checks this when packing.
The kernels release the GIL (`nogil`) and start no threads.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numba
import numpy as np
from llvmlite import ir
from numba.extending import intrinsic
from numpy.typing import NDArray

from fxp_model.compiled import compiled

LANES = 8
"""Recurrent weights added at once; the length of a row is a multiple of it."""
SUM, LAST, MAX, SPIKE_COUNT = range(4)
BETA, ALPHA, V_TH, SPENT, ROWS = range(5)
"""Rows of `Packed.codes`, and their number: one array, as numba counts references to each that is passed on.
The first two are rows of `Packed.sums` as well: the sums of the membrane, and of the synaptic current."""
SHIFT, KEPT, Q, WRAP, LOW, HIGH, UNDER, OVER, COLUMNS = 0, 1, 6, 11, 12, 13, 14, 15, 16
"""Columns of `Packed.sums`, and their number:

SHIFT : of share * state to the fraction of the sum, after it was rounded alone; 0 if the share is shifted
KEPT : first of the five constants of that rounding, see `_rounded`; Q : first of those of Q
WRAP : unused high bits of a state that wraps around, 0 for one that does not
LOW, HIGH, UNDER, OVER : range of the state, and what codes below and above it become
"""


class Packed(NamedTuple):
    """One stage in the layout of the kernels; "shifted" means to the fraction of the sum of the inputs.

    weight : (n_in, padded) rows of the transposed weights, zeros from n_out on
    no_sum : (padded,) zeros, of the type in which rows are added
    bias : (n_out,) shifted, of the type of the exact sums
    recurrent : what a spike adds, shifted, zeros up to a multiple of `LANES`: one row of the taps from last
        to first, or a row of the transposed dense weights per source; (1, 0) without recurrence
    place : (n_out,) where they are added, as an offset in the ring from the row of the next step
    width : of a row of the ring; edge : position of neuron 0 in it
    mode : score mode (`SUM`, ...); stride : steps from answer to answer of a readout
    counts : 1 where inputs may exceed 1
    weight_shift : from the fraction of the weights to that of the sum of the inputs
    codes : (4, n_out) numbers of the neurons, of the type of the exact sums: rows `BETA` and `ALPHA`, what is
        kept; `V_TH`, thresholds; `SPENT`, what a delayed reset subtracts, shifted to the sum of the membrane
    sums : (2, COLUMNS) constants of state = Q(share * state + inputs), of that type
    synaptic : 1 where there is a synaptic current
    current_shift : from its fraction to that of the membrane's sum
    delayed : 1 for a delayed reset
    keep : -1 for reset subtract, 0 for reset zero
    """

    weight: NDArray[np.signedinteger]
    no_sum: NDArray[np.signedinteger]
    bias: NDArray[np.signedinteger]
    recurrent: NDArray[np.signedinteger]
    place: NDArray[np.int64]
    width: int
    edge: int
    mode: int
    stride: int
    counts: int
    weight_shift: int
    codes: NDArray[np.signedinteger]
    sums: NDArray[np.signedinteger]
    synaptic: int
    current_shift: int
    delayed: int
    keep: int


_compiled = compiled(nogil=True)
_inlined = compiled(nogil=True, forceinline=True)
"""Inlined into its callers: a call takes half as long as a step, as it passes all fields of `Packed`."""


# Numba widens a shift to 64 bits, which halves the SIMD lanes; these stay in the type of x.
@intrinsic
def _right(_: Any, x: Any, bits: Any) -> Any:
    """x >> bits, both of one type."""
    return x(x, bits), lambda context, builder, signature, values: builder.ashr(*values)


@intrinsic
def _left(_: Any, x: Any, bits: Any) -> Any:
    """x << bits, both of one type; bits shifted out are lost."""
    return x(x, bits), lambda context, builder, signature, values: builder.shl(*values)


@intrinsic
def _rounded(_: Any, x: Any, drop: Any, dropped: Any, add: Any, below: Any, odd: Any) -> Any:
    """x * 2**-drop, rounded, all of the type of x.

    With x = floor * 2**drop + rest, that is floor + ((rest + add + ...) >> drop), where `below` is added
    besides if x is negative, and 1 if floor and `odd` are odd; `dropped` is the mask of the rest.
    """

    def generate(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        x, drop, dropped, add, below, odd = values
        floor = builder.ashr(x, drop)
        sign = builder.ashr(x, ir.Constant(x.type, x.type.width - 1))
        rest = builder.add(builder.and_(x, dropped), add)
        rest = builder.add(rest, builder.add(builder.and_(sign, below), builder.and_(floor, odd)))
        return builder.add(floor, builder.ashr(rest, drop))

    return x(x, x, x, x, x, x), generate


@intrinsic
def _fitted(_: Any, x: Any, wrap: Any, low: Any, high: Any, under: Any, over: Any) -> Any:
    """x without its `wrap` high bits; `under` if it is below `low`, `over` if it is above `high`."""

    def generate(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        x, wrap, low, high, under, over = values
        x = builder.ashr(builder.shl(x, wrap), wrap)
        topped = builder.select(builder.icmp_signed(">", x, high), over, x)
        return builder.select(builder.icmp_signed("<", x, low), under, topped)

    return x(x, x, x, x, x, x), generate


@intrinsic
def _ones(_: Any, row: Any, first: Any) -> Any:
    """Bit i is 1 if row[first + i] is not 0, i = 0 .. 63; for contiguous bytes."""

    def generate(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        word = _load(context, builder, signature, values[0], values[1], 0, 64)[1]
        ones = builder.icmp_unsigned("!=", word, ir.Constant(word.type, None))
        return builder.bitcast(ones, ir.IntType(64))

    return numba.uint64(row, first), generate


@intrinsic
def _lowest(_: Any, bits: Any) -> Any:
    """Index of the lowest set bit; `bits` is not 0."""
    known = ir.Constant(ir.IntType(1), 1)
    return numba.int64(bits), lambda context, builder, signature, values: builder.cttz(values[0], known)


@intrinsic
def _add_lanes(_: Any, target: Any, at: Any, row: Any, first: Any) -> Any:
    """target[at : at + LANES] += row[first : first + LANES]; the compiler does not vectorise this."""

    def generate(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        pointer, own = _load(context, builder, signature, values[0], values[1], 0, LANES)
        _, more = _load(context, builder, signature, values[2], values[3], 2, LANES)
        builder.store(builder.add(own, more), pointer, align=target.dtype.bitwidth // 8)
        return context.get_dummy_value()

    return numba.void(target, at, row, first), generate


def _load(
    context: Any, builder: Any, signature: Any, array: Any, at: Any, argument: int, lanes: int
) -> tuple[Any, Any]:
    """Pointer to, and vector of, `lanes` items from index `at` of an argument, a 1-D array."""
    kind = signature.args[argument]
    vector = ir.VectorType(ir.IntType(kind.dtype.bitwidth), lanes)
    data = context.make_array(kind)(context, builder, array).data
    pointer = builder.bitcast(builder.gep(data, [at]), vector.as_pointer())
    return pointer, builder.load(pointer, align=kind.dtype.bitwidth // 8)


@_compiled
def encode(x, lengths, index, number):  # type: ignore[no-untyped-def]
    """List the nonzero inputs x (T, B, n): their `number` (T, B), and `index` (B, T, n)."""
    for b in range(len(lengths)):
        for t in range(lengths[b]):
            number[t, b] = _list(x[t, b], index[b, t])


@_compiled
def delayed(  # type: ignore[no-untyped-def]
    steps, x, index, number, lengths, start, ring, out, out_index, out_number
):
    """Delay the nonzero inputs x (T, B, n) by `steps` (n,), from and to the state `ring` (B, rows * n).

    Inputs and outputs as from `encode`. The row of a step in the ring is its number modulo that of rows.
    """
    n = len(steps)
    for b in range(len(lengths)):
        now = start * n % ring.shape[1]
        for t in range(lengths[b]):
            for i in range(number[t, b]):
                source = index[b, t, i]
                at = now + steps[source] * n
                at = at if at < ring.shape[1] else at - ring.shape[1]
                ring[b, at + source] = x[t, b, source]
            row, arrived = ring[b, now : now + n], out[t, b]
            for j in range(n):
                arrived[j] = row[j]
            _clear(row)
            out_number[t, b] = _list(arrived, out_index[b, t])
            now = now + n if now + n < ring.shape[1] else 0


@_compiled
def layer(  # type: ignore[no-untyped-def]
    p,
    x,
    index,
    number,
    lengths,
    start,
    v,
    c,
    ring,
    spikes,
    out_index,
    out_number,
    i_syn,
    i_rec,
    current,
    v_mem,
):
    """Steps `start`, ... of a hidden layer, from and to the state `v`, `c` (B, N), `ring` (B, rows * width).

    Inputs as from `encode`; writes spikes (T, B, N) and their list. i_syn, i_rec, current, v_mem (T, B, N)
    are written unless their length is 0.
    """
    n = len(p.bias)
    acc = np.empty_like(p.no_sum)
    inputs, u = np.empty_like(p.bias), np.empty_like(p.bias)
    for b in range(len(lengths)):
        now = start * p.width % ring.shape[1]
        for t in range(lengths[b]):
            _synapses(p, acc, x[t, b], index[b, t], number[t, b], inputs)
            if len(v_mem):
                for j in range(n):
                    i_syn[t, b, j], i_rec[t, b, j] = inputs[j], ring[b, now + p.edge + j]
            out_number[t, b] = _step(p, ring[b], now, v[b], c[b], inputs, u, spikes[t, b], out_index[b, t])
            if len(v_mem):
                for j in range(n):
                    v_mem[t, b, j] = u[j]
            if len(current):
                for j in range(n):
                    current[t, b, j] = c[b, j]
            now = now + p.width if now + p.width < ring.shape[1] else 0


@_compiled
def layer_of_currents(p, i_syn, first, last, v, c, ring, spikes):  # type: ignore[no-untyped-def]
    """Samples `first` .. `last` - 1 of a hidden layer whose currents i_syn (T, B, N) are given.

    Writes spikes (T, B, N); `v` and `c` (N,) and `ring` (rows * width,) are its memory.
    """
    n = len(p.bias)
    u, index = np.empty_like(p.bias), np.empty(n, np.uint16)
    for b in range(first, last):
        _clear(v)
        _clear(c)
        _clear(ring)
        now = 0
        for t in range(len(i_syn)):
            _step(p, ring, now, v, c, i_syn[t, b], u, spikes[t, b], index)
            now = now + p.width if now + p.width < len(ring) else 0


@_compiled
def readout(  # type: ignore[no-untyped-def]
    p, x, index, number, lengths, start, v, c, scores, answered, i_syn, i_rec, current, v_mem
):
    """Steps `start`, ... of the readout from and to the state `v`, `c`, `scores`, (B, classes).

    Writes the scores after each `p.stride` steps to `answered` (A, B, classes), unless its length is 0; the
    rest as in `layer`.
    """
    n = len(p.bias)
    acc = np.empty_like(p.no_sum)
    inputs, more, u = np.empty_like(p.bias), np.empty_like(p.bias), np.empty_like(p.bias)
    y = np.empty(n, np.uint8)
    top = np.int64(2**31 - 1)
    for b in range(len(lengths)):
        score = scores[b]
        since, answers = start % p.stride, 0
        for t in range(lengths[b]):
            _synapses(p, acc, x[t, b], index[b, t], number[t, b], inputs)
            _clear(more)
            _advance(p, v[b], c[b], inputs, more, u)
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
            since += 1
            if since == p.stride:
                since = 0
                if len(answered):
                    for j in range(n):
                        answered[answers, b, j] = score[j]
                    answers += 1
            if len(v_mem):
                for j in range(n):
                    i_syn[t, b, j], i_rec[t, b, j], v_mem[t, b, j] = inputs[j], 0, u[j]
            if len(current):
                for j in range(n):
                    current[t, b, j] = c[b, j]


@_inlined
def _step(p, ring, now, v, c, inputs, u, y, index):  # type: ignore[no-untyped-def]
    """One step of a hidden layer, with i_rec in the row at `now` of `ring`; returns its number of spikes."""
    row = ring[now : now + p.width]
    _advance(p, v, c, inputs, row[p.edge : p.edge + len(u)], u)
    _fire(p, u, v, y)
    _clear(row)  # for the next round, which starts with this step's spikes of the longest delay
    events = _list(y, index)
    shared = len(p.recurrent) == 1
    for i in range(events):
        source = index[i]
        at = now + p.width + p.place[source]
        at = at if at < len(ring) else at - len(ring)
        weights = p.recurrent[0 if shared else source]
        for k in range(0, len(weights), LANES):
            _add_lanes(ring, at + k, weights, k)
    return events


@_inlined
def _synapses(p, acc, x, index, events, current):  # type: ignore[no-untyped-def]
    """current = bias + W x, over the `events` nonzero inputs of x."""
    _clear(acc)
    if p.counts:
        _add_scaled_rows(acc, p.weight, index, events, x)
    else:
        _add_rows(acc, p.weight, index, events)
    number = current.dtype.type
    shift = number(p.weight_shift)
    for j in range(len(current)):
        current[j] = p.bias[j] + _left(number(acc[j]), shift)


@_inlined
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


@_inlined
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


@_inlined
def _advance(p, v, c, inputs, recurrent, u):  # type: ignore[no-untyped-def]
    """Membranes u before the reset, from those after the last one, v; synaptic currents c go on by a step.

    `recurrent` becomes all that is added to `inputs` in the sum of the membrane.
    """
    number = u.dtype.type
    if p.synaptic:
        shift = number(p.current_shift)
        _integrate(p, ALPHA, c, inputs, recurrent, u)
        for j in range(len(u)):
            c[j] = u[j]
            recurrent[j] = number(_left(u[j], shift) - inputs[j])
    if p.delayed:
        for j in range(len(u)):
            recurrent[j] -= p.codes[SPENT, j] if v[j] >= p.codes[V_TH, j] else number(0)
    _integrate(p, BETA, v, inputs, recurrent, u)


@_inlined
def _integrate(p, of, state, inputs, more, out):  # type: ignore[no-untyped-def]
    """out = Q(share * state + inputs + more), the sum `of` membrane (`BETA`) or current (`ALPHA`)."""
    number = out.dtype.type
    sums, shift = p.sums, p.sums[of, SHIFT]
    wrap, low, high = sums[of, WRAP], sums[of, LOW], sums[of, HIGH]
    under, over = sums[of, UNDER], sums[of, OVER]
    drop, dropped, add, below, odd = _constants(sums, of, Q)
    k_drop, k_dropped, k_add, k_below, k_odd = _constants(sums, of, KEPT)
    if k_drop:
        for j in range(len(out)):
            kept = _rounded(number(p.codes[of, j] * state[j]), k_drop, k_dropped, k_add, k_below, k_odd)
            x = number(_left(kept, shift) + inputs[j] + more[j])
            r = _rounded(x, drop, dropped, add, below, odd)
            out[j] = _fitted(r, wrap, low, high, under, over)
    else:
        for j in range(len(out)):
            x = number(p.codes[of, j] * state[j] + inputs[j] + more[j])
            r = _rounded(x, drop, dropped, add, below, odd)
            out[j] = _fitted(r, wrap, low, high, under, over)


@_inlined
def _constants(sums, of, first):  # type: ignore[no-untyped-def]
    """The five constants of a rounding, see `_rounded`."""
    return sums[of, first], sums[of, first + 1], sums[of, first + 2], sums[of, first + 3], sums[of, first + 4]


@_inlined
def _fire(p, u, v, y):  # type: ignore[no-untyped-def]
    """Spikes y of the membrane u, and the membrane v after the reset."""
    number = u.dtype.type
    keep = number(p.keep)
    for j in range(len(u)):
        v_th = p.codes[V_TH, j]
        fires = u[j] >= v_th
        y[j] = fires
        v[j] = number(u[j] - v_th) & keep if fires else u[j]
    if p.delayed:
        for j in range(len(u)):
            v[j] = u[j]


@_inlined
def _list(x, index):  # type: ignore[no-untyped-def]
    """Write the indices of the nonzero bytes of x to `index`; returns their number."""
    events = 0
    whole = len(x) & -64
    for first in range(0, whole, 64):
        ones = _ones(x, first)
        while ones:
            index[events] = first + _lowest(ones)
            events += 1
            ones &= ones - np.uint64(1)
    for j in range(whole, len(x)):
        index[events] = j
        events += x[j] != 0
    return events


@_inlined
def _clear(row):  # type: ignore[no-untyped-def]
    """row[:] = 0, in a form that compiles to faster code."""
    for j in range(len(row)):
        row[j] = 0

"""The equations of NUMERICS.md sections 4, 5 and 7, literally, in exact fractions.

One sample, scalar loops, real values; nothing of `fxp_model.network` or `fxp_model.fixed`
is called: the spec is only read. Rounding by `tests.oracles.rounding`.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from fxp_model.network import Network, StageParams
from fxp_model.spec import IntegratorSpec, ReadoutSpec
from tests.oracles.rounding import fitted, rounded

Table = list[list[Fraction]]
"""[t][n], real values."""


@dataclass
class Stage:
    """Real values of one stage; `c` is empty without a synaptic current, `y` if the stage does not fire."""

    i_syn: Table
    i_rec: Table
    c: Table
    v: Table
    y: list[list[int]]


def evaluate(network: Network, counts: list[list[int]]) -> tuple[list[Stage], list[int]]:
    """Stages and scores (codes) of one sample, `counts` [t][j]."""
    stages = []
    x = counts
    for spec, params in zip(network.spec.layers, network.params, strict=False):
        stages.append(_stage(spec, params, x, spec.recurrence, True, spec.reset_mode))
        x = stages[-1].y
    out = network.spec.readout
    stages.append(_stage(out, network.params[-1], x, None, out.mode == "spike_count", out.reset_mode))
    return stages, [score_of(out, stages[-1], c, len(counts)) for c in range(out.n_out)]


def _stage(
    spec: IntegratorSpec,
    params: StageParams,
    x: list[list[int]],
    recurrence: Any,
    fires: bool,
    reset: str,
) -> Stage:
    n_out, n_in = spec.n_out, spec.n_in
    w_in = [[_real(params.weight[n, j], spec.weight) for j in range(n_in)] for n in range(n_out)]
    bias = [_real(params.bias[n], spec.bias) for n in range(n_out)]
    delays = [0] * n_in if params.input_delay_steps is None else params.input_delay_steps.tolist()
    out = Stage([], [], [], [], [])
    v = [Fraction(0)] * n_out
    c = [Fraction(0)] * n_out
    for t in range(len(x)):
        i_syn, i_rec, v_mem, y = [], [], [], []
        for n in range(n_out):
            current = bias[n]
            for j in range(n_in):
                current += w_in[n][j] * (x[t - delays[j]][j] if t >= delays[j] else 0)
            i_syn.append(current)
        for n in range(n_out):
            i_rec.append(_recurrent(recurrence, params, out.y, t, n, n_out))
        for n in range(n_out):
            current = i_syn[n] + i_rec[n]
            if spec.synapse is not None:
                alpha = _real(_own(spec.synapse.alpha, params.alpha, n), spec.synapse.alpha_format)
                kept = _kept(alpha * c[n], spec.synapse, spec.synapse.current)
                c[n] = current = _quantise(kept + current, spec.synapse, spec.synapse.current)
            kept = _kept(_real(_own(spec.beta, params.beta, n), spec.beta_format) * v[n], spec, spec.membrane)
            if fires:
                threshold = _real(_own(spec.v_th, params.v_th, n), spec.membrane)
                if reset == "delayed" and t > 0:
                    current -= threshold * out.y[t - 1][n]
            v[n] = _quantise(kept + current, spec, spec.membrane)
            v_mem.append(v[n])
            if fires:
                y.append(1 if v[n] >= threshold else 0)
                if y[n] == 1 and reset == "zero":
                    v[n] = Fraction(0)
                elif y[n] == 1 and reset == "subtract":
                    v[n] = v[n] - threshold
        out.i_syn.append(i_syn)
        out.i_rec.append(i_rec)
        if spec.synapse is not None:
            out.c.append(list(c))
        out.v.append(v_mem)
        out.y.append(y)
    return out


def _own(shared: int | None, each: Any, n: int) -> int:
    """The code of neuron n."""
    return int(each[n]) if shared is None else shared


def _recurrent(recurrence: Any, params: Any, y: list[list[int]], t: int, n: int, n_out: int) -> Fraction:
    if recurrence is None:
        return Fraction(0)

    def s(m: int) -> int:
        """Delayed spike of neuron m at step t; 0 outside the layer and before step 0."""
        if not 0 <= m < n_out:
            return 0
        source = t - 1 - int(params.delay_steps[m])
        return y[source][m] if source >= 0 else 0

    total = Fraction(0)
    if recurrence.kind == "conv":
        p = (recurrence.kernel_size - 1) // 2
        for k in range(recurrence.kernel_size):
            total += _real(params.recurrent[k], recurrence.weight) * s(n + k - p)
    else:
        for m in range(n_out):
            total += _real(params.recurrent[n, m], recurrence.weight) * s(m)
    return total


def score_of(spec: ReadoutSpec, readout: Stage, c: int, steps: int) -> int:
    """Score (a code) of class c after the first `steps` of a run."""
    u = [int(step[c] * Fraction(2) ** spec.membrane.frac_bits) for step in readout.v[:steps]]
    if spec.mode == "last":
        return u[-1]
    if spec.mode == "max":
        return max(u)
    z = 0
    for t in range(steps):
        z += readout.y[t][c] if spec.mode == "spike_count" else u[t]
        z = min(max(z, -(2**31)), 2**31 - 1)
    return z


def _real(raw: int, fmt: Any) -> Fraction:
    return Fraction(int(raw)) / Fraction(2) ** fmt.frac_bits


def _kept(product: Fraction, modes: Any, state: Any) -> Fraction:
    """What is kept of a state: exact, or rounded to the lsb of the state first."""
    if modes.leak_rounding is None:
        return product
    lsb = Fraction(1) / Fraction(2) ** state.frac_bits
    return rounded(product / lsb, modes.leak_rounding) * lsb


def _quantise(value: Fraction, modes: Any, fmt: Any) -> Fraction:
    """Q: round to the lsb of `fmt`, then bring into its range; real in, real out."""
    lsb = Fraction(1) / Fraction(2) ** fmt.frac_bits
    code = rounded(value / lsb, modes.rounding)
    return fitted(code, fmt.int_bits + fmt.frac_bits, True, modes.overflow) * lsb

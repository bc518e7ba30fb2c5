"""One layer of leaky integrate-and-fire neurons over time, in plain torch.

The reference of the fused kernels, the code path for GPUs and for other modes of Q, and, in an
exact dtype, the evaluation that equals the golden model bit for bit.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from fxp_model.fixed import Overflow, QFormat, Rounding
from fxp_model.qat.delays import Taps, kept_within
from fxp_model.qat.quantize import requantize, rounded
from fxp_model.qat.surrogate import fire
from fxp_model.spec import ResetMode


@dataclass(frozen=True)
class Neuron:
    """Constants of the neurons of a stage, in real units.

    v_th : one for all, (N,), or None if neurons never fire
    membrane : None for float membranes, which Q does not change
    leak_rounding : of beta * v by itself, for membranes that are not float; None: exact
    synapse : None without a synaptic current
    """

    v_th: float | Tensor | None
    reset_mode: ResetMode
    membrane: QFormat | None
    rounding: Rounding
    overflow: Overflow
    leak_rounding: Rounding | None = None
    synapse: Synapse | None = None


@dataclass(frozen=True)
class Synapse:
    """Constants of the synaptic current; `alpha` a scalar or (N,), the rest as in `Neuron`."""

    alpha: Tensor
    current: QFormat | None
    rounding: Rounding
    overflow: Overflow
    leak_rounding: Rounding | None


@dataclass(frozen=True)
class Recurrence:
    """Delayed recurrent input of a layer.

    weight : (K,) kernel of ``conv``, or (N, N) of ``dense``
    taps : Taps
    gate : (B, N) or None
        Factor on i_rec, constant over time (dropout while training).
    """

    weight: Tensor
    taps: Taps
    gate: Tensor | None = None


@dataclass(frozen=True)
class Course:
    """The result of a stage, (T, B, N): recurrent and synaptic current, membrane before reset, spikes.

    Without a `Synapse`, `current` is what the membrane takes.
    """

    i_rec: Tensor
    current: Tensor
    v_mem: Tensor
    spikes: Tensor


def simulate(
    i_syn: Tensor, beta: Tensor, neuron: Neuron, recurrence: Recurrence | None, window: int | None = None
) -> Course:
    """Run a stage from the zero state.

        s[m](t) = sum_l m[l, m] * y[m](t - l)
        c = Q(alpha * c + i_syn + i_rec), or i_syn + i_rec without a synaptic current
        v = Q(beta * v + c),   y = v >= v_th,   reset

    Parameters
    ----------
    i_syn : (T, B, N)
        Feed-forward current, bias included.
    beta : scalar tensor, or (N,)
    neuron : Neuron
    recurrence : Recurrence or None
    window : int or None
        Truncated back-propagation: steps t // window = 0, 1, ... are windows, and to the gradient of a window
        all states of earlier ones are constants: membranes, synaptic currents, spikes on their way.

    Notes
    -----
    The reset is not differentiated: its spike is a constant to the gradient.
    """
    steps, samples, n = i_syn.shape
    v = torch.zeros_like(i_syn[0])
    y = silent = c = torch.zeros_like(v)
    delayed = neuron.reset_mode is ResetMode.DELAYED
    if recurrence is not None:
        first, weight = recurrence.taps.first, recurrence.taps.weight
        last = int(first.max()) + len(weight)
        future = i_syn.new_zeros((steps + last, samples, n))
        arrival = (first + torch.arange(len(weight), device=first.device)[:, None])[:, None, :]
        arrival = arrival.expand(-1, samples, -1)
    course: list[tuple[Tensor, Tensor, Tensor, Tensor]] = []
    for t in range(steps):
        i_rec = silent
        if window is not None and t % window == 0:
            v, c = v.detach(), c.detach()
        if recurrence is not None:
            i_rec = recurrent_current(recurrence, future[t].clone())
        current = i_syn[t] + i_rec
        if neuron.synapse is not None:
            current = c = _integrated(
                neuron.synapse.alpha, c, current, neuron.synapse, neuron.synapse.current
            )
        if delayed and neuron.v_th is not None:
            current = current - neuron.v_th * y.detach()
        v = _integrated(beta, v, current, neuron, neuron.membrane)
        y = silent if neuron.v_th is None else fire(v, neuron.v_th)
        course.append((i_rec, c if neuron.synapse is not None else current, v, y))
        if recurrence is not None:
            sent = kept_within(window, y, torch.tensor(t), t + arrival)
            future.scatter_add_(0, t + arrival, weight[:, None, :] * sent)
        if neuron.v_th is not None and not delayed:
            fixed = y.detach()
            v = v * (1 - fixed) if neuron.reset_mode is ResetMode.ZERO else v - neuron.v_th * fixed
    return Course(*(torch.stack(column) for column in zip(*course, strict=True)))


def _integrated(
    share: Tensor, state: Tensor, inputs: Tensor, modes: Neuron | Synapse, fmt: QFormat | None
) -> Tensor:
    """Q(share * state + inputs); a format of None rounds nothing."""
    kept = share * state
    if fmt is None:
        return kept + inputs
    if modes.leak_rounding is not None:
        kept = rounded(kept, fmt.frac_bits, modes.leak_rounding)
    return requantize(kept + inputs, fmt, modes.rounding, modes.overflow)


def recurrent_current(recurrence: Recurrence, delayed: Tensor) -> Tensor:
    """i_rec (B, N) of the delayed spikes s (B, N): one convolution or product per step."""
    weight = recurrence.weight
    if weight.ndim == 2:
        current = delayed @ weight.T
    else:
        p = (len(weight) - 1) // 2
        windows = F.pad(delayed, (p, p)).unfold(1, len(weight), 1)
        current = (windows * weight).sum(-1)
    return current if recurrence.gate is None else current * recurrence.gate

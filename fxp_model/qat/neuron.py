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
from fxp_model.qat.delays import Taps
from fxp_model.qat.quantize import requantize
from fxp_model.qat.surrogate import fire
from fxp_model.spec import ResetMode


@dataclass(frozen=True)
class Neuron:
    """Constants of the neurons of a stage, in real units.

    v_th : None if neurons never fire
    membrane : None for float membranes, which Q does not change
    """

    v_th: float | None
    reset_mode: ResetMode
    membrane: QFormat | None
    rounding: Rounding
    overflow: Overflow


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
    """The result of a stage, (T, B, N): recurrent current, membrane before reset, spikes."""

    i_rec: Tensor
    v_mem: Tensor
    spikes: Tensor


def simulate(i_syn: Tensor, beta: Tensor, neuron: Neuron, recurrence: Recurrence | None) -> Course:
    """Run a stage from the zero state.

        s[m](t) = sum_l m[l, m] * y[m](t - l)
        v = Q(beta * v + i_syn + i_rec),   y = v >= v_th,   reset

    Parameters
    ----------
    i_syn : (T, B, N)
        Feed-forward current, bias included.
    beta : scalar tensor
    neuron : Neuron
    recurrence : Recurrence or None

    Notes
    -----
    The reset is not differentiated: its spike is a constant to the gradient.
    """
    steps, samples, n = i_syn.shape
    v = torch.zeros_like(i_syn[0])
    silent = torch.zeros_like(v)
    if recurrence is not None:
        first, weight = recurrence.taps.first, recurrence.taps.weight
        last = int(first.max()) + len(weight)
        future = i_syn.new_zeros((steps + last, samples, n))
        arrival = (first + torch.arange(len(weight), device=first.device)[:, None])[:, None, :]
        arrival = arrival.expand(-1, samples, -1)
    course: list[tuple[Tensor, Tensor, Tensor]] = []
    for t in range(steps):
        i_rec = silent
        if recurrence is not None:
            i_rec = recurrent_current(recurrence, future[t].clone())
        v = beta * v + i_syn[t] + i_rec
        if neuron.membrane is not None:
            v = requantize(v, neuron.membrane, neuron.rounding, neuron.overflow)
        y = silent if neuron.v_th is None else fire(v, neuron.v_th)
        course.append((i_rec, v, y))
        if recurrence is not None:
            future.scatter_add_(0, t + arrival, weight[:, None, :] * y)
        if neuron.v_th is not None:
            fixed = y.detach()
            v = v * (1 - fixed) if neuron.reset_mode is ResetMode.ZERO else v - neuron.v_th * fixed
    return Course(*(torch.stack(column) for column in zip(*course, strict=True)))


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

"""The dynamics of a stage as one differentiable function of its currents."""

from __future__ import annotations

import math
from types import ModuleType
from typing import Any

import numba
import numpy as np
import torch
from torch import Tensor

from fxp_model.errors import InputError
from fxp_model.fixed import Overflow, QFormat, Rounding
from fxp_model.qat.kernels import conv, dense
from fxp_model.qat.kernels.rows import NEVER, Membrane, window_of
from fxp_model.qat.neuron import Neuron, Recurrence, Synapse
from fxp_model.qat.surrogate import ALPHA
from fxp_model.spec import ResetMode


def match_threads() -> None:
    """Let the kernels use as many threads as torch, without changing torch's number.

    Numba shares OpenMP with torch and sets the number of threads when its own start; torch
    would then partition its sums differently, and two equal trainings would differ.

    Raises
    ------
    InputError
        If the environment names a threading layer that does not exist.
    """
    threads = torch.get_num_threads()
    launched = int(numba.config.NUMBA_NUM_THREADS)  # type: ignore[attr-defined]
    try:
        numba.set_num_threads(min(threads, launched))
    except ValueError as error:
        raise InputError(f"numba's threads do not start, see NUMBA_THREADING_LAYER: {error}") from None
    torch.set_num_threads(threads)


def supports(neuron: Neuron, device: torch.device) -> bool:
    """Whether the kernels support such a stage, if its leak is one for all neurons."""
    synapse = neuron.synapse
    rounds = neuron.membrane is not None
    each = isinstance(neuron.v_th, Tensor)
    usual = not rounds or _usual(neuron)
    if synapse is not None:
        each |= synapse.alpha.ndim > 0
        usual &= rounds == (synapse.current is not None) and (not rounds or _usual(synapse))
    return usual and not each and device.type == "cpu"


def _usual(modes: Neuron | Synapse) -> bool:
    """Whether a state is rounded as the kernels do it."""
    return (modes.rounding, modes.overflow, modes.leak_rounding) == (Rounding.RND, Overflow.SAT, None)


def simulate(
    i_syn: Tensor, beta: Tensor, neuron: Neuron, recurrence: Recurrence | None, window: int | None = None
) -> tuple[Tensor, Tensor]:
    """Membranes before reset and spikes, (T, B, N), of a stage accepted by `supports`.

    Arguments and gradients as those of `fxp_model.qat.neuron.simulate`; float32 or float64.
    """
    alpha = alpha_of(neuron, beta)
    v_mem, spikes = _Simulate.apply(i_syn, alpha, beta, *recurrent_parts(recurrence, i_syn), neuron, window)
    return v_mem, spikes


def recurrent_parts(recurrence: Recurrence | None, like: Tensor) -> tuple[Tensor, ...]:
    """Weight, gate (B, N), first taps and taps of a recurrence, for currents `like` (T, B, N)."""
    _, samples, n = like.shape
    if recurrence is None:
        empty = like.new_zeros((0, n))
        return empty[:, 0], like.new_zeros((samples, 0)), torch.zeros(0, dtype=torch.int64), empty
    gate = like.new_ones((samples, n)) if recurrence.gate is None else recurrence.gate
    return recurrence.weight, gate, recurrence.taps.first, recurrence.taps.weight


def alpha_of(neuron: Neuron, beta: Tensor) -> Tensor:
    """What is kept of the synaptic current; 0, like `beta`, without one."""
    return torch.zeros_like(beta) if neuron.synapse is None else neuron.synapse.alpha


def membrane_of(neuron: Neuron, beta: Tensor, dtype: torch.dtype) -> Membrane:
    """Constants for the kernels."""
    real = torch.zeros(0, dtype=dtype).numpy().dtype.type

    def grid(fmt: QFormat | None) -> tuple[Any, Any, Any, Any]:
        lsb, low, high = (1.0, 0, 0) if fmt is None else (fmt.lsb, fmt.min_raw, fmt.max_raw)
        return real(1 / lsb), real(lsb), real(low), real(high)

    scale, lsb, low, high = grid(neuron.membrane)
    synapse = neuron.synapse
    charge_scale, charge_lsb, charge_low, charge_high = grid(None if synapse is None else synapse.current)
    v_th = NEVER if neuron.v_th is None else neuron.v_th
    delayed = neuron.v_th is not None and neuron.reset_mode is ResetMode.DELAYED
    return Membrane(
        alpha=real(float(alpha_of(neuron, beta))),
        beta=real(float(beta)),
        v_th=real(v_th),
        at_once=real(0 if delayed else v_th),
        later=real(v_th if delayed else 0),
        kept=real(neuron.reset_mode is not ResetMode.ZERO),
        synaptic=synapse is not None,
        rounds=neuron.membrane is not None,
        scale=scale,
        lsb=lsb,
        low=low,
        high=high,
        charge_scale=charge_scale,
        charge_lsb=charge_lsb,
        charge_low=charge_low,
        charge_high=charge_high,
        half=real(0.5),
        sharp=real(ALPHA * math.pi / 2),
        peak=real(ALPHA / 2),
    )


class Course:
    """A running stage: inputs, saved state and outputs of its kernels.

    Parameters
    ----------
    current : (T, B, N) tensor
    factor, offset : (N,) tensors
        The current of a neuron is factor * current + offset.
    lengths : (B,) int64 tensor
    parts : tuple of tensors
        See `recurrent_parts`.
    membrane : Membrane
    """

    def __init__(
        self,
        current: Tensor,
        factor: Tensor,
        offset: Tensor,
        lengths: Tensor,
        parts: tuple[Tensor, ...],
        membrane: Membrane,
    ) -> None:
        weight, gate, first, taps = (part.detach().contiguous().numpy() for part in parts)
        kernels: ModuleType = dense if weight.ndim == 2 else conv
        shape = tuple(current.shape)
        self.lengths = lengths.numpy()
        self.kernels = kernels
        self.membrane = membrane
        # the kernels do not write beyond the end of shorter clips
        new = np.empty if bool((lengths == shape[0]).all()) else np.zeros
        self.v_mem = new(shape, weight.dtype)
        self.spikes = new(shape, np.uint8)
        self.delayed = np.zeros(shape if len(taps) else (0, 0, 0), weight.dtype)
        self.charge = new(shape if membrane.synaptic else (0, 0, 0), weight.dtype)
        self.constants = (weight, gate, first, taps)
        kernels.forward(
            *(self.v_mem, self.spikes, self.delayed, self.charge),
            *(current.numpy(), factor.numpy(), offset.numpy()),
            *(self.lengths, *self.constants, membrane),
        )

    def backward(
        self,
        g_v: Tensor | None,
        g_out: Tensor | None,
        kept: Tensor | None,
        g_count: float,
        window: int | None,
    ) -> tuple[Tensor, ...]:
        """Gradients of factor * current + offset (T, B, N), alpha, beta, recurrent weight and taps.

        Parameters
        ----------
        g_v, g_out : (T, B, N) tensors or None
            Of the membranes, and of the output spikes; None: zeros.
        kept : (T, B, N) uint8 tensor or None
            Which spikes are output; None: all.
        g_count : float
            Of the number of spikes.
        window : int or None
            As of `fxp_model.qat.neuron.simulate`.
        """
        weight, _, _, taps = self.constants
        samples, dtype = self.v_mem.shape[1], weight.dtype
        absent = np.zeros((0, 0, 0), dtype)
        given = (absent if g is None else g.contiguous().numpy() for g in (g_v, g_out))
        parts = 1 if self.kernels is dense else samples
        # beyond the end of a clip nothing has a gradient
        found = (
            np.zeros_like(self.v_mem),
            np.zeros(samples, dtype),
            np.zeros(samples, dtype),
            np.zeros((parts, *weight.shape), dtype),
            np.zeros((samples, *taps.shape), dtype),
        )
        self.kernels.backward(
            *(*found, *given, np.zeros((0, 0, 0), np.uint8) if kept is None else kept.numpy()),
            *(dtype.type(g_count), self.v_mem, self.spikes, self.delayed, self.charge),
            *(self.lengths, *self.constants, self.membrane, window_of(window)),
        )
        g_current, *others = (torch.from_numpy(g) for g in found)
        return g_current, *(g.sum(0) for g in others)


class _Simulate(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        i_syn: Tensor,
        alpha: Tensor,
        beta: Tensor,
        weight: Tensor,
        gate: Tensor,
        first: Tensor,
        taps: Tensor,
        neuron: Neuron,
        window: int | None,
    ) -> tuple[Tensor, Tensor]:
        current = i_syn.detach().contiguous()
        steps, samples, n = current.shape
        affine = (current.new_ones(n), current.new_zeros(n), torch.full((samples,), steps))
        membrane = membrane_of(neuron, beta, current.dtype)
        ctx.set_materialize_grads(False)
        ctx.window = window
        ctx.course = Course(current, *affine, (weight, gate, first, taps), membrane)
        return torch.from_numpy(ctx.course.v_mem), torch.from_numpy(ctx.course.spikes).to(current.dtype)

    @staticmethod
    def backward(ctx: Any, g_v: Tensor | None, g_spikes: Tensor | None) -> tuple[Tensor | None, ...]:
        *g_first, g_taps = ctx.course.backward(g_v, g_spikes, None, 0.0, ctx.window)
        return *g_first, None, None, g_taps, None, None

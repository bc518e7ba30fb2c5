"""The published algorithms, as their authors run them, for comparison.

DelRec (Queant et al., arXiv 2509.24852; code: github.com/alexmaxad/DelRec, `src/recurrent_neurons.py`,
axonal delays) and its convolutional form (Zebendo et al., arXiv 2604.15997; code:
github.com/luciozebendo/delrec_snn, the same file). Reimplemented from the structure of that code:
a circular buffer of L future steps per neuron, and in each step

    i_rec(t) = buffer[slot of t]                              (B, N)
    v        = beta * v + i_syn(t) + i_rec(t),   y = v >= v_th,   reset
    m        = y * mask                                       (B, N, L)   spread over the taps
    buffer  += R m  (matmul), or w * m  (2-D convolution, kernel K x 1)   on all L taps

with mask[n, l] = max(0, s - |l - (1 + d[n])|) / s**2, s = 1 + sigma, L = ceil(1 + max d + s) + 1. A
step takes N * N * L multiply-adds per sample (dense), or K * N * L (conv), and N * L for the buffer.

`commuted` moves the product behind the buffer, which is linear: the buffer holds spread spikes,
and the product is computed once, on those that arrive. That is N * N, or K * N, per step, and N * L for
the buffer; it is not published, but is a one-line change to the published code.

In favour of the published side: batch norm is folded in inference, the neuron is a few tensor
operations instead of a module of spikingjelly or of their own, and `native_convolution` avoids
the slower of torch's two convolutions.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from fxp_model.errors import InputError
from fxp_model.qat.layer import HiddenLayer, Stage
from fxp_model.qat.network import Regularization, SpikingNetwork
from fxp_model.qat.surrogate import fire
from fxp_model.spec import ReadoutMode, ResetMode


class PublishedLayer(nn.Module):
    """A recurrent layer of LIF neurons, given its feed-forward current.

    Parameters
    ----------
    layer : HiddenLayer
        Provides the recurrent weights ((N, N) dense, (K,) conv), delays, leak, threshold, reset.
    commuted : bool
        Take the recurrent product once per step instead of on all taps.

    Raises
    ------
    InputError
        If the layer has no recurrence, or neurons that are not those of the published code.
    """

    def __init__(self, layer: HiddenLayer, *, commuted: bool = False) -> None:
        super().__init__()
        if layer.spec.recurrence is None:
            raise InputError("a published layer must have a recurrence: this one has none")
        spec = layer.spec
        ready = spec.synapse is None and spec.max_input_delay is None and spec.leak_rounding is None
        if not ready or spec.beta is None or spec.v_th is None or spec.reset_mode is ResetMode.DELAYED:
            raise InputError(
                "neurons of a published layer must have one exact leak and one threshold, a reset in their "
                "own step, no synaptic current and no forward delays"
            )
        self.commuted = commuted
        self.recurrent = _copied(layer.recurrent)
        self.delay = _copied(layer.delay)
        self.beta = float(layer.beta.detach())
        self.v_th = float(spec.membrane.to_real(spec.v_th))
        self.subtract = spec.reset_mode is ResetMode.SUBTRACT

    def forward(self, current: Tensor, sigma: float = 0.0, gate: Tensor | None = None) -> Tensor:
        """Spikes (T, B, N) of the feed-forward `current` (T, B, N).

        Parameters
        ----------
        sigma : float
            Width of the delay's triangle; with 0 and integer delays, one tap.
        gate : (B, N) or None
            Factor on the recurrent current: its dropout.
        """
        _, samples, n = current.shape
        s = 1.0 + sigma
        length = math.ceil(1.0 + float(self.delay.detach().max()) + s) + 1
        tap = torch.arange(length, dtype=current.dtype, device=current.device)
        mask = (s - (tap - (1.0 + self.delay[:, None])).abs()).clamp(min=0.0) / s**2
        buffer = current.new_zeros((samples, n, length))
        v = current.new_zeros((samples, n))
        course = []
        slot = 0
        for i_syn in current:
            i_rec = buffer[:, :, slot]
            if self.commuted:
                i_rec = self._product(i_rec.unsqueeze(2)).squeeze(2)
            if gate is not None:
                i_rec = i_rec * gate
            v = self.beta * v + i_syn + i_rec
            y = fire(v, self.v_th) if torch.is_grad_enabled() else (v >= self.v_th).to(v.dtype)
            fixed = y.detach()
            v = v - self.v_th * fixed if self.subtract else v * (1.0 - fixed)
            course.append(y)
            sent = y.unsqueeze(2) * mask
            if not self.commuted:
                sent = self._product(sent)
            # the current slot becomes the farthest; tap 1 is the next slot, and the buffer wraps around
            buffer[:, :, slot] = 0.0
            straight = length - 1 - slot
            buffer[:, :, slot + 1 :] += sent[:, :, 1 : 1 + straight]
            buffer[:, :, :slot] += sent[:, :, 1 + straight :]
            slot = (slot + 1) % length
        return torch.stack(course)

    def _product(self, sent: Tensor) -> Tensor:
        """The recurrent weights applied to every column of `sent` (B, N, columns)."""
        if self.recurrent.ndim == 2:
            return torch.matmul(self.recurrent, sent)
        kernel = self.recurrent.view(1, 1, -1, 1)
        return F.conv2d(sent.unsqueeze(1), kernel, padding=(len(self.recurrent) // 2, 0)).squeeze(1)


@dataclass(frozen=True)
class Course:
    """Mean membranes of the readout (B, classes) and spikes (T, B, N) of each hidden layer."""

    logits: Tensor
    spikes: tuple[Tensor, ...]


class PublishedNetwork(nn.Module):
    """The network of `module` by the published algorithm, in real numbers: no value is quantised.

    Parameters
    ----------
    module : SpikingNetwork
        Provides the shape and the parameters, which are copied.
    commuted : bool
        See `PublishedLayer`.

    Raises
    ------
    InputError
        If a hidden layer has no recurrence, or the readout does not sum its membrane.
    """

    def __init__(self, module: SpikingNetwork, *, commuted: bool = False) -> None:
        super().__init__()
        mode = module.readout.spec.mode
        if mode is not ReadoutMode.SUM:
            raise InputError(f"the readout of a published network must be sum, not {mode}")
        self.projections = nn.ModuleList(_linear(stage) for stage in module.stages)
        self.norms = nn.ModuleList(
            nn.BatchNorm1d(layer.spec.n_out) if layer.numbers.normalized else nn.Identity()
            for layer in module.layers
        )
        self.layers = nn.ModuleList(PublishedLayer(layer, commuted=commuted) for layer in module.layers)
        self.readout_beta = float(module.readout.beta.detach())

    def forward(self, counts: Tensor, sigma: float = 0.0, noise: Regularization | None = None) -> Course:
        """The result for `counts` (T, B, n_in).

        `sigma` and `noise` are for training; without `noise` there is no dropout.
        """
        x, spikes = counts, []
        for projection, norm, layer in zip(self.projections, self.norms, self.layers, strict=False):
            current = projection(x)
            current = norm(current.flatten(0, 1)).view_as(current)
            gate = None
            if noise is not None:
                gate = F.dropout(torch.ones_like(current[0]), noise.recurrent_dropout)
            x = layer(current, sigma, gate)
            spikes.append(x)
            if noise is not None:
                x = F.dropout(x, noise.dropout)
        current = self.projections[-1](x)
        u = total = torch.zeros_like(current[0])
        for i_syn in current:
            u = self.readout_beta * u + i_syn
            total = total + u
        return Course(total / len(current), tuple(spikes))

    @torch.no_grad()
    def constrain(self) -> None:
        """Clamp the delays to 0 or more; call after each optimiser step."""
        for name, parameter in self.named_parameters():
            if name.endswith(".delay"):
                parameter.clamp_(min=0.0)


def _linear(stage: Stage) -> nn.Linear:
    linear = nn.Linear(stage.spec.n_in, stage.spec.n_out)
    linear.weight, linear.bias = _copied(stage.weight), _copied(stage.bias)
    return linear


def _copied(parameter: Tensor) -> nn.Parameter:
    return nn.Parameter(parameter.detach().clone())


@contextmanager
def native_convolution() -> Iterator[None]:
    """Within the block, torch uses its native convolution.

    Its default, oneDNN, takes 6 to 7 times longer for the one channel of a published layer and 64
    clips (37 against 6 ms for all taps, measured with torch 2.13 on an AMD EPYC).
    """
    before = torch.backends.mkldnn.set_flags(False)
    try:
        yield
    finally:
        torch.backends.mkldnn.set_flags(before[0])

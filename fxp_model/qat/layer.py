"""Stages of a network as modules: hidden layers and the readout.

A stage keeps real parameters and sees them through their formats. Batch norm is
folded while it trains (Krishnamoorthi, 1806.08342, section 3.2.2): weights are
quantised with the gain of the running statistics,

    W_q = Q(g * W) / g,    g = gamma / sqrt(var_running + eps),

and the batch statistics normalise W_q x. In eval mode the layer is plainly
Q(g * W) x + Q(shift - g * mean_running): what the hardware holds.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from fxp_model.fixed import QFormat
from fxp_model.network import StageParams
from fxp_model.qat import delays, kernels
from fxp_model.qat.neuron import Neuron, Recurrence
from fxp_model.qat.neuron import simulate as simulate_reference
from fxp_model.qat.quantize import codes, exact_dtype, fitted_format, requantize
from fxp_model.spec import LayerSpec, ReadoutMode, ReadoutSpec, RecurrenceKind

NORM_EPS = 1e-5
NORM_MOMENTUM = 0.1
_SMALLEST_GAIN = 1e-6


def simulate(
    i_syn: Tensor, beta: Tensor, neuron: Neuron, recurrence: Recurrence | None
) -> tuple[Tensor, Tensor]:
    """Membranes and spikes (T, B, N), by the fused kernel where it applies, else by plain torch."""
    if kernels.supports(neuron, recurrence, i_syn.device):
        return kernels.simulate(i_syn, beta, neuron, recurrence)
    course = simulate_reference(i_syn, beta, neuron, recurrence)
    return course.v_mem, course.spikes


@dataclass(frozen=True)
class Exact:
    """A stage in eval mode: float64 tensors that are multiples of the lsb of their formats in `spec`."""

    spec: LayerSpec | ReadoutSpec
    weight: Tensor
    bias: Tensor
    beta: Tensor
    recurrence: Recurrence | None = None

    def current(self, x: Tensor) -> Tensor:
        """i_syn = W x + bias (T, B, N_out) of inputs `x` of any dtype, in the dtype of the exact sum."""
        product = exact_dtype(self.spec.accumulator_bits, self.spec.weight.width)
        dtype = exact_dtype(self.spec.sum_bits, self.spec.membrane.width)
        return F.linear(x.to(product), self.weight.to(product)).to(dtype) + self.bias.to(dtype)

    def dynamics(self, dtype: torch.dtype) -> tuple[Tensor, Neuron, Recurrence | None]:
        """What `simulate` takes beside the current."""
        recurrence = self.recurrence
        if recurrence is not None:
            taps = delays.Taps(recurrence.taps.first, recurrence.taps.weight.to(dtype))
            recurrence = Recurrence(recurrence.weight.to(dtype), taps)
        return self.beta.to(dtype), neuron_of(self.spec), recurrence

    def params(self) -> StageParams:
        """The integers."""
        weight = codes(self.weight, self.spec.weight.frac_bits).cpu().numpy()
        bias = codes(self.bias, self.spec.bias.frac_bits).cpu().numpy()
        if self.recurrence is None:
            return StageParams(weight, bias)
        assert isinstance(self.spec, LayerSpec)
        assert self.spec.recurrence is not None
        recurrent = codes(self.recurrence.weight, self.spec.recurrence.weight.frac_bits).cpu().numpy()
        return StageParams(weight, bias, recurrent, (self.recurrence.taps.first - 1).cpu().numpy())


def neuron_of(spec: LayerSpec | ReadoutSpec) -> Neuron:
    """Constants of the membrane of a stage."""
    fires = isinstance(spec, LayerSpec) or spec.mode is ReadoutMode.SPIKE_COUNT
    v_th = float(spec.membrane.to_real(spec.v_th)) if fires else None
    return Neuron(v_th, spec.reset_mode, spec.membrane, spec.rounding, spec.overflow)


class Stage(nn.Module):
    """Weights, bias and leak: what hidden layers and the readout share.

    Parameters
    ----------
    spec : LayerSpec or ReadoutSpec
        Formats and constants. While `fitted`, the scale of the weights follows their
        values and only their width is taken from here.
    normalized : bool
        Batch norm between the weights and the membrane.
    fitted : bool
        False for integers that are fixed already.
    """

    def __init__(self, spec: LayerSpec | ReadoutSpec, *, normalized: bool, fitted: bool) -> None:
        super().__init__()
        self.spec = spec
        self.normalized = normalized
        self.fitted = fitted
        bound = math.sqrt(6.0 / spec.n_in)
        self.weight = nn.Parameter(torch.empty(spec.n_out, spec.n_in).uniform_(-bound, bound))
        self.bias = nn.Parameter(torch.zeros(spec.n_out))
        self.beta = nn.Parameter(torch.tensor(float(spec.beta_format.to_real(spec.beta))))
        if normalized:
            self.gamma = nn.Parameter(torch.ones(spec.n_out))
            self.mean = nn.Buffer(torch.zeros(spec.n_out))
            self.var = nn.Buffer(torch.ones(spec.n_out))

    def gain(self) -> Tensor:
        """Factor (N_out,) on each row of the weights that batch norm amounts to."""
        if not self.normalized:
            return torch.ones_like(self.bias)
        gain = self.gamma / torch.sqrt(self.var + NORM_EPS)
        return torch.where(gain.abs() < _SMALLEST_GAIN, _SMALLEST_GAIN, gain)

    def weight_format(self, scaled: Tensor) -> QFormat:
        """Format of the folded weights `scaled`."""
        return fitted_format(scaled, self.spec.weight.width) if self.fitted else self.spec.weight

    def current(self, x: Tensor) -> Tensor:
        """Feed-forward current (T, B, N_out) of inputs `x` (T, B, N_in) while training."""
        gain = self.gain().detach()[:, None]
        scaled = self.weight * gain
        weight = requantize(scaled, self.weight_format(scaled))
        if not self.normalized:
            return F.linear(x, weight, requantize(self.bias, self.spec.bias))
        current = F.linear(x, weight / gain)
        statistics = (self.mean, self.var, self.gamma, self.bias)
        flat = F.batch_norm(current.flatten(0, 1), *statistics, True, NORM_MOMENTUM, NORM_EPS)
        return flat.view_as(current)

    def course(self, x: Tensor, recurrence: Recurrence | None) -> tuple[Tensor, Tensor]:
        """Membranes and spikes (T, B, N_out) of inputs `x` (T, B, N_in) while training."""
        beta = requantize(self.beta, self.spec.beta_format)
        return simulate(self.current(x), beta, neuron_of(self.spec), recurrence)

    @torch.no_grad()
    def exact(self) -> Exact:
        """Folded and quantised parameters: what eval mode computes with and what is exported."""
        gain = self.gain().double()
        scaled = self.weight.double() * gain[:, None]
        bias = self.bias.double()
        if self.normalized:
            bias = bias - self.mean.double() * gain
        beta = requantize(self.beta.double(), self.spec.beta_format)
        beta_raw = int(codes(beta, self.spec.beta_format.frac_bits))
        spec = replace(self.spec, weight=self.weight_format(scaled), beta=beta_raw)
        return Exact(spec, requantize(scaled, spec.weight), requantize(bias, spec.bias), beta)

    @torch.no_grad()
    def constrain(self) -> None:
        """Bring what has left the range of its format back to the edge."""
        fmt = self.spec.beta_format
        self.beta.clamp_(0.0, float(fmt.to_real(fmt.max_raw)))


class HiddenLayer(Stage):
    """A layer of LIF neurons with recurrence over learned axonal delays.

    Delays start uniform within 10 steps of `MEAN_DELAY`, a fifth of a second of speech.
    """

    MEAN_DELAY = 20.0

    spec: LayerSpec

    def __init__(self, spec: LayerSpec, *, normalized: bool, fitted: bool) -> None:
        super().__init__(spec, normalized=normalized, fitted=fitted)
        if spec.recurrence is not None:
            n, size = spec.n_out, spec.recurrence.kernel_size
            if spec.recurrence.kind is RecurrenceKind.CONV:
                bound = 1 / math.sqrt(size)
                recurrent = torch.empty(size).uniform_(-bound, bound)
            else:
                recurrent = nn.init.orthogonal_(torch.empty(n, n))
            self.recurrent = nn.Parameter(recurrent)
            start = torch.empty(n).uniform_(self.MEAN_DELAY - 10, self.MEAN_DELAY + 10)
            self.delay = nn.Parameter(start.clamp(0, spec.recurrence.max_delay))

    def forward(self, x: Tensor, sigma: float | None, gate: Tensor | None) -> Tensor:
        """Spikes (T, B, N_out) while training.

        Parameters
        ----------
        x : (T, B, N_in)
        sigma : float or None
            Width of the delay's triangle; None: delays rounded and fixed.
        gate : (B, N_out) or None
            Factor on the recurrent current.
        """
        recurrence = None
        if self.spec.recurrence is not None:
            weight = requantize(self.recurrent, self._recurrent_format())
            taps = self._integer_taps() if sigma is None else delays.spread(self.delay, sigma)
            recurrence = Recurrence(weight, taps, gate)
        return self.course(x, recurrence)[1]

    @torch.no_grad()
    def exact(self) -> Exact:
        """Adds the quantised recurrence, with integer delays, to that of `Stage`."""
        exact = super().exact()
        if self.spec.recurrence is None:
            return exact
        fmt = self._recurrent_format()
        assert isinstance(exact.spec, LayerSpec)
        spec = replace(exact.spec, recurrence=replace(self.spec.recurrence, weight=fmt))
        weight = requantize(self.recurrent.double(), fmt)
        return replace(exact, spec=spec, recurrence=Recurrence(weight, self._integer_taps()))

    @torch.no_grad()
    def constrain(self) -> None:
        """Bring what has left the range of its format back to the edge."""
        super().constrain()
        if self.spec.recurrence is not None:
            self.delay.clamp_(0.0, float(self.spec.recurrence.max_delay))

    def _recurrent_format(self) -> QFormat:
        assert self.spec.recurrence is not None
        own = self.spec.recurrence.weight
        return fitted_format(self.recurrent, own.width) if self.fitted else own

    def _integer_taps(self) -> delays.Taps:
        assert self.spec.recurrence is not None
        steps = delays.rounded(self.delay, self.spec.recurrence.max_delay)
        return delays.integer(steps, self.delay.dtype)


class Readout(Stage):
    """The leaky integrator that gives the class scores; no batch norm."""

    spec: ReadoutSpec

    def forward(self, x: Tensor, lengths: Tensor) -> Tensor:
        """Logits (B, classes) while training: scores over the first `lengths` (B,) steps.

        Sums and spike counts are divided by the length, so that logits keep their size.
        """
        v_mem, spikes = self.course(x, None)
        steps = torch.arange(len(x), device=x.device)[:, None, None]
        inside = steps < lengths[:, None]
        match self.spec.mode:
            case ReadoutMode.SUM:
                return (v_mem * inside).sum(0) / lengths[:, None]
            case ReadoutMode.SPIKE_COUNT:
                return (spikes * inside).sum(0) / lengths[:, None]
            case ReadoutMode.LAST:
                return v_mem[lengths - 1, torch.arange(x.shape[1], device=x.device)]
            case ReadoutMode.MAX:
                return v_mem.masked_fill(~inside, -math.inf).amax(0)

"""Stages of a network as modules: hidden layers and the readout.

A stage keeps float parameters and fake-quantises them in the forward pass, or uses them directly if
`quantized` is off, for the float networks of the comparison. Batch norm is
folded during training (Krishnamoorthi, 1806.08342, section 3.2.2): weights are
quantised with the gain of the running statistics,

    W_q = Q(g * W) / g,    g = gamma / sqrt(var_running + eps),

and the batch statistics normalise W_q x. In eval mode the layer is simply
Q(g * W) x + Q(shift - g * mean_running): what the hardware computes.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from types import ModuleType

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from fxp_model.errors import InputError
from fxp_model.fixed import QFormat
from fxp_model.network import StageParams
from fxp_model.qat import delays, kernels, plain
from fxp_model.qat.neuron import Neuron, Recurrence, Synapse
from fxp_model.qat.neuron import simulate as simulate_reference
from fxp_model.qat.quantize import codes, exact_dtype, fitted_format, requantize
from fxp_model.qat.signal import Norm, Signal
from fxp_model.qat.template import BETA, HIDDEN_BETA, READOUT_BETA
from fxp_model.spec import Answer, LayerSpec, ReadoutMode, ReadoutSpec, RecurrenceKind, ResetMode, fires

NORM_EPS = 1e-5
NORM_MOMENTUM = 0.1
_SMALLEST_GAIN = 1e-6
START_SHARE = 0.75
"""Share of a state that is kept per step, at the start, where each neuron learns its own."""


def simulate(
    i_syn: Tensor, beta: Tensor, neuron: Neuron, recurrence: Recurrence | None, window: int | None = None
) -> tuple[Tensor, Tensor]:
    """Membranes and spikes (T, B, N), by the fused kernel if supported, else by plain torch."""
    if supported(neuron, beta):
        return kernels.simulate(i_syn, beta, neuron, recurrence, window)
    course = simulate_reference(i_syn, beta, neuron, recurrence, window)
    return course.v_mem, course.spikes


def supported(neuron: Neuron, beta: Tensor) -> bool:
    """Whether the kernels support such a stage."""
    return beta.ndim == 0 and kernels.supports(neuron, beta.device)


@dataclass(frozen=True)
class Numbers:
    """How a module uses its parameters.

    normalized : batch norm between the weights and the membrane of hidden layers
    fitted : scales of weights and kernels follow their values, and only their widths come from the spec;
        off for integers with fixed scales
    quantized : all parameters are rounded to their formats; off for float networks
    """

    normalized: bool = True
    fitted: bool = True
    quantized: bool = True


@dataclass(frozen=True)
class Noise:
    """Dropout of a layer in one training step.

    factor : scale of the inputs, some of which the layer before dropped
    gate : (B, N_out) factor on the recurrent current, or None
    kept : (T, B, N_out) uint8, which spikes are output; None: all
    """

    factor: float = 1.0
    gate: Tensor | None = None
    kept: Tensor | None = None


@dataclass(frozen=True)
class Folded:
    """A stage in eval mode, batch norm folded in.

    Float64 tensors; if `quantized`, multiples of the lsb of their formats in `spec`, so that
    every sum is exact. `beta`, `alpha` and `v_th` are scalars, or (N,) where the spec has none for all;
    `alpha` and `input_delay_steps` (N_in,) are None in a stage without, and `v_th` if neurons never fire.
    """

    spec: LayerSpec | ReadoutSpec
    quantized: bool
    weight: Tensor
    bias: Tensor
    beta: Tensor
    alpha: Tensor | None = None
    v_th: Tensor | None = None
    input_delay_steps: Tensor | None = None
    recurrence: Recurrence | None = None

    def current(self, x: Tensor) -> Tensor:
        """i_syn = W x + bias (T, B, N_out) of inputs `x` of any dtype; exact, or float32 for real numbers."""
        if self.input_delay_steps is not None:
            x = delays.shifted(x, self.input_delay_steps)
        if not self.quantized:
            return F.linear(x.float(), self.weight.float(), self.bias.float())
        product = exact_dtype(self.spec.accumulator_bits, self.spec.weight.width)
        sums = ((s.bits, leak.product_bits, s.target.width) for leak, s in self.spec.sums)
        dtype = exact_dtype(*(bits for own in sums for bits in own))
        return F.linear(x.to(product), self.weight.to(product)).to(dtype) + self.bias.to(dtype)

    def dynamics(self, dtype: torch.dtype) -> tuple[Tensor, Neuron, Recurrence | None]:
        """The arguments of `simulate` besides the current."""
        recurrence = self.recurrence
        if recurrence is not None:
            taps = delays.Taps(recurrence.taps.first, recurrence.taps.weight.to(dtype))
            recurrence = Recurrence(recurrence.weight.to(dtype), taps)
        own = (None if share is None else share.to(dtype) for share in (self.alpha, self.v_th))
        return self.beta.to(dtype), neuron_of(self.spec, self.quantized, *own), recurrence

    def params(self) -> StageParams:
        """The integers."""
        spec = self.spec
        found = {
            "weight": codes(self.weight, spec.weight.frac_bits),
            "bias": codes(self.bias, spec.bias.frac_bits),
        }
        if spec.beta is None:
            found["beta"] = codes(self.beta, spec.beta_format.frac_bits)
        if spec.synapse is not None and spec.synapse.alpha is None:
            assert self.alpha is not None
            found["alpha"] = codes(self.alpha, spec.synapse.alpha_format.frac_bits)
        if spec.v_th is None:
            assert self.v_th is not None
            found["v_th"] = codes(self.v_th, spec.membrane.frac_bits)
        if self.input_delay_steps is not None:
            found["input_delay_steps"] = self.input_delay_steps
        if self.recurrence is not None:
            assert isinstance(spec, LayerSpec)
            assert spec.recurrence is not None
            found["recurrent"] = codes(self.recurrence.weight, spec.recurrence.weight.frac_bits)
            found["delay_steps"] = self.recurrence.taps.first - 1
        return StageParams(**{name: array.cpu().numpy() for name, array in found.items()})


def neuron_of(
    spec: LayerSpec | ReadoutSpec, quantized: bool, alpha: Tensor | None = None, v_th: Tensor | None = None
) -> Neuron:
    """Constants of the neurons of a stage; float states unless `quantized`.

    `alpha` is the share of a synaptic current that is kept, and `v_th` (N,) the threshold of each neuron, if
    the stage has them.
    """
    threshold = None if spec.v_th is None or not fires(spec) else float(spec.membrane.to_real(spec.v_th))
    membrane = spec.membrane if quantized else None
    synapse = None
    if spec.synapse is not None:
        assert alpha is not None
        own = spec.synapse
        current = own.current if quantized else None
        synapse = Synapse(alpha, current, own.rounding, own.overflow, own.leak_rounding)
    return Neuron(
        threshold if spec.v_th is not None else v_th,
        spec.reset_mode,
        membrane,
        spec.rounding,
        spec.overflow,
        spec.leak_rounding,
        synapse,
    )


class Stage(nn.Module):
    """Weights, bias and leak: the common base of hidden layers and the readout.

    Parameters
    ----------
    spec : LayerSpec or ReadoutSpec
        Formats and constants.
    numbers : Numbers
    """

    may_fuse = True
    """Off if the kernels do not support another stage of the network: signals differ between the paths."""

    def __init__(self, spec: LayerSpec | ReadoutSpec, numbers: Numbers) -> None:
        super().__init__()
        self.spec = spec
        self.numbers = numbers
        bound = math.sqrt(6.0 / spec.n_in)
        self.weight = nn.Parameter(torch.empty(spec.n_out, spec.n_in).uniform_(-bound, bound))
        self.bias = nn.Parameter(torch.zeros(spec.n_out))
        self.beta = nn.Parameter(_share(spec.beta, spec.beta_format, spec.n_out))
        if spec.synapse is not None:
            own = spec.synapse
            self.alpha = nn.Parameter(_share(own.alpha, own.alpha_format, spec.n_out))
        if spec.v_th is None:
            self.v_th = nn.Buffer(torch.ones(spec.n_out))
        if spec.max_input_delay is not None:
            self.input_delay = nn.Parameter(torch.empty(spec.n_in).uniform_(0, spec.max_input_delay))
        if numbers.normalized:
            self.gamma = nn.Parameter(torch.full((spec.n_out,), self.start_gain()))
            self.mean = nn.Buffer(torch.zeros(spec.n_out))
            self.var = nn.Buffer(torch.ones(spec.n_out))

    def start_gain(self) -> float:
        """Initial gain of the currents, for a membrane as wide as with the leak `HIDDEN_BETA`.

        White inputs of deviation g give a membrane of variance

            g**2 (1 + alpha beta) / ((1 - alpha**2) (1 - beta**2) (1 - alpha beta)),

        with alpha = 0 where there is no synaptic current.
        """
        alpha, beta = self.start_alpha, self.start_beta
        of_current = (1 - alpha**2) * (1 - alpha * beta) / (1 + alpha * beta)
        return math.sqrt(of_current * (1 - beta**2) / (1 - HIDDEN_BETA**2))

    @property
    def start_beta(self) -> float:
        """The leak at the start of the training; at most 1, from where on there is no scale to follow."""
        return _start(self.spec.beta, self.spec.beta_format)

    @property
    def start_alpha(self) -> float:
        """What is kept of the synaptic current at the start, as `start_beta`; 0 without one."""
        own = self.spec.synapse
        return 0.0 if own is None else _start(own.alpha, own.alpha_format)

    def gain(self) -> Tensor:
        """Factor (N_out,) on each row of the weights equivalent to batch norm."""
        if not self.numbers.normalized:
            return torch.ones_like(self.bias)
        gain = self.gamma / torch.sqrt(self.var + NORM_EPS)
        return torch.where(gain.abs() < _SMALLEST_GAIN, _SMALLEST_GAIN, gain)

    def weight_format(self, scaled: Tensor) -> QFormat:
        """Format of the folded weights `scaled`."""
        return fitted_format(scaled, self.spec.weight.width) if self.numbers.fitted else self.spec.weight

    def seen_weight(self) -> Tensor:
        """Weights in training: fake-quantised with the gain of the running statistics."""
        gain = self.gain().detach()[:, None]
        scaled = self.weight * gain
        return self._seen(scaled, self.weight_format(scaled)) / gain

    def seen_beta(self) -> Tensor:
        """Beta in training."""
        return self._seen(self.beta, self.spec.beta_format)

    def neuron(self) -> Neuron:
        """Constants of the neurons in training."""
        alpha = None
        if self.spec.synapse is not None:
            alpha = self._seen(self.alpha, self.spec.synapse.alpha_format)
        v_th = self.v_th if self.spec.v_th is None else None
        return neuron_of(self.spec, self.numbers.quantized, alpha, v_th)

    def path(self) -> ModuleType:
        """`kernels` if they support this stage, and all others of its network, else `plain`."""
        return kernels if self.may_fuse and supported(self.neuron(), self.beta) else plain

    def arrived(self, x: Signal, sigma: float | None) -> Signal:
        """The inputs `x` after their forward delays, if any; `sigma` as in `HiddenLayer.forward`."""
        if self.spec.max_input_delay is None:
            return x
        if sigma is None or not self.input_delay.requires_grad:
            taps = delays.integer(self._input_delay_steps(), self.input_delay.dtype, least=0)
        else:
            taps = delays.spread(self.input_delay, sigma, least=0)
        return self.path().delayed(x, taps)

    def _input_delay_steps(self) -> Tensor:
        assert self.spec.max_input_delay is not None
        return delays.rounded(self.input_delay, self.spec.max_input_delay)

    @torch.no_grad()
    def folded(self) -> Folded:
        """The parameters of eval mode; if quantised, those that are exported."""
        gain = self.gain().double()
        scaled = self.weight.double() * gain[:, None]
        bias = self.bias.double()
        if self.numbers.normalized:
            bias = bias - self.mean.double() * gain
        beta = self._seen(self.beta.double(), self.spec.beta_format)
        spec, alpha = self.spec, None
        if spec.synapse is not None:
            alpha = self._seen(self.alpha.double(), spec.synapse.alpha_format)
        if self.numbers.quantized:
            spec = replace(spec, weight=self.weight_format(scaled))
            if spec.beta is not None:
                spec = replace(spec, beta=int(codes(beta, spec.beta_format.frac_bits)))
            if spec.synapse is not None and spec.synapse.alpha is not None:
                assert alpha is not None
                raw = int(codes(alpha, spec.synapse.alpha_format.frac_bits))
                spec = replace(spec, synapse=replace(spec.synapse, alpha=raw))
        return Folded(
            spec,
            self.numbers.quantized,
            weight=self._seen(scaled, spec.weight),
            bias=self._seen(bias, spec.bias),
            beta=beta,
            alpha=alpha,
            v_th=self.v_th.double() if spec.v_th is None else None,
            input_delay_steps=None if spec.max_input_delay is None else self._input_delay_steps(),
        )

    def _seen(self, real: Tensor, fmt: QFormat) -> Tensor:
        return requantize(real, fmt) if self.numbers.quantized else real

    @torch.no_grad()
    def constrain(self) -> None:
        """Clamp parameters to the ranges of their formats."""
        shares = [(self.beta, self.spec.beta_format)]
        if self.spec.synapse is not None:
            shares.append((self.alpha, self.spec.synapse.alpha_format))
        for share, fmt in shares:
            share.clamp_(0.0, float(fmt.to_real(fmt.max_raw)))
        if self.spec.max_input_delay is not None:
            self.input_delay.clamp_(0.0, float(self.spec.max_input_delay))


def _share(raw: int | None, fmt: QFormat, n: int) -> Tensor:
    """Initial share that is kept of a state: that of the spec, or for each neuron `START_SHARE`."""
    return torch.full((n,), START_SHARE) if raw is None else torch.tensor(float(fmt.to_real(raw)))


def _start(raw: int | None, fmt: QFormat) -> float:
    """A share at the start of the training, at most 1."""
    return min(START_SHARE if raw is None else float(fmt.to_real(raw)), 1.0)


class HiddenLayer(Stage):
    """A layer of LIF neurons with recurrence over learned axonal delays.

    Delays are initialised uniformly within `START_DELAYS`, about a fifth of a second of speech. A conv kernel
    is initialised in proportion to 1 - beta: a spike changes the membrane for 1 / (1 - beta) steps, and the
    product of the two is what a gradient is multiplied by in every round of the recurrence. In long
    sequences, with many rounds, it explodes otherwise. A synaptic current adds the factor 1 - alpha likewise.
    """

    START_DELAYS = (10.0, 30.0)

    is_line = False
    """Whether `become_line` made it a delay line, whose neurons are never dropped: it would be cut."""

    spec: LayerSpec

    def __init__(self, spec: LayerSpec, numbers: Numbers) -> None:
        super().__init__(spec, numbers)
        if spec.recurrence is not None:
            n, size = spec.n_out, spec.recurrence.kernel_size
            if spec.recurrence.kind is RecurrenceKind.CONV:
                kept = (1 - self.start_alpha) * (1 - self.start_beta)
                bound = kept / (1 - HIDDEN_BETA) / math.sqrt(size)
                recurrent = torch.empty(size).uniform_(-bound, bound)
            else:
                recurrent = nn.init.orthogonal_(torch.empty(n, n))
            self.recurrent = nn.Parameter(recurrent)
            start = torch.empty(n).uniform_(*self.START_DELAYS)
            self.delay = nn.Parameter(start.clamp(0, spec.recurrence.max_delay))

    @torch.no_grad()
    def become_line(self, steps: int) -> None:
        """Make the recurrence a delay line: a memory of N_out / N_in * (1 + steps) steps at the start.

        Input channel c drives one neuron only, at c * N_out // N_in; each neuron passes its spikes on to the
        next, unchanged, after 1 + `steps` steps. What reaches the end of a channel's line enters that of the
        next channel, so a line should be as long as the clips. The layer is not trained: a gradient along the
        line would pass hundreds of neurons, and explode. A spike alone brings the membrane to

            w = 1 + min((1 - beta) / (2 beta), 1) thresholds,

        half way to where what a row of spikes leaves behind, beta (w - 1) / (1 - beta), would fire alone.

        Raises
        ------
        InputError
            The layer has no conv recurrence with neighbours, its largest delay is smaller, its reset is
            delayed, it has a synaptic current, or it has fewer neurons than input channels.
        """
        spec, recurrence = self.spec, self.spec.recurrence
        if recurrence is None or recurrence.kind is not RecurrenceKind.CONV or recurrence.kernel_size < 3:
            raise InputError("a delay line needs conv recurrence of 3 taps or more in the first hidden layer")
        if spec.reset_mode is ResetMode.DELAYED:
            raise InputError("a delay line needs a reset in the step of the spike, not a delayed one")
        if spec.synapse is not None:
            raise InputError("a delay line needs neurons without a synaptic current")
        if steps > recurrence.max_delay:
            raise InputError(f"line_delay must be at most max_delay {recurrence.max_delay}, not {steps}")
        if spec.n_out < spec.n_in:
            raise InputError(f"a delay line of {spec.n_in} channels needs as many neurons, not {spec.n_out}")
        beta = self.start_beta
        over = min((1 - beta) / (2 * beta), 1.0) if beta > 0 else 1.0
        heads = torch.arange(spec.n_in) * spec.n_out // spec.n_in
        self.is_line = True
        self.requires_grad_(False)
        if spec.max_input_delay is not None:
            self.input_delay.zero_()
        self.recurrent.zero_()[recurrence.kernel_size // 2 - 1] = 1 + over
        self.delay.fill_(steps)
        self.weight[heads] = torch.eye(spec.n_in)
        self.gamma.zero_()[heads] = 1.0

    def forward(self, x: Signal, sigma: float | None, noise: Noise) -> tuple[Signal, Tensor]:
        """Output spikes (T, B, N_out), and the number of all spikes, in training.

        Parameters
        ----------
        x : Signal
        sigma : float or None
            Width of the delay's triangle; None: delays rounded and fixed.
        noise : Noise
        """
        recurrence = None
        if self.spec.recurrence is not None:
            weight = self._seen(self.recurrent, self._recurrent_format())
            taps = self._integer_taps()
            if sigma is not None and self.delay.requires_grad:
                taps = delays.spread(self.delay, sigma)
            recurrence = Recurrence(weight, taps, None if self.is_line else noise.gate)
        neuron = self.neuron()
        norm = Norm(self.gamma, self.bias, self.mean, self.var, NORM_EPS, NORM_MOMENTUM)
        weight = self.seen_weight() * noise.factor
        spikes, count = self.path().hidden_layer(
            self.arrived(x, sigma), weight, norm, self.seen_beta(), neuron, recurrence, noise.kept
        )
        return spikes, count

    @torch.no_grad()
    def folded(self) -> Folded:
        """As in `Stage`, with the recurrence and its integer delays."""
        folded = super().folded()
        if self.spec.recurrence is None:
            return folded
        fmt = self._recurrent_format()
        weight = self._seen(self.recurrent.double(), fmt)
        spec = folded.spec
        assert isinstance(spec, LayerSpec)
        if self.numbers.quantized:
            spec = replace(spec, recurrence=replace(self.spec.recurrence, weight=fmt))
        return replace(folded, spec=spec, recurrence=Recurrence(weight, self._integer_taps()))

    @torch.no_grad()
    def constrain(self) -> None:
        """Clamp parameters to the ranges of their formats."""
        super().constrain()
        if self.spec.recurrence is not None:
            self.delay.clamp_(0.0, float(self.spec.recurrence.max_delay))

    def _recurrent_format(self) -> QFormat:
        assert self.spec.recurrence is not None
        own = self.spec.recurrence.weight
        return fitted_format(self.recurrent, own.width) if self.numbers.fitted else own

    def _integer_taps(self) -> delays.Taps:
        assert self.spec.recurrence is not None
        steps = delays.rounded(self.delay, self.spec.recurrence.max_delay)
        return delays.integer(steps, self.delay.dtype)


class Readout(Stage):
    """The leaky integrator that gives the class scores; no batch norm."""

    spec: ReadoutSpec

    def __init__(self, spec: ReadoutSpec, numbers: Numbers) -> None:
        super().__init__(spec, numbers)
        # logits as large as with the default leak: a constant current gives the membrane 1 / (1 - beta)
        usual = float(BETA.to_real(BETA.from_real(READOUT_BETA)))
        self.weight.data *= (1 - self.start_beta) / (1 - usual)

    def forward(self, x: Signal, sigma: float | None, factor: float) -> Tensor:
        """Logits (B, classes) in training: scores over each clip's own steps, of inputs times `factor`.

        With answers per step, of the mode ``last``, the logits of each answer, (A, B, classes). `sigma` as in
        `HiddenLayer.forward`.

        Sums and spike counts are divided by the length, so that the scale of logits does not depend on it.
        """
        weight = self.seen_weight() * factor
        current = self.path().weighed(self.arrived(x, sigma), weight) + self._seen(self.bias, self.spec.bias)
        v_mem, spikes = simulate(current, self.seen_beta(), self.neuron(), None, x.window)
        inside, lengths = x.inside()[:, :, None], x.lengths
        match self.spec.mode:
            case ReadoutMode.SUM:
                return (v_mem * inside).sum(0) / lengths[:, None]
            case ReadoutMode.SPIKE_COUNT:
                return (spikes * inside).sum(0) / lengths[:, None]
            case ReadoutMode.LAST if self.spec.answer is Answer.STEP:
                return v_mem[self.spec.stride - 1 :: self.spec.stride]
            case ReadoutMode.LAST:
                return v_mem[lengths - 1, torch.arange(len(lengths), device=lengths.device)]
            case ReadoutMode.MAX:
                return v_mem.masked_fill(~inside, -math.inf).amax(0)

"""A complete network as a module: trained, exported to integers, and evaluated exactly."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from fxp_model.fixed import QFormat
from fxp_model.network import Network, check_counts
from fxp_model.qat import kernels, neuron, parallel
from fxp_model.qat.layer import HiddenLayer, Noise, Numbers, Readout, Stage, simulate
from fxp_model.qat.limits import check_limits
from fxp_model.qat.quantize import codes
from fxp_model.qat.signal import Signal
from fxp_model.spec import SCORE, Answer, LayerSpec, NetworkSpec, ReadoutMode, ReadoutSpec
from fxp_model.trace import LayerTrace, ReadoutTrace, Trace

TRAINED = Numbers()
"""How a quantised network uses its parameters in training."""


@dataclass(frozen=True)
class Regularization:
    """Dropout in training.

    dropout : share of spikes that do not reach the next stage
    recurrent_dropout : share of neurons whose recurrent current is dropped, for an entire clip
    """

    dropout: float = 0.3
    recurrent_dropout: float = 0.2

    def __post_init__(self) -> None:
        for name in ("dropout", "recurrent_dropout"):
            check_limits(name, getattr(self, name))


@dataclass(frozen=True)
class Output:
    """The outputs of a training step.

    logits : (B, classes), or (A, B, classes) with answers per step
    rates : (hidden layers,)
        Spikes per neuron and step; with several processes, the contribution of this one.
    """

    logits: Tensor
    rates: Tensor


class SpikingNetwork(nn.Module):
    """Hidden layers and a readout with quantisation-aware training.

    Parameters
    ----------
    spec : NetworkSpec
        Shape and formats; `beta` is the initial value.
    numbers : Numbers
        How the parameters are used.
    """

    def __init__(self, spec: NetworkSpec, numbers: Numbers = TRAINED) -> None:
        super().__init__()
        self.spec = spec
        self.numbers = numbers
        layers = [HiddenLayer(s, numbers) for s in spec.layers]
        self.layers = cast(Sequence[HiddenLayer], nn.ModuleList(layers))
        self.readout = Readout(spec.readout, replace(numbers, normalized=False))
        fused = all(stage.path() is kernels for stage in self.stages)
        for stage in self.stages:
            stage.may_fuse = fused

    def forward(
        self,
        counts: Tensor,
        lengths: Tensor,
        sigma: float | None,
        noise: Regularization,
        window: int | None = None,
    ) -> Output:
        """Outputs of one training step for `counts` (T, B, n_in) uint8 with valid steps `lengths` (B,).

        Counts are zero beyond the lengths; the amount of padding has no effect. `window` as of
        `fxp_model.qat.neuron.simulate`.

        Raises
        ------
        RuntimeError
            In eval mode, for which there are `trace` and `scores`.
        """
        if not self.training:
            raise RuntimeError("forward takes a training step; in eval mode call trace or scores")
        real = self.readout.weight.dtype
        kernel_path = self.layers[0].path() is kernels
        link = counts.new_empty((), dtype=real).expand(counts.shape) if kernel_path else counts.to(real)
        x, factor = Signal(counts, link, lengths, window), 1.0
        steps = parallel.all_sum(lengths.sum())
        rates = []
        for layer in self.layers:
            gate = _gate(x, layer.spec.n_out, noise.recurrent_dropout, real)
            kept, after = _kept(x, layer.spec.n_out, noise.dropout)
            x, count = layer(x, sigma, Noise(factor, gate, kept))
            rates.append(count / (steps * layer.spec.n_out))
            factor = after
        return Output(self.readout(x, sigma, factor), torch.stack(rates))

    @torch.no_grad()
    def constrain(self) -> None:
        """Clamp delays and leaks to the ranges of their formats; call after each optimiser step."""
        for stage in self.stages:
            stage.constrain()

    @property
    def stages(self) -> list[Stage]:
        """Hidden layers and readout, in the order of the data flow."""
        return [*self.layers, self.readout]

    @torch.no_grad()
    def trace(self, counts: NDArray[np.integer]) -> Trace:
        """Evaluate `counts` (T, B, n_in): torch arithmetic that equals the golden model bit for bit.

        Every value is a multiple of its lsb, in a dtype in which the stage's exact
        sums fit, so no operation rounds except the requantisation.

        Raises
        ------
        InputError
            If the counts do not fit, or a sum needs more than 53 bits.
        """
        x = self._checked(counts)
        layers = []
        for layer in self.layers:
            exact = layer.folded()
            i_syn = exact.current(x)
            course = neuron.simulate(i_syn, *exact.dynamics(i_syn.dtype))
            layers.append(
                LayerTrace(
                    i_syn=_array(codes(i_syn, exact.spec.input_frac_bits)),
                    i_rec=_array(codes(course.i_rec, exact.spec.input_frac_bits)),
                    v_mem=_array(codes(course.v_mem, exact.spec.membrane.frac_bits)),
                    spikes=_array(codes(course.spikes, 0)).astype(np.uint8),
                    current=_synaptic(exact.spec, course),
                )
            )
            x = course.spikes
        exact = self.readout.folded()
        i_syn = exact.current(x)
        course = neuron.simulate(i_syn, *exact.dynamics(i_syn.dtype))
        v_mem = codes(course.v_mem, exact.spec.membrane.frac_bits)
        scores = _scores(self.readout.spec.mode, v_mem, codes(course.spikes, 0))
        return Trace(
            tuple(layers),
            ReadoutTrace(
                i_syn=_array(codes(i_syn, exact.spec.input_frac_bits)),
                v_mem=_array(v_mem),
                scores=_array(scores[-1]),
                current=_synaptic(exact.spec, course),
                answered=_array(scores[self._answered]) if self._per_step else None,
                stride=self.readout.spec.stride,
            ),
        )

    def scores(self, counts: NDArray[np.integer]) -> NDArray[np.float64 | np.int64]:
        """Class scores (B, classes), by the fused kernels if supported.

        Those of `trace` if quantised, else real numbers.
        """
        return _array(self._scores(counts)[-1])

    def answered(self, counts: NDArray[np.integer]) -> NDArray[np.float64 | np.int64]:
        """As `scores`, at each step that is answered: (A, B, classes)."""
        return _array(self._scores(counts)[self._answered])

    @torch.no_grad()
    def _scores(self, counts: NDArray[np.integer]) -> Tensor:
        """Class scores after every step, (T, B, classes)."""
        x = self._checked(counts)
        for stage in self.stages:
            folded = stage.folded()
            i_syn = folded.current(x)
            if self.numbers.quantized:
                i_syn = i_syn.double()
            v_mem, x = simulate(i_syn, *folded.dynamics(i_syn.dtype))
        spec = self.readout.spec
        if self.numbers.quantized:
            v_mem, x = codes(v_mem, spec.membrane.frac_bits), codes(x, 0)
        return _scores(spec.mode, v_mem, x)

    def logits(self, counts: NDArray[np.integer], lengths: NDArray[np.int64]) -> NDArray[np.float64]:
        """Logits (B, classes) in eval mode, on the scale of those of `forward`: for a teacher.

        `counts` (T, B, n_in), each clip over its own `lengths` (B,).
        """
        found = np.zeros((len(lengths), self.spec.n_out))
        for length in np.unique(lengths):
            group = np.flatnonzero(lengths == length)
            found[group] = self.scores(counts[:length, group])
        readout = self.readout.spec
        if self.numbers.quantized and readout.mode is not ReadoutMode.SPIKE_COUNT:
            found *= readout.membrane.lsb
        if readout.mode in (ReadoutMode.SUM, ReadoutMode.SPIKE_COUNT):
            found /= lengths[:, None]
        return found

    @property
    def _answered(self) -> slice:
        """The steps that are answered."""
        return slice(self.spec.readout.stride - 1, None, self.spec.readout.stride)

    @property
    def _per_step(self) -> bool:
        return self.spec.readout.answer is Answer.STEP

    def _checked(self, counts: NDArray[np.integer]) -> Tensor:
        checked = check_counts(self.spec, counts)
        return torch.from_numpy(checked).to(self.readout.weight.device)

    @torch.no_grad()
    def export(self) -> Network:
        """The network in integers, as in the eval mode of a quantised module.

        Raises
        ------
        RuntimeError
            If the module is not quantised.
        """
        if not self.numbers.quantized:
            raise RuntimeError("a network of real numbers has no integers to export")
        stages = [stage.folded() for stage in self.stages]
        specs = [stage.spec for stage in stages]
        spec = NetworkSpec(
            tuple(s for s in specs if isinstance(s, LayerSpec)),
            next(s for s in specs if isinstance(s, ReadoutSpec)),
        )
        return Network(spec, tuple(stage.params() for stage in stages))


def from_network(network: Network) -> SpikingNetwork:
    """A module with exactly the integers of `network`, in eval mode."""
    module = SpikingNetwork(network.spec, Numbers(normalized=False, fitted=False)).double().eval()
    with torch.no_grad():
        for stage, spec, params in zip(module.stages, network.spec.stages, network.params, strict=True):
            stage.weight.copy_(torch.from_numpy(spec.weight.to_real(params.weight)))
            stage.bias.copy_(torch.from_numpy(spec.bias.to_real(params.bias)))
            _fill(stage.beta, spec.beta_format, spec.beta, params.beta)
            if spec.synapse is not None:
                _fill(stage.alpha, spec.synapse.alpha_format, spec.synapse.alpha, params.alpha)
            if params.v_th is not None:
                _fill(stage.v_th, spec.membrane, None, params.v_th)
            if params.input_delay_steps is not None:
                stage.input_delay.copy_(torch.from_numpy(params.input_delay_steps.copy()))
            if isinstance(spec, LayerSpec) and spec.recurrence is not None:
                assert params.recurrent is not None
                assert params.delay_steps is not None
                recurrent = spec.recurrence.weight.to_real(params.recurrent)
                stage.get_parameter("recurrent").copy_(torch.from_numpy(recurrent))
                stage.get_parameter("delay").copy_(torch.from_numpy(params.delay_steps.copy()))
    return module


def _fill(target: Tensor, fmt: QFormat, one: int | None, each: NDArray[np.int64] | None) -> None:
    """Write the real values of the codes: `one` for all neurons, or one for `each`."""
    raw = np.asarray(one if each is None else each, dtype=np.int64)
    target.copy_(torch.from_numpy(np.array(fmt.to_real(raw))))


def _synaptic(spec: LayerSpec | ReadoutSpec, course: neuron.Course) -> NDArray[np.int64] | None:
    """Codes of the synaptic current, or None in a stage without."""
    return None if spec.synapse is None else _array(codes(course.current, spec.synapse.current.frac_bits))


def _scores(mode: ReadoutMode, v_mem: Tensor, spikes: Tensor) -> Tensor:
    """Class scores after every step, from the readout's codes, all (T, B, classes); sums saturate at each."""
    match mode:
        case ReadoutMode.LAST:
            return v_mem
        case ReadoutMode.MAX:
            return v_mem.cummax(0).values
        case ReadoutMode.SUM | ReadoutMode.SPIKE_COUNT:
            total, so_far = torch.zeros_like(v_mem[0]), []
            for term in v_mem if mode is ReadoutMode.SUM else spikes:
                total = (total + term).clamp(SCORE.min_raw, SCORE.max_raw)
                so_far.append(total)
            return torch.stack(so_far)


def _array(tensor: Tensor) -> NDArray[Any]:
    array: NDArray[Any] = tensor.cpu().numpy()
    return array


def _kept(x: Signal, n: int, share: float) -> tuple[Tensor | None, float]:
    """Which spikes (T, B, n) remain when a `share`, to 1/256, is dropped, and the compensating factor."""
    dropped = round(share * 256)
    if dropped == 0:
        return None, 1.0
    return (_bytes(len(x.events), x, n) >= dropped).view(torch.uint8), 256 / (256 - dropped)


def _gate(x: Signal, n: int, share: float, real: torch.dtype) -> Tensor | None:
    """Factors (B, n) on the recurrent current; a `share` of them is zero."""
    dropped = round(share * 256)
    if dropped == 0:
        return None
    return (_bytes(1, x, n)[0] >= dropped).to(real) * (256 / (256 - dropped))


def _bytes(steps: int, x: Signal, n: int) -> Tensor:
    """Random bytes (steps, B, n) for this process's clips, from those drawn for all processes."""
    rank, world = parallel.shares()
    samples = len(x.lengths) if world == 1 else int(parallel.all_sum(torch.tensor(len(x.lengths))))
    size = steps * samples * n
    # one 64-bit draw is eight random bytes: several times faster than a float for each
    words = torch.randint(-(2**63), 2**63 - 1, (size // 8 + 1,), device=x.events.device)
    return words.view(torch.uint8)[:size].view(steps, samples, n)[:, rank::world].contiguous()

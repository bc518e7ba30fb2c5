"""State dicts of DelRec and of delrec_snn: ``layers.{i}`` of an `nn.Sequential`.

    v = beta v + g (W x + bias + i_rec),  g = 1 - beta with ``decay_input``, else 1
    y = v >= v_th,  v = 0 after a spike;  a spike needs 1 + round(d) steps

Linear layers, a batch norm before the neurons (folded into the weights before it) or behind the spikes (into
those after it), `recurrent_weights` (N, N) or `recurrent_kernel` (1, 1, K[, 1]) with `recurrent_delays` (N,)
or (1,); neurons without a recurrence have no tensor. The last layer is a leaky integrator, of `readout_beta`
(PS-MNIST has none: 0). Delays are rounded as the papers' code does at the end of training (halves to even),
and the spread of the delays (`p_spread`) is 0. beta, the threshold and ``decay_input`` are not in the file:
they are asked for. Sources: github.com/alexmaxad/DelRec, github.com/luciozebendo/delrec_snn,
``src/recurrent_neurons.py``, ``src/*/snn.py``.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fxp_model.errors import InputError
from fxp_model.exchange.asked import Asked
from fxp_model.exchange.description import FloatNetwork, FloatStage, Reals, with_readout
from fxp_model.exchange.state_dict import Arrays, Taken
from fxp_model.spec import ResetMode

NORM_EPS = 1e-5
"""Of PyTorch's batch norm."""
_NAME = re.compile(r"layers\.(\d{1,4})\.(.+)")


def holds(arrays: Arrays) -> bool:
    """Whether a state dict is of that layout."""
    return all(_NAME.fullmatch(name) for name in arrays)


@dataclass(frozen=True)
class _Affine:
    """x -> scale * x + shift."""

    scale: Reals
    shift: Reals


def network_of(path: Path, arrays: Arrays, asked: Asked) -> FloatNetwork:
    """The network of a state dict; `InputError` names the layer that cannot be the same, or the option."""
    for option, value in (
        ("--beta", asked.beta),
        ("--v-th", asked.v_th),
        ("--decay-input", asked.decay_input),
    ):
        if value is None:
            raise InputError(f"{path}: a state dict of DelRec does not say it: name {option}")
    taken = Taken(path, arrays)
    numbers = sorted({int(found[1]) for name in arrays if (found := _NAME.fullmatch(name))})
    weights = {number: arrays.get(f"layers.{number}.weight") for number in numbers}
    linear = [number for number, weight in weights.items() if weight is not None and weight.ndim == 2]
    if len(linear) < 2 or linear[0] != numbers[0]:
        raise InputError(f"{path}: must begin with a linear layer, and have at least 2, not {len(linear)}")
    stages = []
    behind: _Affine | None = None
    for number, following in zip(linear, (*linear[1:], numbers[-1] + 1), strict=True):
        inside = [own for own in numbers if number < own < following]
        stage, behind = _stage(taken, number, inside, behind, asked, last=number == linear[-1])
        stages.append(stage)
    taken.all_taken()
    if behind is not None:
        raise InputError(
            f"{path}: layers.{numbers[-1]}: a batch norm behind the last layer cannot be folded into weights"
        )
    return with_readout(stages, asked.readout)


def _stage(
    taken: Taken, number: int, inside: list[int], before: _Affine | None, asked: Asked, last: bool
) -> tuple[FloatStage, _Affine | None]:
    """The layer of linear layer `number`, and the batch norm behind its spikes, if there is one."""
    name = f"layers.{number}"
    weight = taken.take(f"{name}.weight")
    n = len(weight)
    bias = taken.optional(f"{name}.bias", (n,))
    bias = np.zeros(n) if bias is None else bias
    if before is not None:
        if weight.shape[1] != len(before.scale):
            raise InputError(
                f"{taken.path}: {name}.weight must be (outputs, {len(before.scale)}), not {weight.shape}"
            )
        bias = bias + weight @ before.shift
        weight = weight * before.scale
    recurrent, delays, extra, place = _recurrence(taken, inside, n)
    behind = None
    for own in inside:
        norm = _norm(taken, own, n)
        if norm is None:
            continue
        if own < place if place is not None else own == number + 1:
            weight = norm.scale[:, None] * weight
            bias = norm.scale * bias + norm.shift
        else:
            behind = norm
    assert asked.beta is not None
    assert asked.v_th is not None
    kept = asked.beta if asked.readout_beta is None or not last else asked.readout_beta
    gain = 1 - kept if asked.decay_input else 1.0
    stage = FloatStage(
        name=name,
        weight=gain * weight,
        bias=gain * (bias + extra),
        beta=np.full(n, kept),
        v_th=None if last else np.full(n, asked.v_th),
        reset=asked.reset or ResetMode.ZERO,
        recurrent=None if recurrent is None else gain * recurrent,
        delay_steps=delays,
    )
    return stage, behind


def _norm(taken: Taken, number: int, n: int) -> _Affine | None:
    """The batch norm of layer `number`, if that is one."""
    for prefix in (f"layers.{number}", f"layers.{number}.bn"):
        if f"{prefix}.running_var" in taken.arrays:
            mean, var = (taken.take(f"{prefix}.running_{key}", (n,)) for key in ("mean", "var"))
            if (var < 0).any():
                raise InputError(f"{taken.path}: {prefix}.running_var must be at least 0, not {var.min():g}")
            taken.optional(f"{prefix}.num_batches_tracked", ())
            weight, bias = (taken.optional(f"{prefix}.{key}", (n,)) for key in ("weight", "bias"))
            scale = (1.0 if weight is None else weight) / np.sqrt(var + NORM_EPS)
            return _Affine(scale, (0.0 if bias is None else bias) - mean * scale)
    return None


def _recurrence(
    taken: Taken, inside: list[int], n: int
) -> tuple[Reals | None, NDArray[np.int64] | None, Reals, int | None]:
    """Weights or kernel, rounded delays, the bias of the recurrence, and the number of its layer."""
    for number in inside:
        prefix = f"layers.{number}"
        delays = taken.optional(f"{prefix}.recurrent_delays")
        if delays is None:
            continue
        if delays.shape == (n, n) and n > 1:
            raise InputError(
                f"{taken.path}: {prefix}.recurrent_delays {delays.shape}: synaptic delays cannot be the "
                "same here, where a delay "
                "belongs to the neuron that sends"
            )
        if delays.shape not in ((n,), (1,)):
            raise InputError(
                f"{taken.path}: {prefix}.recurrent_delays must have shape ({n},) or (1,), not {delays.shape}"
            )
        kernel = taken.optional(f"{prefix}.recurrent_kernel")
        if kernel is not None:
            if kernel.ndim not in (3, 4) or kernel.size != kernel.shape[2] or kernel.size % 2 == 0:
                raise InputError(
                    f"{taken.path}: {prefix}.recurrent_kernel must be (1, 1, K) or (1, 1, K, 1), K odd, not "
                    f"{kernel.shape}"
                )
            weight = kernel.reshape(-1)
        else:
            weight = taken.take(f"{prefix}.recurrent_weights", (n, n))
        bias = taken.optional(f"{prefix}.recurrent_bias", (n,), ())
        taken.optional(f"{prefix}.p_spread", (n,), (1,), ())
        if not np.isfinite(delays).all():
            raise InputError(f"{taken.path}: {prefix}.recurrent_delays must be finite")
        steps = np.broadcast_to(np.rint(delays.clip(min=0)), (n,)).astype(np.int64)
        return weight, steps, np.zeros(n) + (0.0 if bias is None else bias), number
    return None, None, np.zeros(n), None

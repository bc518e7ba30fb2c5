"""State dicts of snnTorch: `Leaky`, `RLeaky`, `Synaptic` and `RSynaptic`, each behind an `nn.Linear`.

    s = alpha s + i + V y(t-1)       Synaptic and RSynaptic; else s = i + V y(t-1)
    v = beta v + s                   beta and alpha clamped to 0..1
    y = v > threshold                strictly

The i-th linear layer feeds the i-th neurons, in the order of the state dict. ``reset_mechanism_val`` is the
reset:

- 0, subtract: in the next step after the leak (`ResetMode.DELAYED`, the default ``reset_delay=True``). With
  ``reset_delay=False`` snnTorch subtracts in the same step, and again in the next where the membrane is
  still above its threshold: no reset here is that.
- 1, zero: `Leaky` as `ResetMode.ZERO`. `RLeaky`, `Synaptic` and `RSynaptic` too with ``reset_delay=False``,
  which the file does not say (`--reset zero`); with ``reset_delay=True`` they lose the input of the step
  after a spike, which is refused.

Source: snntorch 1.0.0, ``snntorch/_neurons``.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from fxp_model.errors import InputError
from fxp_model.exchange.asked import Asked
from fxp_model.exchange.description import FloatNetwork, FloatStage, Reals, diagonal, with_readout
from fxp_model.exchange.state_dict import Arrays, Taken
from fxp_model.spec import ResetMode

MARK = ".reset_mechanism_val"
"""Buffer of every neuron of snnTorch, and of nothing else."""


def network_of(path: Path, arrays: Arrays, asked: Asked) -> FloatNetwork:
    """The network of a state dict; `InputError` names the layer that cannot be the same."""
    neurons = [name.removesuffix(MARK) for name in arrays if name.endswith(MARK)]
    taken = Taken(path, arrays)
    linear = [
        name.removesuffix(".weight")
        for name in arrays
        if name.endswith(".weight") and not any(name.startswith(f"{own}.") for own in neurons)
    ]
    if len(linear) != len(neurons):
        raise InputError(
            f"{path}: must have one linear layer before each layer of neurons, not {len(linear)} "
            f"({', '.join(linear)}) "
            f"and {len(neurons)} ({', '.join(neurons)})"
        )
    stages = [_stage(taken, weights, own, asked) for weights, own in zip(linear, neurons, strict=True)]
    taken.all_taken()
    return with_readout(stages, asked.readout)


def _stage(taken: Taken, linear: str, name: str, asked: Asked) -> FloatStage:
    path = taken.path
    weight = taken.take(f"{linear}.weight")
    if weight.ndim != 2:
        raise InputError(
            f"{path}: {linear}.weight must be (outputs, inputs), not {weight.shape}: no nn.Linear"
        )
    n = len(weight)
    bias = taken.optional(f"{linear}.bias", (n,))
    vector = ((), (1,), (n,))
    v_th = _vector(taken.take(f"{name}.threshold", *vector), n)
    beta = _vector(taken.take(f"{name}.beta", *vector), n).clip(0, 1)
    alpha = taken.optional(f"{name}.alpha", *vector)
    graded = taken.optional(f"{name}.graded_spikes_factor", (), (1,))
    if graded is not None and graded != 1:
        raise InputError(f"{path}: {name}.graded_spikes_factor must be 1, not {float(graded):g}")
    recurrent, extra = _recurrence(taken, name, n)
    reset = _reset(taken, name, asked, alpha is None and recurrent is None)
    return FloatStage(
        name=name,
        weight=weight,
        bias=(np.zeros(n) if bias is None else bias) + extra,
        beta=beta,
        alpha=None if alpha is None else _vector(alpha, n).clip(0, 1),
        v_th=v_th,
        strict=True,
        reset=reset,
        recurrent=recurrent,
        delay_steps=None if recurrent is None else np.zeros(n, np.int64),
    )


def _recurrence(taken: Taken, name: str, n: int) -> tuple[Reals | None, Reals]:
    """Recurrent weights (N, N), or None, and the bias that they bring."""
    none = np.zeros(n)
    one_to_one = taken.optional(f"{name}.V", (), (1,), (n,))
    repeated = taken.optional(f"{name}.recurrent.V", (), (1,), (n,))  # the same parameter, by another name
    if one_to_one is None:
        one_to_one = repeated
    weight = taken.optional(f"{name}.recurrent.weight", (n, n))
    if weight is not None:
        bias = taken.optional(f"{name}.recurrent.bias", (n,))
        return weight, none if bias is None else bias
    return (None if one_to_one is None else diagonal(name, _vector(one_to_one, n))), none


def _reset(taken: Taken, name: str, asked: Asked, leaky: bool) -> ResetMode:
    where = f"{taken.path}: {name}"
    value = float(taken.take(f"{name}{MARK}", ()))
    if value == 0:
        if asked.reset not in (None, ResetMode.DELAYED):
            raise InputError(
                f"{where}: subtracts the threshold in the next step (delayed), so --reset cannot be "
                f"{asked.reset}; with "
                "reset_delay=False it subtracts twice above twice the threshold, which cannot be the same "
                "here"
            )
        return ResetMode.DELAYED
    if value == 1:
        if asked.reset not in (None, ResetMode.ZERO):
            raise InputError(f"{where}: resets to zero, so --reset must be zero, not {asked.reset}")
        if not leaky and asked.reset is None:
            raise InputError(
                f"{where}: with reset_delay=True its input of the step after a spike is lost, which cannot "
                "be the same here; "
                "--reset zero if it was made with reset_delay=False"
            )
        return ResetMode.ZERO
    raise InputError(f"{where}.reset_mechanism_val must be 0 (subtract) or 1 (zero), not {value:g}")


def _vector(array: Reals, n: int) -> Reals:
    return np.broadcast_to(array.reshape(-1), (n,)).astype(np.float64)

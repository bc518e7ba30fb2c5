"""Lava's ``.net`` files (SLAYER): integer networks of dense layers of CUBA neurons, taken over without any
loss.

Codes of lsb 1, with w, iDecay, vDecay and vThMant as in the file, and T0 rounding towards zero:

    i[n] = sum_j 2^6 w[n, j] x[j](t - 1 - delay[j])         in the first layer x[j](t)
    u    = T0(u (4096 - iDecay) / 4096) + i        iDecay 4096: no synaptic current, u = i
    v    = T0(v (4096 - vDecay) / 4096) + u + 2^6 bias       clamped to +-(2^23 - 1)
    y    = v >= 2^6 vThMant, then v = 0

u has 24 bits and wraps. A layer's spikes leave one step later, and by the ``delay`` of the neuron that
sends. SLAYER compares with >=, as here; Lava's own `LIF` process with >. Source: lava-dl 0.6.0,
``netx/hdf5.py``, ``slayer/block/base.py``, ``slayer/neuron/cuba.py``.
"""

from __future__ import annotations

from math import prod
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fxp_model.errors import InputError, shown
from fxp_model.exchange.description import check_size
from fxp_model.exchange.hdf5 import Table
from fxp_model.exchange.quantize import one_code
from fxp_model.fixed import Overflow, QFormat, Rounding, signed_width
from fxp_model.network import Network, StageParams
from fxp_model.spec import (
    MAX_NEURONS,
    LayerSpec,
    NetworkSpec,
    ReadoutMode,
    ReadoutSpec,
    ResetMode,
    SynapseSpec,
)

STATE = QFormat(signed=True, int_bits=24, frac_bits=0)
"""Of u and v."""
UNITY = 4096
"""A share of 1."""
MAX_DELAY = 62
"""Longest delay of a neuron in steps."""
_EXPONENT = 6
"""Weights, biases and thresholds are multiples of 2^6."""

Ints = NDArray[np.int64]


def network_of(path: Path, table: Table, input_bits: int) -> Network:
    """The network of a ``.net`` file; `InputError` names the layer and array that cannot be the same."""
    layers = table.get("layer")
    if not isinstance(layers, dict):
        raise InputError(f"{path}: layer is missing")
    if sorted(layers) != sorted(str(index) for index in range(len(layers))):
        raise InputError(
            f"{path}: layers must be numbered 0..{len(layers) - 1}, not {', '.join(map(shown, layers))}"
        )
    specs: list[LayerSpec] = []
    params: list[StageParams] = []
    delays: Ints | None = None
    for index in range(len(layers)):
        where = f"{path}: layer {index}"
        layer = layers[str(index)]
        kind = _text(where, layer, "type")
        if index == 0 and kind == "input" and "neuron" not in layer:
            continue
        if kind != "dense":
            raise InputError(
                f"{where}: type must be dense, not {shown(kind)}: no such layer can be the same here"
            )
        before = specs[-1].n_out if specs else None
        late = None if before is None else 1 + (np.zeros(before, np.int64) if delays is None else delays)
        spec, own, delays = _layer(where, layer, before, late, input_bits if not specs else 1)
        specs.append(spec)
        params.append(own)
    if not specs:
        raise InputError(f"{path}: must have at least 1 dense layer, not 0")
    readout, last = _readout(specs, params, delays)
    return Network(NetworkSpec(tuple(specs), readout), (*params, last))


def _layer(
    where: str, layer: Table, n_in: int | None, late: Ints | None, input_bits: int
) -> tuple[LayerSpec, StageParams, Ints | None]:
    """A layer whose inputs come `late`, and the delays of its neurons, which the next one applies."""
    weight = _integers(where, layer, "weight")
    if weight.ndim == 1:
        rows = prod(_integers(where, layer, "shape").reshape(-1).tolist())
        if rows < 1 or not weight.size or weight.size % rows:
            raise InputError(f"{where}: weight must be {rows} rows, by its shape, not {weight.size} numbers")
        weight = weight.reshape(rows, -1)
    if weight.ndim != 2 or 0 in weight.shape or max(weight.shape) > MAX_NEURONS:
        raise InputError(f"{where}: weight must be (neurons, inputs), not {weight.shape}")
    n = len(weight)
    if n_in is not None and weight.shape[1] != n_in:
        raise InputError(f"{where}: weight must have {n_in} inputs, not {weight.shape[1]}")
    neuron = layer.get("neuron")
    if not isinstance(neuron, dict):
        raise InputError(f"{where}: neuron is missing")
    kind = _text(where, neuron, "type")
    if kind not in ("CUBA", "LOIHI"):
        raise InputError(
            f"{where}: neuron must be CUBA, not {shown(kind)}: no such neuron can be the same here"
        )
    if np.any(_integers(where, neuron, "refDelay", 1) != 1):
        raise InputError(f"{where}: refDelay must be 1: there is no refractory period here")
    if np.any(_integers(where, neuron, "gradedSpike", 0) != 0):
        raise InputError(f"{where}: gradedSpike must be off: spikes are 0 or 1 here")
    i_keep, v_keep = (UNITY - _vector(where, neuron, key, n, 0, UNITY) for key in ("iDecay", "vDecay"))
    v_th = _vector(where, neuron, "vThMant", n, 1, STATE.max_raw >> _EXPONENT) << _EXPONENT
    bias = _vector(where, layer, "bias", n, -(1 << 17), (1 << 17) - 1, 0)
    synapse = None
    if i_keep.any():
        if bias.any():
            raise InputError(
                f"{where}: bias must be 0 with iDecay below {UNITY}: it goes into the synaptic current here"
            )
        synapse = SynapseSpec(
            alpha=one_code(i_keep),
            alpha_format=_share_format(i_keep),
            current=STATE,
            overflow=Overflow.WRAP,
            leak_rounding=Rounding.TRN_ZERO,
        )
    spec = LayerSpec(
        n_in=weight.shape[1],
        n_out=n,
        input_bits=input_bits,
        weight=_coarse(weight),
        bias=_coarse(bias),
        membrane=STATE,
        beta=one_code(v_keep),
        beta_format=_share_format(v_keep),
        overflow=Overflow.SAT_SYM,
        leak_rounding=Rounding.TRN_ZERO,
        synapse=synapse,
        max_input_delay=None if late is None else int(late.max()),
        v_th=one_code(v_th),
        reset_mode=ResetMode.ZERO,
    )
    params = StageParams(
        weight=weight,
        bias=bias,
        beta=v_keep if spec.beta is None else None,
        alpha=i_keep if synapse is not None and synapse.alpha is None else None,
        v_th=v_th if spec.v_th is None else None,
        input_delay_steps=late,
    )
    after = _vector(where, layer, "delay", n, 0, MAX_DELAY, 0)
    return spec, params, after if after.any() else None


def _readout(
    specs: list[LayerSpec], params: list[StageParams], delays: Ints | None
) -> tuple[ReadoutSpec, StageParams]:
    """The last layer as a readout that counts, or a counter behind it where it is alone or has delays."""
    last, own = specs[-1], params[-1]
    if len(specs) > 1 and delays is None:
        del specs[-1], params[-1]
        shared = {key: value for key, value in vars(last).items() if key != "recurrence"}
        return ReadoutSpec(**shared, mode=ReadoutMode.SPIKE_COUNT), own
    one = QFormat(signed=True, int_bits=2, frac_bits=0)
    n = last.n_out
    check_size("the last layer", n, n)
    counter = ReadoutSpec(
        n_in=n,
        n_out=n,
        weight=one,
        bias=one,
        membrane=one,
        beta=0,
        max_input_delay=None if delays is None else int(delays.max()),
        mode=ReadoutMode.SPIKE_COUNT,
        v_th=1,
    )
    return counter, StageParams(np.eye(n, dtype=np.int64), np.zeros(n, np.int64), input_delay_steps=delays)


def _text(where: str, table: Any, key: str) -> str:
    value = table.get(key) if isinstance(table, dict) else None
    if isinstance(value, list) and len(value) == 1:
        value = value[0]
    if not isinstance(value, str):
        raise InputError(f"{where}: {key} is missing")
    return value


def _integers(where: str, table: Table, key: str, default: int | None = None) -> Ints:
    value = table.get(key, None if default is None else np.array(default))
    if value is None:
        raise InputError(f"{where}: {key} is missing")
    if not isinstance(value, np.ndarray):
        raise InputError(f"{where}: {key} must be numbers, not {shown(value)}")
    whole = value.astype(np.float64)
    if not np.isfinite(whole).all() or (whole != np.rint(whole)).any() or (np.abs(whole) >= 1 << 31).any():
        wrong = whole[~np.isfinite(whole) | (whole != np.rint(whole)) | (np.abs(whole) >= 1 << 31)]
        raise InputError(f"{where}: {key} must be integers, not {wrong[0]:g}")
    return whole.astype(np.int64)


def _vector(
    where: str, table: Table, key: str, n: int, low: int, high: int, default: int | None = None
) -> Ints:
    """One integer for all, or (n,), as (n,)."""
    value = _integers(where, table, key, default).reshape(-1)
    if value.size not in (1, n):
        raise InputError(f"{where}: {key} must be one number or {n}, not {value.size}")
    if value.min() < low or value.max() > high:
        worst = value.max() if value.max() > high else value.min()
        raise InputError(f"{where}: {key} must be {low}..{high}, not {worst}")
    return np.broadcast_to(value, (n,)).astype(np.int64)


def _share_format(codes: Ints) -> QFormat:
    """Format of the shares `codes` / 4096."""
    return QFormat(signed=False, int_bits=int(codes.max() == UNITY), frac_bits=12)


def _coarse(codes: Ints) -> QFormat:
    """Narrowest format of `codes`, in units of 2^6; two bits at least."""
    width = max(2, signed_width(int(codes.min()), int(codes.max())))
    return QFormat(signed=True, int_bits=width + _EXPONENT, frac_bits=-_EXPONENT)
